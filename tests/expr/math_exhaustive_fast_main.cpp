// SPDX-License-Identifier: MIT
// The errors of math_exhaustive under -ffast-math: bounds hold for ordinary values.
// Build: -O2 -ffast-math
// Table
#include "tests/expr/math_exhaustive_main.cpp"
