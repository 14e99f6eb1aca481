// SPDX-License-Identifier: MIT
// Printing against PyTorch's own output: tests/golden/print.txt, and a few cases of options written out.

#include <taper/core/factory.hpp>
#include <taper/core/print.hpp>
#include <taper/ops/eager.hpp>
#include <taper/ops/view.hpp>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/support/catch.hpp"

#ifndef TAPER_SOURCE_DIR
#define TAPER_SOURCE_DIR "."
#endif

using namespace taper;

namespace {

struct Block {
  std::string name, dtype, text;
  Shape shape;
  std::vector<std::string> values;  // "list", ... or "arange", start, step
  PrintOptions options;
};

std::vector<std::string> words(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

// Taper writes dtype=float64 where PyTorch writes dtype=torch.float64.
std::string without_prefix(std::string text) {
  const std::string prefix = "torch.";
  for (std::size_t at; (at = text.find(prefix)) != text.npos;) text.erase(at, prefix.size());
  return text;
}

std::vector<Block> blocks() {
  std::ifstream file(TAPER_SOURCE_DIR "/tests/golden/print.txt");
  REQUIRE(file);
  std::vector<Block> out;
  bool in_text = false;
  for (std::string line; std::getline(file, line);) {
    if (in_text) {
      if (line == "===") in_text = false;
      else out.back().text += (out.back().text.empty() ? "" : "\n") + line;
    } else if (line == "---") {
      in_text = true;
    } else if (!line.empty() && line[0] == '[') {
      out.emplace_back();
      out.back().name = line.substr(1, line.size() - 2);
    } else if (const auto colon = line.find(':'); colon != line.npos) {
      const std::string key = line.substr(0, colon);
      const auto rest = words(line.substr(colon + 1));
      Block& b = out.back();
      if (key == "dtype") b.dtype = rest.at(0);
      if (key == "values") b.values = rest;
      if (key == "shape")
        for (const auto& size : rest) b.shape.push_back(std::stoll(size));
      if (key == "options")
        for (const auto& option : rest) {
          const auto equals = option.find('=');
          const std::string name = option.substr(0, equals), value = option.substr(equals + 1);
          if (name == "precision") b.options.precision = std::stoi(value);
          else if (name == "threshold") b.options.threshold = std::stoll(value);
          else if (name == "edgeitems") b.options.edgeitems = std::stoll(value);
          else if (name == "linewidth") b.options.linewidth = std::stoi(value);
          else if (name == "sci_mode") b.options.sci_mode = value == "true";
          else FAIL("unknown option " << name);
        }
    }
  }
  return out;
}

template <class T>
T number(const std::string& text) {
  if constexpr (std::is_integral_v<T>) return static_cast<T>(std::strtoll(text.c_str(), nullptr, 10));
  else return static_cast<T>(static_cast<compute_t<T>>(std::strtod(text.c_str(), nullptr)));
}

template <class T>
Tensor<T> tensor_of(const Block& b) {
  Tensor<T> out = empty<T>(b.shape);
  for (std::int64_t i = 0; i < out.numel(); ++i) {
    T& element = out.data_ptr()[i];
    const auto k = static_cast<std::size_t>(i);
    if constexpr (Complex<T>) {
      using R = real_t<T>;
      element = T(number<R>(b.values.at(2 * k + 1)), number<R>(b.values.at(2 * k + 2)));
    } else if (b.values.at(0) == "list") {
      element = number<T>(b.values.at(k + 1));
    } else if constexpr (std::is_integral_v<T>) {
      element = static_cast<T>(std::stoll(b.values.at(1)) + std::stoll(b.values.at(2)) * i);
    } else {
      element = static_cast<T>(
          static_cast<compute_t<T>>(std::stod(b.values.at(1)) + std::stod(b.values.at(2)) * static_cast<double>(i)));
    }
  }
  return out;
}

}  // namespace

TEST_CASE("every golden tensor prints as in PyTorch") {
  const auto all = blocks();
  REQUIRE(all.size() > 80);
  for (const Block& b : all) {
    INFO(b.name);
    bool found = false;
    for (int d = 0; d <= static_cast<int>(DType::complex128); ++d) {
      if (name(static_cast<DType>(d)) != b.dtype) continue;
      found = true;
      dispatch_dtype(static_cast<DType>(d),
                     [&]<class T>() { CHECK(to_string(tensor_of<T>(b), b.options) == without_prefix(b.text)); });
    }
    CHECK(found);
  }
}

TEST_CASE("options as PyTorch prints them") {
  const auto x = arange(0.0, 20.0), m = [&] {
    auto y = empty<float>({4, 5});
    std::copy_n(x.data_ptr(), 20, y.data_ptr());
    return y;
  }();
  CHECK(to_string(x, {.threshold = 5, .edgeitems = 0}) == "tensor([...], size=(20,))");
  CHECK(to_string(m, {.threshold = 5, .edgeitems = 0}) == "tensor([...], size=(4, 5))");
  CHECK(to_string(m, {.threshold = 5, .edgeitems = 1}) ==
        "tensor([[ 0.,  ...,  4.],\n        ...,\n        [15.,  ..., 19.]])");
  const auto quarters = arange(0.0, 1.5, 0.25);
  const std::string narrow =
      "tensor([0.0000,\n        0.2500,\n        0.5000,\n        0.7500,\n        1.0000,\n        1.2500])";
  CHECK(to_string(quarters, {.linewidth = 5}) == narrow);
  CHECK(to_string(quarters, {.linewidth = 0}) == narrow);
  CHECK(to_string(quarters, {.precision = 0}) == "tensor([0, 0, 0, 1, 1, 1])");
  CHECK(to_string(tensor<double>({2.5, 0.125, 0.00015}), {.precision = 2}) ==
        "tensor([2.50e+00, 1.25e-01, 1.50e-04], dtype=float64)");
  CHECK(to_string(tensor<double>(1e-20), {.precision = 12}) == "tensor(1.000000000000e-20, dtype=float64)");
}

TEST_CASE("a very wide fixed number") {
  const std::string text = to_string(tensor<double>({1e300, 1}), {.precision = 1, .sci_mode = false});
  CHECK(text.substr(0, 40) == "tensor([10000000000000000525047602552044");
  CHECK(text.substr(text.size() - 28) == "  1.],\n       dtype=float64)");
}

TEST_CASE("complex numbers that are not finite, and summarised ones") {
  using C = std::complex<float>;
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(to_string(tensor<C>({C(nan, inf), C(1, -inf), C(-0.0f, -0.0f)})) == "tensor([nan+infj, 1.-infj, -0.-0.j])");
  auto x = empty<C>({1200});
  for (int i = 0; i < 1200; ++i) x.data_ptr()[i] = C(static_cast<float>(i), static_cast<float>(i) * 0.5f);
  CHECK(to_string(x) ==
        "tensor([0.0000e+00+0.0000e+00j, 1.0000e+00+5.0000e-01j, 2.0000e+00+1.0000e+00j,\n"
        "         ..., 1.1970e+03+5.9850e+02j, 1.1980e+03+5.9900e+02j,\n"
        "        1.1990e+03+5.9950e+02j])");
}

TEST_CASE("strided tensors, views and many axes") {
  const auto x = reshape(arange(0.0, 24.0), {2, 3, 4});
  CHECK(to_string(narrow(permute(x, {2, 0, 1}), 0, 1, 2)) ==
        "tensor([[[ 1.,  5.,  9.],\n         [13., 17., 21.]],\n\n        [[ 2.,  6., 10.],\n         [14., 18., "
        "22.]]])");
  CHECK(to_string(ones({1, 1, 1, 1, 1})) == "tensor([[[[[1.]]]]])");
  CHECK(to_string(expand(tensor<float>({1}), {2, 2})) == "tensor([[1., 1.],\n        [1., 1.]])");
}

TEST_CASE("a tensor that wants a gradient says so") {
  CHECK(to_string(ones({2}).requires_grad_()) == "tensor([1., 1.], requires_grad=True)");
  CHECK(to_string(ones({2, 0}).requires_grad_()) == "tensor([], size=(2, 0), requires_grad=True)");
  CHECK(to_string(zeros<double>({0}).requires_grad_()) == "tensor([], dtype=float64, requires_grad=True)");
  CHECK(to_string(arange<double>(1, 26).requires_grad_()) ==
        "tensor([ 1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11., 12., 13., 14.,\n"
        "        15., 16., 17., 18., 19., 20., 21., 22., 23., 24., 25.],\n"
        "       dtype=float64, requires_grad=True)");
  CHECK(to_string(arange<double>(1, 17).requires_grad_()) ==
        "tensor([ 1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11., 12., 13., 14.,\n"
        "        15., 16.], dtype=float64, requires_grad=True)");
  auto x = ones({2, 2}).requires_grad_();
  CHECK(to_string(x[0]) == "tensor([1., 1.], requires_grad=True)");
  CHECK(to_string(detach(x)[0]) == "tensor([1., 1.])");
}

TEST_CASE("expressions print their value") {
  const auto x = tensor<float>({1, 2});
  CHECK(to_string(x * 2) == "tensor([2., 4.])");
  const auto named = x + x;
  CHECK(to_string(named) == "tensor([2., 4.])");
  CHECK(to_string(x == 2) == "tensor([False,  True])");
}

TEST_CASE("streams of any kind") {
  std::ostringstream out;
  out << "x = " << tensor({1, 2}) << ' ' << tensor<float>({0.5}) * 2 << ' ' << Shape{2, 3} << ' ' << DType::int8
      << '\n';
  CHECK(out.str() == "x = tensor([1, 2]) tensor([1.]) (2, 3) int8\n");
}

TEST_CASE("options of the whole program") {
  set_printoptions({.precision = 2});
  CHECK(get_printoptions().precision == 2);
  CHECK(to_string(tensor(0.5)) == "tensor(0.50)");
  set_printoptions({});
  CHECK(to_string(tensor(0.5)) == "tensor(0.5000)");
  CHECK_THROWS_AS(set_printoptions({.precision = -1}), ValueError);
  CHECK_THROWS_AS(set_printoptions({.edgeitems = -1}), ValueError);
  CHECK_THROWS_AS(to_string(Tensor<float>()), ValueError);
}
