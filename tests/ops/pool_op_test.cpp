// SPDX-License-Identifier: MIT
// Pooling against PyTorch's goldens and central differences.
// Devices: slow
#include <taper/ops/pool.hpp>

#include <limits>

#include "tests/ops/golden_case.hpp"

using namespace taper;
using Catch::Matchers::StartsWith;
using golden::irregular;

namespace {

struct Settings {
  Pair kernel, stride, padding, dilation = 1, output;
  bool ceil_mode, count_include_pad;
  std::int64_t divisor;

  Settings(const golden::File& file, const std::string& name) {
    const auto pair = [&](const char* key, std::int64_t otherwise) {
      const std::string full = name + "/arg/" + key;
      if (!file.has(full)) return Pair(otherwise);
      const auto v = file.values<std::int64_t>(full);
      return Pair(v[0], v.back());
    };
    kernel = pair("kernel_size", 2), stride = pair("stride", 0), padding = pair("padding", 0), dilation = pair("dilation", 1);
    output = pair("output_size", 0);
    ceil_mode = file.value<bool>(name + "/arg/ceil_mode", false);
    count_include_pad = file.value<bool>(name + "/arg/count_include_pad", true);
    divisor = file.value<std::int64_t>(name + "/arg/divisor_override", 0);
  }
};

template <class X>
ValuesIndices<X, device_t<X>> max_pool(bool one, const X& x, const Settings& s) {
  if (one)
    return max_pool1d_with_indices(x, s.kernel.w, {.stride = s.stride.w, .padding = s.padding.w, .dilation = s.dilation.w, .ceil_mode = s.ceil_mode});
  return max_pool2d_with_indices(x, s.kernel, {.stride = s.stride, .padding = s.padding, .dilation = s.dilation, .ceil_mode = s.ceil_mode});
}

}  // namespace

TEST_CASE("pools equal PyTorch's with every option") {
  const golden::File file("structural");
  int cases = 0;
  for (const std::string& name : file.cases()) {
    const std::string kind = name.substr(0, name.find('.'));
    if (kind.find("_pool") == std::string::npos) continue;
    ++cases;
    const Settings s(file, name);
    const bool one = kind.back() == 'd' && kind[kind.size() - 2] == '1';
    if (kind == "max_pool1d" || kind == "max_pool2d") {
      check_both(file, name, {"x"}, [&](const auto& x) { return max_pool(one, x[0], s).values; });
      check_equal(max_pool(one, file.tensor<double>(name + "/x"), s).indices, file.tensor<std::int64_t>(name + "/index"));
      check_equal(one ? max_pool1d(file.tensor<float>(name + "/x"), s.kernel.w,
                                   {.stride = s.stride.w, .padding = s.padding.w, .dilation = s.dilation.w, .ceil_mode = s.ceil_mode})
                      : max_pool2d(file.tensor<float>(name + "/x"), s.kernel,
                                   {.stride = s.stride, .padding = s.padding, .dilation = s.dilation, .ceil_mode = s.ceil_mode}),
                  max_pool(one, file.tensor<float>(name + "/x"), s).values);
    } else if (kind == "avg_pool1d") {
      check_both(file, name, {"x"}, [&](const auto& x) {
        return avg_pool1d(x[0], s.kernel.w,
                          {.stride = s.stride.w, .padding = s.padding.w, .ceil_mode = s.ceil_mode, .count_include_pad = s.count_include_pad});
      });
    } else if (kind == "avg_pool2d") {
      check_both(file, name, {"x"}, [&](const auto& x) {
        return avg_pool2d(x[0], s.kernel,
                          {.stride = s.stride, .padding = s.padding, .ceil_mode = s.ceil_mode, .count_include_pad = s.count_include_pad,
                           .divisor_override = s.divisor});
      });
    } else if (kind == "adaptive_avg_pool1d" || kind == "adaptive_avg_pool2d") {
      check_both(file, name, {"x"}, [&](const auto& x) { return one ? adaptive_avg_pool1d(x[0], s.output.w) : adaptive_avg_pool2d(x[0], s.output); });
    } else {
      const auto pool = [&](const auto& x) { return one ? adaptive_max_pool1d_with_indices(x, s.output.w) : adaptive_max_pool2d_with_indices(x, s.output); };
      check_both(file, name, {"x"}, [&](const auto& x) { return pool(x[0]).values; });
      check_equal(pool(file.tensor<double>(name + "/x")).indices, file.tensor<std::int64_t>(name + "/index"));
    }
  }
  CHECK(cases > 45);
}

TEST_CASE("pools meet central differences, also of second order") {
  const Tensor<double> x = irregular({1, 2, 4, 5});
  check_gradients({x}, [](const auto& in) { return square(max_pool2d(in[0], {2, 3}, {.stride = 1, .padding = {1, 0}})).eval(); });
  check_gradients({x}, [](const auto& in) { return square(avg_pool2d(in[0], 2, {.padding = 1, .ceil_mode = true, .count_include_pad = false})).eval(); });
  check_gradients({x}, [](const auto& in) { return square(adaptive_avg_pool2d(in[0], {3, keep_size})).eval(); });
  check_gradients({x}, [](const auto& in) { return square(adaptive_max_pool2d(in[0], 2)).eval(); });
  check_gradients({irregular({1, 2, 7})}, [](const auto& in) { return square(adaptive_max_pool1d(in[0], 3)).eval(); });
}

TEST_CASE("pools take strided input and integers") {
  const Tensor<double> x = irregular({4, 6, 2});
  check_equal(max_pool2d(permute(x, {2, 0, 1}), 2), max_pool2d(contiguous(permute(x, {2, 0, 1})), 2));
  Tensor<std::int64_t> n(detail::make_dense<Cpu>(DType::int64, {1, 4}));
  for (int i = 0; i < 4; ++i) n.data_ptr()[i] = -i;
  const Tensor<std::int64_t> y = max_pool1d(n, 2);
  CHECK(y.data_ptr()[1] == -2);
}

TEST_CASE("windows that do not fit are named") {
  const Tensor<float> x = irregular<float>({1, 2, 4, 4});
  CHECK_THROWS_WITH(max_pool2d(x, 5), StartsWith("[max_pool2d] the window (5, 5) does not fit the planes of x (1, 2, 4, 4)"));
  CHECK_THROWS_AS(max_pool2d(x, 2, {.padding = 2}), ValueError);
  CHECK_THROWS_AS(max_pool2d(x, 0), ValueError);
  CHECK_THROWS_AS(max_pool2d(irregular<float>({4, 4}), 2), ShapeError);
  CHECK_THROWS_AS(avg_pool2d(x, 2, {.stride = -1}), ValueError);
  CHECK_THROWS_AS(adaptive_avg_pool2d(x, 0), ValueError);
}

template <class X>
concept Averages = requires(const X& x) { avg_pool2d(x, 2); };
static_assert(Averages<Tensor<float>> && !Averages<Tensor<std::int64_t>>);
