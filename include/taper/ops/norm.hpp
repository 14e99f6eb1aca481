// SPDX-License-Identifier: MIT
// Normalisation over channels: batch_norm.
#pragma once

#include <taper/backend/cpu/norm.hpp>
#include <taper/ops/reduction.hpp>
#include <taper/ops/structural.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

/// Running statistics of a batch norm, in the compute type: in 16 bits they would hardly move.
template <Scalar T, Device D>
using RunningStats = Tensor<compute_t<T>, D>;

/// Statistics of a batch norm, in the compute type: `inverse` is 1 / sqrt(var + eps).
template <Scalar T, Device D>
struct ChannelStats {
  Tensor<compute_t<T>, D> mean, inverse;
};

inline Channels channels_of(const Shape& x, bool last = false) {
  const AxisSplit s(x, 1);
  if (last) return {s.outer * s.inner, s.size, 1};
  return {s.outer, s.size, s.inner};
}

/// The record of a tensor that may be missing.
template <Scalar T, Device D>
const TensorRecord* record_of(const Tensor<T, D>& x) {
  return x.defined() ? &x.record() : nullptr;
}

template <Scalar T>
compute_t<T> element(const Tensor<T>& x, std::int64_t i, double otherwise) {
  return x.defined() ? static_cast<compute_t<T>>(x.data_ptr()[i * x.strides()[0]]) : static_cast<compute_t<T>>(otherwise);
}

/// The moments of x's channels, moved into the running ones.
template <Scalar T, Device D>
  requires on_host<D>
ChannelStats<T, D> batch_stats(const Tensor<T, D>& x, const RunningStats<T, D>& running_mean, const RunningStats<T, D>& running_var, double momentum, double eps) {
  using C = compute_t<T>;
  const Channels s = channels_of(x.shape(), has_channels_last(x));
  ChannelStats<T, D> out{empty_tensor<C, D>({s.c}), empty_tensor<C, D>({s.c})};
  C *mean = out.mean.data_ptr(), *var = out.inverse.data_ptr();
  count_pass();
  channel_moments<T>(s, x.data_ptr(), mean, var);
  const auto move = [&](const Tensor<C, D>& running, const C* now, double factor) {
    if (!running.defined() || s.count() == 0) return;
    C* p = reinterpret_cast<C*>(running.record().data);
    for (std::int64_t c = 0; c < s.c; ++c) {
      C& r = p[c * running.strides()[0]];
      r = static_cast<C>((1 - momentum) * static_cast<double>(r) + momentum * factor * static_cast<double>(now[c]));
    }
    running.record().storage->version.fetch_add(1, std::memory_order_relaxed);
  };
  move(running_mean, mean, 1);
  // The running variance is the unbiased one.
  move(running_var, var, static_cast<double>(s.count()) / static_cast<double>(s.count() - 1));
  for (std::int64_t c = 0; c < s.c; ++c) var[c] = static_cast<C>(1 / math::sqrt(static_cast<double>(var[c]) + eps));
  return out;
}
template <Scalar T, Device D>
  requires(!on_host<D>)
ChannelStats<T, D> batch_stats(const Tensor<T, D>& x, const RunningStats<T, D>& running_mean, const RunningStats<T, D>& running_var, double momentum, double eps) {
  using C = compute_t<T>;
  const Channels s = channels_of(x.shape(), has_channels_last(x));
  ChannelStats<T, D> out{empty_tensor<C, D>({s.c}), empty_tensor<C, D>({s.c})};
  const TensorRecord* const running[] = {s.count() > 0 ? record_of(running_mean) : nullptr, s.count() > 0 ? record_of(running_var) : nullptr};
  Accelerator<D>::channel_moments(s, x.data_ptr(), eps, out.mean.data_ptr(), out.inverse.data_ptr(), running[0], running[1], momentum);
  for (const TensorRecord* r : running)
    if (r) r->storage->version.fetch_add(1, std::memory_order_relaxed);
  return out;
}
template <Scalar T, Device D>
  requires on_host<D>
ChannelStats<T, D> running_stats(std::int64_t channels, const RunningStats<T, D>& mean, const RunningStats<T, D>& var, double eps) {
  using C = compute_t<T>;
  ChannelStats<T, D> out{empty_tensor<C, D>({channels}), empty_tensor<C, D>({channels})};
  for (std::int64_t c = 0; c < channels; ++c) {
    out.mean.data_ptr()[c] = element(mean, c, 0);
    out.inverse.data_ptr()[c] = static_cast<C>(1 / math::sqrt(static_cast<double>(element(var, c, 1)) + eps));
  }
  return out;
}

template <Scalar T, Device D>
  requires(!on_host<D>)
ChannelStats<T, D> running_stats(std::int64_t channels, const RunningStats<T, D>& mean, const RunningStats<T, D>& var, double eps) {
  using C = compute_t<T>;
  ChannelStats<T, D> out{empty_tensor<C, D>({channels}), empty_tensor<C, D>({channels})};
  Accelerator<D>::template running_stats<T>(channels, record_of(mean), record_of(var), eps, out.mean.data_ptr(), out.inverse.data_ptr());
  return out;
}

/// A batch norm with its statistics: y = a (x - mean) + c per channel.
template <Scalar T, Device D>
struct NormMap {
  using C = compute_t<T>;
  Scratch memory;
  const C* mean;
  C *a, *c;
  NormMap(const ChannelStats<T, D>& stats, const Tensor<T, D>& w, const Tensor<T, D>& b)
      : memory(static_cast<std::size_t>(2 * stats.mean.numel()) * sizeof(C)),
        mean(stats.mean.data_ptr()),
        a(reinterpret_cast<C*>(memory.data())),
        c(a + stats.mean.numel()) {
    for (std::int64_t k = 0; k < stats.mean.numel(); ++k) a[k] = stats.inverse.data_ptr()[k] * element(w, k, 1), c[k] = element(b, k, 0);
  }
  Tensor<T, D> operator()(const Tensor<T, D>& x, const Epilogue* epilogue) const {
    const bool last = has_channels_last(x);
    Tensor<T, D> y = empty_tensor<T, D>(x.shape(), last);
    count_pass();
    channel_affine<T>(channels_of(x.shape(), last), x.data_ptr(), static_cast<const T*>(nullptr), mean, a, nullptr, c, y.data_ptr(), epilogue);
    return y;
  }
};
template <Scalar T, Device D>
  requires(!on_host<D>)
struct NormMap<T, D> {
  const ChannelStats<T, D>& stats;
  const Tensor<T, D>&w, &b;
  NormMap(const ChannelStats<T, D>& s, const Tensor<T, D>& weight, const Tensor<T, D>& bias) : stats(s), w(weight), b(bias) {}
  Tensor<T, D> operator()(const Tensor<T, D>& x, const Epilogue*) const {
    const bool last = has_channels_last(x);
    Tensor<T, D> y = empty_tensor<T, D>(x.shape(), last);
    Accelerator<D>::batch_norm(channels_of(x.shape(), last), x.data_ptr(), stats.mean.data_ptr(), stats.inverse.data_ptr(), record_of(w),
                               record_of(b), y.data_ptr());
    return y;
  }
};

template <Scalar T, Device D>
struct BatchNormBackward {
  Saved<T, D> x, weight, bias;
  ChannelStats<T, D> stats;
  double eps;
  bool training;

  RecordPtr remake(const Epilogue* epilogue) const
    requires on_host<D>
  {
    return NormMap<T, D>(stats, weight.get(), bias.get())(x.get(), epilogue).handle();
  }

  /// In differentiable functions: the statistics are computed again from x.
  void recorded(const autograd::BackwardContext& ctx) const {
    const Tensor<T, D>& input = x.get();
    Axes axes{0};
    Shape kept = Dims::filled(input.dim(), 1);
    for (int i = 2; i < input.dim(); ++i) axes.push_back(i);
    kept[1] = input.shape()[1];
    const Tensor<T, D> g = ctx.grad<T, D>();
    Tensor<T, D> distance, inverse;
    if (training) {
      distance = input - mean(input, axes, true);
      inverse = rsqrt(mean(square(distance), axes, true) + eps);
    } else {
      distance = input - reshape(cast<T>(stats.mean), kept);
      inverse = reshape(cast<T>(stats.inverse), kept);
    }
    const Tensor<T, D> normal = distance * inverse;
    if (ctx.wants(0)) {
      Tensor<T, D> up = g;
      if (weight.defined()) up = g * reshape(weight.get(), kept);
      if (training) ctx.give(0, inverse * (up - mean(up, axes, true) - normal * mean(up * normal, axes, true)));
      else ctx.give(0, inverse * up);
    }
    if (ctx.wants(1)) ctx.give(1, sum(g * normal, axes));
    if (ctx.wants(2)) ctx.give(2, sum(g, axes));
  }

  void operator()(const autograd::BackwardContext& ctx) const {
    if (x.get().numel() == 0) return nothing(ctx);
    if constexpr (!first_order_only)
      if (ctx.create_graph()) return recorded(ctx);
    if constexpr (on_host<D>) plain(ctx);
    else on_device(ctx);
  }

  /// Of an empty batch: in training its moments are 0 / 0.
  void nothing(const autograd::BackwardContext& ctx) const {
    for (int i = 0; i < 3; ++i)
      if (ctx.wants(i)) ctx.give(i, Tensor<T, D>(GradOpsFor<T, D>::full(ctx.input_shape(i), 0)));
  }

  void on_device(const autograd::BackwardContext& ctx) const {
    const Tensor<T, D>& input = x.get();
    const bool last = has_channels_last(input);
    const Tensor<T, D> g = arranged(ctx.grad<T, D>(), last);
    const Channels s = channels_of(input.shape(), last);
    Tensor<T, D> d[3];
    for (int i = 0; i < 3; ++i)
      if (ctx.wants(i)) d[i] = i == 0 ? empty_tensor<T, D>(input.shape(), last) : empty_tensor<T, D>({s.c});
    const auto at = [](Tensor<T, D>& t) { return t.defined() ? t.data_ptr() : nullptr; };
    Accelerator<D>::batch_norm_backward(s, g.data_ptr(), input.data_ptr(), stats.mean.data_ptr(), stats.inverse.data_ptr(),
                                        record_of(weight.get()), training, at(d[0]), at(d[1]), at(d[2]));
    for (int i = 0; i < 3; ++i)
      if (d[i].defined()) ctx.give(i, std::move(d[i]));
  }

  void plain(const autograd::BackwardContext& ctx) const {
    using C = compute_t<T>;
    const Tensor<T, D>& input = x.get();
    const bool last = has_channels_last(input);
    const Tensor<T, D> g = arranged(ctx.grad<T, D>(), last);
    const Channels s = channels_of(input.shape(), last);
    const Scratch memory(static_cast<std::size_t>(5 * s.c) * sizeof(C));
    C *sum = reinterpret_cast<C*>(memory.data()), *covariance = sum + s.c, *a = covariance + s.c, *b = a + s.c, *c = b + s.c;
    const C *mean = stats.mean.data_ptr(), *inverse = stats.inverse.data_ptr();
    count_pass();
    channel_sums<T>(s, g.data_ptr(), input.data_ptr(), mean, sum, covariance);
    if (ctx.wants(0)) {
      const C share = C(1) / static_cast<C>(s.count());
      for (std::int64_t k = 0; k < s.c; ++k) {
        b[k] = inverse[k] * element(weight.get(), k, 1);
        a[k] = training ? -b[k] * inverse[k] * inverse[k] * covariance[k] * share : C(0);
        c[k] = training ? -b[k] * sum[k] * share : C(0);
      }
      Tensor<T, D> dx = empty_tensor<T, D>(input.shape(), last);
      count_pass();
      channel_affine<T>(s, input.data_ptr(), g.data_ptr(), mean, a, b, c, dx.data_ptr());
      ctx.give(0, std::move(dx));
    }
    for (int i = 1; i <= 2; ++i) {
      if (!ctx.wants(i)) continue;
      Tensor<T, D> d = empty_tensor<T, D>({s.c});
      for (std::int64_t k = 0; k < s.c; ++k) d.data_ptr()[k] = static_cast<T>(i == 1 ? covariance[k] * inverse[k] : sum[k]);
      ctx.give(i, std::move(d));
    }
  }
};

/// x of a batch norm: a tensor.
template <Scalar T, Device D>
struct NormInput {
  static constexpr bool folds = false;
  Held<T, D> x;
  explicit NormInput(const Tensor<T, D>& input) : x(arranged(input, has_channels_last(input))) {}
  bool last() const { return has_channels_last(x.get()); }
  const Tensor<T, D>& get() const { return x.get(); }
};
/// Or the result of a producer, whose epilogue the norm can be.
template <class P>
struct LateNormInput {
  static constexpr bool folds = true;
  Produced<P> node;
  explicit LateNormInput(Expr<Produced<P>>&& x) : node(std::move(x).node()) {}
  bool last() const { return node.producer.order() == channels_last_order; }
  const auto& get() const {
    if (!node.made.defined()) node.made = arranged(node.producer(), last());
    return node.made;
  }
};
template <TensorLike X, Scalar T = value_t<X>, Device D = device_t<X>>
struct NormInputOf { using type = NormInput<T, D>; };
template <class P, Scalar T, Device D>
  requires FinishesParts<P> && (std::same_as<T, float> || std::same_as<T, double>) && on_host<D>
struct NormInputOf<Expr<Produced<P>>, T, D> { using type = LateNormInput<P>; };

/// A batch norm of each part of a convolution or product, then what follows it.
template <class T>
struct NormEpilogue {
  const T *mean, *a, *c;
  std::int64_t channels;
  bool rows;  // belong to channels; otherwise columns are channels
  const Epilogue* next;
  static void run(const void* self, const Part& part) {
    const auto& e = *static_cast<const NormEpilogue*>(self);
    affine_part<T>(part, e.channels, e.rows, e.mean, e.a, e.c);
    if (e.next) e.next->run(e.next->self, part);
  }
};

/// The statistics are taken when the expression is built, x is mapped when it runs.
template <Scalar T, Device D, class Input>
struct BatchNormProducer : ProducerBase<T, D> {
  Input x;
  Held<T, D> weight, bias;
  ChannelStats<T, D> stats;
  double eps;
  bool training, last;

  BatchNormProducer(const Shape& shape, Input input, const Tensor<T, D>& w, const Tensor<T, D>& b, ChannelStats<T, D> s, double e, bool train)
      : ProducerBase<T, D>{shape}, x(std::move(input)), weight(w), bias(b), stats(std::move(s)), eps(e), training(train), last(x.last()) {}

  std::int64_t columns() const {
    const Channels s = channels_of(this->result, last);
    return s.inner == 1 ? s.c : s.inner;
  }
  AxisOrder order() const { return last ? channels_last_order : 0; }
  Tensor<T, D> operator()(const Epilogue* epilogue = nullptr) const {
    const GradMode mode(this->record != 0);
    const Tensor<T, D>&w = weight.get(), &b = bias.get();
    const NormMap<T, D> map(stats, w, b);
    if constexpr (Input::folds)
      // The producer's rows are this norm's: channels, or images of one pixel each.
      if (!training && !this->record && !x.node.made.defined() && x.node.producer.columns() == columns()) {
        const Channels s = channels_of(this->result, last);
        const NormEpilogue<T> norm{map.mean, map.a, map.c, s.c, s.inner != 1, epilogue};
        const Epilogue first{norm.run, &norm};
        return x.node.producer(&first);
      }
    const Tensor<T, D>& input = x.get();
    return record_op("batch_norm", map(input, epilogue), false,
                     BatchNormBackward<T, D>{Saved<T, D>(input), Saved<T, D>(w), Saved<T, D>(b), stats, eps, training}, input, w, b);
  }
};

template <Scalar T, Device D>
void check_channels(std::string_view op, std::string_view name, const Tensor<T, D>& t, const Shape& x) {
  check_here<D>(op, {t.handle().get()});
  if (t.defined() && !(t.shape() == Shape{x[1]}))
    raise<ShapeError>(op, name, " ", t.shape(), " must have shape (", x[1], ",), one element for each channel of x ", x);
}

}  // namespace detail

/// (x - mean) / sqrt(var + eps) weight + bias per channel (axis 1): with the batch's own moments in training, which also
/// move the running ones by momentum (the variance unbiased), and with the running ones otherwise.
/// Shapes: x (n, c, ..); the others (c) or undefined. Dtypes: floating, equal; the running moments of 16-bit floats are float.
/// Gradient: through the batch's moments in training. Throws: ShapeError; ValueError where one value per channel is all
/// there is to train on, or running statistics are missing outside training.
template <TensorLike X>
  requires Floating<value_t<X>>
auto batch_norm(X&& x, const detail::RunningStats<value_t<X>, device_t<X>>& running_mean,
                const detail::RunningStats<value_t<X>, device_t<X>>& running_var, const std::type_identity_t<tensor_t<X>>& weight = {},
                const std::type_identity_t<tensor_t<X>>& bias = {}, bool training = false, double momentum = 0.1, double eps = 1e-5) {
  using T = value_t<X>;
  using D = device_t<X>;
  const Shape shape = x.shape();
  if (shape.size() < 2) detail::raise<ShapeError>("batch_norm", "x must have at least 2 dimensions (n, c, ..), not shape ", shape);
  detail::check_channels("batch_norm", "running_mean", running_mean, shape);
  detail::check_channels("batch_norm", "running_var", running_var, shape);
  detail::check_channels("batch_norm", "weight", weight, shape);
  detail::check_channels("batch_norm", "bias", bias, shape);
  if (training && detail::channels_of(shape).count() == 1)
    detail::raise<ValueError>("batch_norm", "x ", shape, " has one value per channel: training takes a variance of more than one; use larger batches, or eval(net)");
  if (!training && !(running_mean.defined() && running_var.defined()))
    detail::raise<ValueError>("batch_norm", "running_mean and running_var are needed outside training");
  using Input = typename detail::NormInputOf<X>::type;
  Input input(std::forward<X>(x));
  auto stats = training ? detail::batch_stats(input.get(), running_mean, running_var, momentum, eps)
                        : detail::running_stats<T, D>(shape[1], running_mean, running_var, eps);
  return produce(detail::BatchNormProducer<T, D, Input>(shape, std::move(input), weight, bias, std::move(stats), eps, training));
}

TAPER_REFUSE_NOT_FLOATING(batch_norm)

}  // namespace taper::inline TAPER_CODE
