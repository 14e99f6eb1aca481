// SPDX-License-Identifier: MIT
// The affine map of neural networks, y = x W^T + b, as one product each way.
#pragma once

#include <taper/backend/cpu/rows.hpp>
#include <taper/eval/activation.hpp>
#include <taper/ops/matmul.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

/// Backward of linear: three products with the rows of x one below another, written where the gradients belong.
template <Scalar T, Device D>
struct LinearBackward {
  Activation<T, D> x;
  Saved<T, D> weight;

  /// Of x and the result, also where these have no elements.
  static std::int64_t rows_of(Shape result) {
    result[result.size() - 1] = 1;
    return result.numel();
  }

  /// In differentiable functions.
  void give_recorded(const autograd::BackwardContext& ctx) const {
    const Tensor<T, D>& w = weight.get();
    const std::int64_t out = w.shape()[0], in = w.shape()[1];
    const Tensor<T, D> g = ctx.grad<T, D>();
    if (ctx.wants(0)) ctx.give(0, matmul(g, conjugate(w)));
    const std::int64_t m = rows_of(g.shape());
    const Tensor<T, D> rows = reshape(g, {m, out});
    Tensor<T, D> made;
    if (ctx.wants(1)) ctx.give(1, matmul(t(rows), conjugate(reshape(x.get(made), {m, in}))));
    if (ctx.wants(2)) ctx.give(2, reshape(sum_to(rows, Shape{1, out}), {out}));
  }

  /// Rows that a product sums before it adds to memory: in such parts, where they are large, it gives the same bits.
  static std::int64_t summed_at_once(std::int64_t rows, std::int64_t in) {
    if constexpr (on_host<D> && (std::same_as<T, float> || std::same_as<T, double>))
      if (rows * in >= autograd::least_remade && in > 1)
        if (const std::int64_t part = tiles::KBlocks(rows, tiles::k_block<T>).size; part * in >= autograd::least_remade) return part;
    return rows;
  }

  void operator()(const autograd::BackwardContext& ctx) const {
    const Tensor<T, D>& w = weight.get();
    const std::int64_t out = w.shape()[0], in = w.shape()[1];
    if constexpr (!first_order_only || Complex<T>)
      if (ctx.create_graph() || Complex<T>) return give_recorded(ctx);
    Tensor<T, D> copy;
    const T* g = ctx.dense_grad<T>();
    if (!g) g = std::as_const(copy = dense(ctx.grad<T, D>())).data_ptr();
    const std::int64_t m = rows_of(ctx.node().output(0)->shape);
    bool fresh = false;
    if (ctx.wants(1)) {  // first: an x made again goes before its gradient comes
      T* dw = gradient_memory<T>(ctx, 1, fresh);
      count_pass();
      x.for_rows(m, summed_at_once(m, in), [&](const Tensor<T, D>& input, std::int64_t first, std::int64_t rows) {
        const T* upstream = g + first * out;
        const bool add = !fresh || first > 0;
        if constexpr (on_host<D>) gemm<T>(out, in, rows, upstream, 1, out, input.data_ptr(), in, 1, dw, in, add);
        else
          Accelerator<D>::gemm(
              GemmCall<T>{"linear", out, in, rows, {upstream, 1, out}, {input.data_ptr(), in, 1}, {dw, in, 1}, 1, 1, add ? 1.0 : 0.0});
      });
    }
    if (ctx.wants(0)) {
      T* dx = gradient_memory<T>(ctx, 0, fresh);
      count_pass();
      if constexpr (on_host<D>) gemm<T>(m, in, out, g, out, 1, w.data_ptr(), w.strides()[0], w.strides()[1], dx, in, !fresh);
      else
        Accelerator<D>::gemm(
            GemmCall<T>{"linear", m, in, out, {g, out, 1}, {w.data_ptr(), w.strides()[0], w.strides()[1]}, {dx, in, 1}, 1, 1, fresh ? 0.0 : 1.0});
    }
    if constexpr (!on_host<D>) {
      if (ctx.wants(2)) ctx.give(2, reshape(sum_to(reshape(ctx.grad<T, D>(), {m, out}), Shape{1, out}), {out}));
    } else if (ctx.wants(2)) {
      T* db = gradient_memory<T>(ctx, 2, fresh);
      count_pass();
      sum_rows<T>(m, out, g, db, !fresh);
    }
  }
};

/// Adds a bias to each part of a product, then hands it on.
template <class T>
struct BiasEpilogue {
  const T* bias;
  const Epilogue* next;
  static void run(const void* self, const Part& part) {
    const auto& [bias, next] = *static_cast<const BiasEpilogue*>(self);
    add_rows<T>(part.rows, part.columns, part.pitch, bias + part.column, reinterpret_cast<T*>(part.data) + part.row * part.pitch + part.column);
    if (next) next->run(next->self, part);
  }
};

template <Scalar T, Device D>
struct LinearProducer : ProducerBase<T, D> {
  Held<T, D> x, weight, bias;

  LinearProducer(const Shape& shape, Tensor<T, D> input, const Tensor<T, D>& w, const Tensor<T, D>& b)
      : ProducerBase<T, D>{shape}, x(std::move(input)), weight(w), bias(b) {}
  std::int64_t columns() const { return this->result.back(); }
  Tensor<T, D> operator()(const Epilogue* epilogue = nullptr) const& { return LinearProducer(*this)(epilogue); }
  /// For the last time: backward takes the operands over.
  Tensor<T, D> operator()(const Epilogue* epilogue = nullptr) && {
    if constexpr (on_host<D>) return make(epilogue);
    else return make(nullptr);
  }
  /// With an activation, which becomes none, where the device's library does that in the same call.
  Tensor<T, D> activated(GemmActivation& activation) const
    requires(!on_host<D>)
  {
    return LinearProducer(*this).make(&activation);
  }

 private:
  using Then = std::conditional_t<on_host<D>, const Epilogue*, GemmActivation*>;

  Tensor<T, D> make(Then then) {
    const GradMode mode(this->record != 0);
    const Tensor<T, D>&held = x.get(), &w = weight.get(), &b = bias.get();
    const Tensor<T, D> copy = held.is_contiguous() ? Tensor<T, D>() : contiguous(held), &input = copy.defined() ? copy : held;
    const std::int64_t out = w.shape()[0];
    Tensor<T, D> y = empty_tensor<T, D>(this->result);
    const std::int64_t m = out > 0 ? y.numel() / out : 0;
    multiply(input, w, b, y, m, then);
    if constexpr (Differentiable<T> && !inference_only) {
      if (!this->record) return y;
      autograd::SlotPtr edges[] = {autograd::edge_to(input), autograd::edge_to(w), autograd::edge_to(b)};
      if (!edges[0] && !edges[1] && !edges[2]) return y;
      autograd::NodePtr<autograd::Node> node(autograd::make_node<autograd::OpNode<LinearBackward<T, D>>>(
          3, 1, 0, "linear", LinearBackward<T, D>{Activation<T, D>(copy.defined() ? copy : x.take()), Saved<T, D>(weight.take())}));
      autograd::record_node(std::move(node), edges, y.record(), grad_ops_of<T, D>());
    }
    return y;
  }

  static void multiply(const Tensor<T, D>& x, const Tensor<T, D>& w, const Tensor<T, D>& b, Tensor<T, D>& y, std::int64_t m, Then then) {
    const std::int64_t out = w.shape()[0], in = w.shape()[1];
    if constexpr (!on_host<D>) {
      GemmCall<T> call{"linear", m, out, in, {x.data_ptr(), in, 1}, {w.data_ptr(), w.strides()[1], w.strides()[0]}, {y.data_ptr(), out, 1}};
      count_pass();
      if (b.defined() || then) {
        const bool side_by_side = b.defined() && b.is_contiguous();
        const GemmFinish<T> finish{side_by_side ? b.data_ptr() : nullptr, then ? *then : GemmActivation::none};
        if (b.defined() == side_by_side && Accelerator<D>::gemm(call, finish)) {
          if (then) *then = GemmActivation::none;
          return;
        }
      }
      if (b.defined()) call.beta = 1, Accelerator<D>::copy(expand(detach(b), y.shape()).record(), y.record());
      Accelerator<D>::gemm(call);
    } else {
      const Epilogue* epilogue = then;
      Tensor<T, D> dense_bias;
      const T* bias = nullptr;
      if (b.defined()) bias = (b.is_contiguous() ? b : dense_bias = dense(b)).data_ptr();
      // A small result begins with the bias, a large one takes it part by part. So do 16-bit floats: rounded once.
      BiasEpilogue<T> add_bias{bias, epilogue};
      bool begin = bias;
      Epilogue with_bias;
      if constexpr (std::same_as<T, float> || std::same_as<T, double>)
        if (bias && y.numel() >= least_finished) begin = false, with_bias = {add_bias.run, &add_bias}, epilogue = &with_bias;
      if (begin) fill_rows<T>(m, out, bias, y.data_ptr());
      count_pass();
      gemm<T>(m, out, in, x.data_ptr(), in, 1, w.data_ptr(), w.strides()[1], w.strides()[0], y.data_ptr(), out, begin, epilogue);
    }
  }
};

}  // namespace detail

/// y = x W^T + b. Shapes: x (.., in), weight (out, in), bias (out) or undefined -> (.., out). Dtypes: equal, not bool.
/// Gradient: g W, g^T x, the sum of g's rows. Throws: ShapeError where sizes differ.
template <TensorLike X, TensorLike W>
  requires detail::OfOneDType<X, W>
auto linear(X&& x, W&& weight, const std::type_identity_t<tensor_t<X>>& bias = {}) {
  const Shape &xs = x.shape(), &ws = weight.shape();
  detail::check_rank("linear", "weight", ws, 2);
  if (xs.empty()) detail::raise<ShapeError>("linear", "x has no dimension: its last one must have ", ws[1], " elements");
  if (xs.back() != ws[1])
    detail::raise<ShapeError>("linear", "the last size of x ", xs, " must equal the last size of weight ", ws, ": ", xs.back(), " != ", ws[1]);
  if (bias.defined() && !(bias.shape() == Shape{ws[0]}))
    detail::raise<ShapeError>("linear", "bias ", bias.shape(), " must have shape (", ws[0], ",), the first size of weight ", ws);
  Shape shape = xs;
  shape[shape.size() - 1] = ws[0];
  return produce(detail::LinearProducer<value_t<X>, device_t<X>>(shape, eval(std::forward<X>(x)), eval(std::forward<W>(weight)), bias));
}
TAPER_REFUSE_TWO_DTYPES(linear)

}  // namespace taper::inline TAPER_CODE
