// SPDX-License-Identifier: MIT
// Programs and copies that 32 bits cannot reach run with 64, reductions in pieces: seen with a limit that small tensors pass.
// Needs: thrust
#include <taper/backend/cuda/thrust_host.hpp>
#include <taper/core/random.hpp>
#include <taper/ops/arithmetic.hpp>
#include <taper/ops/eager.hpp>
#include <taper/ops/methods.hpp>
#include <taper/ops/norm.hpp>
#include <taper/ops/reduction.hpp>
#include <taper/ops/to.hpp>
#include <taper/ops/view.hpp>

#include <utility>

#include "tests/support/catch.hpp"

using namespace taper;

namespace {

/// Whole numbers, so that sums are exact in any order.
Tensor<float> whole(const Shape& shape) { return cast<float>(randint(-8, 9, shape)); }

template <class D>
std::vector<Tensor<float>> run(const Tensor<float>& x, const Tensor<float>& y, const Tensor<float>& z, const Tensor<float>& w) {
  auto a = to<D>(x).detach().requires_grad_(), b = to<D>(y).detach().requires_grad_(), c = to<D>(z).detach().requires_grad_();
  const auto turned = to<D>(w).transpose(0, 2);
  const Tensor<float, D> out = (a * b + c) * turned - a;
  const Tensor<float, D> rows = sum(out * 2.f, {2}), columns = sum(out, {0, 1});
  (sum(out * turned) + sum(rows)).backward();
  std::vector<Tensor<float>> results;
  for (const auto& t : {out.detach(), rows.detach(), columns.detach(), a.grad(), b.grad(), c.grad(), turned.contiguous(),
                        narrow(turned, 1, 1, 2).contiguous(), narrow(a.detach(), 2, 0, 4).contiguous()})
    results.push_back(to<Cpu>(t));
  return results;
}

}  // namespace

TEST_CASE("programs, gradients, copies and reductions give the same past the reach of 32 bits") {
  using D = ThrustCpp;
  manual_seed(5);
  for (const Shape& shape : {Shape{4, 6, 8}, Shape{1, 3, 257}, Shape{5, 3, 7}}) {
    const auto a = whole(shape), b = whole({shape[1], 1}), c = whole({shape[2]}), w = whole({shape[2], shape[1], shape[0]});
    const auto expected = run<Cpu>(a, b, c, w);
    for (const std::int64_t reach : {std::int64_t{1} << 31, std::int64_t{100}, std::int64_t{33}, std::int64_t{2}}) {
      detail::device_reach = reach;
      const auto got = run<D>(a, b, c, w);
      detail::device_reach = std::int64_t{1} << 31;
      REQUIRE(got.size() == expected.size());
      for (std::size_t i = 0; i < got.size(); ++i) {
        CAPTURE(i, reach, shape[0]);
        CHECK(equal(got[i], expected[i]));
      }
    }
  }
}

TEST_CASE("batch norm gives the same past the reach of 32 bits") {
  using D = ThrustCpp;
  const auto x = to<D>(whole({4, 6, 5, 3}));
  const auto run = [&](std::int64_t reach) {
    const std::int64_t before = std::exchange(detail::device_reach, reach);
    auto a = x.detach().requires_grad_();
    const Tensor<float, D> y = batch_norm(a, {}, {}, {}, {}, true);
    sum(y * y * y).backward();
    detail::device_reach = before;
    return std::pair{to<Cpu>(y.detach()), to<Cpu>(a.grad())};
  };
  const auto [y, g] = run(detail::device_reach);
  const auto [far_y, far_g] = run(50);
  CHECK(equal(far_y, y));
  CHECK(equal(far_g, g));
}

TEST_CASE("copies of every size of element") {
  using D = ThrustCpp;
  const auto check = []<class T>(const Tensor<T>& x) {
    for (int from = 0; from < 3; ++from)
      for (int n : {1, 2, 3, 8}) {
        CAPTURE(sizeof(T), from, n);
        const auto there = to<D>(x);
        CHECK(equal(to<Cpu>(narrow(there, 1, from, n).contiguous()), narrow(x, 1, from, n)));
        CHECK(equal(to<Cpu>(narrow(there, 1, from, n).transpose(0, 1).contiguous()), narrow(x, 1, from, n).transpose(0, 1)));
      }
  };
  const auto x = randint(0, 100, {6, 32});
  check(x);
  check(Tensor<float>(cast<float>(x)));
  check(Tensor<float16>(cast<float16>(x)));
  check(Tensor<std::uint8_t>(cast<std::uint8_t>(x)));
  check(Tensor<std::complex<double>>(cast<std::complex<double>>(x)));
}
