// SPDX-License-Identifier: MIT
// MNIST and Fashion-MNIST: 28 x 28 grey images in ten classes, from their IDX files.
#pragma once

#include <taper/data/dataset.hpp>
#include <taper/io/compressed.hpp>
#include <taper/io/tensors.hpp>
#include <taper/ops/cast.hpp>
#include <taper/ops/division.hpp>

namespace taper::inline TAPER_CODE::data {

/// Which part of a dataset that comes in two.
enum class Split { train, test };

/// Images (n, 1, 28, 28) as floats in [0, 1], labels (n) as int64.
using ImageDataset = TensorDataset<float, std::int64_t>;

/// Reads train-images-idx3-ubyte and its kin from `root` (or root/MNIST/raw, where PyTorch puts them), plain or .gz.
/// Throws: IoError where a file is missing, broken, or compressed and the program lacks io/gzip.hpp.
/// Source: Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits.
TAPER_RARE inline ImageDataset mnist(const std::string& root, Split split = Split::train) {
  const std::string prefix = split == Split::train ? "train" : "t10k";
  const std::string image_name = prefix + "-images-idx3-ubyte", label_name = prefix + "-labels-idx1-ubyte";
  std::string folder = root;
  for (const char* below : {"/MNIST/raw", "/FashionMNIST/raw", "/raw"}) {
    const std::string there = root + below;
    if (::access((there + "/" + image_name).c_str(), R_OK) == 0 || ::access((there + "/" + image_name + ".gz").c_str(), R_OK) == 0) folder = there;
  }
  if (folder == root && ::access(root.c_str(), R_OK | X_OK) != 0)
    detail::raise<IoError>("mnist", "there is no folder '", root, "' to read: it must hold ", image_name, " and ", label_name,
                           ", plain or .gz; examples/data/download_mnist.cmake fetches them");
  const std::string image_path = folder + "/" + image_name, label_path = folder + "/" + label_name;
  const Tensor<std::uint8_t> images = io::internal::typed<std::uint8_t>("mnist", image_path, io::load_idx(io::read_file_or_gzip(image_path), image_path));
  const Tensor<std::uint8_t> labels = io::internal::typed<std::uint8_t>("mnist", label_path, io::load_idx(io::read_file_or_gzip(label_path), label_path));
  if (images.dim() != 3 || labels.dim() != 1 || images.size(0) != labels.size(0))
    detail::raise<IoError>("mnist", "'", image_path, "' holds images of shape ", images.shape(), " and '", label_path, "' labels of shape ",
                           labels.shape(), ": they do not belong together");
  Tensor<float> scaled = cast<float>(images) / 255.0f;
  return ImageDataset(unsqueeze(scaled, 1), Tensor<std::int64_t>(cast<std::int64_t>(labels)));
}

/// Fashion-MNIST has MNIST's files under the same names.
/// Source: H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST, arXiv:1708.07747.
inline ImageDataset fashion_mnist(const std::string& root, Split split = Split::train) { return mnist(root, split); }

}  // namespace taper::inline TAPER_CODE::data
