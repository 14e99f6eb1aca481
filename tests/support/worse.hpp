// SPDX-License-Identifier: MIT
// The largest error of many, where an error that is no number is the largest of all: std::fmax would forget it.
#pragma once

#include <cmath>

/// The larger of two errors; NaN where one is NaN.
inline double worse(double a, double b) { return std::isnan(a) || a >= b ? a : b; }
