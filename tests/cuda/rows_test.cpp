// SPDX-License-Identifier: MIT
// Softmax, losses of classes and norms on a device whose memory the host cannot touch, where the goldens have no case.
// Slow
// Needs: thrust

#include <taper/core/literal.hpp>
#include <taper/ops/cross_entropy.hpp>
#include <taper/ops/layer_norm.hpp>

#include "tests/cuda/against_host.hpp"

using namespace taper;
using against_host::beside;
using against_host::There;

namespace {

template <Scalar T, class F>
void check(const std::vector<Tensor<T>>& inputs, const F& f) {
  against_host::check<T>(inputs, f, 1);
}
Tensor<bfloat16> rounded(const Shape& shape) { return cast<bfloat16>(randn<float>(shape)); }

}  // namespace

TEST_CASE("softmax along any axis of a device's tensors") {
  manual_seed(1);
  for (const Shape& shape :
       {Shape{1}, Shape{300}, Shape{5, 33}, Shape{3, 40, 5}, Shape{2, 0, 3}, Shape{0, 3}, Shape{2, 35, 3, 2}})
    for (int axis = 0; axis < shape.size(); ++axis)
      for (const bool log : {false, true}) {
        INFO(detail::concat("shape ", shape, ", axis ", axis));
        check<float>({randn<float>(shape)},
                     [&](const auto& v) { return log ? log_softmax(v[0], axis) : softmax(v[0], axis); });
      }
  check<bfloat16>({rounded({3, 50})}, [&](const auto& v) { return softmax(v[0], 1); });
}

TEST_CASE("infinities and NaN in a row of a device's softmax") {
  constexpr float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const auto x = tensor<float>({{1, -inf, 3}, {-inf, -inf, -inf}, {1, inf, 2}, {nan, 1, 2}, {1e30f, -1e30f, 1e30f}});
  for (const int axis : {0, 1}) {
    check_close(to<Cpu>(softmax(to<There>(x), axis)), softmax(x, axis), 1e-6, 0);
    check_close(to<Cpu>(log_softmax(to<There>(x), axis)), log_softmax(x, axis), 1e-6, 0);
  }
}

TEST_CASE("losses of classes on a device") {
  manual_seed(2);
  for (const Shape& shape : {Shape{9, 40}, Shape{70, 5}, Shape{3, 6, 4, 5}, Shape{7}, Shape{2, 40, 3}, Shape{0, 3}}) {
    const int axis = shape.size() == 1 ? 0 : 1;
    Shape samples = shape;
    samples.erase(axis);
    Tensor<std::int64_t> classes = randint<std::int64_t>(0, shape[axis], samples);
    if (classes.numel() > 3) classes.data_ptr()[1] = -100;
    const Tensor<float> some = abs(randn<float>({shape[axis]})), all;
    for (const Reduction reduction : {Reduction::none, Reduction::mean, Reduction::sum})
      for (const double smoothing : {-1.0, 0.0, 0.3})  // -1: nll_loss
        for (const Tensor<float>& weight : {some, all}) {
          INFO(detail::concat("shape ", shape, ", smoothing ", smoothing, weight.defined() ? ", weights" : ""));
          check<float>({randn<float>(shape)}, [&](const auto& v) {
            const auto t = beside(v[0], classes);
            const auto w = beside(v[0], weight);
            if (smoothing < 0) return nll_loss(v[0], t, w, {.reduction = reduction});
            return cross_entropy(v[0], t, w, {.reduction = reduction, .label_smoothing = smoothing});
          });
        }
  }
  const auto classes = randint<std::int64_t>(0, 40, {5});
  check<bfloat16>({rounded({5, 40})}, [&](const auto& v) { return cross_entropy(v[0], beside(v[0], classes)); });
}

TEST_CASE("a class out of range on a device is named") {
  const auto x = to<There>(zeros<float>({3, 4}));
  const auto classes = to<There>(tensor<std::int64_t>({3, 4, -1}));
  CHECK_THROWS_WITH(cross_entropy(x, classes),
                    "[cross_entropy] class 4 (element 1 of the target (3,)) is out of range for 4 classes");
  CHECK_THROWS_AS(nll_loss(x, classes), IndexError);
}

TEST_CASE("layer norm on a device") {
  manual_seed(3);
  for (const std::int64_t rows : {0, 1, 70, 700})
    for (const std::int64_t n : {1, 5, 50, 300})
      check<float>({randn<float>({rows, n}), randn<float>({n}), randn<float>({n})},
                   [&](const auto& v) { return layer_norm(v[0], {n}, v[1], v[2]); });
  check<bfloat16>({rounded({4, 40})}, [](const auto& v) { return layer_norm(v[0], {40}); });
}

TEST_CASE("batch norm on a device, its running statistics and its layouts") {
  manual_seed(4);
  for (const bool training : {true, false})
    for (const Shape& shape :
         {Shape{7, 5}, Shape{4, 5, 3, 7}, Shape{4, 8, 2, 2}, Shape{300, 8}, Shape{2, 1, 9}, Shape{2, 3, 2000}})
      for (const bool last : {false, true}) {
        if (last && shape.size() != 4) continue;
        INFO(detail::concat("shape ", shape, training ? ", training" : "", last ? ", channels last" : ""));
        const Tensor<float> mean = randn<float>({shape[1]}), var = abs(randn<float>({shape[1]}));
        const Shape own = last ? Shape{shape[0], shape[2], shape[3], shape[1]} : shape;
        check<float>({randn<float>(own), randn<float>({shape[1]}), randn<float>({shape[1]})}, [&](const auto& v) {
          using X = std::remove_cvref_t<decltype(v[0])>;
          const X m = clone(beside(v[0], mean)), s = clone(beside(v[0], var));
          const X y = batch_norm(last ? permute(v[0], {0, 3, 1, 2}) : v[0], m, s, v[1], v[2], training);
          if (last) CHECK(y.is_contiguous(MemoryFormat::channels_last));
          CHECK(m.version() == (training ? 1 : 0));
          return X(y + sum(m) * sum(s));
        });
      }
  check<bfloat16>({rounded({40, 4})}, [](const auto& v) { return batch_norm(v[0], {}, {}, {}, {}, true).eval(); });
}
