// SPDX-License-Identifier: MIT
// Runs an optimizer over the given gradients of a golden case and compares parameters and states after every step.
#pragma once

#include <taper/core/factory.hpp>
#include <taper/optim/optimizer.hpp>

#include <string>

#include "tests/support/device.hpp"
#include "tests/support/golden.hpp"

namespace optim_test {

/// Row `step` of the gradients that a case gives for one parameter.
template <class T>
taper::Tensor<T> row(const golden::File& file, const std::string& key, std::int64_t step) {
  const auto all = file.tensor<T>(key);
  taper::Shape shape = all.shape();
  shape.erase(0);
  auto out = taper::empty<T>(shape);
  std::copy(all.data_ptr() + step * out.numel(), all.data_ptr() + (step + 1) * out.numel(), out.data_ptr());
  return out;
}

template <class T>
inline constexpr double rtol = std::is_same_v<T, double> ? 1e-12 : 2e-5;

/// make(p0, p1) builds the optimizer, of parameters on the device under test.
template <class T, class Make>
void check(const golden::File& file, const std::string& name, const Make& make) {
  INFO(name << (std::is_same_v<T, double> ? " in double" : " in float"));
  taper::Tensor<T, device::D> p[] = {device::there(file.tensor<T>(name + "/p0")).requires_grad_(), device::there(file.tensor<T>(name + "/p1")).requires_grad_()};
  auto optimizer = make(p[0], p[1]);
  for (std::int64_t step = 0; step < 10; ++step) {
    INFO("step " << step);
    for (int i = 0; i < 2; ++i) p[i].set_grad(device::there(row<T>(file, name + "/g" + std::to_string(i), step)));
    optimizer.step();
    for (int i = 0; i < 2; ++i) check_close(device::back(p[i]), row<T>(file, name + "/after" + std::to_string(i), step), rtol<T>, rtol<T>);
  }
  const taper::StateDict state = optimizer.state_dict();
  std::size_t found = 0;
  for (int i = 0; i < 2; ++i) {
    const std::string theirs = name + "/state" + std::to_string(i) + "/", ours = "state." + std::to_string(i) + ".";
    for (const std::string& key : file.names()) {
      if (!key.starts_with(theirs)) continue;
      const std::string own = ours + key.substr(theirs.size());
      INFO(own);
      REQUIRE(state.contains(own));
      ++found;
      taper::dispatch_dtype(state.at(own).dtype(), [&]<class S>() {
        if constexpr (taper::Floating<S>) check_close(state.at(own).template as<S>(), file.tensor<double>(key), rtol<T>, rtol<T>);
      });
    }
    for (const auto& [key, tensor] : state)
      if (key.starts_with(ours)) --found;
  }
  // RMSprop and SGD: what PyTorch keeps as a plain number is not in the golden file.
  CHECK(found == 0);
}

template <class Make>
void check_both(const golden::File& file, const std::string& name, const Make& make) {
  check<double>(file, name, make);
  check<float>(file, name, make);
}

}  // namespace optim_test
