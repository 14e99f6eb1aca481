// SPDX-License-Identifier: MIT
// What the library holds, each entry with its instance for T, and where a level's instance is found.
#pragma once

#include <taper/backend/cpu/compiled.hpp>

#define TAPER_ENTRIES(X, T)                                                      \
  X(gemm, gemm<T>)                                                               \
  X(batched_gemm, batched_gemm<T>)                                               \
  X(conv2d_forward, conv2d_forward<T>)                                           \
  X(conv2d_data_gradient, conv2d_data_gradient<T>)                               \
  X(conv2d_weight_gradient, conv2d_weight_gradient<T>)                           \
  X(conv2d_bias_gradient, conv2d_bias_gradient<T>)                               \
  X(channel_moments, channel_moments<T>)                                         \
  X(channel_sums, channel_sums<T>)                                               \
  X(channel_affine, channel_affine<T>)                                           \
  X(layer_norm_rows, layer_norm_rows<T>)                                         \
  X(layer_norm_rows_backward, layer_norm_rows_backward<T>)                       \
  X(tanh_step, recurrent_step<recurring::PlainCell<true>, T>)                    \
  X(tanh_step_backward, recurrent_step_backward<recurring::PlainCell<true>, T>)  \
  X(relu_step, recurrent_step<recurring::PlainCell<false>, T>)                   \
  X(relu_step_backward, recurrent_step_backward<recurring::PlainCell<false>, T>) \
  X(lstm_step, recurrent_step<recurring::LstmCell, T>)                           \
  X(lstm_step_backward, recurrent_step_backward<recurring::LstmCell, T>)         \
  X(gru_step, recurrent_step<recurring::GruCell, T>)                             \
  X(gru_step_backward, recurrent_step_backward<recurring::GruCell, T>)           \
  X(attention, attention<T>)                                                     \
  X(attention_backward, attention_backward<T>)

namespace taper::inline TAPER_ABI::base {

template <int level, Entry E, class F>
F* entry_of_level();

}  // namespace taper::inline TAPER_ABI::base
