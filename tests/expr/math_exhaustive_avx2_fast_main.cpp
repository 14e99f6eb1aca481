// SPDX-License-Identifier: MIT
// The errors of math_exhaustive under AVX2, FMA and -ffast-math.
// Build: -O2 -mavx2 -mfma -ffast-math
// Needs: x86
// Table
#include "tests/expr/math_exhaustive_main.cpp"
