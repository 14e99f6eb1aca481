// SPDX-License-Identifier: MIT
// The errors of math_exhaustive under AVX2 and FMA.
// Build: -O2 -mavx2 -mfma
// Needs: x86
// Table
#include "tests/expr/math_exhaustive_main.cpp"
