// SPDX-License-Identifier: MIT
// Padding against PyTorch and by hand.
// Devices: slow
#include <taper/core/factory.hpp>
#include <taper/ops/eager.hpp>
#include <taper/ops/pad.hpp>
#include <taper/ops/reduction.hpp>

#include "tests/ops/golden_case.hpp"

using namespace taper;
using golden::irregular;
using Catch::Matchers::Contains;

TEST_CASE("padding equals PyTorch's") {
  const golden::File file("structural");
  const auto check = [&](const std::string& name, const Padding& amounts, const PadOptions& options) {
    check_both(file, name, {"x"}, [&](const auto& x) { return pad(x[0], amounts, options); });
  };
  const std::pair<const char*, PadMode> modes[] = {
      {"reflect", PadMode::reflect}, {"replicate", PadMode::replicate}, {"circular", PadMode::circular}};
  for (const auto& [name, mode] : modes) {
    check(std::string("pad.") + name + "_1d", {2, 1}, {.mode = mode});
    check(std::string("pad.") + name + "_2d", {1, 2, 2, 1}, {.mode = mode});
    check(std::string("pad.") + name + "_3d", {1, 0, 2, 1, 1, 1}, {.mode = mode});
  }
  check("pad.constant_1d", {2, 1}, {});
  check("pad.constant_2d", {1, 2, 3, 0}, {.value = 1.5});
  check("pad.constant_negative", {-1, 2, 0, -2}, {.value = 0.5});
  check("pad.constant_all_axes", {1, 0, 0, 1, 2, 0}, {});
}

TEST_CASE("padding: strides, empties, dtypes") {
  const Tensor<float> x = tensor<float>({{1, 2, 3}, {4, 5, 6}});
  check_equal(pad(t(x), {1, 0}), tensor<float>({{0, 1, 4}, {0, 2, 5}, {0, 3, 6}}));
  check_equal(pad(t(x), {1, 0}, {.mode = PadMode::replicate}), tensor<float>({{1, 1, 4}, {2, 2, 5}, {3, 3, 6}}));
  check_equal(pad(x, {-1, -1}), tensor<float>({{2}, {5}}));
  check_equal(pad(x, {-1, 1}, {.mode = PadMode::circular}), tensor<float>({{2, 3, 2}, {5, 6, 5}}));
  CHECK(pad(x, {}).data_ptr() != x.data_ptr());
  check_equal(pad(zeros<float>({0}), {1, 1}, {.value = 2}), tensor<float>({2, 2}));
  check_equal(pad(tensor({1, 2}), {0, 1}, {.value = -1}), tensor({1, 2, -1}));
  check_equal(pad(tensor({true}), {1, 0}, {.value = 1}), tensor({true, true}));
  CHECK(pad(ones<float>({1, 1, 1, 1, 1, 1, 1, 1}), {0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}).numel() == 256);
}

// Values of torch.nn.functional.pad.
TEST_CASE("a mirror shows what is cropped at the other end") {
  const Tensor<float> x = view(arange<float>(8), {2, 4});
  check_equal(pad(x, {2, -2}, {.mode = PadMode::reflect}), tensor<float>({{2, 1, 0, 1}, {6, 5, 4, 5}}));
  check_equal(pad(t(x), {0, 0, 3, -2}, {.mode = PadMode::reflect}),
              tensor<float>({{3, 7}, {2, 6}, {1, 5}, {0, 4}, {1, 5}}));
  check_gradients({irregular({4, 2})}, [](const auto& x) {
    return square(pad(square(x[0]), {0, 0, 3, -2}, {.mode = PadMode::reflect})).eval();
  });
}

TEST_CASE("gradients meet central differences, also of second order") {
  for (const PadMode mode : {PadMode::constant, PadMode::reflect, PadMode::replicate, PadMode::circular})
    check_gradients({irregular({2, 3})}, [&](const auto& x) {
      return square(pad(square(x[0]), {2, 1, 1, 0}, {.mode = mode})).eval();
    });
}

TEST_CASE("amounts that do not fit are errors") {
  const Tensor<float> x = zeros<float>({2, 3});
  CHECK_THROWS_AS(pad(x, {1}), ShapeError);
  CHECK_THROWS_AS(pad(x, {1, 1, 1, 1, 1, 1}), ShapeError);
  CHECK_THROWS_WITH(pad(x, {-2, -2}), Contains("crop more than axis 1 of shape (2, 3) has"));
  CHECK_THROWS_AS(pad(x, {3, 0}, {.mode = PadMode::reflect}), ShapeError);
  CHECK_THROWS_AS(pad(x, {4, 0}, {.mode = PadMode::circular}), ShapeError);
  CHECK_THROWS_AS(pad(x, {2, -2}, {.mode = PadMode::circular}), ShapeError);
  CHECK_THROWS_AS(pad(zeros<float>({0}), {1, 0}, {.mode = PadMode::replicate}), ShapeError);
  CHECK_THROWS_AS(pad(tensor<std::int8_t>({1}), {1, 0}, {.value = 300}), ValueError);
}
