// SPDX-License-Identifier: MIT
// One unit of a program whose units are built with different flags. UNIT names its function, which says for which
// machine it was built and what its kernels compute.
#include <taper/ops.hpp>
#include <taper/optim/adam.hpp>

#include "tests/mixing/report.hpp"

using namespace taper;

namespace {

double sum_of(const Tensor<float>& x) {
  double total = 0;
  for (std::int64_t i = 0; i < x.numel(); ++i) total += static_cast<double>(x.data_ptr()[i]);
  return total;
}

/// FNV-1a over the bytes of x.
std::uint64_t hash_of(const Tensor<float>& x, std::uint64_t hash) {
  for (std::int64_t i = 0; i < 4 * x.numel(); ++i)
    hash = (hash ^ reinterpret_cast<const unsigned char*>(x.data_ptr())[i]) * 1099511628211u;
  return hash;
}

Tensor<float> random(const Shape& shape, std::uint64_t seed) {
  Generator generator(seed);
  return randn<float>(shape, generator);
}

}  // namespace

Report UNIT() {
  Report out{Abi::vector_bytes, Abi::fma, Abi::fast_math, Abi::nvcc, {}, 14695981039346656037u};
  int n = 0;
  const auto add = [&](const Tensor<float>& given) {
    const Tensor<float> x = given.is_contiguous() ? given : clone(given);
    out.sums[n++] = sum_of(x);
    out.bits = hash_of(x, out.bits);
  };
  Tensor<float> a = random({37, 41}, 1), b = random({41, 29}, 2), image = random({2, 3, 9, 9}, 3),
                kernel = random({4, 3, 3, 3}, 4);
  a.requires_grad_();
  kernel.requires_grad_();

  add(tanh(a * 1.7 + 0.3) * sigmoid(a) + exp(-square(a)));
  add(matmul(a, b));
  const Tensor<float> y = conv2d(image, kernel, {}, {.padding = 1});
  add(y);
  add(log_softmax(a, 1));
  add(layer_norm(a, {41}));
  add(sum(a * a, 0));
  add(cumsum(a, 1));
  (sum(square(log_softmax(matmul(a, b), 1))) + sum(square(y))).backward();
  add(a.grad());
  add(kernel.grad());
  nn::Parameter<float> weight{random({29, 31}, 5)};
  optim::Adam adam{parameters(weight), {.lr = 0.01, .weight_decay = 0.1}};
  for (int i = 0; i < 3; ++i) {
    adam.zero_grad();
    sum(square(weight) * 0.37).backward();
    adam.step();
  }
  add(weight);
  const Tensor<float> small = random({2, 5, 6, 6}, 6), spread = random({5, 4, 3, 3}, 7), bias = random({4}, 8);
  add(conv_transpose2d(small, spread, bias).eval());
  return out;
}
