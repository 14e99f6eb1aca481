// SPDX-License-Identifier: MIT
// A piece of work that compare.py measures: made from tensors in a file, run again and again, its results written once.
#pragma once

#include <taper/io/tensors.hpp>
#include <taper/ops.hpp>

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace compare {

using namespace taper;

/// What a case's file holds: tensors, and settings as text beside them.
struct Inputs {
  StateDict tensors;
  io::Metadata settings;

  template <class T = float>
  Tensor<T> operator[](std::string_view name) const {
    return tensors.at(name).as<T>();
  }
  std::string text(std::string_view key) const {
    for (const auto& [name, value] : settings)
      if (name == key) return value;
    throw ValueError("compare: the file has no setting '" + std::string(key) + "'");
  }
  std::int64_t number(std::string_view key) const { return std::stoll(text(key)); }
  /// The tensors whose names begin with the prefix, without it.
  StateDict under(std::string_view prefix) const {
    StateDict out;
    for (const auto& [name, tensor] : tensors)
      if (name.compare(0, prefix.size(), prefix) == 0) out.add(name.substr(prefix.size()), tensor);
    return out;
  }
};

/// A case that is ready. `results` is called once, before anything is timed.
struct Case {
  std::function<void()> run;
  std::function<StateDict()> results;
  std::string way = {};  // of several ways to do the work, the one that was chosen
};

/// What makes the cases of one kind.
struct Kind {
  const char* name;
  Case (*make)(const Inputs& inputs);
};

/// What a worker's program brings: its kinds of cases, how it is told the number of threads, and what it runs on.
std::vector<Kind> all_kinds();
void use_threads(int n);
std::string about();

std::vector<Kind> networks();
std::vector<Kind> layers();
std::vector<Kind> kernels();
std::vector<Kind> models();
std::vector<Kind> loaders();

/// Keeps the compiler from leaving a result out.
template <class T>
void keep(const T& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

/// A case of one expression without gradients.
template <class T = float, class F>
Case forward_only(F f) {
  return {[f] {
            const Tensor<T> y = f();
            keep(y);
          },
          [f] {
            StateDict out;
            out.add("y", Tensor<T>(f()));
            return out;
          }};
}

/// A case of an expression and its backward: from the loss itself, or from the gradient `seed` of the result.
template <class F>
Case with_backward(F f, std::vector<std::pair<std::string, Tensor<float>>> leaves, Tensor<float> seed = {}) {
  for (auto& [name, leaf] : leaves) leaf.requires_grad_();
  const auto run = [f, leaves, seed] {
    for (const auto& [name, leaf] : leaves) leaf.set_grad({});
    const Tensor<float> y = f();
    y.backward(seed);
    return y;
  };
  return {[run] {
            const Tensor<float> y = run();
            keep(y);
          },
          [run, leaves] {
            StateDict out;
            out.add("y", detach(run()));
            for (const auto& [name, leaf] : leaves) out.add("d." + name, leaf.grad());
            return out;
          }};
}

}  // namespace compare
