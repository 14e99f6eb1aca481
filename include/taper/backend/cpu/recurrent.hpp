// SPDX-License-Identifier: MIT
// The gates of recurrent layers, one step at a time, forward and backward: rows of a batch, each read and written once.
#pragma once

#include <taper/backend/cpu/compiled.hpp>
#include <taper/backend/cpu/lanes.hpp>
#include <taper/core/parallel.hpp>

namespace taper::inline TAPER_ABI::base {

/// One step of n rows of `size` states. `in` and `hidden` are the two parts of the gates, gates * size to a row;
/// `saved` holds what the gradient reads, saved * size to a row; the others have size to a row.
template <class T>
struct RecurrentStep {
  std::int64_t n, size;
  const T *in, *hidden;
  T* saved;
  const T *h_before, *c_before;
  T *h, *c;
};
/// Its gradient: dh is that of h, and becomes what flows to h_before past the gates; dc that of c, and becomes that of
/// c_before; d_in and d_hidden are those of the parts, one array where the cell adds them up.
template <class T>
struct RecurrentStepBack {
  std::int64_t n, size;
  const T *saved, *h_before, *c_before, *h, *c;
  T *dh, *dc, *d_in, *d_hidden;
};

}  // namespace taper::inline TAPER_ABI::base

namespace taper::inline TAPER_CODE::detail {
namespace recurring {

using namespace lanes;
template <class T>
using Step = RecurrentStep<T>;
template <class T>
using StepBack = RecurrentStepBack<T>;

// A cell states a step of some neighbouring states once, for packs on the host and for one element on a device: `at` loads and
// stores them, at.hidden is the hidden part of a gate, at.gradient what arrived at h.

/// Packs of a row, whose last one holds `left` elements.
template <class T, class A>
struct RowPacks {
  using V = PackFor<T, A>;
  std::int64_t left;
  TAPER_INLINE V load(const T* p) const { return load_some<V>(p, left, 0); }
  TAPER_INLINE void store(T* p, const V& x) const { store_some(p, left, x); }
  TAPER_INLINE V hidden(const T* p, std::int64_t /*gate*/) const { return load(p); }
  TAPER_INLINE V gradient(const T* p, std::int64_t /*state*/) const { return load(p); }
};

/// h = tanh(in + hidden), or its positive part.
template <bool Tanh>
struct PlainCell {
  static constexpr Entry step = Tanh ? Entry::tanh_step : Entry::relu_step;
  static constexpr Entry step_backward = Tanh ? Entry::tanh_step_backward : Entry::relu_step_backward;
  static constexpr std::int64_t gates = 1, saved = 0;
  static constexpr bool has_c = false, one_gradient = true;

  TAPER_HOST_CALLS template <class T, class At>
  TAPER_INLINE TAPER_HD static void forward(const Step<T>& s, std::int64_t r, std::int64_t j, const At& at) {
    using V = typename At::V;
    const std::int64_t i = r * s.size + j;
    const V x = at.load(s.in + i) + at.hidden(s.hidden + i, j);
    if constexpr (Tanh) at.store(s.h + i, math::tanh(x));
    else at.store(s.h + i, math::max(x, V(0)));
  }
  TAPER_HOST_CALLS template <class T, class At>
  TAPER_INLINE TAPER_HD static void backward(const StepBack<T>& s, std::int64_t r, std::int64_t j, const At& at) {
    using V = typename At::V;
    const std::int64_t i = r * s.size + j;
    const V y = at.load(s.h + i), g = at.gradient(s.dh + i, i);
    if constexpr (Tanh) at.store(s.d_in + i, g * (V(1) - y * y));
    else at.store(s.d_in + i, select(y > V(0), g, V(0)));
    at.store(s.dh + i, V(0));
  }
};

/// Gates i, f, g, o: c = sigmoid(f) c + sigmoid(i) tanh(g), h = sigmoid(o) tanh(c). The gates' values are saved.
struct LstmCell {
  static constexpr Entry step = Entry::lstm_step, step_backward = Entry::lstm_step_backward;
  static constexpr std::int64_t gates = 4, saved = 4;
  static constexpr bool has_c = true, one_gradient = true;

  TAPER_HOST_CALLS template <class T, class At>
  TAPER_INLINE TAPER_HD static void forward(const Step<T>& s, std::int64_t r, std::int64_t j, const At& at) {
    using V = typename At::V;
    const std::int64_t size = s.size, state = r * size + j, first = r * 4 * size + j;
    V x[4];
    for (int k = 0; k < 4; ++k) x[k] = at.load(s.in + first + k * size) + at.hidden(s.hidden + first + k * size, k * size + j);
    const V i = math::sigmoid(x[0]), f = math::sigmoid(x[1]), g = math::tanh(x[2]), o = math::sigmoid(x[3]);
    const V c = f * at.load(s.c_before + state) + i * g;
    T* out = s.saved + first;
    at.store(out, i), at.store(out + size, f), at.store(out + 2 * size, g), at.store(out + 3 * size, o);
    at.store(s.c + state, c);
    at.store(s.h + state, o * math::tanh(c));
  }
  TAPER_HOST_CALLS template <class T, class At>
  TAPER_INLINE TAPER_HD static void backward(const StepBack<T>& s, std::int64_t r, std::int64_t j, const At& at) {
    using V = typename At::V;
    const std::int64_t size = s.size, state = r * size + j, first = r * 4 * size + j;
    const T* gates = s.saved + first;
    T* d = s.d_in + first;
    const V i = at.load(gates), f = at.load(gates + size), g = at.load(gates + 2 * size), o = at.load(gates + 3 * size);
    const V t = math::tanh(at.load(s.c + state)), dh = at.gradient(s.dh + state, state);
    const V dc = at.load(s.dc + state) + dh * o * (V(1) - t * t);
    at.store(d, dc * g * i * (V(1) - i));
    at.store(d + size, dc * at.load(s.c_before + state) * f * (V(1) - f));
    at.store(d + 2 * size, dc * i * (V(1) - g * g));
    at.store(d + 3 * size, dh * t * o * (V(1) - o));
    at.store(s.dc + state, dc * f);
    at.store(s.dh + state, V(0));
  }
};

/// Gates r, z, n: n = tanh(in_n + sigmoid(r) hidden_n), h = n + sigmoid(z) (h - n). Saved: r, z, n, hidden_n.
struct GruCell {
  static constexpr Entry step = Entry::gru_step, step_backward = Entry::gru_step_backward;
  static constexpr std::int64_t gates = 3, saved = 4;
  static constexpr bool has_c = false, one_gradient = false;

  TAPER_HOST_CALLS template <class T, class At>
  TAPER_INLINE TAPER_HD static void forward(const Step<T>& s, std::int64_t row, std::int64_t j, const At& at) {
    using V = typename At::V;
    const std::int64_t size = s.size, state = row * size + j, first = row * 3 * size + j;
    const T *in = s.in + first, *hidden = s.hidden + first;
    const V r = math::sigmoid(at.load(in) + at.hidden(hidden, j));
    const V z = math::sigmoid(at.load(in + size) + at.hidden(hidden + size, size + j));
    const V part = at.hidden(hidden + 2 * size, 2 * size + j);
    const V n = math::tanh(at.load(in + 2 * size) + r * part);
    T* out = s.saved + row * 4 * size + j;
    at.store(out, r), at.store(out + size, z), at.store(out + 2 * size, n), at.store(out + 3 * size, part);
    at.store(s.h + state, n + z * (at.load(s.h_before + state) - n));
  }
  TAPER_HOST_CALLS template <class T, class At>
  TAPER_INLINE TAPER_HD static void backward(const StepBack<T>& s, std::int64_t row, std::int64_t j, const At& at) {
    using V = typename At::V;
    const std::int64_t size = s.size, state = row * size + j, first = row * 3 * size + j;
    const T* gates = s.saved + row * 4 * size + j;
    T *d = s.d_in + first, *e = s.d_hidden + first;
    const V r = at.load(gates), z = at.load(gates + size), n = at.load(gates + 2 * size), part = at.load(gates + 3 * size);
    const V dh = at.gradient(s.dh + state, state);
    const V dn = dh * (V(1) - z) * (V(1) - n * n);
    const V dz = dh * (at.load(s.h_before + state) - n) * z * (V(1) - z);
    const V dr = dn * part * r * (V(1) - r);
    at.store(d, dr), at.store(e, dr);
    at.store(d + size, dz), at.store(e + size, dz);
    at.store(d + 2 * size, dn), at.store(e + 2 * size, dn * r);
    at.store(s.dh + state, dh * z);
  }
};

template <class Cell, class T, class A>
TAPER_KERNEL void forward_row(const Step<T>& given, std::int64_t r) {
  const Step<T> s = given;  // a copy, whose pointers no store can change
  for (std::int64_t j = 0; j < s.size; j += pack_lanes) Cell::forward(s, r, j, RowPacks<T, A>{s.size - j});
}
template <class Cell, class T, class A>
TAPER_KERNEL void backward_row(const StepBack<T>& given, std::int64_t r) {
  const StepBack<T> s = given;  // a copy, whose pointers no store can change
  for (std::int64_t j = 0; j < s.size; j += pack_lanes) Cell::backward(s, r, j, RowPacks<T, A>{s.size - j});
}

/// Rows that are worth another thread's help.
template <class Cell>
std::int64_t rows_of_task(std::int64_t size) { return 1 + (1 << 12) / (Cell::gates * size + 1); }

}  // namespace recurring

template <class Cell, class T, class A = Abi>
void recurrent_step(const recurring::Step<T>& s) {
  if constexpr (is_compiled<T, A>) {
    compiled_entry<Cell::step, decltype(recurrent_step<Cell, T, A>)>()(s);
  } else {
    parallel_for(s.n, recurring::rows_of_task<Cell>(s.size), [&](std::int64_t first, std::int64_t last) {
      for (; first < last; ++first) recurring::forward_row<Cell, T, A>(s, first);
    });
  }
}
template <class Cell, class T, class A = Abi>
void recurrent_step_backward(const recurring::StepBack<T>& s) {
  if constexpr (is_compiled<T, A>) {
    compiled_entry<Cell::step_backward, decltype(recurrent_step_backward<Cell, T, A>)>()(s);
  } else {
    parallel_for(s.n, recurring::rows_of_task<Cell>(s.size), [&](std::int64_t first, std::int64_t last) {
      for (; first < last; ++first) recurring::backward_row<Cell, T, A>(s, first);
    });
  }
}

}  // namespace taper::inline TAPER_CODE::detail
