// SPDX-License-Identifier: MIT
// Reading, replacing and adding to the places of an index plan: three recorded operations.
#pragma once

#include <taper/core/checked_cast.hpp>
#include <taper/ops/record_in_place.hpp>
#include <taper/ops/index_plan.hpp>
#include <taper/ops/selection.hpp>
#include <taper/ops/structural.hpp>

namespace taper::inline TAPER_CODE::detail {

/// Writes values (dense, of the plan's result shape, or one element) to the planned places. Nothing is recorded.
template <Device D>
void replace_at(TensorRecord& x, const IndexPlan& plan, const RecordPtr& values, bool one_value) {
  count_pass();
  if constexpr (!on_host<D>) return Accelerator<D>::put(x, plan, *values, one_value);
  const PlannedRows rows(plan, x.strides);
  const std::size_t size = size_of(x.dtype);
  put_rows(*rows, static_cast<std::int64_t>(size), x.data, values->data, one_value ? 0 : 1, row_copier(size));
}
template <Scalar T, Device D>
void accumulate_at(TensorRecord& x, const IndexPlan& plan, const RecordPtr& values, bool one_value) {
  count_pass();
  if constexpr (!on_host<D>) return Accelerator<D>::template add<T>(x, plan, *values, one_value);
  const Sums<T> sums(x);
  const PlannedRows rows(plan, sums.strides());
  const RecordPtr summed = summands<T>(values);
  put_rows(*rows, sizeof(compute_t<T>), reinterpret_cast<std::byte*>(sums.data()), summed->data, one_value ? 0 : 1,
           &accumulate_row<compute_t<T>>);
  sums.finish();
}
template <Device D>
RecordPtr take_at(const TensorRecord& x, const IndexPlan& plan) {
  RecordPtr out = make_dense<D>(x.dtype, plan.result);
  count_pass();
  if constexpr (on_host<D>) {
    const PlannedRows rows(plan, x.strides);
    take_rows(*rows, static_cast<std::int64_t>(size_of(x.dtype)), x.data, out->data);
  } else {
    Accelerator<D>::take(x, plan, *out);
  }
  return out;
}

/// A dense tensor of zeros.
template <Scalar T, Device D>
Tensor<T, D> zero_tensor(const Shape& shape) {
  Tensor<T, D> out = empty_tensor<T, D>(shape);
  if constexpr (on_host<D>) std::memset(static_cast<void*>(out.data_ptr()), 0, static_cast<std::size_t>(out.numel()) * sizeof(T));
  else Accelerator<D>::template fill<T>(out.record(), T{});
  return out;
}

/// A C++ number as a 0-dim tensor of T.
template <Scalar T, Device D, ScalarLike S>
Tensor<T, D> value_tensor(S value) {
  Tensor<T, D> out = empty_tensor<T, D>({});
  const T converted = base::checked_cast<T>("assign", value);
  if constexpr (on_host<D>) *out.data_ptr() = converted;
  else Accelerator<D>::template fill<T>(out.record(), converted);
  return out;
}

/// The gradient buffer of input i, zeros where it holds nothing yet.
template <Scalar T, Device D>
TensorRecord& gradient_sums(const autograd::BackwardContext& ctx, int i) {
  bool fresh = false;
  TensorRecord& target = ctx.pass().buffer(ctx.node().input(i), fresh);
  if constexpr (on_host<D>) {
    if (fresh) std::memset(target.data, 0, static_cast<std::size_t>(target.numel) * sizeof(T));
  } else {
    if (fresh) Accelerator<D>::template fill<T>(target, T{});
  }
  return target;
}

template <Scalar T, Device D>
Tensor<T, D> index_add_at(std::string_view name, const Tensor<T, D>& x, const IndexPlan& plan,
                          const Tensor<T, D>& values);

/// x at the planned places. Gradient: added up at these places.
template <Scalar T, Device D>
Tensor<T, D> index_at(std::string_view name, const Tensor<T, D>& x, const IndexPlan& plan) {
  auto backward = [plan](const autograd::BackwardContext& ctx) {
    if (!ctx.wants(0)) return;
    const Tensor<T, D> g = ctx.grad<T, D>();
    if constexpr (!first_order_only)
      if (ctx.create_graph()) return ctx.give(0, index_add_at("index backward", zero_tensor<T, D>(plan.shape), plan, g));
    accumulate_at<T, D>(gradient_sums<T, D>(ctx, 0), plan, dense_record_on<D>(g.handle()), false);
  };
  return record_op(name, Tensor<T, D>(take_at<D>(x.record(), plan)), false, std::move(backward), x);
}

/// What index_add_at and its in-place form hand back: g to x, g at the places to the values.
template <Scalar T, Device D>
struct IndexAddBackward {
  IndexPlan plan;
  Shape values;
  void operator()(const autograd::BackwardContext& ctx) const {
    const Tensor<T, D> g = ctx.grad<T, D>();
    ctx.give(0, g);
    if (ctx.wants(1)) ctx.give(1, sum_to(index_at("index_add backward", g, plan), values));
  }
};

/// x with values (of the result's shape, or one element) added at the planned places, in their order.
template <Scalar T, Device D>
Tensor<T, D> index_add_at(std::string_view name, const Tensor<T, D>& x, const IndexPlan& plan,
                          const Tensor<T, D>& values) {
  Tensor<T, D> out(copy_of_record_on<D>(x.record()));
  accumulate_at<T, D>(out.record(), plan, dense_record_on<D>(values.handle()), values.numel() == 1);
  return record_op(name, std::move(out), false, IndexAddBackward<T, D>{plan, values.shape()}, x, values);
}

template <Scalar T, Device D>
Tensor<T, D> index_put_at(std::string_view name, const Tensor<T, D>& x, const IndexPlan& plan,
                          const Tensor<T, D>& values);

/// Which values of an index_put stay, as a bool tensor that broadcasts to the plan's result; null where all do.
template <Device D>
RecordPtr last_writes(const IndexPlan& plan) {
  if (plan.distinct) return {};
  Shape shape;
  for (int i = plan.outer.size(); i < plan.result.size(); ++i)
    shape.push_back(i < plan.result.size() - plan.inner.size() ? plan.result[i] : 1);
  if constexpr (!on_host<D>) return Accelerator<D>::last_writes(plan, shape);
  Shape indexed;
  for (const std::int64_t a : plan.axes) indexed.push_back(plan.shape[static_cast<int>(a)]);
  const Strides steps = contiguous_strides(indexed);
  const std::int64_t n = plan.places();
  const Scratch last(static_cast<std::size_t>(indexed.numel()) * sizeof(std::int64_t));
  auto* writer = reinterpret_cast<std::int64_t*>(last.data());
  auto place = [&](std::int64_t b) {
    std::int64_t out = 0;
    for (int j = 0; j < indexed.size(); ++j) out += plan.along(j)[b] * steps[j];
    return out;
  };
  for (std::int64_t b = 0; b < n; ++b) writer[place(b)] = b;
  RecordPtr out = make_dense<Cpu>(DType::boolean, shape);
  bool all = true;
  for (std::int64_t b = 0; b < n; ++b) {
    const bool stays = writer[place(b)] == b;
    out->data[b] = static_cast<std::byte>(stays);
    all = all && stays;
  }
  return all ? RecordPtr() : out;
}

/// What index_put_at and its in-place form hand back: g but for the places to x, g at the places to the values.
template <Scalar T, Device D>
struct IndexPutBackward {
  IndexPlan plan;
  Shape values;
  void operator()(const autograd::BackwardContext& ctx) const {
    const Tensor<T, D> g = ctx.grad<T, D>();
    if (ctx.wants(0)) ctx.give(0, index_put_at("index_put backward", g, plan, zero_tensor<T, D>({})));
    if (!ctx.wants(1)) return;
    Tensor<T, D> at = index_at("index_put backward", g, plan);
    if (RecordPtr stays = last_writes<D>(plan)) at = where(Tensor<bool, D>(std::move(stays)), at, T(0));
    ctx.give(1, sum_to(at, values));
  }
};

/// x with values (of the result's shape, or one element) written to the planned places; where these repeat, the last
/// stays.
template <Scalar T, Device D>
Tensor<T, D> index_put_at(std::string_view name, const Tensor<T, D>& x, const IndexPlan& plan,
                          const Tensor<T, D>& values) {
  Tensor<T, D> out(copy_of_record_on<D>(x.record()));
  replace_at<D>(out.record(), plan, dense_record_on<D>(values.handle()), values.numel() == 1);
  return record_op(name, std::move(out), false, IndexPutBackward<T, D>{plan, values.shape()}, x, values);
}

/// Either of the two in place.
template <Scalar T, Device D>
void index_write_at(std::string_view name, Tensor<T, D> x, const IndexPlan& plan, const Tensor<T, D>& values,
                    bool accumulate) {
  check_target(name, x, values);
  RecordPtr v = dense_record_on<D>(values.handle());
  if (share_memory(*v, x.record())) v = copy_of_record_on<D>(*v);
  if (accumulate) {
    accumulate_at<T, D>(x.record(), plan, v, v->numel == 1);
    record_in_place(name, x, IndexAddBackward<T, D>{plan, values.shape()}, values);
  } else {
    replace_at<D>(x.record(), plan, v, v->numel == 1);
    record_in_place(name, x, IndexPutBackward<T, D>{plan, values.shape()}, values);
  }
}

}  // namespace taper::inline TAPER_CODE::detail
