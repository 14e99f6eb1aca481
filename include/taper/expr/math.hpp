// SPDX-License-Identifier: MIT
// Mathematics of packs and scalars: each function one formula, branch-free, with a stated error.
#pragma once

#include <taper/expr/math/basic.hpp>
#include <taper/expr/math/complex.hpp>
#include <taper/expr/math/division.hpp>
#include <taper/expr/math/exponential.hpp>
#include <taper/expr/math/logarithm.hpp>
#include <taper/expr/math/power.hpp>
#include <taper/expr/math/special.hpp>
#include <taper/expr/math/trigonometric.hpp>
