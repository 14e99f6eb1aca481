// SPDX-License-Identifier: MIT
// Reductions and scans against every golden case of PyTorch's: values, indices, gradients plain and recorded, edge
// Devices
// shapes, NaN, infinities and ties; then layouts, second derivatives, and what does not fit.
#include <taper/core/factory.hpp>
#include <taper/core/literal.hpp>
#include <taper/ops/index.hpp>
#include <taper/ops/reduction.hpp>
#include <taper/ops/repeat.hpp>
#include <taper/ops/scan.hpp>
#include <taper/ops/variance.hpp>
#include <taper/ops/view.hpp>

#include "tests/ops/golden_case.hpp"

using namespace taper;
using Catch::Matchers::StartsWith;
using golden::irregular;

namespace {

const golden::File& file() {
  static const golden::File f("reductions");
  return f;
}

/// The op of a case: <op>.<axes>[.keep], or <group>.<op>[_<axes>].
std::string op_of(const std::string& name) {
  const std::string first = name.substr(0, name.find('.'));
  for (const char* group : {"int", "bool", "rank_0", "empty", "one", "special", "long"})
    if (first == group) {
      std::string op = name.substr(first.size() + 1);
      return op.substr(0, op.find('_'));
    }
  return first;
}

struct Settings {
  std::string op;
  Axes axes;
  bool keepdim = false;
  double correction = 1, p = 2;

  explicit Settings(const std::string& name) : op(op_of(name)) {
    if (file().has(name + "/arg/keepdim")) keepdim = file().value<bool>(name + "/arg/keepdim");
    for (const std::int64_t axis : file().values<std::int64_t>(name + "/arg/dim")) axes.push_back(axis);
    correction =
        file().value(name + "/arg/correction", name.ends_with("correction_0") || name == "rank_0.var" ? 0.0 : 1.0);
    p = file().value(name + "/arg/p", name == "special.norm_1" ? 1.0 : name == "special.norm_3" ? 3.0 : 2.0);
    if (name == "special.norm_inf") p = std::numeric_limits<double>::infinity();
  }
  std::int64_t axis() const { return axes.empty() ? 0 : axes[0]; }
};

/// The ops whose result has the dtype of x.
template <class T>
Tensor<T> reduced(const Settings& s, const Tensor<T>& x) {
  if (s.op == "sum") return sum(x, s.axes, s.keepdim);
  if (s.op == "mean") return mean(x, s.axes, s.keepdim);
  if (s.op == "prod") return s.axes.empty() ? prod(x) : prod(x, s.axis(), s.keepdim);
  if (s.op == "amax") return amax(x, s.axes, s.keepdim);
  if (s.op == "amin") return amin(x, s.axes, s.keepdim);
  if (s.op == "max") return s.axes.empty() ? max(x) : max(x, s.axis(), s.keepdim).values;
  if (s.op == "min") return s.axes.empty() ? min(x) : min(x, s.axis(), s.keepdim).values;
  if (s.op == "var") return var(x, s.axes, {.correction = s.correction, .keepdim = s.keepdim});
  if (s.op == "std") return taper::std(x, s.axes, {.correction = s.correction, .keepdim = s.keepdim});
  if (s.op == "norm") return norm(x, s.p, s.axes, s.keepdim);
  if (s.op == "logsumexp") return logsumexp(x, s.axes, s.keepdim);
  if (s.op == "cumsum") return cumsum(x, s.axis());
  if (s.op == "cumprod") return cumprod(x, s.axis());
  FAIL("no reduction " << s.op);
  return {};
}

Tensor<std::int64_t> index_of(const Settings& s, const Tensor<double>& x) {
  const bool whole = s.axes.empty();
  if (s.op == "max") return max(x, s.axis(), s.keepdim).indices;
  if (s.op == "min") return min(x, s.axis(), s.keepdim).indices;
  if (s.op == "argmax") return whole ? argmax(x) : argmax(x, s.axis(), s.keepdim);
  return whole ? argmin(x) : argmin(x, s.axis(), s.keepdim);
}

bool has_prefix(const std::string& name, std::initializer_list<const char*> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](const char* p) { return name.rfind(p, 0) == 0; });
}

template <class T>
void check_integers(const std::string& name) {
  const Settings s(name);
  const Tensor<T> x = file().tensor<T>(name + "/x");
  if (s.op == "any" || s.op == "all") {
    check_equal(s.op == "any" ? any(x, s.axes, s.keepdim) : all(x, s.axes, s.keepdim),
                file().tensor<bool>(name + "/y"));
    return;
  }
  const Tensor<std::int64_t> expected = file().tensor<std::int64_t>(name + "/y");
  if (s.op == "sum")
    check_equal(sum(x, s.axes), expected);
  else if (s.op == "cumsum")
    check_equal(cumsum(x, s.axis()), expected);
  else if (s.op == "argmax")
    check_equal(argmax(x, s.axis()), expected);
  else if constexpr (!std::same_as<T, bool>) {
    if (s.op == "prod")
      check_equal(cast<std::int64_t>(prod(x, s.axis())), expected);
    else
      check_equal(cast<std::int64_t>(s.op == "amax" ? amax(x, s.axes) : amin(x, s.axes)), expected);
  }
}

}  // namespace

TEST_CASE("reductions and scans equal PyTorch's") {
  int cases = 0;
  for (const std::string& name : file().cases()) {
    INFO(name);
    ++cases;
    const DType in = file().dtype(name + "/x"), out = file().dtype(name + "/y");
    if (in == DType::boolean) {
      check_integers<bool>(name);
    } else if (in == DType::int64) {
      check_integers<std::int64_t>(name);
      check_integers<std::int32_t>(name);
    } else if (out == DType::boolean) {
      const Settings s(name);
      const Tensor<double> x = file().tensor<double>(name + "/x");
      check_equal(s.op == "any" ? any(x, s.axes, s.keepdim) : all(x, s.axes, s.keepdim),
                  file().tensor<bool>(name + "/y"));
    } else if (out == DType::int64) {
      check_equal(index_of(Settings(name), file().tensor<double>(name + "/x")),
                  file().tensor<std::int64_t>(name + "/y"));
    } else if (name == "chain.sum_of_squares") {
      check_both(file(), name, {"x"}, [](const auto& x) { return sum(square(x[0] * 2 - 1), 1); });
    } else if (name == "chain.normalise") {
      check_both(file(), name, {"x"}, [](const auto& x) {
        return ((x[0] - mean(x[0], 1, true)) / (taper::std(x[0], 1, {.keepdim = true}) + 0.5)).eval();
      });
    } else if (has_prefix(name, {"norm.p_0."})) {  // a count: nothing flows back
      const Settings s(name);
      const Tensor<double> x = file().tensor<double>(name + "/x").requires_grad_(), y = reduced(s, x);
      check_equal(y, file().tensor<double>(name + "/y"));
      y.backward(file().tensor<double>(name + "/gy"));
      CHECK_FALSE(x.grad().defined());
    } else {
      const Settings s(name);
      golden::check_case<double>(file(), name, {"x"}, [&](const auto& x) { return reduced(s, x[0]); });
      // In float 1e30 overflows when it is squared.
      if (!has_prefix(name, {"special."}))
        golden::check_case<float>(file(), name, {"x"}, [&](const auto& x) { return reduced(s, x[0]); });
      if (file().has(name + "/index"))
        check_equal(index_of(s, file().tensor<double>(name + "/x")), file().tensor<std::int64_t>(name + "/index"));
    }
  }
  CHECK(cases > 280);
}

TEST_CASE("reductions of other layouts equal those of dense copies") {
  const Tensor<double> x = irregular({4, 6, 5});
  for (const Tensor<double>& view :
       {transpose(x, 0, 2), slice(x, 1, {1, open_end, 2}), expand(x(Slice{}, Slice{0, 1}), {4, 3, 5}), flip(x, {1})}) {
    const Tensor<double> dense = clone(view);
    for (const Axes& axes : {Axes(), Axes(1), Axes{0, 2}}) {
      check_close(sum(view, axes), sum(dense, axes), 1e-14, 1e-14);
      check_close(var(view, axes), var(dense, axes), 1e-13, 1e-14);
      check_equal(amax(view, axes), amax(dense, axes));
      check_close(logsumexp(view, axes), logsumexp(dense, axes), 1e-14, 1e-14);
    }
    check_close(prod(view, 1), prod(dense, 1), 1e-14, 1e-14);
    check_equal(max(view, 2).indices, max(dense, 2).indices);
    check_equal(argmin(view), argmin(dense));
    check_equal(cumsum(view, 0), cumsum(dense, 0));
  }
}

TEST_CASE("reductions meet central differences, also of second order") {
  const Tensor<double> x = irregular({3, 4});
  int count = 0;
  const auto checks = [&](const auto& f) {
    INFO("function " << ++count);
    check_gradients({x}, f);
  };
  checks([](const auto& in) { return mean(in[0] * in[0], 1); });
  checks([](const auto& in) { return prod(in[0], 0); });
  checks([](const auto& in) { return prod(in[0]); });
  checks([](const auto& in) { return var(in[0], 1); });
  checks([](const auto& in) { return taper::std(in[0], {0, 1}, {.correction = 0}); });
  checks([](const auto& in) { return norm(in[0], 2, 1); });
  checks([](const auto& in) { return norm(in[0], 3); });
  checks([](const auto& in) { return norm(in[0] * in[0] + 0.5, 1.5, 0); });
  checks([](const auto& in) { return logsumexp(in[0], 1); });
  checks([](const auto& in) { return cumsum(in[0] * in[0], 0); });
  checks([](const auto& in) { return cumprod(in[0], 1); });
  checks([](const auto& in) { return square(amax(in[0], 1)).eval(); });
  checks([](const auto& in) { return square(min(in[0], 0).values).eval(); });
}

TEST_CASE("the gradient of a product is right where factors are zero") {
  for (const Tensor<double>& start : {tensor<double>({2, 0, 3}), tensor<double>({0, 5, 0})})
    for (const bool scan : {false, true})
      check_gradients({start}, [scan](const auto& in) { return scan ? cumprod(in[0], 0) : prod(in[0]); });
}

TEST_CASE("counting and comparing whole tensors") {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  check_equal(count_nonzero(tensor<double>({{0, 1, nan}, {0, 0, -2}})), tensor(3));
  check_equal(count_nonzero(tensor<double>({{0, 1, nan}, {0, 0, -2}}), 0), tensor({0, 1, 2}));
  const Tensor<double> x = tensor<double>({1, inf, -inf});
  CHECK(equal(x, x));
  CHECK_FALSE(equal(x, reshape(x, {3, 1})));
  CHECK_FALSE(equal(tensor<double>({nan}), tensor<double>({nan})));
  CHECK(allclose(x, x));
  CHECK(allclose(tensor<double>({1, 1e-9}), tensor<double>({1 + 9e-6, 0})));
  CHECK_FALSE(allclose(tensor<double>({1.0}), tensor<double>({1 + 2e-5})));
  CHECK(allclose(tensor<double>({1.0}), tensor<double>({1 + 2e-5}), {.rtol = 1e-4}));
  CHECK_FALSE(allclose(tensor<double>({nan}), tensor<double>({nan})));
  CHECK(allclose(tensor<double>({nan}), tensor<double>({nan}), {.equal_nan = true}));
  CHECK_FALSE(allclose(x, tensor<double>({1, inf, inf})));
  CHECK(allclose(zeros<double>({2, 3}), 0.0));
}

TEST_CASE("an axis without elements sums to zero, also behind others that have some") {
  for (const Shape& shape : {Shape{5, 0}, Shape{2, 5, 0}, Shape{2, 0, 5}}) {
    const Tensor<double> x = zeros<double>(shape);
    const int axis = shape.back() == 0 ? -1 : -2;
    Shape kept = shape;
    kept[shape.size() + axis] = 1;
    check_equal(sum(x, axis, true), zeros<double>(kept));
    check_equal(sum(x * x, axis, true), zeros<double>(kept));
    check_equal(any(x, axis, true), zeros<bool>(kept));
    // Gradients of what was broadcast along it.
    const Tensor<double> y = ones<double>(kept).requires_grad_();
    (x * y).backward(x);
    check_equal(y.grad(), zeros<double>(kept));
  }
}

TEST_CASE("indices of extremes that were changed are noticed by backward") {
  for (const bool keepdim : {false, true}) {
    Tensor<double> x = tensor<double>({{1, 3, 2}}).requires_grad_();
    auto largest = max(x, 1, keepdim), least = min(x, 1, keepdim);
    largest.indices.fill_(0), least.indices.fill_(2);
    CHECK_THROWS_AS(sum(largest.values).backward(), AutogradError);
    CHECK_THROWS_AS(sum(least.values).backward(), AutogradError);
  }
}

TEST_CASE("sums and products of integers wrap") {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max(), least = std::numeric_limits<std::int64_t>::min();
  const auto line = device::there(tensor<std::int64_t>({most, 1, 3}));
  CHECK(device::at(sum(line), 0) == least + 3);
  CHECK(device::at(prod(line), 0) == most - 2);  // 3 (2^63 - 1) - 2^64
  const auto rows = device::there(tensor<std::int64_t>({{most, least}, {2, -1}, {1, 1}}));
  check_equal(device::back(sum(rows, 0)), tensor<std::int64_t>({least + 2, least}));
  check_equal(device::back(prod(rows, 0)), tensor<std::int64_t>({-2, least}));
  check_equal(device::back(sum(transpose(rows, 0, 1), 1)), tensor<std::int64_t>({least + 2, least}));
  CHECK(device::at(sum(device::there(full<std::int64_t>({100'000}, most))), 0) == -100'000);
  CHECK(device::at(sum(device::there(tensor<std::int8_t>({-100, -100}))), 0) == -200);
}

// What float16 holds is the double result rounded, though squares and sums on the way are past its largest number. PyTorch's doubles.
TEST_CASE("reductions of 16-bit floats are rounded once") {
  const auto check = [](const auto& y, double wanted, double epsilon = 0x1p-11) {
    CHECK(static_cast<double>(static_cast<float>(device::at(y, 0))) == Approx(wanted).epsilon(epsilon));
  };
  const auto thousands = device::there(full<float16>({10}, 1000)), hundreds = device::there(full<float16>({50}, 100));
  check(norm(thousands), 3162.2776601683795);
  check(norm(thousands, 1.5), 4641.588833612776);
  check(norm(thousands, 4), 1778.2794100389228);
  check(norm(thousands, -2), 316.2277660168379);
  check(norm(hundreds, 3), 368.40314986403854);
  check(logsumexp(device::there(zeros<float16>({70'000}))), std::log(70'000.));
  const auto x = device::there(cast<float16>(arange<float>(20'000) % 200.f - 100.f).eval()).requires_grad_();
  check(var(x), 3333.4166708335415);
  check(taper::std(x), 57.73574863837432);
  check(taper::std(device::there(cast<float16>(arange<float>(2'000) % 2.f * 1000.f).eval())), 500.1250469);
  sum(var(x)).backward();
  check(x.grad(), -0.0099504975);
  const auto h = device::there(full<float16>({50}, 100)).requires_grad_();
  sum(norm(h, 3)).backward();
  check(h.grad(), 0.07368062997280778, 0x1p-9);  // of a norm that was rounded
}

TEST_CASE("what a reduction cannot do is named") {
  const Tensor<double> x = zeros<double>({2, 0});
  CHECK_THROWS_WITH(sum(x, 2), StartsWith("[sum]"));
  CHECK_THROWS_WITH(sum(x, {0, 0}), StartsWith("[sum]"));
  CHECK_THROWS_WITH(amax(x), StartsWith("[amax]"));
  CHECK_THROWS_WITH(max(x, 1), StartsWith("[max]"));
  CHECK_THROWS_WITH(argmin(x), StartsWith("[argmin]"));
}
