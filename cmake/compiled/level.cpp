// SPDX-License-Identifier: MIT
// The kernels of one x86-64 level, TAPER_LEVEL, whatever the flags of this unit allow.
//
// What the linker may keep of this unit for the whole program (the standard library's templates, the pool, the
// allocator) must run on every machine. So the flags are the baseline's, all that is shared is included first, and only
// what stands between the pragmas, in a namespace that is this unit's alone, is given the level's instructions.
#include <taper/core/allocator.hpp>
#include <taper/core/dtype.hpp>
#include <taper/core/error.hpp>
#include <taper/core/half.hpp>
#include <taper/core/parallel.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "entries.hpp"

// Feature by feature, not as arch=...: what has another architecture's name is not inlined.
#if TAPER_CLANG && TAPER_LEVEL == 4
#pragma clang attribute push(__attribute__((target("avx2,fma,bmi,bmi2,avx512f,avx512cd,avx512bw,avx512dq,avx512vl"))), \
                             apply_to = function)
#elif TAPER_CLANG && TAPER_LEVEL == 3
#pragma clang attribute push(__attribute__((target("avx2,fma,bmi,bmi2"))), apply_to = function)
#elif TAPER_LEVEL == 4
#pragma GCC push_options
#pragma GCC target("avx2,fma,bmi,bmi2,avx512f,avx512cd,avx512bw,avx512dq,avx512vl")
#elif TAPER_LEVEL == 3
#pragma GCC push_options
#pragma GCC target("avx2,fma,bmi,bmi2")
#endif

#include <taper/backend/cpu/attention.hpp>
#include <taper/backend/cpu/attention_backward.hpp>
#include <taper/backend/cpu/conv.hpp>
#include <taper/backend/cpu/conv_channels_last.hpp>
#include <taper/backend/cpu/gemm.hpp>
#include <taper/backend/cpu/norm.hpp>
#include <taper/backend/cpu/recurrent.hpp>

#if TAPER_LEVEL >= 3 && TAPER_CLANG
#pragma clang attribute pop
#elif TAPER_LEVEL >= 3
#pragma GCC pop_options
#endif

namespace taper::inline TAPER_ABI {
using namespace TAPER_UNIT::detail;

#define TAPER_ENTRY(entry, ...)                                                                           \
  template <>                                                                                             \
  decltype(__VA_ARGS__)* base::entry_of_level<TAPER_LEVEL, base::Entry::entry, decltype(__VA_ARGS__)>() { \
    return __VA_ARGS__;                                                                                   \
  }
TAPER_ENTRIES(TAPER_ENTRY, float)
TAPER_ENTRIES(TAPER_ENTRY, double)

}  // namespace taper::inline TAPER_ABI
