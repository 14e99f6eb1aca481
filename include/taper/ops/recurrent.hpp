// SPDX-License-Identifier: MIT
// A recurrent layer in one direction over a whole sequence as one op: a step's product and its gates, and back.
#pragma once

#include <taper/backend/accelerator.hpp>
#include <taper/backend/cpu/recurrent_walk.hpp>
#include <taper/eval/grad.hpp>
#include <taper/ops/structural.hpp>
#include <taper/ops/view.hpp>

#include <vector>

namespace taper::inline TAPER_CODE::detail {

/// What a walk over a sequence reads: the input's part of the gates (steps, n, gates size), hh (gates size, size), a
/// bias (gates size) or none, and the initial state (n, size).
template <Scalar T, Device D>
struct RecurrentInputs {
  Tensor<T, D> in, hh, bias, h0, c0;
};

template <Scalar T, Device D>
T* memory_of(Tensor<T, D>& x) {
  return x.defined() ? x.data_ptr() : nullptr;
}
template <Scalar T, Device D>
const T* memory_of(const Tensor<T, D>& x) {
  return x.defined() ? x.data_ptr() : nullptr;
}

/// Gives the gradients of what an op read, which themselves have gradients: those of y = f(copies), computed from differentiable
/// functions. The copies stand for inputs that may depend on each other.
template <Scalar T, Device D, class F>
void give_replayed(const autograd::BackwardContext& ctx, std::span<const Saved<T, D>> given, const F& f) {
  std::vector<Tensor<T, D>> x(given.size()), wanted;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!given[i].defined()) continue;
    x[i] = clone(given[i].get());
    if (ctx.wants(static_cast<int>(i))) wanted.push_back(x[i]);
  }
  const Tensor<T, D> y = f(x.data());
  const auto gradients = grad(y, wanted, ctx.grad<T, D>(), {.create_graph = true, .allow_unused = true});
  auto next = gradients.begin();
  for (std::size_t i = 0; i < x.size(); ++i)
    if (const int k = static_cast<int>(i); given[i].defined() && ctx.wants(k)) {
      if (next->defined()) ctx.give(k, *next);
      ++next;
    }
}

/// Replay computes the same from differentiable functions; it is what create_graph differentiates.
template <class Cell, class Replay, Scalar T, Device D>
struct RecurrentBackward {
  Saved<T, D> in, hh, bias, h0, c0;
  Tensor<T, D> saved, c;
  bool reverse;
  Replay replay;

  void operator()(const autograd::BackwardContext& ctx) const {
    if constexpr (!first_order_only)
      if (ctx.create_graph()) {
        const Saved<T, D> given[] = {in, hh, bias, h0, c0};
        return give_replayed<T, D>(ctx, given, [&](const Tensor<T, D>* x) {
          return replay(RecurrentInputs<T, D>{x[0], x[1], x[2], x[3], x[4]}, reverse);
        });
      }
    const Tensor<T, D> g = dense(ctx.grad<T, D>()), w = dense(hh.get()), h_first = dense(h0.get());
    const Tensor<T, D> c_first = Cell::has_c ? dense(c0.get()) : Tensor<T, D>();
    Tensor<T, D> y = ctx.output<T, D>(), gates = saved, cells = c;
    Tensor<T, D> d_in = empty_tensor<T, D>(in.get().shape()), dh = empty_tensor<T, D>(h_first.shape()), dc, dw;
    Tensor<T, D> d_hidden = Cell::one_gradient ? d_in : empty_tensor<T, D>(d_in.shape());
    if (Cell::has_c) dc = empty_tensor<T, D>(h_first.shape());
    if (ctx.wants(1)) dw = empty_tensor<T, D>(w.shape());
    const RecurrentRun<T> run{"recurrent", in.get().shape()[0], y.shape()[1], y.shape()[2], reverse, true, nullptr, w.data_ptr(), nullptr,
                              h_first.data_ptr(), memory_of(c_first), memory_of(y), memory_of(gates), memory_of(cells)};
    const RecurrentGradients<T> d{g.data_ptr(), memory_of(d_in), memory_of(d_hidden), memory_of(dh), memory_of(dc), memory_of(dw)};
    count_pass();
    if constexpr (on_host<D>) recurrent_backward<Cell, T>(run, d);
    else Accelerator<D>::template recurrent_backward<Cell, T>(run, d);
    if (dw.defined()) ctx.give(1, std::move(dw));
    if (ctx.wants(2)) ctx.give(2, sum_to(d_hidden, bias.get().shape()));
    if (ctx.wants(3)) ctx.give(3, std::move(dh));
    if constexpr (Cell::has_c)
      if (ctx.wants(4)) ctx.give(4, std::move(dc));
    if (ctx.wants(0)) ctx.give(0, std::move(d_in));
  }
};

/// The states h of all steps, (steps, n, size); behind them, where the cell has one, the last state c.
template <class Cell, class Replay, Scalar T, Device D>
Tensor<T, D> recurrent_sequence(std::string_view op, const RecurrentInputs<T, D>& x, bool reverse,
                                const Replay& replay) {
  const Tensor<T, D> in = contiguous(x.in), w = dense(x.hh), first = dense(x.h0);
  const Tensor<T, D> c_first = Cell::has_c ? dense(x.c0) : Tensor<T, D>();
  const Tensor<T, D> bias = x.bias.defined() ? dense(x.bias) : Tensor<T, D>();
  const std::int64_t steps = in.shape()[0], n = in.shape()[1], size = first.shape()[1];
  bool keep = false;  // a state of the gates for every step
  for (const auto* t : {&in, &x.hh, &x.bias, &x.h0, &x.c0}) keep = keep || (t->defined() && recording(*t));
  Tensor<T, D> y = empty_tensor<T, D>({steps + (Cell::has_c ? 1 : 0), n, size}), saved, c;
  if (Cell::saved > 0) saved = empty_tensor<T, D>({keep ? steps : 1, n, Cell::saved * size});
  if (Cell::has_c) c = empty_tensor<T, D>({steps, n, size});
  const RecurrentRun<T> run{op, steps, n, size, reverse, keep, in.data_ptr(), w.data_ptr(), memory_of(bias), first.data_ptr(),
                            memory_of(c_first), memory_of(y), memory_of(saved), memory_of(c)};
  count_pass();
  if constexpr (on_host<D>) recurrent<Cell, T>(run);
  else Accelerator<D>::template recurrent<Cell, T>(run);
  return record_op(
      op, std::move(y), true,
      RecurrentBackward<Cell, Replay, T, D>{Saved<T, D>(in), Saved<T, D>(x.hh), Saved<T, D>(x.bias), Saved<T, D>(x.h0),
                                            Saved<T, D>(x.c0), saved, c, reverse, replay},
      in, x.hh, x.bias, x.h0, x.c0);
}

}  // namespace taper::inline TAPER_CODE::detail
