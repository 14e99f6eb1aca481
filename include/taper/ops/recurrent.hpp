// SPDX-License-Identifier: MIT
// A recurrent layer in one direction over a whole sequence as one op: a step's product and its gates, and back.
#pragma once

#include <taper/backend/cpu/gemm.hpp>
#include <taper/backend/cpu/recurrent.hpp>
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

/// The order of steps, first to last or last to first, and where their states lie.
template <class T>
struct SequenceWalk {
  std::int64_t steps, block;  // elements of a state
  bool reverse;
  std::int64_t at(std::int64_t i) const { return reverse ? steps - 1 - i : i; }
  /// The state before the i-th step.
  const T* before(const T* all, const T* first, std::int64_t i) const {
    return i == 0 ? first : all + at(i - 1) * block;
  }
};

/// Replay computes the same from differentiable functions; it is what create_graph differentiates.
template <class Cell, class Replay, Scalar T, Device D>
struct RecurrentBackward {
  Saved<T, D> in, hh, bias, h0, c0;
  Tensor<T, D> saved, c;
  bool reverse;
  Replay replay;

  /// Copies stand between the replay and what it reads, which may depend on each other.
  void recorded(const autograd::BackwardContext& ctx) const {
    const Saved<T, D>* given[] = {&in, &hh, &bias, &h0, &c0};
    Tensor<T, D> x[5];
    std::vector<Tensor<T, D>> wanted;
    for (int i = 0; i < 5; ++i) {
      if (!given[i]->defined()) continue;
      x[i] = clone(given[i]->get());
      if (ctx.wants(i)) wanted.push_back(x[i]);
    }
    const Tensor<T, D> y = replay(RecurrentInputs<T, D>{x[0], x[1], x[2], x[3], x[4]}, reverse);
    const auto gradients = grad(y, wanted, ctx.grad<T, D>(), {.create_graph = true, .allow_unused = true});
    auto next = gradients.begin();
    for (int i = 0; i < 5; ++i)
      if (given[i]->defined() && ctx.wants(i)) {
        if (next->defined()) ctx.give(i, *next);
        ++next;
      }
  }

  void operator()(const autograd::BackwardContext& ctx) const {
    if constexpr (!first_order_only)
      if (ctx.create_graph()) return recorded(ctx);
    const Tensor<T, D> g = dense(ctx.grad<T, D>()), y = ctx.output<T, D>(), w = dense(hh.get()),
                       h_first = dense(h0.get());
    const Tensor<T, D> c_first = Cell::has_c ? dense(c0.get()) : Tensor<T, D>();
    const std::int64_t steps = in.get().shape()[0], n = y.shape()[1], size = y.shape()[2], block = n * size;
    const std::int64_t wide = Cell::gates * size;
    Tensor<T, D> d_in = empty_tensor<T, D>(in.get().shape());
    Tensor<T, D> d_hidden = Cell::one_gradient ? d_in : empty_tensor<T, D>(d_in.shape());
    Tensor<T, D> dh = empty_tensor<T, D>(h_first.shape()), dc;
    std::fill_n(dh.data_ptr(), block, T(0));
    const T *up = g.data_ptr(), *states = y.data_ptr(), *first = h_first.data_ptr();
    if (Cell::has_c) {
      dc = empty_tensor<T, D>(h_first.shape());
      std::copy_n(up + steps * block, block, dc.data_ptr());
    }
    const SequenceWalk<T> walk{steps, block, reverse};
    T* to = dh.data_ptr();
    count_pass();
    for (std::int64_t i = steps - 1; i >= 0; --i) {
      const std::int64_t t = walk.at(i);
      for (std::int64_t k = 0; k < block; ++k) to[k] += up[t * block + k];
      T* hidden = d_hidden.data_ptr() + t * n * wide;
      recurrent_step_backward<Cell, T>({n, size, saved.defined() ? saved.data_ptr() + t * block * Cell::saved : nullptr,
                                        walk.before(states, first, i),
                                        Cell::has_c ? walk.before(c.data_ptr(), c_first.data_ptr(), i) : nullptr,
                                        states + t * block, Cell::has_c ? c.data_ptr() + t * block : nullptr, to,
                                        Cell::has_c ? dc.data_ptr() : nullptr, d_in.data_ptr() + t * n * wide, hidden});
      gemm<T>(n, size, wide, hidden, wide, 1, w.data_ptr(), size, 1, to, size, true);
    }
    if (ctx.wants(1)) {
      // All steps but the first in one product: their states before lie behind each other.
      Tensor<T, D> dw = empty_tensor<T, D>(w.shape());
      const T* d = std::as_const(d_hidden).data_ptr();
      gemm<T>(wide, size, n, d + walk.at(0) * n * wide, 1, wide, first, size, 1, dw.data_ptr(), size, false);
      gemm<T>(wide, size, (steps - 1) * n, reverse ? d : d + n * wide, 1, wide, reverse ? states + block : states, size,
              1, dw.data_ptr(), size, true);
      ctx.give(1, std::move(dw));
    }
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
  const std::int64_t steps = in.shape()[0], n = in.shape()[1], size = first.shape()[1], block = n * size;
  const std::int64_t wide = Cell::gates * size;
  bool keep = false;  // a state of the gates for every step
  for (const auto* t : {&in, &x.hh, &x.bias, &x.h0, &x.c0}) keep = keep || (t->defined() && recording(*t));
  Tensor<T, D> y = empty_tensor<T, D>({steps + (Cell::has_c ? 1 : 0), n, size}), saved, c;
  if (Cell::saved > 0) saved = empty_tensor<T, D>({keep ? steps : 1, n, Cell::saved * size});
  if (Cell::has_c) c = empty_tensor<T, D>({steps, n, size});
  const tiles::Scratch<T> memory(wide * size + n * wide);
  T *turned = memory.data(), *hidden = turned + wide * size;
  for (std::int64_t i = 0; i < wide; ++i)
    for (std::int64_t j = 0; j < size; ++j) turned[j * wide + i] = std::as_const(w).data_ptr()[i * size + j];
  const Tensor<T, D> bias = x.bias.defined() ? dense(x.bias) : Tensor<T, D>();
  const SequenceWalk<T> walk{steps, block, reverse};
  T* states = y.data_ptr();
  count_pass();
  for (std::int64_t i = 0; i < steps; ++i) {
    const std::int64_t t = walk.at(i);
    const T* before = walk.before(states, first.data_ptr(), i);
    if (bias.defined())
      for (std::int64_t r = 0; r < n; ++r) std::copy_n(bias.data_ptr(), wide, hidden + r * wide);
    gemm<T>(n, wide, size, before, size, 1, turned, wide, 1, hidden, wide, bias.defined());
    recurrent_step<Cell, T>({n, size, in.data_ptr() + t * n * wide, hidden,
                             saved.defined() ? saved.data_ptr() + (keep ? t * block * Cell::saved : 0) : nullptr,
                             before, Cell::has_c ? walk.before(c.data_ptr(), c_first.data_ptr(), i) : nullptr,
                             states + t * block, Cell::has_c ? c.data_ptr() + t * block : nullptr});
  }
  if (Cell::has_c) std::copy_n(std::as_const(c).data_ptr() + walk.at(steps - 1) * block, block, states + steps * block);
  return record_op(
      op, std::move(y), true,
      RecurrentBackward<Cell, Replay, T, D>{Saved<T, D>(in), Saved<T, D>(x.hh), Saved<T, D>(x.bias), Saved<T, D>(x.h0),
                                            Saved<T, D>(x.c0), saved, c, reverse, replay},
      in, x.hh, x.bias, x.h0, x.c0);
}

}  // namespace taper::inline TAPER_CODE::detail
