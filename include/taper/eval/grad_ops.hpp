// SPDX-License-Identifier: MIT
// What the engine does with gradients of one dtype, written in the expressions that it runs itself.
#pragma once

#include <taper/eval/reduce.hpp>

namespace taper::inline TAPER_CODE::detail {

/// a + b as one recorded op.
template <class Op, Scalar T, Device D>
[[gnu::noinline]] RecordPtr binary_op(const RecordPtr& a, const RecordPtr& b) {
  return evaluate(Apply<Op, Leaf<T, D>, Leaf<T, D>>{Op{}, {plain_leaf<T, D>(a), plain_leaf<T, D>(b)}},
                  broadcast_shapes(Op::name, a->shape, b->shape));
}
template <Scalar T, Device D>
[[gnu::noinline]] void write_constant(TensorRecord& target, T value) {
  if (target.numel == 0) return;
  if constexpr (!on_host<D>) {
    Accelerator<D>::template fill<T>(target, value);
  } else if (target.contiguous || order_of(target) != 0) {
    T* p = reinterpret_cast<T*>(target.data);
    std::fill(p, p + target.numel, value);
  } else {
    const Walk walk(target.shape, target.strides);
    for_each_row(walk, 0, target.numel, [&](std::int64_t offset, std::int64_t, std::int64_t n) {
      T* p = reinterpret_cast<T*>(target.data) + offset;
      for (std::int64_t i = 0; i < n; ++i) p[i * walk.inner_stride()] = value;
    });
  }
  target.storage->version.fetch_add(1, std::memory_order_relaxed);
}

/// A fresh tensor of one value.
template <Scalar T, Device D>
RecordPtr full_record(const Shape& shape, T value) {
  RecordPtr out = make_dense<D>(dtype_of<T>, shape);
  if constexpr (on_host<D>) {
    T* p = reinterpret_cast<T*>(out->data);
    std::fill(p, p + out->numel, value);
  } else {
    if (out->numel > 0) Accelerator<D>::template fill<T>(*out, value);
  }
  return out;
}

/// A dense copy in host memory, its axes in the order of r's.
template <Device D>
RecordPtr host_copy(const TensorRecord& r) {
  const std::size_t size = size_of(r.dtype);
  const AxisOrder order = order_of(r);
  RecordPtr out = make_dense<Cpu>(r.dtype, r.shape);
  set_order(*out, order);
  if (r.numel == 0) return out;
  const auto fetch = [](const RecordPtr& to, const TensorRecord& from) {
    D::to_host(to->data, from.data, static_cast<std::size_t>(to->numel) * size_of(to->dtype));
  };
  if (order != 0 || r.contiguous) {
    fetch(out, r);
  } else if (is_here<D>(r)) {
    fetch(out, *device_copy<D>(r));
  } else {  // no kernel of this thread's device reads there: all between the first element and the last comes over
    const RecordPtr all = make_dense<Cpu>(r.dtype, {extent_bytes(r) / static_cast<std::int64_t>(size)});
    fetch(all, r);
    gather(out->data, all->data, size, Walk(r.shape, r.strides), 0, r.numel);
  }
  return out;
}

/// Writes the elements of a row-major host tensor of the same dtype and shape into r.
template <Device D>
void write_from_host(TensorRecord& r, const TensorRecord& host) {
  const RecordPtr dense = r.contiguous ? make_alias(r, geometry_of(r)) : make_dense<D>(r.dtype, r.shape);
  if (r.numel > 0) D::from_host(dense->data, host.data, static_cast<std::size_t>(r.numel) * size_of(r.dtype));
  if (!r.contiguous) Accelerator<D>::copy(*dense, r);
  r.storage->version.fetch_add(1, std::memory_order_relaxed);
}

template <Scalar T, Device D>
struct GradOpsFor {
  using C = compute_t<T>;

  static RecordPtr empty(const Shape& shape) { return make_dense<D>(dtype_of<T>, shape); }
  static RecordPtr full(const Shape& shape, double value) {
    return full_record<T, D>(shape, static_cast<T>(static_cast<real_t<C>>(value)));
  }
  static void set_zero(TensorRecord& target) { write_constant<T, D>(target, T{}); }
  static void add_into(TensorRecord& target, TensorRecord& value) {
    using N = Apply<Add, Leaf<T, D>, Leaf<T, D>>;
    const LeafRef leaves[2] = {{&target, target.storage->version.load(std::memory_order_relaxed), false},
                               {&value, value.storage->version.load(std::memory_order_relaxed), false}};
    const typename program_t<N>::Data data{};
    run_into(InfoFor<program_t<N>, D>::info, leaves, &data, target);
  }
  static bool has_nan(TensorRecord& a) {
    if constexpr (!on_host<D>) return GradOpsFor<T, Cpu>::has_nan(*host_copy<D>(a));
    const Walk walk(a.shape, a.strides);
    bool out = false;
    for_each_row(walk, 0, a.numel, [&](std::int64_t offset, std::int64_t, std::int64_t n) {
      const T* p = reinterpret_cast<const T*>(a.data) + offset;
      for (std::int64_t i = 0; i < n; ++i, p += walk.inner_stride()) {
        if constexpr (Complex<T>) out = out || math::isnan(p->real()) || math::isnan(p->imag());
        else out = out || math::isnan(static_cast<C>(*p));
      }
    });
    return out;
  }
  static RecordPtr add(const RecordPtr& a, const RecordPtr& b) { return binary_op<Add, T, D>(a, b); }
  static RecordPtr scale(const RecordPtr& a, double factor) {
    using N = Apply<Mul, Leaf<T, D>, Constant<T>>;
    return evaluate(N{Mul{}, {plain_leaf<T, D>(a), Constant<T>{static_cast<C>(static_cast<real_t<C>>(factor))}}}, a->shape);
  }
  static RecordPtr clone(const RecordPtr& a) { return evaluate(plain_leaf<T, D>(a), a->shape); }
  static RecordPtr sum_to(const RecordPtr& a, const Shape& shape) {
    if (a->shape == shape) return a;
    Dims axes;
    const int lead = a->shape.size() - shape.size();
    for (int i = 0; i < a->shape.size(); ++i)
      if (i < lead || (shape[i - lead] == 1 && a->shape[i] != 1)) axes.push_back(i);
    if (axes.empty()) return a;
    RecordPtr out = sum_scaled("sum_to", Tensor<T, D>(a), axes, true, false);
    if (lead == 0) return out;
    ViewOp op;
    op.kind = ViewOp::view;
    op.dims = shape;
    return make_view(out.get(), op);
  }
  static RecordPtr without_region(const RecordPtr& a, const ViewOp& op) {
    if (grad_mode() && autograd::wants_gradient(*a)) {
      const RecordPtr region = make_view(a.get(), op);
      return add(a, scale(autograd::embed(ops, region, op, a->shape), -1));
    }
    RecordPtr out = clone(a);
    const RecordPtr region = make_alias(*out, detail::apply(op, geometry_of(*out)));
    write_constant<T, D>(*region, T{});
    return out;
  }

  static constexpr autograd::GradOps ops{&empty, &full, &set_zero, &add_into, &has_nan, &add, &scale, &clone, &sum_to, &without_region};
};

}  // namespace taper::inline TAPER_CODE::detail
