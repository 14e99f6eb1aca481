// SPDX-License-Identifier: MIT
// What a recurrent layer asks of its device: a walk over the steps of a sequence, and the walk back.
#pragma once

#include <taper/config.hpp>

#include <cstdint>
#include <string_view>

namespace taper::inline TAPER_ABI::base {

/// A walk over all steps, first to last or last to first. Read: the input's part of the gates (steps, n, gates size), hh (gates
/// size, size), a bias (gates size) or none, the initial state (n, size). Made: the states of all steps, behind them the last c
/// where the cell has one; what the gradient reads, of all steps or (keep is false) of one; c of all steps.
template <class T>
struct RecurrentRun {
  std::string_view op;
  std::int64_t steps, n, size;
  bool reverse, keep;
  const T *in, *hh, *bias, *h0, *c0;
  T *states, *saved, *c;

  std::int64_t block() const { return n * size; }  // elements of a state
  std::int64_t at(std::int64_t i) const { return reverse ? steps - 1 - i : i; }
  /// The state before the i-th step.
  const T* before(const T* all, const T* first, std::int64_t i) const { return i == 0 ? first : all + at(i - 1) * block(); }
};

/// The walk back. Read: the gradient that arrived. Made: those of the two parts of the gates (one array where the cell adds them
/// up), of h0, of c0 where the cell has one, and of hh where that is wanted.
template <class T>
struct RecurrentGradients {
  const T* up;
  T *in, *hidden, *h0, *c0, *hh;
};

enum class RecurrentKind { relu, tanh, lstm, gru };

/// A layer over a whole sequence, in one direction or both, as a device's library runs it: x (steps, n, in), states (directions,
/// n, size). What it makes lies in one array: the states of all steps (steps, n, directions size), the last ones, the last c.
struct RecurrentLayer {
  RecurrentKind kind;
  std::int64_t steps, n, in, size, directions;
  bool bias, keep;  // keep: a gradient will be wanted

  bool has_c() const { return kind == RecurrentKind::lstm; }
  std::int64_t gates() const { return kind == RecurrentKind::lstm ? 4 : kind == RecurrentKind::gru ? 3 : 1; }
  std::int64_t block() const { return directions * n * size; }
};

/// What the library takes for it, in bytes, and where in the buffer of all weights it wants those of a direction, in elements:
/// weight_ih, weight_hh, bias_ih, bias_hh.
struct RecurrentPlaces {
  std::size_t weights = 0, reserve = 0, work = 0;
  std::int64_t at[2][4] = {};
};

/// Such a run. h0, c0 (LSTM) and weights are read, `all` is made, `reserve` is for the gradient.
template <class T>
struct RecurrentLayerRun {
  RecurrentLayer layer;
  RecurrentPlaces places;
  const T *x, *h0, *c0, *weights;
  T* all;
  void* reserve;
};
/// And back: from the gradient of `all` to those of x, h0 and c0, and, added to what is there, of the weights where that is wanted.
template <class T>
struct RecurrentLayerGradients {
  const T* up;
  T *x, *h0, *c0, *weights;
};

}  // namespace taper::inline TAPER_ABI::base
