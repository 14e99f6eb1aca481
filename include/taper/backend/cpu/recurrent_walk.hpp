// SPDX-License-Identifier: MIT
// The steps of a recurrent layer on the host: a product, then the gates, and back.
#pragma once

#include <taper/backend/cpu/gemm.hpp>
#include <taper/backend/cpu/recurrent.hpp>
#include <taper/backend/recurrent_run.hpp>

#include <algorithm>

namespace taper::inline TAPER_CODE::detail {

template <class Cell, class T>
void recurrent(const RecurrentRun<T>& run) {
  const std::int64_t n = run.n, size = run.size, block = run.block(), wide = Cell::gates * size;
  const tiles::Scratch<T> memory(wide * size + n * wide);
  T *turned = memory.data(), *hidden = turned + wide * size;
  for (std::int64_t i = 0; i < wide; ++i)
    for (std::int64_t j = 0; j < size; ++j) turned[j * wide + i] = run.hh[i * size + j];
  for (std::int64_t i = 0; i < run.steps; ++i) {
    const std::int64_t t = run.at(i);
    const T* before = run.before(run.states, run.h0, i);
    if (run.bias)
      for (std::int64_t r = 0; r < n; ++r) std::copy_n(run.bias, wide, hidden + r * wide);
    gemm<T>(n, wide, size, before, size, 1, turned, wide, 1, hidden, wide, run.bias);
    recurrent_step<Cell, T>({n, size, run.in + t * n * wide, hidden, run.saved ? run.saved + (run.keep ? t * block * Cell::saved : 0) : nullptr,
                             before, Cell::has_c ? run.before(run.c, run.c0, i) : nullptr, run.states + t * block,
                             Cell::has_c ? run.c + t * block : nullptr});
  }
  if (Cell::has_c) std::copy_n(run.c + run.at(run.steps - 1) * block, block, run.states + run.steps * block);
}

template <class Cell, class T>
void recurrent_backward(const RecurrentRun<T>& run, const RecurrentGradients<T>& d) {
  const std::int64_t n = run.n, size = run.size, block = run.block(), wide = Cell::gates * size, steps = run.steps;
  std::fill_n(d.h0, block, T(0));
  if (Cell::has_c) std::copy_n(d.up + steps * block, block, d.c0);
  for (std::int64_t i = steps - 1; i >= 0; --i) {
    const std::int64_t t = run.at(i);
    for (std::int64_t k = 0; k < block; ++k) d.h0[k] += d.up[t * block + k];
    T* hidden = d.hidden + t * n * wide;
    recurrent_step_backward<Cell, T>({n, size, run.saved ? run.saved + t * block * Cell::saved : nullptr, run.before(run.states, run.h0, i),
                                      Cell::has_c ? run.before(run.c, run.c0, i) : nullptr, run.states + t * block,
                                      Cell::has_c ? run.c + t * block : nullptr, d.h0, d.c0, d.in + t * n * wide, hidden});
    gemm<T>(n, size, wide, hidden, wide, 1, run.hh, size, 1, d.h0, size, true);
  }
  if (!d.hh) return;
  // All steps but the first in one product: their states before lie behind each other.
  gemm<T>(wide, size, n, d.hidden + run.at(0) * n * wide, 1, wide, run.h0, size, 1, d.hh, size, false);
  gemm<T>(wide, size, (steps - 1) * n, run.reverse ? d.hidden : d.hidden + n * wide, 1, wide, run.reverse ? run.states + block : run.states, size,
          1, d.hh, size, true);
}

}  // namespace taper::inline TAPER_CODE::detail
