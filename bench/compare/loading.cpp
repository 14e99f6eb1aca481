// SPDX-License-Identifier: MIT
// An epoch of a DataLoader: 784 numbers and a label a sample, shuffled, two workers.
#include "case.hpp"

#include <taper/data.hpp>

#include <memory>

namespace compare {

namespace {

/// A dataset as users write them, sample by sample; TensorDataset would copy whole batches.
struct Samples {
  Tensor<float> x;
  Tensor<std::int64_t> y;
  std::int64_t size() const { return x.size(0); }
  std::tuple<Tensor<float>, std::int64_t> get(std::int64_t i) const { return {select(x, 0, i), std::as_const(y)[i].item()}; }
};

template <class Dataset>
Case loading(const Dataset& dataset) {
  using Loader = data::DataLoader<Dataset>;
  const auto loader = std::make_shared<Loader>(dataset, data::DataLoaderOptions{.batch_size = 64, .shuffle = true, .num_workers = 2});
  const auto epoch = [loader] {
    std::int64_t labels = 0;
    for (const auto& [x, y] : *loader) {
      keep(x);
      labels += sum(y).item();
    }
    return labels;
  };
  return {[epoch] { keep(epoch()); },
          [epoch] {
            StateDict out;
            out.add("labels", tensor<std::int64_t>(epoch()));
            return out;
          }};
}

Case samples(const Inputs& in) { return loading(Samples{in["x"], in.operator[]<std::int64_t>("y")}); }
Case tensors(const Inputs& in) { return loading(data::TensorDataset(in["x"], in.operator[]<std::int64_t>("y"))); }

}  // namespace

std::vector<Kind> loaders() { return {{"load_samples", samples}, {"load_tensors", tensors}}; }

}  // namespace compare
