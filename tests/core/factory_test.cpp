// SPDX-License-Identifier: MIT
// Factories: values by closed form, dtypes and errors as PyTorch has them.
// Devices: slow

#include <taper/core/factory.hpp>
#include <taper/core/elements.hpp>
#include <taper/core/from_blob.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <list>
#include <memory>
#include <string>

#include "tests/support/catch.hpp"
#include "tests/support/device.hpp"

using namespace taper;
using device::D;

namespace {

template <class X, class T>
inline constexpr bool holds = std::same_as<std::remove_cvref_t<X>, Tensor<T, device_t<X>>>;

template <class T, Device On>
void check(const Tensor<T, On>& x, const Shape& shape, const std::vector<T>& values) {
  CHECK(x.shape() == shape);
  CHECK(x.is_contiguous());
  CHECK(device::values(x) == values);
}

template <class E, class F>
void check_error(F&& f, const std::string& part) {
  std::string message = "no error";
  try {
    f();
  } catch (const E& error) {
    message = error.what();
  }
  INFO(message);
  CHECK(message.find(part) != message.npos);
}

}  // namespace

TEMPLATE_TEST_CASE("zeros, ones, full, empty, eye in every dtype", "", bool, std::uint8_t, std::int8_t, std::int16_t,
                   std::int32_t, std::int64_t, float16, bfloat16, float, double, std::complex<float>,
                   std::complex<double>) {
  using T = TestType;
  using C = compute_t<T>;
  const T zero = static_cast<T>(C(0)), one = static_cast<T>(C(1));
  check<T>(zeros<T, D>({2, 3}), {2, 3}, std::vector<T>(6, zero));
  check<T>(ones<T, D>({4}), {4}, std::vector<T>(4, one));
  check<T>(ones<T, D>({}), {}, {one});
  check<T>(full<T, D>({2}, 1), {2}, {one, one});
  check<T>(zeros<T, D>({0, 3}), {0, 3}, {});
  check<T>(eye<T, D>(2), {2, 2}, {one, zero, zero, one});
  check<T>(eye<T, D>(2, 3), {2, 3}, {one, zero, zero, zero, one, zero});
  check<T>(eye<T, D>(3, 1), {3, 1}, {one, zero, zero});
  check<T>(eye<T, D>(0), {0, 0}, {});
  CHECK(empty<T, D>({3, 2}).shape() == Shape{3, 2});
  CHECK(empty<T, D>({2}).dtype() == dtype_of<T>);
}

TEST_CASE("the default dtype is float, of full the value's") {
  STATIC_REQUIRE(holds<decltype(zeros({1})), float>);
  STATIC_REQUIRE(holds<decltype(empty({1})), float>);
  STATIC_REQUIRE(holds<decltype(full({1}, 2)), std::int64_t>);
  STATIC_REQUIRE(holds<decltype(full({1}, 2.5)), float>);
  STATIC_REQUIRE(holds<decltype(full({1}, true)), bool>);
  STATIC_REQUIRE(holds<decltype(full({1}, std::complex<double>(1, 2))), std::complex<float>>);
  STATIC_REQUIRE(holds<decltype(full<double>({1}, 2)), double>);
  check<double>(full<double, D>({2}, 2.5), {2}, {2.5, 2.5});
}

TEST_CASE("large tensors are filled to their ends") {
  const std::int64_t n = (1 << 18) + 3;
  const auto x = device::values(full<void, D>({n}, 7));
  const auto z = device::values(zeros<std::int16_t, D>({n}));
  CHECK((x.size() == static_cast<std::size_t>(n) && z.size() == x.size()));
  CHECK(std::all_of(x.begin(), x.end(), [](auto v) { return v == 7; }));
  CHECK(std::all_of(z.begin(), z.end(), [](auto v) { return v == 0; }));
}

TEST_CASE("like another tensor") {
  const auto x = zeros<double, D>({2, 3});
  STATIC_REQUIRE(holds<decltype(zeros_like(x)), double>);
  STATIC_REQUIRE(holds<decltype(ones_like<std::int64_t>(x)), std::int64_t>);
  check<double>(zeros_like(x), {2, 3}, std::vector<double>(6, 0));
  check<std::int64_t>(ones_like<std::int64_t>(x), {2, 3}, std::vector<std::int64_t>(6, 1));
  check<double>(full_like(x, 4), {2, 3}, std::vector<double>(6, 4));
  CHECK(empty_like(x).shape() == Shape{2, 3});
  CHECK(empty_like(x).data_ptr() != x.data_ptr());
}

TEST_CASE("arange") {
  STATIC_REQUIRE(holds<decltype(arange(3)), std::int64_t>);
  STATIC_REQUIRE(holds<decltype(arange(3u)), std::int64_t>);
  STATIC_REQUIRE(holds<decltype(arange(0, 3.0)), float>);
  STATIC_REQUIRE(holds<decltype(arange(0, 3, 0.5f)), float>);
  STATIC_REQUIRE(holds<decltype(arange<double>(3)), double>);
  check<std::int64_t>(arange<void, D>(4), {4}, {0, 1, 2, 3});
  check<std::int64_t>(arange<void, D>(0), {0}, {});
  check<std::int64_t>(arange<void, D>(2, 2), {0}, {});
  check<std::int64_t>(arange<void, D>(1, 10, 3), {3}, {1, 4, 7});
  check<std::int64_t>(arange<void, D>(1, 11, 3), {4}, {1, 4, 7, 10});
  check<std::int64_t>(arange<void, D>(5, 1, -1), {4}, {5, 4, 3, 2});
  check<std::int64_t>(arange<void, D>(5, 0, -2), {3}, {5, 3, 1});
  check<float>(arange<void, D>(0, 1, 0.25), {4}, {0, 0.25f, 0.5f, 0.75f});
  check<float>(arange<void, D>(2.5), {3}, {0, 1, 2});
  check<double>(arange<double, D>(1, 0, -0.5), {2}, {1, 0.5});
  check<std::uint8_t>(arange<std::uint8_t, D>(250, 256), {6}, {250, 251, 252, 253, 254, 255});
  check<bfloat16>(arange<bfloat16, D>(3), {3}, {bfloat16(0.0f), bfloat16(1.0f), bfloat16(2.0f)});
  constexpr std::int64_t low = std::numeric_limits<std::int64_t>::min(),
                         high = std::numeric_limits<std::int64_t>::max();
  check<std::int64_t>(arange<void, D>(low, high, high), {3}, {low, -1, high - 1});
  check<std::int64_t>(arange<void, D>(high, low, low), {2}, {high, -1});
  // Every value rounds once: start + i step in double, not a running sum.
  const auto x = device::values(arange<float, D>(0, 100, 0.1));
  REQUIRE(x.size() == 1000);
  for (std::size_t i = 0; i < 1000; ++i) CHECK(x[i] == static_cast<float>(static_cast<int>(i) * 0.1));
}

TEST_CASE("linspace and logspace") {
  check<float>(linspace<float, D>(0, 1, 5), {5}, {0, 0.25f, 0.5f, 0.75f, 1});
  check<float>(linspace<float, D>(3, -1, 3), {3}, {3, 1, -1});
  check<float>(linspace<float, D>(2, 5, 1), {1}, {2});
  check<float>(linspace<float, D>(2, 5, 0), {0}, {});
  check<std::int64_t>(linspace<std::int64_t, D>(0, 10, 4), {4}, {0, 3, 6, 10});
  check<float>(logspace<float, D>(0, 3, 4), {4}, {1, 10, 100, 1000});
  check<double>(logspace<double, D>(0, 4, 5, 2), {5}, {1, 2, 4, 8, 16});
  const auto x = device::values(linspace<double, D>(-1, 1, 101));
  CHECK(x.at(0) == -1);
  CHECK(x.at(100) == 1);
  for (std::size_t i = 0; i <= 100; ++i) CHECK(std::fabs(x[i] - (0.02 * static_cast<double>(i) - 1)) < 4e-16);
}

TEST_CASE("tensor of one value") {
  STATIC_REQUIRE(holds<decltype(tensor(3)), std::int64_t>);
  STATIC_REQUIRE(holds<decltype(tensor(3.5)), float>);
  STATIC_REQUIRE(holds<decltype(tensor(3.5f)), float>);
  STATIC_REQUIRE(holds<decltype(tensor(true)), bool>);
  STATIC_REQUIRE(holds<decltype(tensor(std::complex<float>(1, 2))), std::complex<float>>);
  STATIC_REQUIRE(holds<decltype(tensor<double>(3)), double>);
  check<float>(tensor<void, D>(3.5), {}, {3.5f});
  check<std::int8_t>(tensor<std::int8_t, D>(-3), {}, {-3});
  check<std::int64_t>(tensor<std::int64_t, D>(2.9), {}, {2});  // truncated, as in PyTorch
  check<bool>(tensor<bool, D>(2), {}, {true});
}

TEST_CASE("tensor of nested braces") {
  check<float>(tensor<float, D>({1, 2, 3}), {3}, {1, 2, 3});
  check<float>(tensor<float, D>({1}), {1}, {1});
  check<float>(tensor<float, D>({{1, 2}, {3, 4}}), {2, 2}, {1, 2, 3, 4});
  check<float>(tensor<float, D>({{1, 2}}), {1, 2}, {1, 2});
  check<float>(tensor<float, D>({{1}, {2}}), {2, 1}, {1, 2});
  check<float>(tensor<float, D>({{{1}}}), {1, 1, 1}, {1});
  check<float>(tensor<float, D>({{{{{1, 2}}}}}), {1, 1, 1, 1, 2}, {1, 2});
  check<float>(tensor<float, D>({{{1, 2}, {3, 4}}, {{5, 6}, {7, 8}}}), {2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  check<float>(tensor<float, D>({}), {0}, {});
  check<float>(tensor<float, D>({{}, {}}), {2, 0}, {});
  const double variable = 2.5;
  const std::size_t count = 3;
  check<float>(tensor<float, D>({variable, 1, true}), {3}, {2.5f, 1, 1});  // nothing narrows
  check<std::int64_t>(tensor<std::int64_t, D>({count, 2u}), {2}, {3, 2});
  check<bool>(tensor<bool, D>({{true, false}, {false, true}}), {2, 2}, {true, false, false, true});
  using C = std::complex<double>;
  check<C>(tensor<C, D>({C(1, 2), 3}), {2}, {C(1, 2), C(3, 0)});
  check<bfloat16>(tensor<bfloat16, D>({1.5, 2}), {2}, {bfloat16(1.5f), bfloat16(2.0f)});
}

TEST_CASE("tensor of nested braces without a dtype") {
  STATIC_REQUIRE(holds<decltype(tensor({1, 2})), std::int64_t>);
  STATIC_REQUIRE(holds<decltype(tensor({1.0, 2.0})), float>);
  STATIC_REQUIRE(holds<decltype(tensor({{{true}}})), bool>);
  check<std::int64_t>(tensor<void, D>({1, 2, 3}), {3}, {1, 2, 3});
  check<float>(tensor<void, D>({{1.5, 2.5}, {3.5, 4.5}}), {2, 2}, {1.5, 2.5, 3.5, 4.5});
  check<std::int64_t>(tensor<void, D>({{1}, {2}}), {2, 1}, {1, 2});
  check<std::int64_t>(tensor<void, D>({{{{1, 2}}}}), {1, 1, 1, 2}, {1, 2});
}

TEST_CASE("tensor of containers") {
  STATIC_REQUIRE(holds<decltype(tensor(std::vector<double>{})), double>);
  STATIC_REQUIRE(holds<decltype(tensor(std::vector<std::vector<int>>{})), int>);
  STATIC_REQUIRE(holds<decltype(tensor(std::vector<long long>{})), std::int64_t>);
  STATIC_REQUIRE(holds<decltype(tensor<float>(std::vector<int>{})), float>);
  const std::vector<int> v{1, 2, 3, 4};
  check<int>(tensor<void, D>(v), {4}, {1, 2, 3, 4});
  check<int>(tensor<void, D>(v, {2, 2}), {2, 2}, {1, 2, 3, 4});
  check<float>(tensor<float, D>(v, {4, 1}), {4, 1}, {1, 2, 3, 4});
  check<int>(tensor<void, D>(std::span(v).subspan(1)), {3}, {2, 3, 4});
  check<int>(tensor<void, D>(v.begin() + 1, v.end()), {3}, {2, 3, 4});
  check<double>(tensor<double, D>(v.data(), v.data() + 2), {2}, {1, 2});
  check<bool>(tensor<void, D>(std::vector<bool>{true, false}), {2}, {true, false});
  check<float>(tensor<void, D>(std::array<std::array<float, 2>, 2>{{{1, 2}, {3, 4}}}), {2, 2}, {1, 2, 3, 4});
  check<float>(tensor<void, D>(std::list<float>{1, 2}), {2}, {1, 2});
  check<int>(tensor<void, D>(std::vector<std::vector<int>>{{1, 2}, {3, 4}, {5, 6}}), {3, 2}, {1, 2, 3, 4, 5, 6});
  const int array[2][2] = {{1, 2}, {3, 4}};
  check<int>(tensor<void, D>(array), {2, 2}, {1, 2, 3, 4});
  auto copy = tensor(v);
  copy.data_ptr()[0] = 9;
  CHECK(v[0] == 1);
}

TEST_CASE("from_blob shares memory") {
  float data[6] = {1, 2, 3, 4, 5, 6};
  auto x = from_blob(data, {2, 3});
  check<float>(x, {2, 3}, {1, 2, 3, 4, 5, 6});
  x.data_ptr()[1] = 9;
  CHECK(data[1] == 9);
  CHECK(x.data_ptr() == data);
  CHECK(to_vector(from_blob<float>(static_cast<void*>(data), {3, 2}, {1, 3})) == std::vector<float>{1, 4, 9, 5, 3, 6});
  CHECK(from_blob(data, {3, 2}, {1, 3}).strides() == Strides{1, 3});
  CHECK(from_blob(data, {2}, {0}).numel() == 2);
  CHECK(from_blob(static_cast<float*>(nullptr), {0, 3}).numel() == 0);
}

TEST_CASE("from_blob calls the deleter once, when the last tensor goes") {
  int deleted = 0;
  auto owner = std::make_unique<float[]>(4);
  void* const memory = owner.get();
  {
    Tensor<float> row;
    {
      auto x = from_blob(owner.release(), {2, 2}, [&deleted, memory](void* p) {
        CHECK(p == memory);
        delete[] static_cast<float*>(p);
        ++deleted;
      });
      row = x[1];
    }
    CHECK(deleted == 0);
    row.data_ptr()[0] = 1;
  }
  CHECK(deleted == 1);
  float data[2] = {};
  CHECK_THROWS_AS(from_blob(data, {-2}, [&deleted](void*) { ++deleted; }), ShapeError);
  CHECK(deleted == 1);
}

TEST_CASE("to_vector reads strided tensors in row-major order") {
  float data[6] = {1, 2, 3, 4, 5, 6};
  CHECK(to_vector(from_blob(data, {3, 2}, {1, 3})) == std::vector<float>{1, 4, 2, 5, 3, 6});
  CHECK(to_vector(from_blob(data, {2, 3}, {3, 0})) == std::vector<float>{1, 1, 1, 4, 4, 4});
  CHECK(to_vector(from_blob(data, {2, 0}, {3, 1})).empty());
  CHECK(to_vector(tensor<float>(7)) == std::vector<float>{7});
}

TEST_CASE("sizes are checked") {
  check_error<ShapeError>([] { return zeros<float, D>({2, -1}); }, "[zeros] the shape (2, -1) has a negative size");
  check_error<ShapeError>([] { return ones<float, D>({-1}); }, "negative");
  check_error<ShapeError>([] { return empty<float, D>({std::int64_t{1} << 40, std::int64_t{1} << 40}); }, "too many elements");
  check_error<ShapeError>([] { return full<void, D>({-3}, 1.0); }, "[full]");
  check_error<ShapeError>([] { return eye<float, D>(-1); }, "[eye]");
  check_error<ShapeError>([] { return linspace<float, D>(0, 1, -1); }, "[linspace]");
  check_error<ShapeError>([] { return logspace<float, D>(0, 1, -1); }, "[logspace]");
  check_error<ShapeError>([] { return zeros<float, D>({1, 1, 1, 1, 1, 1, 1, 1, 1}); }, "at most 8 dimensions");
  check_error<ShapeError>([] { return arange<void, D>(0.0, 1e30, 1.0); }, "too many");
  check_error<ShapeError>([] { return arange<void, D>(std::numeric_limits<std::int64_t>::max()); }, "too many");
}

TEST_CASE("ranges are checked") {
  check_error<ValueError>([] { return arange<void, D>(0, 5, 0); }, "step must not be 0");
  check_error<ValueError>([] { return arange<void, D>(3, 1); }, "wrong way");
  check_error<ValueError>([] { return arange<void, D>(1, 3, -1); }, "wrong way");
  check_error<ValueError>([] { return arange<void, D>(0.0, INFINITY); }, "finite");
  check_error<ValueError>([] { return arange<void, D>(0.0, 1.0, static_cast<double>(NAN)); }, "finite");
  check_error<ValueError>([] { return arange<std::uint8_t, D>(257); }, "out of range for uint8");
  check_error<ValueError>([] { return arange<std::int8_t, D>(-129, 0); }, "out of range for int8");
}

TEST_CASE("lists are checked") {
  check_error<ShapeError>(
      [] {
        return tensor<float, D>({{1, 2}, {3}});
      },
      "ragged: at depth 1 a list of 1 stands where the first has 2");
  check_error<ShapeError>([] { return tensor<float, D>({{1, 2}, 3}); }, "a value stands beside a list");
  check_error<ShapeError>([] { return tensor<float, D>({1, {2}}); }, "a value stands beside a list");
  check_error<ShapeError>([] { return tensor<float, D>({{}, {1}}); }, "ragged");
  check_error<ShapeError>([] { return tensor<void, D>({{1, 2}, {3}}); }, "ragged");
  check_error<ShapeError>([] { return tensor<void, D>(std::vector<std::vector<int>>{{1}, {2, 3}}); }, "ragged");
  check_error<ShapeError>(
      [] {
        return tensor<void, D>(std::vector<int>{1, 2, 3}, {2, 2});
      },
      "3 values do not fill the shape (2, 2) of 4");
}

TEST_CASE("values that an integer dtype does not hold") {
  check_error<ValueError>([] { return tensor<std::uint8_t, D>({256}); }, "256 is out of range for uint8");
  check_error<ValueError>([] { return tensor<std::uint8_t, D>({-1}); }, "out of range");
  check_error<ValueError>([] { return tensor<std::int64_t, D>(std::uint64_t{1} << 63); }, "out of range for int64");
  check_error<ValueError>([] { return full<std::int32_t, D>({1}, 2147483648.0); }, "out of range for int32");
  check_error<ValueError>([] { return full<std::int64_t, D>({1}, 0x1p63); }, "out of range");
  check_error<ValueError>([] { return full<std::int64_t, D>({1}, static_cast<double>(NAN)); }, "out of range");
  check<std::int64_t>(tensor<std::int64_t, D>({-0x1p63, 0x1p62}), {2},
                      {std::numeric_limits<std::int64_t>::min(), std::int64_t{1} << 62});
  check<std::uint8_t>(tensor<std::uint8_t, D>({255.9, -0.9}), {2}, {255, 0});
  check<std::int32_t>(tensor<std::int32_t, D>({-2147483648.9, 2147483647.9}), {2},
                      {std::numeric_limits<int>::min(), std::numeric_limits<int>::max()});
}

TEST_CASE("foreign memory is checked") {
  float data[4] = {};
  check_error<ShapeError>([&] { return from_blob(data, {2, 2}, {2}); }, "differ in length");
  check_error<ShapeError>([&] { return from_blob(data, {2, 2}, {-2, 1}); }, "negative step");
  check_error<ShapeError>([&] { return from_blob(data, {3, 3}, {std::int64_t{1} << 62, 1}); }, "reach too far");
  check_error<ShapeError>([&] { return from_blob(data, {-1}); }, "negative size");
  check_error<ValueError>([] { return from_blob(static_cast<float*>(nullptr), {1}); }, "null");
  check_error<ValueError>([&] { return from_blob<float>(static_cast<void*>(reinterpret_cast<char*>(data) + 1), {2}); },
                          "not aligned for float32");
}

// What does not compile.
template <class P>
concept Adoptable = requires(P p) { from_blob(p, Shape{1}); };
static_assert(Adoptable<float*> && !Adoptable<const float*>);
template <class T, class V>
concept FullOf = requires(V v) { full<T>(Shape{1}, v); };
static_assert(FullOf<std::complex<float>, float> && !FullOf<float, std::complex<float>>);
