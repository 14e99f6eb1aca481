// SPDX-License-Identifier: MIT
// The way into the library taper::compiled: the heavy kernels for float and double, once per x86-64 level, chosen at start.
#pragma once

#include <taper/config.hpp>

#include <type_traits>

namespace taper::inline TAPER_ABI {

#if defined(TAPER_COMPILED)
/// The x86-64 level whose kernels taper::compiled runs: 1 (the baseline), 3 (AVX2, FMA) or 4 (AVX-512).
/// The best that the machine has, or less where the environment variable TAPER_CPU_LEVEL says so.
/// Throws: ValueError where that is neither 1, 3 nor 4.
int compiled_level();
#endif

namespace base {

/// What the library holds. The templates themselves stand in each unit's own namespace.
enum class Entry {
  gemm,
  batched_gemm,
  conv2d_forward,
  conv2d_data_gradient,
  conv2d_weight_gradient,
  conv2d_bias_gradient,
  channel_moments,
  channel_sums,
  channel_affine,
  layer_norm_rows,
  layer_norm_rows_backward,
  tanh_step,
  tanh_step_backward,
  relu_step,
  relu_step_backward,
  lstm_step,
  lstm_step_backward,
  gru_step,
  gru_step_backward,
  attention,
  attention_backward,
};

/// The library's instance of type F for this machine. F is in the symbol's name, so that a library of another version does not
/// link: parameters' types must be shared by all units.
template <Entry E, class F>
F* compiled_entry();

}  // namespace base
}  // namespace taper::inline TAPER_ABI

namespace taper::inline TAPER_CODE::detail {

/// Whether an entry point for T goes to the library. Another tag than the unit's own is instantiated in any case.
template <class T, class A>
inline constexpr bool is_compiled =
#if defined(TAPER_COMPILED) && TAPER_LEVEL == 0
    std::is_same_v<A, Abi> && (std::is_same_v<T, float> || std::is_same_v<T, double>);
#else
    false;
#endif

}  // namespace taper::inline TAPER_CODE::detail
