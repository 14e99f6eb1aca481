// SPDX-License-Identifier: MIT
// What inspect.sh looks at: ten ops on five leaves, forward and backward, as nvcc compiles them.
#include <taper/backend/cuda/cuda.hpp>
#include <taper/ops/activation.hpp>
#include <taper/ops/arithmetic.hpp>
#include <taper/ops/eager.hpp>
#include <taper/ops/exponential.hpp>
#include <taper/ops/hyperbolic.hpp>
#include <taper/ops/methods.hpp>

using namespace taper;

using T = Tensor<float, Cuda>;
T ten_ops(const T& a, const T& b, const T& c, const T& d, const T& e) { return abs(tanh(exp(-a) * b + c) * d + relu(-e)); }
// What nvcc makes nothing of with the library's operators.
using Z = Tensor<std::complex<float>, Cuda>;
Z complex_product(const Z& a, const Z& b) { return a * b + a; }
