// SPDX-License-Identifier: MIT
// Integer cases of the goldens, in int64 and in narrower types, where results wrap; division by zero.
// Devices: slow
#include <taper/ops/pointwise.hpp>
#include <taper/ops/index.hpp>
#include <taper/ops/inplace.hpp>

#include "tests/ops/harness.hpp"

using namespace taper;
using device::D;

namespace {

struct Inputs {
  golden::File file{"ops"};
  std::string name;
  template <class T>
  Tensor<T, D> x(int i) const {
    return device::there(file.tensor<T>(name + "/x" + std::to_string(i)));
  }
  /// The golden result as R: int64 results wrap to narrower types as the arithmetic does.
  template <class R>
  Tensor<R> y() const {
    return file.tensor<R>(name + "/y");
  }
};

template <auto F, class... T>
void check1(Inputs& in, const char* name) {
  in.name = name;
  INFO(name);
  (
      [&] {
        auto y = F(in.x<T>(0)).eval();
        check_equal(y, in.y<value_t<decltype(y)>>());
      }(),
      ...);
}
template <auto F, class... T>
void check2(Inputs& in, const char* name) {
  in.name = name;
  INFO(name);
  (
      [&] {
        auto y = F(in.x<T>(0), in.x<T>(1)).eval();
        check_equal(y, in.y<value_t<decltype(y)>>());
      }(),
      ...);
}

using std::int16_t, std::int32_t, std::int64_t, std::int8_t, std::uint8_t;

template <class... T>
Tensor<std::common_type_t<T...>, D> row(T... v) {
  using E = std::common_type_t<T...>;
  Tensor<E> out(taper::detail::make_dense<Cpu>(dtype_of<E>, {static_cast<int64_t>(sizeof...(T))}));
  std::size_t i = 0;
  ((out.data_ptr()[i++] = v), ...);
  return device::there(out);
}
Tensor<uint8_t, D> bytes(int a, int b, int c) {
  return row(static_cast<uint8_t>(a), static_cast<uint8_t>(b), static_cast<uint8_t>(c));
}

}  // namespace

// A template, as nvcc needs where a lambda is a template's argument.
template <class = void>
void check_arithmetic() {
  Inputs in;
  check2<[](auto x, auto y) { return x + y; }, int64_t, int32_t, int16_t, int8_t>(in, "int.add");
  check2<[](auto x, auto y) { return x * y; }, int64_t, int32_t, int16_t, int8_t>(in, "int.mul");
  check2<[](auto x, auto y) { return div(x, y, rounding_mode::trunc); }, int64_t, int8_t>(in, "int.div_trunc");
  check2<[](auto x, auto y) { return div(x, y, rounding_mode::floor); }, int64_t>(in, "int.div_floor");
  check2<[](auto x, auto y) { return floor_divide(x, y); }, int64_t, int32_t, int16_t, int8_t>(in, "int.floor_divide");
  check2<[](auto x, auto y) { return x % y; }, int64_t, int8_t>(in, "int.remainder");
  check2<[](auto x, auto y) { return fmod(x, y); }, int64_t, int16_t>(in, "int.fmod");
  check2<[](auto x, auto y) { return maximum(x, y); }, int64_t, int8_t>(in, "int.maximum");
  check2<[](auto x, auto y) { return minimum(x, y); }, int64_t, int16_t>(in, "int.minimum");
  check2<[](auto x, auto y) { return pow(x, y); }, int64_t, int8_t>(in, "int.pow");
  check1<[](auto x) { return pow(x, 3); }, int64_t, int8_t>(in, "int.pow_3");
  check1<[](auto x) { return abs(x); }, int64_t, int8_t>(in, "int.abs");
  check1<[](auto x) { return -x; }, int64_t, int16_t>(in, "int.neg");
  check1<[](auto x) { return sign(x); }, int64_t, int8_t>(in, "int.sign");
  check1<[](auto x) { return square(x); }, int64_t, int8_t>(in, "int.square");
  check1<[](auto x) { return clamp(x, -3, 5); }, int64_t, int8_t>(in, "int.clamp");
  in.name = "int.div";
  check_close((in.x<int64_t>(0) / in.x<int32_t>(1)), in.y<float>(), 1e-7, 0);
  in.name = "int.sqrt";
  check_close(sqrt(cast<double>(abs(in.x<int64_t>(0)))), in.y<double>(), 1e-15, 0);
}
TEST_CASE("integer arithmetic") { check_arithmetic(); }

// A template, as nvcc needs where a lambda is a template's argument.
template <class = void>
void check_bits_and_logic() {
  Inputs in;
  check2<[](auto x, auto y) { return x & y; }, int64_t, int8_t>(in, "int.bitwise_and");
  check2<[](auto x, auto y) { return bitwise_and(x, y); }, int64_t>(in, "int.bitwise_and");
  check2<[](auto x, auto y) { return x | y; }, int64_t, int16_t>(in, "int.bitwise_or");
  check2<[](auto x, auto y) { return bitwise_or(x, y); }, int64_t>(in, "int.bitwise_or");
  check2<[](auto x, auto y) { return x ^ y; }, int64_t, int32_t>(in, "int.bitwise_xor");
  check2<[](auto x, auto y) { return bitwise_xor(x, y); }, int64_t>(in, "int.bitwise_xor");
  check1<[](auto x) { return ~x; }, int64_t, int8_t>(in, "int.bitwise_not");
  check1<[](auto x) { return bitwise_not(x); }, int64_t>(in, "int.bitwise_not");
  check2<[](auto x, auto y) { return x << y; }, int64_t, int8_t>(in, "int.left_shift");
  check2<[](auto x, auto y) { return bitwise_left_shift(x, y); }, int64_t>(in, "int.left_shift");
  check2<[](auto x, auto y) { return (x >> y); }, int64_t, int8_t>(in, "int.right_shift");
  check2<[](auto x, auto y) { return bitwise_right_shift(x, y); }, int64_t>(in, "int.right_shift");
  check2<[](auto x, auto y) { return gcd(x, y); }, int64_t, int8_t>(in, "int.gcd");
  check2<[](auto x, auto y) { return lcm(x, y); }, int64_t, int8_t>(in, "int.lcm");
  check2<[](auto x, auto y) { return x == y; }, int64_t, int8_t>(in, "int.eq");
  check2<[](auto x, auto y) { return x < y; }, int64_t, int16_t>(in, "int.lt");
  check2<[](auto x, auto y) { return logical_and(x, y); }, int64_t, int8_t>(in, "int.logical_and");
  check1<[](auto x) { return !x; }, int64_t, int8_t>(in, "int.logical_not");
}
TEST_CASE("bits and logic of integers") { check_bits_and_logic(); }

TEST_CASE("unsigned bytes wrap and have no sign") {
  const auto x = bytes(200, 3, 255), y = bytes(100, 5, 2);
  check_equal(x + y, bytes(44, 8, 1));
  check_equal(x - y, bytes(100, 254, 253));
  check_equal(x * y, bytes(32, 15, 254));
  check_equal(-x, bytes(56, 253, 1));
  check_equal(abs(x), x);
  check_equal(sign(x), bytes(1, 1, 1));
  check_equal(floor_divide(x, y), bytes(2, 0, 127));
  check_equal(x % y, bytes(0, 3, 1));
  check_equal(x >> 1, bytes(100, 1, 127));
  check_equal(x << 9, bytes(0, 0, 0));
  check_equal(x > y, row(true, false, true));
  check_equal(maximum(x, y), bytes(200, 5, 255));
  check_equal(pow(x, 2), bytes(64, 9, 1));
  check_equal(floor(x), x);
  check_equal(isfinite(x), row(true, true, true));
  check_equal(x + row(int8_t{1}, int8_t{-1}, int8_t{1}), row(int16_t{201}, int16_t{2}, int16_t{256}));
}

TEST_CASE("the ends of the signed range") {
  const auto lowest = row(std::numeric_limits<int64_t>::min(), int64_t{7});
  check_equal(floor_divide(lowest, -1), row(std::numeric_limits<int64_t>::min(), int64_t{-7}));
  check_equal(lowest % -1, row(int64_t{0}, int64_t{0}));
  check_equal(-lowest, row(std::numeric_limits<int64_t>::min(), int64_t{-7}));
  check_equal(lowest - 1, row(std::numeric_limits<int64_t>::max(), int64_t{6}));
  check_equal(lowest >> 100, row(int64_t{-1}, int64_t{0}));
  check_equal(maximum(lowest, int64_t{-5}), row(int64_t{-5}, int64_t{7}));
  // Exact where double would round.
  const std::int64_t large = (std::int64_t{1} << 53) + 1;
  check_equal(clamp(row(large + 4, large - 4), large, large + 2), row(large + 2, large));
  check_equal(row(large) == row(large - 1), row(false));
}

TEST_CASE("bools") {
  const auto x = row(false, false, true, true), y = row(false, true, false, true);
  check_equal(x + y, row(false, true, true, true));
  check_equal(x * y, row(false, false, false, true));
  check_equal(x & y, row(false, false, false, true));
  check_equal(x | y, row(false, true, true, true));
  check_equal(x ^ y, row(false, true, true, false));
  check_equal(~x, row(true, true, false, false));
  check_equal(x < y, row(false, true, false, false));
  check_equal(x >= y, row(true, false, true, true));
  check_equal(x == y, row(true, false, false, true));
  check_equal(maximum(x, y), row(false, true, true, true));
  check_equal(minimum(x, y), row(false, false, false, true));
  check_equal(where(x, y, !y), row(true, false, false, true));
  check_equal(x + 2, row(int64_t{2}, int64_t{2}, int64_t{3}, int64_t{3}));
  check_equal(x / (y + 1), row(0.0f, 0.0f, 1.0f, 0.5f));
  check_equal(square(x), row(int64_t{0}, int64_t{0}, int64_t{1}, int64_t{1}));
  check_equal(exp(x * 0), row(1.0f, 1.0f, 1.0f, 1.0f));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  check_equal(cast<bool>(row(0.0f, -0.0f, 2.0f, nan)), row(false, false, true, true));
}

TEST_CASE("an integer divided by zero throws and writes nothing; on other devices its neighbours are right") {
  auto x = row(int32_t{4}, int32_t{-7}, int32_t{9});
  const auto zero = row(int32_t{1}, int32_t{0}, int32_t{2});
  CHECK_THROWS_AS(pow(x, -1), ValueError);
  if constexpr (!device::is_host) {
    const auto ends = [](const auto& y) { return y.eval()(Slice{0, 3, 2}); };
    check_equal(ends(floor_divide(x, zero)), row(int32_t{4}, int32_t{4}));
    check_equal(ends(div(x, zero, rounding_mode::trunc)), row(int32_t{4}, int32_t{4}));
    check_equal(ends(x % zero), row(int32_t{0}, int32_t{1}));
    check_equal(ends(fmod(x, zero)), row(int32_t{0}, int32_t{1}));
    return;
  }
  CHECK_THROWS_AS(floor_divide(x, zero).eval(), ValueError);
  CHECK_THROWS_AS(div(x, zero, rounding_mode::trunc).eval(), ValueError);
  CHECK_THROWS_AS((x % zero).eval(), ValueError);
  CHECK_THROWS_AS(fmod(x, 0).eval(), ValueError);
  CHECK_THROWS_AS(x %= zero, ValueError);
  check_equal(x, row(int32_t{4}, int32_t{-7}, int32_t{9}));
  const float infinity = std::numeric_limits<float>::infinity();
  check_equal(x / zero, row(4.0f, -infinity, 4.5f));
}
