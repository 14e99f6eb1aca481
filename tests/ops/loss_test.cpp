// SPDX-License-Identifier: MIT
// Losses against PyTorch's goldens and central differences.
// Devices: slow
#include <taper/ops/loss.hpp>

#include "tests/ops/golden_case.hpp"

using namespace taper;
using Catch::Matchers::StartsWith;
using device::there;
using golden::irregular;

namespace {

Reduction reduction_of(const std::string& name) {
  const std::string last = name.substr(name.rfind('.') + 1);
  return last == "none" ? Reduction::none : last == "mean" ? Reduction::mean : last == "sum" ? Reduction::sum : Reduction::batchmean;
}
std::string middle_of(const std::string& name) {
  const auto first = name.find('.'), last = name.rfind('.');
  return first == last ? "" : name.substr(first + 1, last - first - 1);
}

template <class T>
void check_class_case(const golden::File& file, const std::string& name) {
  const std::string kind = name.substr(0, name.find('.')), variant = middle_of(name);
  CrossEntropyFuncOptions o{.reduction = reduction_of(name)};
  const auto is = [&](std::initializer_list<const char*> list) { return std::find(list.begin(), list.end(), variant) != list.end(); };
  if (is({"ignore_index", "everything", "3d_everything", "weight_ignore"})) o.ignore_index = 1;
  if (variant == "ignore_all") o.ignore_index = 2;
  if (is({"smoothing", "smoothing_weight", "soft_everything"})) o.label_smoothing = 0.125;
  if (is({"everything", "3d_everything"})) o.label_smoothing = 0.25;
  const Tensor<T> weight = file.has(name + "/weight") ? file.tensor<T>(name + "/weight") : Tensor<T>();
  if (file.dtype(name + "/target") == DType::int64) {
    const auto target = file.tensor<std::int64_t>(name + "/target");
    golden::check_case<T>(file, name, {"x"}, device::run_there<T>([&](const auto& x) {
      const auto t = there(target);
      const auto w = there(weight);
      return kind == "nll" ? nll_loss(x[0], t, w, {o.ignore_index, o.reduction}) : cross_entropy(x[0], t, w, o);
    }));
  } else {
    golden::check_case<T>(file, name, {"x", "target"}, device::run_there<T>([&](const auto& x) { return cross_entropy(x[0], x[1], there(weight), o); }));
  }
}

template <class T>
void check_pointwise_case(const golden::File& file, const std::string& name) {
  const std::string kind = name.substr(0, name.find('.')), variant = middle_of(name);
  const Reduction r = reduction_of(name);
  const Tensor<T> weight = file.has(name + "/weight") ? file.tensor<T>(name + "/weight") : Tensor<T>();
  const Tensor<T> positive = file.has(name + "/pos_weight") ? file.tensor<T>(name + "/pos_weight") : Tensor<T>();
  golden::check_case<T>(file, name, {"x", "target"}, device::run_there<T>([&](const auto& x) {
    if (kind == "mse") return mse_loss(x[0], x[1], {r});
    if (kind == "l1") return l1_loss(x[0], x[1], {r});
    if (kind == "smooth_l1") return smooth_l1_loss(x[0], x[1], {r, variant == "beta" ? 2.5 : variant == "beta_0" ? 0.0 : 1.0});
    if (kind == "huber") return huber_loss(x[0], x[1], {r, variant == "delta" ? 2.5 : 1.0});
    if (kind == "bce") return binary_cross_entropy(x[0], x[1], there(weight), {r});
    if (kind == "bce_with_logits") return binary_cross_entropy_with_logits(x[0], x[1], there(weight), {r, there(positive)});
    return kl_div(x[0], x[1], {r, variant == "log_target"});
  }));
}

}  // namespace

TEST_CASE("losses equal PyTorch's with every option and reduction") {
  const golden::File file("losses");
  int cases = 0;
  for (const std::string& name : file.cases()) {
    const std::string kind = name.substr(0, name.find('.'));
    ++cases;
    if (kind == "cross_entropy" || kind == "nll") {
      check_class_case<double>(file, name);
      check_class_case<float>(file, name);
    } else {
      check_pointwise_case<double>(file, name);
      if (name.rfind("bce.edge", 0) != 0) check_pointwise_case<float>(file, name);
    }
  }
  CHECK(cases > 130);
}

TEST_CASE("losses meet central differences, also of second order") {
  const Tensor<double> x = irregular({3, 4}), y = irregular({3, 4}, 8), p = irregular({3, 4}) * 0.4 + 0.5;
  Tensor<std::int64_t> t(detail::make_dense<Cpu>(DType::int64, {3}));
  t.data_ptr()[0] = 1, t.data_ptr()[1] = 3, t.data_ptr()[2] = 0;
  const Tensor<double> w = irregular({4}) * 0.3 + 1.0;
  for (const Reduction r : {Reduction::none, Reduction::mean}) {
    check_gradients({x, y}, [r](const auto& in) { return mse_loss(in[0], in[1], {r}); });
    check_gradients({x, y}, [r](const auto& in) { return huber_loss(in[0], in[1], {r, 0.7}); });
    check_gradients({p, y}, [r](const auto& in) { return binary_cross_entropy(in[0], in[1], {r}); });
    check_gradients({x, y, w}, [r](const auto& in) { return binary_cross_entropy_with_logits(in[0], in[1], {.reduction = r, .pos_weight = in[2]}); });
    check_gradients({x, p}, [r](const auto& in) { return kl_div(in[0], in[1], {r}); });
    check_gradients({x, y}, [r](const auto& in) { return kl_div(in[0], in[1], {r, true}); });
    check_gradients({x}, [&](const auto& in) { return cross_entropy(in[0], there(t), there(w), {.ignore_index = 3, .reduction = r, .label_smoothing = 0.2}); });
    check_gradients({x, p}, [&](const auto& in) { return cross_entropy(in[0], in[1], there(w), {.reduction = r, .label_smoothing = 0.2}); });
    check_gradients({x}, [&](const auto& in) { return nll_loss(log_softmax(in[0], 1), there(t), there(w), {.reduction = r}); });
  }
}

TEST_CASE("wide and many samples of cross entropy agree with log_softmax") {
  for (const Shape& shape : {Shape{37, 100}, Shape{5, 33, 19}, Shape{2, 7, 9, 11}}) {
    const Tensor<float> x = irregular<float>(shape);
    Shape samples = shape;
    samples.erase(1);
    Tensor<std::int64_t> t(detail::make_dense<Cpu>(DType::int64, samples));
    for (std::int64_t i = 0; i < t.numel(); ++i) t.data_ptr()[i] = i * 5 % shape[1];
    check_close(cross_entropy(x, t, {.reduction = Reduction::none}), nll_loss(log_softmax(x, 1), t, {.reduction = Reduction::none}), 1e-5, 1e-6);
  }
}

TEST_CASE("a mean of squares is one pass each way, and losses of expressions fuse") {
  Tensor<float> x = irregular<float>({8, 8}).requires_grad_();
  const Tensor<float> y = irregular<float>({8, 8}, 5);
  reset_stats();
  const Tensor<float> loss = mse_loss(x * 2.0f, y);
  CHECK(stats().launches == 1);
  reset_stats();
  loss.backward();
  CHECK(stats().launches <= 2);
}

TEST_CASE("what does not fit a loss is named") {
  const Tensor<float> x = irregular<float>({3, 4});
  Tensor<std::int64_t> t(detail::make_dense<Cpu>(DType::int64, {3}));
  t.data_ptr()[0] = 0, t.data_ptr()[1] = 4, t.data_ptr()[2] = 1;
  CHECK_THROWS_WITH(mse_loss(x, irregular<float>({3})), StartsWith("[mse_loss] the input (3, 4) and the target (3,) must have the same shape"));
  CHECK_THROWS_WITH(cross_entropy(x, t), "[cross_entropy] class 4 (element 1 of the target (3,)) is out of range for 4 classes");
  CHECK_THROWS_WITH(cross_entropy(irregular<float>({2, 4}), t), StartsWith("[cross_entropy] class numbers for the input (2, 4) must have shape (2,), not (3,)"));
  CHECK_THROWS_AS(cross_entropy(x, x, irregular<float>({3})), ShapeError);
  CHECK_THROWS_AS(cross_entropy(x, x, {.label_smoothing = 2}), ValueError);
  CHECK_THROWS_AS(binary_cross_entropy(x, x), ValueError);
  CHECK_THROWS_AS(huber_loss(x, x, {.delta = 0}), ValueError);
}

template <class X, class Y>
concept Entropic = requires(const X& x, const Y& y) { cross_entropy(x, y); };
static_assert(Entropic<Tensor<float>, Tensor<std::int64_t>> && Entropic<Tensor<float>, Tensor<float>>);
static_assert(!Entropic<Tensor<float>, Tensor<double>> && !Entropic<Tensor<float>, Tensor<std::int32_t>>);
template <class X, class Y>
concept Squares = requires(const X& x, const Y& y) { mse_loss(x, y); };
static_assert(!Squares<Tensor<float>, Tensor<double>>);
