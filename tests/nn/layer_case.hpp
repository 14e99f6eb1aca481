// SPDX-License-Identifier: MIT
// A layer against its golden case: state by name, values, gradients of inputs and parameters.
#pragma once

#include <taper/core/any_tensor.hpp>
#include <taper/nn/convert.hpp>
#include <taper/nn/state_dict.hpp>

#include <fstream>
#include <string>
#include <vector>

#include "tests/support/device.hpp"
#include "tests/support/golden.hpp"

namespace layer_case {

inline constexpr double relative = 1e-10, absolute = 1e-12;

inline const golden::File& file() {
  static const golden::File f("layers");
  return f;
}

/// The case's state_dict: what is stored under `<name>/<folder>/`.
inline taper::StateDict state_of(const std::string& name, const std::string& folder = "state") {
  taper::StateDict out;
  const std::string prefix = name + "/" + folder + "/";
  for (const std::string& key : file().names()) {
    if (key.rfind(prefix, 0) != 0) continue;
    if (file().dtype(key) == taper::DType::int64) out.set(key.substr(prefix.size()), file().tensor<std::int64_t>(key));
    else out.set(key.substr(prefix.size()), file().tensor<double>(key));
  }
  return out;
}

/// The names of the state_dict in PyTorch's order, from the list beside the golden file.
inline std::vector<std::string> ordered_names(const std::string& name) {
  std::ifstream list(TAPER_SOURCE_DIR "/tests/golden/layers.txt");
  std::string line, word;
  std::vector<std::string> out;
  while (std::getline(list, line))
    if (line == name) break;
  std::getline(list, line);
  std::getline(list, line);
  std::istringstream words(line);
  while (words >> word)
    if (word.rfind("state/", 0) == 0) {
      word = word.substr(6, word.find('[') - 6);
      if (const auto dtype = word.find(':'); dtype != std::string::npos) word.resize(dtype);
      out.push_back(word);
    }
  return out;
}

/// Loads the case's state, strictly, after checking the names and their order.
template <class M>
void load(const std::string& name, M& module) {
  std::vector<std::string> names;
  taper::nn::for_each_state(module, [&](const std::string& key, const auto&) { names.push_back(key); });
  CHECK(names == ordered_names(name));
  taper::nn::load_state_dict(module, state_of(name));
}

/// A golden tensor that wants a gradient; undefined where the case has none of that name.
inline taper::Tensor<double> input(const std::string& key) {
  if (!file().has(key)) return {};
  return file().tensor<double>(key).requires_grad_();
}

/// Checks the gradient of an input against `<name>/<key>`.
inline void check_gradient(const taper::Tensor<double>& x, const std::string& key, double tolerance = relative) {
  INFO(key);
  if (file().has(key)) golden::check_close(x.grad(), file().tensor<double>(key), tolerance, absolute);
}

/// Checks all parameters' gradients: those that PyTorch has, and no others.
template <class M>
void check_gradients(const std::string& name, const M& module, const std::string& folder = "grad") {
  taper::nn::for_each_parameter(module, [&](const std::string& key, const auto& p) {
    INFO(key);
    const std::string full = name + "/" + folder + "/" + key;
    REQUIRE(file().has(full));
    golden::check_close(device::back(p.grad()), file().tensor<double>(full), relative, absolute);
  });
}

/// y = module(x) on the device under test, with its gradients, that of x to a tolerance.
template <class M>
void check(const std::string& name, M&& module, double tolerance = relative) {
  INFO(name);
  load(name, module);
  const taper::Tensor<double> x = input(name + "/x");
  const auto moved = taper::to<device::D>(module);
  const taper::Tensor<double> y = device::back(moved(device::there(x)));
  golden::check_close(y, file().tensor<double>(name + "/y"), relative, absolute);
  y.backward(file().tensor<double>(name + "/gy"));
  check_gradient(x, name + "/gx", tolerance);
  check_gradients(name, moved);
}

}  // namespace layer_case
