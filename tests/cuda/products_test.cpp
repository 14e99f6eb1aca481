// SPDX-License-Identifier: MIT
// Products on a device give what they give on the host: values, gradients, gradients of gradients.
// Slow
// Needs: thrust
#include <taper/ops.hpp>

#include <limits>

#include "tests/cuda/against_host.hpp"

using namespace taper;
using D = against_host::There;
using against_host::irregular;

namespace {

template <class T, class F>
void check(const std::vector<Tensor<T>>& inputs, const F& f, int order = 1) {
  against_host::check<T>(inputs, f, order);
}
const auto product = [](const auto& x) { return matmul(x[0], x[1]).eval(); };
const auto affine = [](const auto& x) { return linear(x[0], x[1], x[2]).eval(); };

}  // namespace

TEMPLATE_TEST_CASE("matmul of all ranks, sizes and layouts is the host's", "", float, double, bfloat16, std::complex<double>, std::uint8_t,
                   std::int64_t) {
  using T = TestType;
  const auto r = [](const Shape& shape, int seed = 1) { return irregular<T>(shape, seed); };
  for (const std::int64_t m : {1, 3, 4, 9})
    for (const std::int64_t n : {1, 4, 5})
      for (const std::int64_t k : {0, 1, 7}) check<T>({r({m, k}), r({k, n}, 3)}, product);
  check<T>({r({0, 3}), r({3, 4})}, product);
  check<T>({r({3, 4}), r({4, 0})}, product);
  check<T>({r({0, 3, 4}), r({0, 4, 2})}, product);
  check<T>({r({5}), r({5})}, product);
  check<T>({r({5}), r({2, 5, 3})}, product);
  check<T>({r({2, 4, 5}), r({5})}, product);
  check<T>({r({2, 4, 5}), r({5, 3})}, product);
  check<T>({r({4, 5}), r({2, 5, 3})}, product);
  check<T>({r({6, 1, 4, 5}), r({3, 5, 2})}, product);
  check<T>({r({2, 1, 4, 5}), r({3, 5, 2})}, product);
  check<T>({r({5, 4}), r({3, 5})}, [](const auto& x) { return matmul(t(x[0]), t(x[1])).eval(); });
  check<T>({r({6, 4, 2, 5}), r({6, 4, 2, 5})},
           [](const auto& x) { return matmul(transpose(x[0], 1, 2), transpose(transpose(x[1], 1, 2), 2, 3)).eval(); });
  check<T>({r({8, 6}), r({6, 5})}, [](const auto& x) { return matmul(slice(x[0], 1, {0, 6, 2}), slice(x[1], 0, {1, 6, 2})).eval(); });
  check<T>({r({1, 6}), r({6, 5})}, [](const auto& x) { return matmul(expand(x[0], {4, 6}), x[1]).eval(); });
  check<T>({r({4, 4})}, [](const auto& x) { return matmul(x[0], t(x[0])).eval(); });
}

TEMPLATE_TEST_CASE("products by other names are the host's", "", float, double, bfloat16) {
  using T = TestType;
  const auto r = [](const Shape& shape, int seed = 1) { return irregular<T>(shape, seed); };
  check<T>({r({3, 4}), r({4, 2})}, [](const auto& x) { return mm(x[0], x[1]).eval(); });
  check<T>({r({2, 3, 4}), r({2, 4, 2})}, [](const auto& x) { return bmm(x[0], x[1]).eval(); });
  check<T>({r({3, 4}), r({4})}, [](const auto& x) { return mv(x[0], x[1]).eval(); });
  check<T>({r({4}), r({4}, 2)}, [](const auto& x) { return dot(x[0], x[1]).eval(); });
  check<T>({r({4}), r({3})}, [](const auto& x) { return outer(x[0], x[1]).eval(); });
  check<T>({r({2}), r({3, 4}), r({4, 2})}, [](const auto& x) { return addmm(x[0], x[1], x[2], 0.5, 2.0).eval(); });
  check<T>({r({2, 3, 4}), r({5, 4, 3})}, [](const auto& x) { return einsum("bij,cji->bc", x[0], x[1]); });
  check<T>({r({3, 3, 2}), r({2, 4})}, [](const auto& x) { return einsum("iij,jk->ki", x[0], x[1]); });
  check<T>({r({2, 3, 4}), r({3, 2, 5})}, [](const auto& x) { return tensordot(x[0], x[1], {0, 1}, {1, 0}); });
  check<T>({r({2, 3, 4})}, [](const auto& x) { return einsum("ijk->kj", x[0]); });
}

TEMPLATE_TEST_CASE("linear is the host's", "", float, double, float16, bfloat16) {
  using T = TestType;
  const auto r = [](const Shape& shape, int seed = 1) { return irregular<T>(shape, seed); };
  for (const Tensor<T>& b : {r({3}, 5), Tensor<T>()}) {
    check<T>({r({6}), r({3, 6}), b}, affine);
    check<T>({r({5, 6}), r({3, 6}), b}, affine);
    check<T>({r({0, 6}), r({3, 6}), b}, affine);
    check<T>({r({2, 5, 6}), r({3, 6}), b}, affine);
    check<T>({r({2, 0}), r({3, 0}), b}, affine);
    check<T>({r({6, 5}), r({6, 3}), b}, [](const auto& x) { return linear(t(x[0]), t(x[1]), x[2]).eval(); });
    check<T>({r({5, 6}), r({3, 6}), b}, [](const auto& x) { return relu(linear(x[0], x[1], x[2])).eval(); });
  }
  check<T>({r({5, 6}), r({3, 6}), r({6})}, [](const auto& x) { return linear(x[0], x[1], slice(x[2], 0, {0, 6, 2})).eval(); });
  check<T>({r({5, 6}), r({3, 6}), r({1})}, [](const auto& x) { return linear(x[0], x[1], expand(x[2], {3})).eval(); });
  check<T>({r({4, 4}), r({4, 4})}, [](const auto& x) { return linear(linear(x[0], x[1]), x[1]).eval(); });
}

TEST_CASE("products' gradients have gradients on a device") {
  const auto r = [](const Shape& shape, int seed = 1) { return irregular<double>(shape, seed); };
  check<double>({r({3, 4}), r({4, 2})}, product, 2);
  check<double>({r({2, 1, 3, 4}), r({3, 4, 2})}, product, 2);
  check<double>({r({4}), r({2, 4, 3})}, product, 2);
  check<double>({r({2, 5, 6}), r({3, 6}), r({3})}, affine, 2);
}

TEST_CASE("NaN and infinity go through a product, and memory that held NaN does not") {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  const Tensor<float> a = tensor<float>({{1, nan}, {2, 3}, {inf, 1}}), b = tensor<float>({{1, 2}, {0, 1}});
  const Tensor<float> y = to<Cpu>(matmul(to<D>(a), to<D>(b)).eval());
  CHECK(y.data_ptr()[0] != y.data_ptr()[0]);
  CHECK(y.data_ptr()[2] == 2);
  CHECK(y.data_ptr()[3] == 7);
  CHECK(y.data_ptr()[4] == inf);
  for (int i = 0; i < 4; ++i) {  // the allocator hands the same blocks out again
    (void)to<Cpu>(full<float, D>({5, 3}, nan));
    check_equal(to<Cpu>(linear(to<D>(full<float>({5, 2}, 1.0f)), to<D>(full<float>({3, 2}, 2.0f))).eval()), full<float>({5, 3}, 4.0f));
  }
}

TEST_CASE("integers wrap on a device as on the host") {
  const Tensor<std::int32_t> a = full<std::int32_t>({3, 3}, 2000000000);
  check_equal(to<Cpu>(matmul(to<D>(a), to<D>(a)).eval()), matmul(a, a).eval());
}
