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

/// h = tanh(in + hidden), or its positive part.
template <bool Tanh>
struct PlainCell {
  static constexpr Entry step = Tanh ? Entry::tanh_step : Entry::relu_step;
  static constexpr Entry step_backward = Tanh ? Entry::tanh_step_backward : Entry::relu_step_backward;
  static constexpr std::int64_t gates = 1, saved = 0;
  static constexpr bool has_c = false, one_gradient = true;

  template <class T, class A>
  TAPER_KERNEL static void forward(const Step<T>& s, std::int64_t r) {
    using V = PackFor<T, A>;
    for (std::int64_t j = 0; j < s.size; j += pack_lanes) {
      const std::int64_t at = r * s.size + j, left = s.size - j;
      const V x = load_some<V>(s.in + at, left, 0) + load_some<V>(s.hidden + at, left, 0);
      if constexpr (Tanh)
        store_some(s.h + at, left, math::tanh(x));
      else
        store_some(s.h + at, left, math::max(x, V(0)));
    }
  }
  template <class T, class A>
  TAPER_KERNEL static void backward(const StepBack<T>& s, std::int64_t r) {
    using V = PackFor<T, A>;
    for (std::int64_t j = 0; j < s.size; j += pack_lanes) {
      const std::int64_t at = r * s.size + j, left = s.size - j;
      const V y = load_some<V>(s.h + at, left, 0), g = load_some<V>(s.dh + at, left, 0);
      if constexpr (Tanh)
        store_some(s.d_in + at, left, g * (V(1) - y * y));
      else
        store_some(s.d_in + at, left, select(y > V(0), g, V(0)));
      store_some(s.dh + at, left, V(0));
    }
  }
};

/// Gates i, f, g, o: c = sigmoid(f) c + sigmoid(i) tanh(g), h = sigmoid(o) tanh(c). The gates' values are saved.
struct LstmCell {
  static constexpr Entry step = Entry::lstm_step, step_backward = Entry::lstm_step_backward;
  static constexpr std::int64_t gates = 4, saved = 4;
  static constexpr bool has_c = true, one_gradient = true;

  template <class T, class A>
  TAPER_KERNEL static void forward(const Step<T>& s, std::int64_t r) {
    using V = PackFor<T, A>;
    const std::int64_t size = s.size;
    const T *in = s.in + r * 4 * size, *hidden = s.hidden + r * 4 * size;
    T* out = s.saved + r * 4 * size;
    for (std::int64_t j = 0; j < size; j += pack_lanes) {
      const std::int64_t at = r * size + j, left = size - j;
      V x[4];
      for (int k = 0; k < 4; ++k)
        x[k] = load_some<V>(in + k * size + j, left, 0) + load_some<V>(hidden + k * size + j, left, 0);
      const V i = math::sigmoid(x[0]), f = math::sigmoid(x[1]), g = math::tanh(x[2]), o = math::sigmoid(x[3]);
      const V c = f * load_some<V>(s.c_before + at, left, 0) + i * g;
      store_some(out + j, left, i), store_some(out + size + j, left, f);
      store_some(out + 2 * size + j, left, g), store_some(out + 3 * size + j, left, o);
      store_some(s.c + at, left, c);
      store_some(s.h + at, left, o * math::tanh(c));
    }
  }
  template <class T, class A>
  TAPER_KERNEL static void backward(const StepBack<T>& s, std::int64_t r) {
    using V = PackFor<T, A>;
    const std::int64_t size = s.size;
    const T* gates = s.saved + r * 4 * size;
    T* d = s.d_in + r * 4 * size;
    for (std::int64_t j = 0; j < size; j += pack_lanes) {
      const std::int64_t at = r * size + j, left = size - j;
      const V i = load_some<V>(gates + j, left, 0), f = load_some<V>(gates + size + j, left, 0);
      const V g = load_some<V>(gates + 2 * size + j, left, 0), o = load_some<V>(gates + 3 * size + j, left, 0);
      const V t = math::tanh(load_some<V>(s.c + at, left, 0)), dh = load_some<V>(s.dh + at, left, 0);
      const V dc = load_some<V>(s.dc + at, left, 0) + dh * o * (V(1) - t * t);
      store_some(d + j, left, dc * g * i * (V(1) - i));
      store_some(d + size + j, left, dc * load_some<V>(s.c_before + at, left, 0) * f * (V(1) - f));
      store_some(d + 2 * size + j, left, dc * i * (V(1) - g * g));
      store_some(d + 3 * size + j, left, dh * t * o * (V(1) - o));
      store_some(s.dc + at, left, dc * f);
      store_some(s.dh + at, left, V(0));
    }
  }
};

/// Gates r, z, n: n = tanh(in_n + sigmoid(r) hidden_n), h = n + sigmoid(z) (h - n). Saved: r, z, n, hidden_n.
struct GruCell {
  static constexpr Entry step = Entry::gru_step, step_backward = Entry::gru_step_backward;
  static constexpr std::int64_t gates = 3, saved = 4;
  static constexpr bool has_c = false, one_gradient = false;

  template <class T, class A>
  TAPER_KERNEL static void forward(const Step<T>& s, std::int64_t row) {
    using V = PackFor<T, A>;
    const std::int64_t size = s.size;
    const T *in = s.in + row * 3 * size, *hidden = s.hidden + row * 3 * size;
    T* out = s.saved + row * 4 * size;
    for (std::int64_t j = 0; j < size; j += pack_lanes) {
      const std::int64_t at = row * size + j, left = size - j;
      const V r = math::sigmoid(load_some<V>(in + j, left, 0) + load_some<V>(hidden + j, left, 0));
      const V z = math::sigmoid(load_some<V>(in + size + j, left, 0) + load_some<V>(hidden + size + j, left, 0));
      const V part = load_some<V>(hidden + 2 * size + j, left, 0);
      const V n = math::tanh(load_some<V>(in + 2 * size + j, left, 0) + r * part);
      store_some(out + j, left, r), store_some(out + size + j, left, z);
      store_some(out + 2 * size + j, left, n), store_some(out + 3 * size + j, left, part);
      store_some(s.h + at, left, n + z * (load_some<V>(s.h_before + at, left, 0) - n));
    }
  }
  template <class T, class A>
  TAPER_KERNEL static void backward(const StepBack<T>& s, std::int64_t row) {
    using V = PackFor<T, A>;
    const std::int64_t size = s.size;
    const T* gates = s.saved + row * 4 * size;
    T *d = s.d_in + row * 3 * size, *e = s.d_hidden + row * 3 * size;
    for (std::int64_t j = 0; j < size; j += pack_lanes) {
      const std::int64_t at = row * size + j, left = size - j;
      const V r = load_some<V>(gates + j, left, 0), z = load_some<V>(gates + size + j, left, 0);
      const V n = load_some<V>(gates + 2 * size + j, left, 0), part = load_some<V>(gates + 3 * size + j, left, 0);
      const V dh = load_some<V>(s.dh + at, left, 0);
      const V dn = dh * (V(1) - z) * (V(1) - n * n);
      const V dz = dh * (load_some<V>(s.h_before + at, left, 0) - n) * z * (V(1) - z);
      const V dr = dn * part * r * (V(1) - r);
      store_some(d + j, left, dr), store_some(e + j, left, dr);
      store_some(d + size + j, left, dz), store_some(e + size + j, left, dz);
      store_some(d + 2 * size + j, left, dn), store_some(e + 2 * size + j, left, dn * r);
      store_some(s.dh + at, left, dh * z);
    }
  }
};

inline std::int64_t rows_of_task(std::int64_t size) { return 1 + (1 << 12) / (size + 1); }

}  // namespace recurring

template <class Cell, class T, class A = Abi>
void recurrent_step(const recurring::Step<T>& s) {
  if constexpr (is_compiled<T, A>) {
    compiled_entry<Cell::step, decltype(recurrent_step<Cell, T, A>)>()(s);
  } else {
    parallel_for(s.n, recurring::rows_of_task(s.size), [&](std::int64_t first, std::int64_t last) {
      for (; first < last; ++first) Cell::template forward<T, A>(s, first);
    });
  }
}
template <class Cell, class T, class A = Abi>
void recurrent_step_backward(const recurring::StepBack<T>& s) {
  if constexpr (is_compiled<T, A>) {
    compiled_entry<Cell::step_backward, decltype(recurrent_step_backward<Cell, T, A>)>()(s);
  } else {
    parallel_for(s.n, recurring::rows_of_task(s.size), [&](std::int64_t first, std::int64_t last) {
      for (; first < last; ++first) Cell::template backward<T, A>(s, first);
    });
  }
}

}  // namespace taper::inline TAPER_CODE::detail
