// SPDX-License-Identifier: MIT
// Elements moved along one axis by an index of the result's (or the source's) own shape: gather, scatter, scatter_add.
#pragma once

#include <taper/ops/index_at.hpp>
#include <taper/ops/pad.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

template <class I>
inline constexpr bool is_index = false;
template <TensorLike I>
inline constexpr bool is_index<I> = std::same_as<value_t<I>, std::int64_t>;
#define TAPER_REQUIRE_INDEX(I) \
  static_assert(detail::is_index<I>, "an index must be a tensor of std::int64_t: write cast<std::int64_t>(index)")

/// A 0-dim operand counts as one of one element.
inline Shape at_least_1d(const Shape& s) { return s.empty() ? Shape{1} : s; }
inline Strides steps_of(const TensorRecord& r) { return r.shape.empty() ? Strides{1} : r.strides; }

/// An index along an axis, checked against the tensor that it indexes unless it is `known` to be good. A GPU reports what is out
/// of range when it is next waited for.
template <Device D = Cpu>
struct AxisIndex {
  int axis = 0;
  Saved<std::int64_t, D> index;

  AxisIndex(std::string_view op, const Shape& shape, std::int64_t given_axis, const Tensor<std::int64_t, D>& given, bool known = false)
      : axis(wrap_axis(op, given_axis, shape.size())), index(Tensor<std::int64_t, D>(dense_record_on<D>(given.handle()))) {
    const Shape x = at_least_1d(shape), i = at_least_1d(given.shape());
    if (x.size() != i.size())
      raise<ShapeError>(op, "the index ", given.shape(), " and the tensor ", shape,
                        " must have the same number of dimensions: ", i.size(), " != ", x.size());
    if (given.numel() == 0 || known) return;
    for (int d = 0; d < x.size(); ++d)
      if (d != axis && i[d] > x[d])
        raise<ShapeError>(op, "the index ", given.shape(), " must not be larger than the tensor ", shape,
                          " but along axis ", axis, ": ", i[d], " > ", x[d], " along axis ", d);
    if constexpr (on_host<D>) check_indices(op, data(), given.numel(), axis, x[axis], false);
    else Accelerator<D>::check_indices(op, data(), given.numel(), axis, x[axis], false);
  }
  const Shape& shape() const { return index.get().shape(); }
  const std::int64_t* data() const { return index.get().data_ptr(); }
  AxisLoop loop(const Strides& x, const Strides& other) const { return AxisLoop(at_least_1d(shape()), axis, x, other); }
};

inline void check_source(std::string_view op, const Shape& index, const Shape& source) {
  const Shape i = at_least_1d(index), s = at_least_1d(source);
  bool fits = i.size() == s.size();
  for (int d = 0; d < i.size() && fits; ++d) fits = i[d] <= s[d];
  if (!fits && i.numel() > 0)
    raise<ShapeError>(op, "the source ", source, " must be at least as large as the index ", index,
                      " along every axis");
}

template <Device D>
RecordPtr gather_from(const TensorRecord& x, const AxisIndex<D>& at) {
  RecordPtr out = make_dense<D>(x.dtype, at.shape());
  count_pass();
  if constexpr (!on_host<D>) {
    Accelerator<D>::gather(x, at.axis, at.index.get().record(), *out);
    return out;
  }
  const AxisLoop loop = at.loop(steps_of(x), steps_of(*out));
  run_axis(loop, static_cast<std::int64_t>(size_of(x.dtype)), at.data(), x.data, out->data, false, row_gatherer(size_of(x.dtype)));
  return out;
}
/// A source as a device's kernels take it: dense, of the index's shape.
template <Device D>
RecordPtr device_source(const RecordPtr& source, const AxisIndex<D>& at) {
  if (source->shape == at.shape()) return device_dense<D>(source);
  const Strides strides = at.shape().empty() ? Strides() : steps_of(*source);
  return device_dense<D>(make_alias(*source, {at.shape(), strides, geometry_of(*source).offset}));
}
template <Device D>
void scatter_replace(TensorRecord& x, const AxisIndex<D>& at, const RecordPtr& source, bool one_value) {
  count_pass();
  if constexpr (!on_host<D>)
    return Accelerator<D>::scatter(x, at.axis, at.index.get().record(), one_value ? *source : *device_source(source, at), one_value);
  const AxisLoop loop = at.loop(steps_of(x), one_value ? steps_of(x) : steps_of(*source));
  run_axis(loop, static_cast<std::int64_t>(size_of(x.dtype)), at.data(), x.data, source->data, one_value, row_replacer(size_of(x.dtype)));
}
template <Scalar T, Device D>
void scatter_accumulate(TensorRecord& x, const AxisIndex<D>& at, const RecordPtr& source, bool one_value) {
  using C = compute_t<T>;
  count_pass();
  if constexpr (!on_host<D>)
    return Accelerator<D>::template scatter_add<T>(x, at.axis, at.index.get().record(), *device_source(source, at));
  const Sums<T> sums(x);
  const RecordPtr values = summands<T>(sums_wide<T> ? dense_record(source) : source);
  const AxisLoop loop =
      at.loop(x.shape.empty() ? Strides{1} : sums.strides(), one_value ? steps_of(x) : steps_of(*values));
  run_axis(loop, sizeof(C), at.data(), reinterpret_cast<std::byte*>(sums.data()), values->data, one_value, &add_row<C>);
  sums.finish();
}

/// Which elements of a scatter's source stay: those that are the last at their place.
template <Device D>
Tensor<bool, D> last_scattered(const Shape& shape, const AxisIndex<D>& at) {
  if constexpr (!on_host<D>) return Tensor<bool, D>(Accelerator<D>::last_scattered(shape, at.axis, at.index.get().record()));
  const RecordPtr numbers = make_dense<Cpu>(DType::int64, at.shape()), table = make_dense<Cpu>(DType::int64, shape);
  auto* n = reinterpret_cast<std::int64_t*>(numbers->data);
  for (std::int64_t i = 0; i < numbers->numel; ++i) n[i] = i;
  scatter_replace(*table, at, numbers, false);
  const RecordPtr left = gather_from(*table, at), out = make_dense<Cpu>(DType::boolean, at.shape());
  for (std::int64_t i = 0; i < numbers->numel; ++i)
    out->data[i] = static_cast<std::byte>(reinterpret_cast<std::int64_t*>(left->data)[i] == i);
  return Tensor<bool, D>(out);
}

template <Scalar T, Device D>
Tensor<T, D> scatter_add_at(std::string_view name, const Tensor<T, D>& x, const AxisIndex<D>& at,
                            const Tensor<T, D>& source);

template <Scalar T, Device D>
Tensor<T, D> gather_at(std::string_view name, const Tensor<T, D>& x, const AxisIndex<D>& at) {
  auto backward = [at, shape = x.shape()](const autograd::BackwardContext& ctx) {
    if (!ctx.wants(0)) return;
    const Tensor<T, D> g = ctx.grad<T, D>();
    if constexpr (!first_order_only)
      if (ctx.create_graph()) return ctx.give(0, scatter_add_at("gather backward", zero_tensor<T, D>(shape), at, g));
    scatter_accumulate<T>(gradient_sums<T, D>(ctx, 0), at, g.handle(), false);
  };
  return record_op(name, Tensor<T, D>(gather_from(x.record(), at)), false, std::move(backward), x);
}

/// A gradient of the index's shape as one of the source's: what the index does not reach gets none.
template <Scalar T, Device D>
Tensor<T, D> fit_source(const Tensor<T, D>& g, const Shape& source) {
  if (g.shape() == source) return g;
  if (g.numel() == 0) return zero_tensor<T, D>(source);
  const Shape from = at_least_1d(g.shape()), to = at_least_1d(source);
  Padding amounts;
  for (int d = to.size() - 1; d >= 0; --d) amounts.push_back(0, to[d] - from[d]);
  return reshape(pad(reshape(g, from), amounts), source);
}

template <Scalar T, Device D>
struct ScatterAddBackward {
  AxisIndex<D> at;
  Shape source;
  void operator()(const autograd::BackwardContext& ctx) const {
    const Tensor<T, D> g = ctx.grad<T, D>();
    ctx.give(0, g);
    if (ctx.wants(1)) ctx.give(1, fit_source(gather_at("scatter_add backward", g, at), source));
  }
};
template <Scalar T, Device D>
Tensor<T, D> scatter_add_at(std::string_view name, const Tensor<T, D>& x, const AxisIndex<D>& at,
                            const Tensor<T, D>& source) {
  Tensor<T, D> out(copy_of_record_on<D>(x.record()));
  scatter_accumulate<T>(out.record(), at, source.handle(), false);
  return record_op(name, std::move(out), false, ScatterAddBackward<T, D>{at, source.shape()}, x, source);
}

template <Scalar T, Device D>
Tensor<T, D> scatter_at(std::string_view name, const Tensor<T, D>& x, const AxisIndex<D>& at, const Tensor<T, D>& source,
                        bool one_value);

template <Scalar T, Device D>
struct ScatterBackward {
  AxisIndex<D> at;
  Shape shape, source;
  void operator()(const autograd::BackwardContext& ctx) const {
    const Tensor<T, D> g = ctx.grad<T, D>();
    if (ctx.wants(0)) ctx.give(0, scatter_at("scatter backward", g, at, zero_tensor<T, D>({}), true));
    if (!ctx.wants(1)) return;
    const Tensor<T, D> taken = where(last_scattered(shape, at), gather_at("scatter backward", g, at), T(0));
    ctx.give(1, fit_source(taken, source));
  }
};
template <Scalar T, Device D>
Tensor<T, D> scatter_at(std::string_view name, const Tensor<T, D>& x, const AxisIndex<D>& at, const Tensor<T, D>& source,
                        bool one_value) {
  Tensor<T, D> out(copy_of_record_on<D>(x.record()));
  scatter_replace(out.record(), at, source.handle(), one_value);
  return record_op(name, std::move(out), false, ScatterBackward<T, D>{at, x.shape(), source.shape()}, x, source);
}

/// `value` as a source: a tensor as it is, a number as one element.
template <Scalar T, Device D, class V>
Tensor<T, D> source_of(std::string_view op, const AxisIndex<D>& at, const V& value) {
  if constexpr (TensorLike<V>) {
    const Tensor<T, D> source = eval(value);
    check_source(op, at.shape(), source.shape());
    return source;
  } else {
    return value_tensor<T, D>(value);
  }
}
template <class V, class T>
concept SourceOf = ScalarLike<std::remove_cvref_t<V>> || OfOneDType<V, T>;

/// A source or index in memory that writing to x does not change.
template <Scalar T, Scalar U, Device D>
Tensor<U, D> apart_from(const Tensor<T, D>& x, const Tensor<U, D>& read) {
  return share_memory(read.record(), x.record()) ? clone(read) : read;
}

}  // namespace detail

/// y[.., i, ..] = x[.., index[.., i, ..], ..]: an element of x along an axis for every element of the index.
/// Shapes: index (of x's rank, not larger than x but along the axis) -> index's shape. Gradient: scatter_add of g.
/// Throws: ShapeError; IndexError for an index below 0 or beyond the axis.
template <TensorLike X, TensorLike I>
tensor_t<X> gather(X&& x, std::int64_t axis, const I& index) {
  TAPER_REQUIRE_INDEX(I);
  const tensor_t<X> t = eval(std::forward<X>(x));
  return detail::gather_at("gather", t, detail::AxisIndex("gather", t.shape(), axis, eval(index)));
}

/// x with y[.., index[.., i, ..], ..] = source[.., i, ..], the last where places repeat. Source: a tensor or a number.
/// Shapes: index not larger than source. Gradient: g to x but for the places, g at the places to the values that stay.
/// Throws: as gather.
template <TensorLike X, TensorLike I, class S>
  requires detail::SourceOf<S, X>
tensor_t<X> scatter(X&& x, std::int64_t axis, const I& index, const S& source) {
  TAPER_REQUIRE_INDEX(I);
  const tensor_t<X> t = eval(std::forward<X>(x));
  const detail::AxisIndex at("scatter", t.shape(), axis, eval(index));
  return detail::scatter_at("scatter", t, at, detail::source_of<value_t<X>, device_t<X>>("scatter", at, source),
                            !TensorLike<S>);
}

/// x with source added at index along an axis, one after another where places repeat. Shapes, throws: as scatter.
/// Gradient: g to x, g at the places to source.
template <TensorLike X, TensorLike I, TensorLike S>
  requires detail::OfOneDType<X, S>
tensor_t<X> scatter_add(X&& x, std::int64_t axis, const I& index, const S& source) {
  TAPER_REQUIRE_INDEX(I);
  const tensor_t<X> t = eval(std::forward<X>(x));
  const detail::AxisIndex at("scatter_add", t.shape(), axis, eval(index));
  return detail::scatter_add_at("scatter_add", t, at,
                                detail::source_of<value_t<X>, device_t<X>>("scatter_add", at, source));
}

/// scatter into x itself, recorded. Throws: as scatter; AutogradError for a leaf that wants a gradient.
template <Scalar T, Device D, TensorLike I, class S>
  requires detail::SourceOf<S, Tensor<T, D>>
void scatter_(Tensor<T, D> x, std::int64_t axis, const I& index, const S& source) {
  TAPER_REQUIRE_INDEX(I);
  const detail::AxisIndex at("scatter_", x.shape(), axis, detail::apart_from(x, tensor_t<I>(eval(index))));
  const Tensor<T, D> values = detail::apart_from(x, detail::source_of<T, D>("scatter_", at, source));
  detail::check_target("scatter_", x, values);
  detail::scatter_replace(x.record(), at, values.handle(), !TensorLike<S>);
  detail::record_in_place("scatter_", x, detail::ScatterBackward<T, D>{at, x.shape(), values.shape()}, values);
}

/// scatter_add into x itself, recorded. Throws: as scatter_.
template <Scalar T, Device D, TensorLike I, TensorLike S>
  requires detail::OfOneDType<Tensor<T, D>, S>
void scatter_add_(Tensor<T, D> x, std::int64_t axis, const I& index, const S& source) {
  TAPER_REQUIRE_INDEX(I);
  const detail::AxisIndex at("scatter_add_", x.shape(), axis, detail::apart_from(x, tensor_t<I>(eval(index))));
  const Tensor<T, D> values = detail::apart_from(x, detail::source_of<T, D>("scatter_add_", at, source));
  detail::check_target("scatter_add_", x, values);
  detail::scatter_accumulate<T>(x.record(), at, values.handle(), false);
  detail::record_in_place("scatter_add_", x, detail::ScatterAddBackward<T, D>{at, values.shape()}, values);
}

// Beside a function (x, axis, index, source): a source of another dtype than x is refused by name.
#define TAPER_REFUSE_SOURCE(function)                                                        \
  template <TensorLike X, TensorLike I, TensorLike S, class... Rest>                         \
    requires detail::OfTwoDTypes<X, S>                                                       \
  detail::error_operands_have_different_dtypes_write_cast<value_t<X>, value_t<S>> function(  \
      X&&, std::int64_t, const I&, const S&, const Rest&...) = delete;
TAPER_REFUSE_SOURCE(scatter)
TAPER_REFUSE_SOURCE(scatter_)
TAPER_REFUSE_SOURCE(scatter_add)
TAPER_REFUSE_SOURCE(scatter_add_)

/// gather with x and index broadcast against each other but along the axis, as argsort and argmax want it.
template <TensorLike X, TensorLike I>
tensor_t<X> take_along_dim(X&& x, const I& index, std::int64_t axis) {
  TAPER_REQUIRE_INDEX(I);
  const tensor_t<X> t = eval(std::forward<X>(x));
  const Tensor<std::int64_t, device_t<X>> i = eval(index);
  const int dim = detail::wrap_axis("take_along_dim", axis, t.dim());
  if (t.dim() != i.dim() || t.dim() == 0)
    detail::raise<ShapeError>("take_along_dim", "the index ", i.shape(), " and the tensor ", t.shape(),
                              " must have the same number of dimensions, at least one");
  Shape x_shape = t.shape(), i_shape = i.shape();
  x_shape[dim] = i_shape[dim] = 1;
  const Shape both = detail::broadcast_shapes("take_along_dim", x_shape, i_shape);
  x_shape = both, i_shape = both;
  x_shape[dim] = t.shape()[dim], i_shape[dim] = i.shape()[dim];
  return gather(expand(t, x_shape), dim, expand(i, i_shape));
}
/// Elements of the flattened x.
template <TensorLike X, TensorLike I>
tensor_t<X> take_along_dim(X&& x, const I& index) {
  return take_along_dim(reshape(std::forward<X>(x), {-1}), reshape(index, {-1}), 0);
}

/// Elements of the flattened x, in the index's shape; negative indices count from the back.
template <TensorLike X, TensorLike I>
tensor_t<X> take(X&& x, const I& index) {
  TAPER_REQUIRE_INDEX(I);
  const tensor_t<X> flat = reshape(std::forward<X>(x), {-1});
  const Tensor<std::int64_t, device_t<X>> i = eval(index);
  return detail::index_at("take", flat, detail::plan_along<device_t<X>>("take", flat.shape(), 0, i.handle(), true));
}

}  // namespace taper::inline TAPER_CODE
