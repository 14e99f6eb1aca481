// SPDX-License-Identifier: MIT
// Loops over tasks that share one instance of parallel_for: each instance costs compile time, these bodies are long.
#pragma once

#include <taper/config.hpp>
#include <taper/core/parallel.hpp>

#include <cstdint>

namespace taper::inline TAPER_ABI::detail {

inline void run_chunks(std::int64_t n, std::int64_t grain, void (*body)(const void*, std::int64_t, std::int64_t),
                       const void* what) {
  if (n <= grain) return n > 0 ? body(what, 0, n) : void();
  parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end) { body(what, begin, end); });
}

/// f(begin, end) for chunks of [0, n); their edges depend on n and grain only.
template <class F>
void for_chunks(std::int64_t n, std::int64_t grain, const F& f) {
  run_chunks(
      n, grain,
      [](const void* what, std::int64_t begin, std::int64_t end) { (*static_cast<const F*>(what))(begin, end); }, &f);
}

}  // namespace taper::inline TAPER_ABI::detail
