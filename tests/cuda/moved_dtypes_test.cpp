// SPDX-License-Identifier: MIT
// What moves and adds elements on a device gives the host's bits, for every dtype.
// Slow
// Needs: thrust
#include <taper/ops.hpp>

#include "tests/cuda/against_host.hpp"

using namespace taper;
using D = against_host::There;
using against_host::same;

namespace {

template <class T>
void check_moves() {
  manual_seed(6);
  const auto index = randint(0, 5, {40, 3});
  const Tensor<T> x = cast<T>(randint(0, 100, {5, 3})), source = cast<T>(randint(0, 100, {40, 3}));
  const auto bits = [](const Tensor<T>& a, const Tensor<T, D>& b) {
    const Tensor<T> c = to<Cpu>(b);
    REQUIRE(a.shape() == c.shape());
    CHECK(std::memcmp(a.data_ptr(), c.data_ptr(), static_cast<std::size_t>(a.numel()) * sizeof(T)) == 0);
  };
  const auto X = to<D>(x), S = to<D>(source);
  const auto I = to<D>(index);
  bits(gather(x, 0, index), gather(X, 0, I));
  bits(scatter(x, 0, index, source), scatter(X, 0, I, S));
  bits(scatter_add(x, 0, index, source), scatter_add(X, 0, I, S));
  const auto rows = index.select(1, 0);
  const auto Rows = to<D>(rows);
  bits(index_add(x, 0, rows, source), index_add(X, 0, Rows, S));
  bits(index_copy(x, 0, rows, source), index_copy(X, 0, Rows, S));
  bits(index_select(x, 0, rows), index_select(X, 0, Rows));
  bits(cat({x, source}, 0), cat({X, S}, 0));
  bits(pad(x, {1, 2, 3, 0}, {.value = 1}), pad(X, {1, 2, 3, 0}, {.value = 1}));
  bits(pad(x, {1, 2, 3, 0}, {.mode = PadMode::reflect}), pad(X, {1, 2, 3, 0}, {.mode = PadMode::reflect}));
  bits(flip(x, {0, 1}), flip(X, {0, 1}));
  bits(tril(x), tril(X));
}

}  // namespace

TEMPLATE_TEST_CASE("every dtype", "", float, double, bfloat16, float16, std::int8_t, std::int16_t, std::int32_t,
                   std::int64_t, std::uint8_t, bool, std::complex<float>, std::complex<double>) {
  check_moves<TestType>();
}

TEST_CASE("with indices of 64 bits") {
  const std::int64_t reach = std::exchange(detail::device_reach, 4);
  check_moves<float>();
  detail::device_reach = reach;
}

TEST_CASE("many values at few places") {
  manual_seed(7);
  const auto index = randint(0, 3, {3000, 2});
  const auto source = cast<float>(randint(-100, 100, {3000, 2}));  // sums are exact in any order
  const auto x = zeros<float>({3, 2});
  CHECK(same(scatter_add(to<D>(x), 0, to<D>(index), to<D>(source)), scatter_add(x, 0, index, source)));
  const auto rows = index.select(1, 0);
  CHECK(same(index_add(to<D>(x), 0, to<D>(rows), to<D>(source)), index_add(x, 0, rows, source)));
  const auto one = zeros<std::int64_t>({1024});
  CHECK(same(index_add(to<D>(x), 0, to<D>(one), to<D>(source.narrow(0, 0, 1024))),
                   index_add(x, 0, one, source.narrow(0, 0, 1024))));
}
