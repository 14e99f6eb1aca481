// SPDX-License-Identifier: MIT
// All pointwise families.
#pragma once

#include <taper/ops/activation.hpp>
#include <taper/ops/activation_gated.hpp>
#include <taper/ops/activation_smooth.hpp>
#include <taper/ops/arithmetic.hpp>
#include <taper/ops/bitwise.hpp>
#include <taper/ops/cast.hpp>
#include <taper/ops/combination.hpp>
#include <taper/ops/comparison.hpp>
#include <taper/ops/complex.hpp>
#include <taper/ops/division.hpp>
#include <taper/ops/error_function.hpp>
#include <taper/ops/exponential.hpp>
#include <taper/ops/hyperbolic.hpp>
#include <taper/ops/logical.hpp>
#include <taper/ops/power.hpp>
#include <taper/ops/rounding.hpp>
#include <taper/ops/selection.hpp>
#include <taper/ops/trigonometric.hpp>
