// SPDX-License-Identifier: MIT
// Compiler facts, feature switches, version and the ABI tag. The only file that asks which compiler this is.
#pragma once

#define TAPER_VERSION_MAJOR 0
#define TAPER_VERSION_MINOR 1
#define TAPER_VERSION_PATCH 0

#if defined(_MSVC_LANG) ? _MSVC_LANG < 202002L : __cplusplus < 202002L
#error "Taper needs C++20: compile with -std=c++20"
#endif
#if defined(__clang__)
#if __clang_major__ < 16
#error "Taper needs clang 16 or later"
#endif
#elif !defined(__GNUC__) || __GNUC__ < 12
#error "Taper needs g++ 12 or later, clang 16 or later, or nvcc 13 or later"
#endif

#if defined(__clang__)
#define TAPER_CLANG 1
#else
#define TAPER_CLANG 0
#endif

// Functions that may also run on a CUDA device.
#if defined(__CUDACC__)
#define TAPER_NVCC 1
#define TAPER_HD __host__ __device__
// Before a template whose functions are TAPER_HD by name alone: what it calls runs on the host, and so does it.
#define TAPER_HOST_CALLS _Pragma("nv_exec_check_disable")
#else
#define TAPER_NVCC 0
#define TAPER_HD
#define TAPER_HOST_CALLS
#endif

// Functors and pack functions: inlined at every optimisation level, so that a -O0 build stays usable.
#define TAPER_INLINE [[gnu::always_inline]] inline
#define TAPER_INLINE_LAMBDA __attribute__((always_inline))  // between a lambda's parameters and its body

// Cold paths (error messages) stay out of the hot code.
#define TAPER_COLD [[gnu::cold, gnu::noinline]]

// What runs once in a while (files, construction, printing): optimised for size, which compiles sooner.
#define TAPER_RARE [[gnu::cold]]

// Kernel loops carry their own optimisation level in a -O0 build. Only g++ has the means.
#if defined(__GNUC__) && !defined(__clang__) && !defined(__OPTIMIZE__) && !defined(__CUDACC__)
#define TAPER_KERNEL __attribute__((optimize("O2")))
#else
#define TAPER_KERNEL
#endif

// Exceptions: with -fno-exceptions an error calls the handler of core/error.hpp and aborts.
#if defined(__cpp_exceptions)
#define TAPER_EXCEPTIONS 1
#else
#define TAPER_EXCEPTIONS 0
#endif

// TAPER_INFERENCE_ONLY removes the tape. It changes the layout of tensors, so it is part of every symbol's name.
// TAPER_FIRST_ORDER_ONLY leaves out what create_graph needs, and a third of the compile time with it; it changes what
// nodes hold, so it is part of the names as well.
#if defined(TAPER_INFERENCE_ONLY)
#define TAPER_ABI v0_inference
#elif defined(TAPER_FIRST_ORDER_ONLY)
#define TAPER_ABI v0_first_order
#else
#define TAPER_ABI v0
#endif

// Units built with different switches of those must not meet in one program, even where no tensor's type stands in the
// name of what they share (a function's result does not). The linker keeps one of all groups called taper_switches; every
// unit asks for the symbol that its own group defines, and misses it where the kept group is of another kind.
#if defined(__ELF__) && !defined(__CUDA_ARCH__)
#define TAPER_TEXT_(x) #x
#define TAPER_TEXT(x) TAPER_TEXT_(x)
#define TAPER_SWITCHES "taper_units_differ_in_TAPER_INFERENCE_ONLY_or_TAPER_FIRST_ORDER_ONLY_" TAPER_TEXT(TAPER_ABI)
asm(".pushsection .rodata.taper_switches,\"aG\",%progbits,taper_switches,comdat\n"
    ".weak " TAPER_SWITCHES "\n.hidden " TAPER_SWITCHES "\n" TAPER_SWITCHES ":\n.byte 0\n.popsection\n"
    ".pushsection .rodata.taper_unit,\"a\",%progbits\n.balign 4\n.long " TAPER_SWITCHES " - .\n.popsection\n");
#undef TAPER_SWITCHES
#undef TAPER_TEXT
#undef TAPER_TEXT_
#endif

// What the machine code may use. TAPER_LEVEL is the x86-64 level of a unit of taper::compiled: 1 for what its flags allow, which
// is the baseline, 3 or 4 for more. There a pragma gives the kernels their instructions (cmake/compiled/level.cpp), of which the
// compiler's own macros do not tell. 0 is every other unit.
#if !defined(TAPER_LEVEL)
#define TAPER_LEVEL 0
#endif
#if TAPER_LEVEL >= 3
#define TAPER_HAS_SSE4_1 1
#define TAPER_HAS_AVX 1
#define TAPER_HAS_AVX2 1
#define TAPER_HAS_F16C 0
#define TAPER_HAS_AVX512F (TAPER_LEVEL >= 4)
#else
#if defined(__SSE4_1__)
#define TAPER_HAS_SSE4_1 1
#else
#define TAPER_HAS_SSE4_1 0
#endif
#if defined(__AVX__)
#define TAPER_HAS_AVX 1
#else
#define TAPER_HAS_AVX 0
#endif
#if defined(__AVX2__)
#define TAPER_HAS_AVX2 1
#else
#define TAPER_HAS_AVX2 0
#endif
#if defined(__F16C__)
#define TAPER_HAS_F16C 1
#else
#define TAPER_HAS_F16C 0
#endif
#if defined(__AVX512F__)
#define TAPER_HAS_AVX512F 1
#else
#define TAPER_HAS_AVX512F 0
#endif
#endif

#if TAPER_LEVEL == 4 || \
    (TAPER_LEVEL < 3 && defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512BW__) && defined(__AVX512VL__))
#define TAPER_VECTOR_BYTES 64
#elif TAPER_HAS_AVX2
#define TAPER_VECTOR_BYTES 32
#else
#define TAPER_VECTOR_BYTES 16
#endif

// Products of pairs of bfloat16, summed in float, where they are worth it: Intel's cores, which have arithmetic of float16 as well,
// make half as many products that way as with multiply-adds of float.
#if TAPER_LEVEL == 0 && TAPER_VECTOR_BYTES == 64 && defined(__AVX512BF16__) && !defined(__AVX512FP16__)
#define TAPER_HAS_AVX512BF16 1
#else
#define TAPER_HAS_AVX512BF16 0
#endif

// Rows of B that lie where they are begin at pages of their own, which Intel's prefetchers do not foresee: products ask for them ahead,
// which costs nothing there, and a twentieth of the time on Zen 4, whose do.
#if TAPER_LEVEL == 0 && TAPER_VECTOR_BYTES == 64 && defined(__AVX512FP16__)
#define TAPER_FETCH_AHEAD 1
#else
#define TAPER_FETCH_AHEAD 0
#endif

#if defined(__SANITIZE_ADDRESS__)
#define TAPER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TAPER_ASAN 1
#endif
#endif
#ifndef TAPER_ASAN
#define TAPER_ASAN 0
#endif

#if TAPER_LEVEL >= 3 || defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define TAPER_HAS_FMA 1
#else
#define TAPER_HAS_FMA 0
#endif
#if defined(__FAST_MATH__)
#define TAPER_FAST_MATH 1
#else
#define TAPER_FAST_MATH 0
#endif

// What is shared by all units of a program - tensors, storage, allocator, thread pool, generators, the tape's engine -
// stands in taper::inline TAPER_ABI. Everything that computes stands in taper::inline TAPER_CODE, whose name says what its
// machine code depends on: units built with different flags never share one symbol for different code. Tensors go from one
// to another; expressions, models and optimizers belong to the unit that made them.
#define TAPER_UNIT_PASTE_(bytes, bf16, fma, fast, nvcc) code_v##bytes##_b##bf16##_f##fma##_m##fast##_n##nvcc
#define TAPER_UNIT_PASTE(bytes, bf16, fma, fast, nvcc) TAPER_UNIT_PASTE_(bytes, bf16, fma, fast, nvcc)
#if TAPER_LEVEL > 0  // apart from other units for the same machine, whose flags may allow more
#define TAPER_LEVEL_PASTE_(level) code_level##level
#define TAPER_LEVEL_PASTE(level) TAPER_LEVEL_PASTE_(level)
#define TAPER_UNIT TAPER_LEVEL_PASTE(TAPER_LEVEL)
#else
#define TAPER_UNIT TAPER_UNIT_PASTE(TAPER_VECTOR_BYTES, TAPER_HAS_AVX512BF16, TAPER_HAS_FMA, TAPER_FAST_MATH, TAPER_NVCC)
#endif
#define TAPER_CODE TAPER_ABI::inline TAPER_UNIT
// On members of shared classes whose bodies compute.
#define TAPER_UNIT_TEXT_(unit) #unit
#define TAPER_UNIT_TEXT(unit) TAPER_UNIT_TEXT_(unit)
#define TAPER_COMPUTES [[gnu::abi_tag(TAPER_UNIT_TEXT(TAPER_UNIT))]]

namespace taper::inline TAPER_ABI {

/// What a kernel's machine code depends on. Kernel templates carry it as a defaulted argument, packs in their type.
template <int VectorBytes, bool Fma, bool FastMath, bool Nvcc>
struct AbiTag {
  static constexpr int vector_bytes = VectorBytes;
  static constexpr bool fma = Fma;
  static constexpr bool fast_math = FastMath;
  static constexpr bool nvcc = Nvcc;
};
using Abi = AbiTag<TAPER_VECTOR_BYTES, TAPER_HAS_FMA, TAPER_FAST_MATH, TAPER_NVCC>;

#if defined(TAPER_INFERENCE_ONLY)
inline constexpr bool inference_only = true;
#else
inline constexpr bool inference_only = false;
#endif
#if defined(TAPER_FIRST_ORDER_ONLY)
inline constexpr bool first_order_only = true;
#else
inline constexpr bool first_order_only = false;
#endif

namespace base::random {}  // what stands under `detail` and is shared
namespace tape {}          // what stands under `autograd` and is shared
inline namespace TAPER_UNIT {
namespace detail {
using namespace base;
namespace random {
using namespace base::random;
}
}  // namespace detail
namespace autograd {
using namespace tape;
}
}  // namespace TAPER_UNIT

}  // namespace taper::inline TAPER_ABI
