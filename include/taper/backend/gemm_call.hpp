// SPDX-License-Identifier: MIT
// What a device is asked to multiply: a batch of matrix products, by strides.
#pragma once

#include <taper/config.hpp>

#include <cstdint>
#include <string_view>

namespace taper::inline TAPER_ABI::base {

/// A matrix of every product of a batch: element (i, j) of product k lies i row + j column + k batch elements behind `data`.
template <class T>
struct GemmMatrix {
  T* data = nullptr;
  std::int64_t row = 0, column = 0, batch = 0;
};

/// C = alpha A B + beta C for A (m x k), B (k x n) and C (m x n), `batch` times. Where beta is 0, C is only written.
/// float16 and bfloat16 are summed in float and rounded once, integers wrap.
template <class T>
struct GemmCall {
  std::string_view op;  // as errors name it
  std::int64_t m = 0, n = 0, k = 0;
  GemmMatrix<const T> a, b;
  GemmMatrix<T> c;
  std::int64_t batch = 1;
  double alpha = 1, beta = 0;
};

/// What a device's library may do to a product as it stores it.
enum class GemmActivation { none, relu, gelu_tanh };
template <class T>
struct GemmFinish {
  const T* bias = nullptr;  // one for each column of C, side by side, or none
  GemmActivation activation = GemmActivation::none;
};

}  // namespace taper::inline TAPER_ABI::base
