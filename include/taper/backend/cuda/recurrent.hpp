// SPDX-License-Identifier: MIT
// The gates of recurrent layers on a device: a step's product, then one kernel over its states, and back.
#pragma once

#include <taper/backend/cpu/recurrent.hpp>
#include <taper/backend/gemm_call.hpp>
#include <taper/backend/recurrent_run.hpp>

namespace taper::inline TAPER_CODE::detail {

/// How a cell reaches one element. The hidden part lacks its bias (null: none), h's gradient what arrived from above.
template <class T>
struct OneState {
  using V = T;
  const T* bias;
  const T* up;
  bool first;  // nothing flows back from a later step

  TAPER_INLINE TAPER_HD V load(const T* p) const { return *p; }
  TAPER_INLINE TAPER_HD void store(T* p, const V& x) const { *p = x; }
  TAPER_INLINE TAPER_HD V hidden(const T* p, std::int64_t gate) const { return bias ? *p + bias[gate] : *p; }
  TAPER_INLINE TAPER_HD V gradient(const T* p, std::int64_t state) const { return first ? up[state] : *p + up[state]; }
};

template <class Cell, class T>
struct StepOnDevice {
  RecurrentStep<T> step;
  OneState<T> at;
  TAPER_HD void operator()(std::int64_t i) const { Cell::forward(step, i / step.size, i % step.size, at); }
};
template <class Cell, class T>
struct StepBackOnDevice {
  RecurrentStepBack<T> step;
  OneState<T> at;
  TAPER_HD void operator()(std::int64_t i) const { Cell::backward(step, i / step.size, i % step.size, at); }
};
template <class T>
struct CopyElements {
  const T* from;
  T* to;
  TAPER_HD void operator()(std::int64_t i) const { to[i] = from[i]; }
};

/// A system with a library of its own for whole layers of T: plan and forward return false where it leaves a layer to us.
template <class S, class T>
concept HasRecurrentLayers = requires(const RecurrentLayer& layer, RecurrentPlaces& places, const RecurrentLayerRun<T>& run) {
  { S::recurrent_layers().template plan<T>(layer, places) } -> std::same_as<bool>;
  { S::recurrent_layers().forward(run) } -> std::same_as<bool>;
};

/// The walks of backend/cpu/recurrent_walk.hpp. P: what gives gemm.
template <class D, class P>
struct DeviceRecurrent {
  using System = typename D::System;

  template <class T>
  static constexpr bool has_recurrent_layers = HasRecurrentLayers<System, T>;
  static auto recurrent_layers() { return System::recurrent_layers(); }

  template <class Cell, class T>
  static void recurrent(const RecurrentRun<T>& run) {
    const std::int64_t block = run.block(), wide = Cell::gates * run.size;
    const std::size_t bytes = static_cast<std::size_t>(run.n * wide) * sizeof(T);
    if (block == 0) return;
    T* hidden = static_cast<T*>(D::allocate(bytes));
    for (std::int64_t i = 0; i < run.steps; ++i) {
      const std::int64_t t = run.at(i);
      const T* before = run.before(run.states, run.h0, i);
      P::gemm(GemmCall<T>{run.op, run.n, wide, run.size, {before, run.size, 1}, {run.hh, 1, run.size}, {hidden, wide, 1}});
      System::for_each(block, StepOnDevice<Cell, T>{{run.n, run.size, run.in + t * run.n * wide, hidden,
                                                     run.saved ? run.saved + (run.keep ? t * block * Cell::saved : 0) : nullptr, before,
                                                     Cell::has_c ? run.before(run.c, run.c0, i) : nullptr, run.states + t * block,
                                                     Cell::has_c ? run.c + t * block : nullptr},
                                                    {run.bias, nullptr, false}});
    }
    if (Cell::has_c) System::for_each(block, CopyElements<T>{run.c + run.at(run.steps - 1) * block, run.states + run.steps * block});
    D::deallocate(hidden, bytes);
  }

  template <class Cell, class T>
  static void recurrent_backward(const RecurrentRun<T>& run, const RecurrentGradients<T>& d) {
    const std::int64_t block = run.block(), wide = Cell::gates * run.size, steps = run.steps;
    if (block > 0) {
      if (Cell::has_c) System::for_each(block, CopyElements<T>{d.up + steps * block, d.c0});
      for (std::int64_t i = steps - 1; i >= 0; --i) {
        const std::int64_t t = run.at(i);
        T* hidden = d.hidden + t * run.n * wide;
        System::for_each(block, StepBackOnDevice<Cell, T>{{run.n, run.size, run.saved ? run.saved + t * block * Cell::saved : nullptr,
                                                           run.before(run.states, run.h0, i), Cell::has_c ? run.before(run.c, run.c0, i) : nullptr,
                                                           run.states + t * block, Cell::has_c ? run.c + t * block : nullptr, d.h0, d.c0,
                                                           d.in + t * run.n * wide, hidden},
                                                          {nullptr, d.up + t * block, i == steps - 1}});
        P::gemm(GemmCall<T>{run.op, run.n, run.size, wide, {hidden, wide, 1}, {run.hh, run.size, 1}, {d.h0, run.size, 1}, 1, 1, 1});
      }
    }
    if (!d.hh) return;
    const GemmMatrix<T> hh{d.hh, run.size, 1};
    P::gemm(GemmCall<T>{run.op, wide, run.size, run.n, {d.hidden + run.at(0) * run.n * wide, 1, wide}, {run.h0, run.size, 1}, hh});
    P::gemm(GemmCall<T>{run.op, wide, run.size, (steps - 1) * run.n, {run.reverse ? d.hidden : d.hidden + run.n * wide, 1, wide},
                        {run.reverse ? run.states + block : run.states, run.size, 1}, hh, 1, 1, 1});
  }
};

}  // namespace taper::inline TAPER_CODE::detail
