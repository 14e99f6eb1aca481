// SPDX-License-Identifier: MIT
// From what stands inside x(...) to the view that the integers and slices make of x, and the places that index tensors
// and masks choose in it.
#pragma once

#include <taper/backend/accelerator.hpp>
#include <taper/backend/cpu/index.hpp>
#include <taper/core/pool_vector.hpp>
#include <taper/expr/expr.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

template <class I>
concept BasicIndex = (std::integral<I> && !std::same_as<I, bool>) || std::same_as<I, Slice> ||
                     std::same_as<I, EllipsisTag> || std::same_as<I, NoneTag>;
template <class I>
concept TensorIndexArgument = TensorLike<I> &&
    (std::same_as<value_t<I>, std::int64_t> || std::same_as<value_t<I>, bool>);
template <class I>
concept IndexArgument = BasicIndex<I> || TensorIndexArgument<I>;

}  // namespace detail

/// Anything that may stand inside x(...): an integer, a Slice, ellipsis, none, an int64 index tensor, a bool mask.
class TensorIndex {
 public:
  enum class Kind : std::uint8_t { integer, slice, ellipsis, none, tensor };

  template <std::integral I>
    requires(!std::same_as<I, bool>)
  TensorIndex(I i) : kind(Kind::integer), integer(static_cast<std::int64_t>(i)) {}
  TensorIndex(const Slice& s) : kind(Kind::slice), slice(s) {}
  TensorIndex(EllipsisTag) : kind(Kind::ellipsis) {}
  TensorIndex(NoneTag) : kind(Kind::none) {}
  template <detail::TensorIndexArgument I>
  TensorIndex(const I& i) : kind(Kind::tensor), tensor(tensor_t<I>(eval(i)).handle()), device(device_t<I>::name) {
    if (!tensor) detail::raise<ValueError>("index", "an index tensor is undefined");
    // A 0-dim index is an integer that is known at run time only.
    if (tensor->dtype == DType::int64 && tensor->shape.empty()) {
      kind = Kind::integer;
      if constexpr (detail::on_host<device_t<I>>) integer = *reinterpret_cast<const std::int64_t*>(tensor->data);
      else device_t<I>::to_host(&integer, tensor->data, sizeof(integer));
    }
  }

  Kind kind;
  std::int64_t integer = 0;
  Slice slice;
  detail::RecordPtr tensor;
  std::string_view device;  // of the tensor
};

namespace detail {

/// The record where it is dense, otherwise a dense copy that no tape sees.
template <Device D>
RecordPtr dense_record_on(const RecordPtr& x) {
  if constexpr (on_host<D>) return dense_record(x);
  else return device_dense<D>(x);
}
/// A dense copy in memory of its own.
template <Device D>
RecordPtr copy_of_record_on(const TensorRecord& x) {
  if constexpr (on_host<D>) return copy_of_record(x);
  else return device_copy<D>(x);
}

/// The places that index tensors choose: result element (outer.., b.., inner..) is that of x at the outer and inner
/// coordinates and, along axes[j], at positions[j][b].
struct IndexPlan {
  Shape shape;          // of the tensor that is indexed
  Dims axes;            // the indexed axes
  Dims outer, inner;    // the axes that come before and after the chosen places in the result
  Shape result;
  RecordPtr positions;  // int64 (axes, places), wrapped and checked, in the memory of the tensor's device
  bool distinct = false;  // known to choose no place twice

  std::int64_t places() const { return positions->shape[1]; }
  const std::int64_t* along(int j) const {
    return reinterpret_cast<const std::int64_t*>(positions->data) + j * places();
  }
};

/// A plan laid over a tensor's memory.
class PlannedRows {
 public:
  PlannedRows(const IndexPlan& plan, const Strides& strides) : offsets_(static_cast<std::size_t>(plan.places()), 0) {
    for (const std::int64_t a : plan.outer)
      rows_.outer.push(plan.shape[static_cast<int>(a)], strides[static_cast<int>(a)]);
    for (const std::int64_t a : plan.inner)
      rows_.inner.push(plan.shape[static_cast<int>(a)], strides[static_cast<int>(a)]);
    for (int j = 0; j < plan.axes.size(); ++j) {
      const std::int64_t step = strides[static_cast<int>(plan.axes[j])], *at = plan.along(j);
      for (std::size_t b = 0; b < offsets_.size(); ++b) offsets_[b] += at[b] * step;
    }
    rows_.offsets = offsets_.data();
    rows_.count = plan.places();
  }
  PlannedRows(const PlannedRows&) = delete;
  PlannedRows& operator=(const PlannedRows&) = delete;
  const IndexedRows& operator*() const { return rows_; }

 private:
  PoolVector<std::int64_t> offsets_;
  IndexedRows rows_;
};

/// The coordinates of the true elements of a mask: (rank, count), or (count, rank).
template <class A = Abi>
RecordPtr mask_positions(const RecordPtr& given, bool coordinates_first) {
  const RecordPtr mask = dense_record<A>(given);
  const auto* p = reinterpret_cast<const std::uint8_t*>(mask->data);
  const std::int64_t rank = mask->shape.size(), n = count_true<A>(p, mask->numel);
  RecordPtr out = make_dense<Cpu>(DType::int64, coordinates_first ? Shape{rank, n} : Shape{n, rank});
  count_pass();
  write_positions<A>(p, mask->shape, reinterpret_cast<std::int64_t*>(out->data), coordinates_first ? 1 : rank,
                     coordinates_first ? n : 1);
  return out;
}

template <Device D>
RecordPtr mask_positions_on(const RecordPtr& mask, bool coordinates_first) {
  if constexpr (on_host<D>) return mask_positions(mask, coordinates_first);
  else return Accelerator<D>::mask_positions(*device_dense<D>(mask), coordinates_first);
}

/// Chosen places along one axis: the operand of a plan before broadcasting.
struct ChosenAxis {
  int axis = 0;
  RecordPtr index;         // int64, dense
  std::int64_t row = 0;    // which row of a mask's positions; 0 for an index tensor
  Shape shape;             // of the index, to be broadcast
  int named = 0;           // what a message calls the axis
};

/// Negative indices count from the back where `from_back` allows it. Bounds are checked before anything is done; a GPU reports
/// what is out of range when it is next waited for, and reads and writes nothing there.
template <Device D = Cpu>
IndexPlan make_plan(std::string_view op, const Shape& shape, std::span<const ChosenAxis> chosen,
                           bool from_back) {
  IndexPlan plan;
  plan.shape = shape;
  Shape places;
  for (const ChosenAxis& c : chosen) {
    plan.axes.push_back(c.axis);
    places = broadcast_shapes(op, places, c.shape);
  }
  bool together = true;
  for (int j = 1; j < plan.axes.size(); ++j) together = together && plan.axes[j] == plan.axes[j - 1] + 1;
  std::uint32_t indexed = 0;
  for (const std::int64_t a : plan.axes) indexed |= 1u << a;
  for (int i = 0; i < shape.size(); ++i)
    if (!(indexed >> i & 1)) (together && i < plan.axes[0] ? plan.outer : plan.inner).push_back(i);
  for (const std::int64_t a : plan.outer) plan.result.push_back(shape[static_cast<int>(a)]);
  for (const std::int64_t size : places) plan.result.push_back(size);
  for (const std::int64_t a : plan.inner) plan.result.push_back(shape[static_cast<int>(a)]);

  const std::int64_t n = places.numel();
  plan.positions = make_dense<D>(DType::int64, {plan.axes.size(), n});
  auto* to = reinterpret_cast<std::int64_t*>(plan.positions->data);
  for (const ChosenAxis& c : chosen) {
    const std::int64_t size = shape[c.axis];
    const auto* from = reinterpret_cast<const std::int64_t*>(c.index->data) + c.row * c.shape.numel();
    if constexpr (on_host<D>) check_indices(op, from, c.shape.numel(), c.named, size, from_back);
    else Accelerator<D>::check_indices(op, from, c.shape.numel(), c.named, size, from_back);
    const Strides steps = broadcast_strides(c.shape, contiguous_strides(c.shape), places);
    if constexpr (on_host<D>) {
      if (n > 0)
        copy_strided(DType::int64, places, reinterpret_cast<std::byte*>(to), contiguous_strides(places),
                     reinterpret_cast<const std::byte*>(from), steps);
      for (std::int64_t i = 0; i < n; ++i)
        if (to[i] < 0) to[i] += size;
    } else {
      Accelerator<D>::positions(from, places, steps, size, to);
    }
    to += n;
  }
  return plan;
}

/// A plan for an index along one axis; its shape takes the axis's place.
template <Device D = Cpu>
IndexPlan plan_along(std::string_view op, const Shape& shape, int axis, const RecordPtr& index, bool from_back) {
  const ChosenAxis chosen{axis, dense_record_on<D>(index), 0, index->shape, axis};
  return make_plan<D>(op, shape, {&chosen, 1}, from_back);
}
/// A plan for the true elements of a mask over all axes.
template <Device D = Cpu>
IndexPlan plan_of_mask(std::string_view op, const RecordPtr& mask) {
  const RecordPtr positions = mask_positions_on<D>(mask, true);
  ChosenAxis chosen[max_rank];
  const int rank = mask->shape.size();
  for (int j = 0; j < rank; ++j) chosen[j] = {j, positions, j, {positions->shape[1]}, j};
  IndexPlan plan = make_plan<D>(op, mask->shape, {chosen, static_cast<std::size_t>(rank)}, false);
  plan.distinct = true;
  return plan;
}

/// What indices select: a view of the tensor, and, where index tensors or masks are among them, places in that view.
struct Resolved {
  RecordPtr view;
  bool advanced = false;
  IndexPlan plan;
};

inline int axes_taken(const TensorIndex& i) {
  switch (i.kind) {
    case TensorIndex::Kind::integer:
    case TensorIndex::Kind::slice: return 1;
    case TensorIndex::Kind::tensor: return i.tensor->dtype == DType::boolean ? i.tensor->shape.size() : 1;
    default: return 0;
  }
}

inline RecordPtr view_record(const RecordPtr& r, ViewOp::Kind kind, int dim) {
  ViewOp op;
  op.kind = kind;
  op.dim = dim;
  return make_view(r.get(), op);
}

/// The walk over what stands inside x(...): the view so far, and the places that index tensors and masks choose.
template <Device D>
struct IndexWalk {
  RecordPtr x;
  RecordPtr view;
  ChosenAxis chosen[max_rank];
  std::size_t count = 0;
  int dim = 0, axis = 0;  // of the view so far, and of x
  int tensors = 0, masks = 0;

  void choose(const ChosenAxis& c) {
    if (count == static_cast<std::size_t>(max_rank))
      raise<IndexError>("index", "at most ", max_rank, " axes take index tensors");
    chosen[count++] = c;
  }
  void take_integer(std::int64_t i) {
    ViewOp op = resolve("index", i, axis, x->shape[axis]);
    op.dim = dim;
    view = make_view(view.get(), op);
    ++axis;
  }
  void take_slice(const Slice& s) {
    const ViewOp op = resolve("index", s, dim, view->shape[dim]);
    if (op.a != 0 || op.c != 1 || op.b != view->shape[dim]) view = make_view(view.get(), op);
    ++dim, ++axis;
  }
  void take_tensor(const RecordPtr& index) {
    ++tensors;
    const Shape& shape = index->shape;
    if (index->dtype == DType::int64) {
      choose({dim, dense_record_on<D>(index), 0, shape, axis});
      ++dim, ++axis;
      return;
    }
    ++masks;
    for (int j = 0; j < shape.size(); ++j)
      if (shape[j] != view->shape[dim + j])
        raise<IndexError>("index", "the mask of shape ", shape, " does not fit the tensor of shape ", x->shape, ": its size ", shape[j],
                          " along axis ", j, " meets ", view->shape[dim + j], " along axis ", axis + j);
    if (shape.empty()) {  // a 0-dim mask chooses all or nothing along a new axis
      view = view_record(view, ViewOp::unsqueeze, dim);
      const RecordPtr positions = positions_of_flag(*index);
      choose({dim, positions, 0, positions->shape, axis});
      ++dim;
      return;
    }
    const RecordPtr positions = mask_positions_on<D>(index, true);
    for (int j = 0; j < shape.size(); ++j) choose({dim + j, positions, j, {positions->shape[1]}, axis + j});
    dim += shape.size();
    axis += shape.size();
  }

 private:
  /// 0, or nothing, along an axis of one.
  static RecordPtr positions_of_flag(const TensorRecord& flag) {
    if constexpr (on_host<D>) {
      const RecordPtr out = make_dense<Cpu>(DType::int64, {*flag.data != std::byte{0} ? 1 : 0});
      if (out->numel > 0) *reinterpret_cast<std::int64_t*>(out->data) = 0;
      return out;
    } else {
      std::byte on_host{};
      D::to_host(&on_host, flag.data, 1);
      const RecordPtr out = make_dense<D>(DType::int64, {on_host != std::byte{0} ? 1 : 0});
      if (out->numel > 0) Accelerator<D>::template fill<std::int64_t>(*out, 0);
      return out;
    }
  }
};

/// Advanced: index tensors and masks may be among them. Views by integers and slices do without that code.
template <bool Advanced, Device D>
Resolved resolve_indices(const RecordPtr& x, std::span<const TensorIndex> items) {
  int taken = 0, ellipses = 0;
  for (const TensorIndex& i : items) {
    if constexpr (Advanced)
      if (i.kind == TensorIndex::Kind::tensor && i.device != D::name)
        raise<DeviceError>("index", "an index tensor on ", i.device, " does not index a tensor on ", D::name, ": write to<D>(index)");
    taken += axes_taken(i);
    ellipses += i.kind == TensorIndex::Kind::ellipsis;
  }
  if (ellipses > 1) raise<IndexError>("index", "an index may hold one ellipsis, not ", ellipses);
  if (taken > x->shape.size())
    raise<IndexError>("index", taken, " axes are indexed, a tensor of shape ", x->shape, " has ", x->shape.size());
  IndexWalk<D> walk;
  walk.x = walk.view = x;
  for (const TensorIndex& i : items) {
    switch (i.kind) {
      case TensorIndex::Kind::integer: walk.take_integer(i.integer); break;
      case TensorIndex::Kind::slice: walk.take_slice(i.slice); break;
      case TensorIndex::Kind::ellipsis:
        walk.dim += x->shape.size() - taken;
        walk.axis += x->shape.size() - taken;
        break;
      case TensorIndex::Kind::none: walk.view = view_record(walk.view, ViewOp::unsqueeze, walk.dim++); break;
      case TensorIndex::Kind::tensor:
        if constexpr (Advanced) walk.take_tensor(i.tensor);
        break;
    }
  }
  Resolved out;
  out.view = walk.view;
  if constexpr (Advanced) {
    if (walk.tensors > 0) {
      out.advanced = true;
      out.plan = make_plan<D>("index", out.view->shape, {walk.chosen, walk.count}, true);
      out.plan.distinct = walk.tensors == 1 && walk.masks == 1;
      return out;
    }
  }
  if (out.view.get() == x.get()) out.view = view_record(x, ViewOp::alias, 0);
  return out;
}

}  // namespace detail

}  // namespace taper::inline TAPER_CODE
