// SPDX-License-Identifier: MIT
// Indexing: x(0, Slice{1, 3}, ellipsis, none) is a view; with index tensors and masks it copies and writes through.
#pragma once

#include <taper/ops/arithmetic.hpp>
#include <taper/ops/index_at.hpp>
#include <taper/ops/view.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

/// Reads the planned places when it is evaluated.
template <Scalar T, Device D>
struct IndexProducer : ProducerBase<T, D> {
  Held<T, D> x;
  bool advanced;
  IndexPlan plan;

  explicit IndexProducer(Resolved&& r)
      : ProducerBase<T, D>{r.advanced ? r.plan.result : r.view->shape},
        x(Tensor<T, D>(r.view)),
        advanced(r.advanced),
        plan(std::move(r.plan)) {}
  Tensor<T, D> operator()() const {
    const GradMode mode(this->record != 0);
    return advanced ? index_at("index", x.get(), plan) : clone(x.get());
  }
};

/// `value` as a tensor of T at its own shape; checked to broadcast to `shape`.
template <Scalar T, Device D, class V>
Tensor<T, D> value_for(std::string_view op, const V& value, const Shape& shape) {
  if constexpr (TensorLike<V>) {
    const Tensor<T, D> v = eval(value);
    if (!(broadcast_shapes(op, v.shape(), shape) == shape))
      raise<ShapeError>(op, "a value of shape ", v.shape(), " does not broadcast to the indexed shape ", shape);
    return v;
  } else {
    return value_tensor<T, D>(value);
  }
}

/// Writes `value` to what indices select, in place and recorded.
template <Scalar T, Device D, class V>
void write_indexed(std::string_view op, const Tensor<T, D>& view, bool advanced, const IndexPlan& plan, const V& value,
                   bool accumulate) {
  const Shape& shape = advanced ? plan.result : view.shape();
  const Tensor<T, D> v = value_for<T, D>(op, value, shape);
  if (advanced) index_write_at(op, view, plan, v.numel() == 1 ? v : expand(v, shape), accumulate);
  else if (accumulate) Tensor<T, D>(view).copy_(apply("add", Add{}, view, v));
  else Tensor<T, D>(view).copy_(v);
}

}  // namespace detail

/// What x(index_tensor) and x(mask) give on a tensor that may be changed: an expression of the chosen elements to read,
/// a place to write: x(mask) = 0.f, x(i, j) += y. Of places that occur twice the last value wins.
template <Scalar T, Device D>
class IndexedView : public Expr<detail::Produced<detail::IndexProducer<T, D>>> {
  using Base = Expr<detail::Produced<detail::IndexProducer<T, D>>>;

 public:
  IndexedView(detail::IndexProducer<T, D> producer, const Shape& shape) : Base({std::move(producer)}, shape) {}
  IndexedView(const IndexedView&) = default;
  IndexedView(IndexedView&&) = default;

  void operator=(const IndexedView& value) && { write(value); }
  void operator=(IndexedView&& value) && { write(value); }
  template <class V>
    requires(Operand<V> && (!TensorLike<V> || detail::OfOneDType<V, IndexedView>))
  void operator=(V&& value) && {
    write(value);
  }
  // clang names a refused operator's template arguments, not its result.
  template <TensorLike V, class Fault = detail::error_operands_have_different_dtypes_write_cast<value_t<V>, T>>
    requires detail::OfTwoDTypes<V, IndexedView>
  Fault operator=(V&&) && = delete;
  template <class V, class Fault = detail::error_an_expression_cannot_be_assigned_declare_a_Tensor>
  Fault operator=(V&&) & = delete;

  // Free functions, so that they win over those that refuse other expressions.
#define TAPER_COMPOUND(SYMBOL, NAME, OP)                                                     \
  template <class V>                                                                         \
    requires Operand<V>                                                                      \
  friend void operator SYMBOL(IndexedView&& x, V&& value) {                                  \
    std::move(x) = apply(NAME, OP{}, x.producer().operator()(), std::forward<V>(value));     \
  }
  TAPER_COMPOUND(+=, "add", Add)
  TAPER_COMPOUND(-=, "sub", Sub)
  TAPER_COMPOUND(*=, "mul", Mul)
  TAPER_COMPOUND(/=, "div", Div)
#undef TAPER_COMPOUND

 private:
  const detail::IndexProducer<T, D>& producer() const { return this->node().producer; }
  template <class V>
  void write(const V& value) const {
    detail::write_indexed("index", producer().x.get(), producer().advanced, producer().plan, value, false);
  }
};

}  // namespace taper::inline TAPER_CODE

namespace taper::inline TAPER_ABI {

/// x(indices...): a view of x where they are integers, slices, ellipsis and none; with index tensors or masks among
/// them an expression of the chosen elements, which may also be assigned to.
template <Scalar T, Device D>
template <class... I>
decltype(auto) Tensor<T, D>::operator()(const I&... indices) {
  static_assert((detail::IndexArgument<I> && ...),
                "an index is an integer, a Slice, ellipsis, none, an int64 tensor or a bool mask: write "
                "cast<std::int64_t>(index)");
  const TensorIndex items[] = {TensorIndex(indices)..., TensorIndex(ellipsis)};
  detail::Resolved r = detail::resolve_indices<(TensorLike<I> || ...), D>(handle(), {items, sizeof...(I)});
  if constexpr ((TensorLike<I> || ...)) {
    detail::IndexProducer<T, D> producer(std::move(r));
    const Shape shape = producer.result;
    return IndexedView<T, D>(std::move(producer), shape);
  }
  else return Tensor(std::move(r.view));
}
template <Scalar T, Device D>
template <class... I>
decltype(auto) Tensor<T, D>::operator()(const I&... indices) const {
  static_assert((detail::IndexArgument<I> && ...),
                "an index is an integer, a Slice, ellipsis, none, an int64 tensor or a bool mask: write "
                "cast<std::int64_t>(index)");
  const TensorIndex items[] = {TensorIndex(indices)..., TensorIndex(ellipsis)};
  detail::Resolved r = detail::resolve_indices<(TensorLike<I> || ...), D>(handle(), {items, sizeof...(I)});
  if constexpr ((TensorLike<I> || ...)) return produce(detail::IndexProducer<T, D>(std::move(r)));
  else return static_cast<const Tensor>(Tensor(std::move(r.view)));
}

}  // namespace taper::inline TAPER_ABI

namespace taper::inline TAPER_CODE {

/// x(indices...) with a list: index(x, {0, Slice{1, 3}, mask}). A view where no index tensor or mask is among them.
/// Gradient: added up at the chosen places. Throws: IndexError for an index out of range, too many indices, a mask that
/// does not fit; ShapeError for index tensors that do not broadcast.
template <TensorLike X>
tensor_t<X> index(X&& x, std::initializer_list<TensorIndex> indices) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  detail::Resolved r = detail::resolve_indices<true, device_t<X>>(t.handle(), {indices.begin(), indices.size()});
  return r.advanced ? detail::index_at("index", tensor_t<X>(r.view), r.plan) : tensor_t<X>(r.view);
}

/// x with values written to the indexed places (or added there, one after another), in place; values broadcast.
/// Gradient: to x 0 at the places unless accumulated; to the values g at the places.
/// Throws: as index; AutogradError for a leaf that wants a gradient.
template <Scalar T, Device D, class V>
  requires(ScalarLike<V> || detail::OfOneDType<V, Tensor<T, D>>)
void index_put_(const Tensor<T, D>& x, std::initializer_list<TensorIndex> indices, const V& values,
                bool accumulate = false) {
  const detail::Resolved r = detail::resolve_indices<true, D>(x.handle(), {indices.begin(), indices.size()});
  detail::write_indexed("index_put_", Tensor<T, D>(r.view), r.advanced, r.plan, values, accumulate);
}
template <Scalar T, Device D, TensorLike V>
  requires detail::OfTwoDTypes<V, Tensor<T, D>>
detail::error_operands_have_different_dtypes_write_cast<value_t<V>, T> index_put_(
    const Tensor<T, D>&, std::initializer_list<TensorIndex>, const V&, bool = false) = delete;

/// The same on a copy of x.
template <TensorLike X, class V>
tensor_t<X> index_put(X&& x, std::initializer_list<TensorIndex> indices, const V& values, bool accumulate = false) {
  tensor_t<X> out = clone(std::forward<X>(x));
  index_put_(out, indices, values, accumulate);
  return out;
}

}  // namespace taper::inline TAPER_CODE
