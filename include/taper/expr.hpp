// SPDX-License-Identifier: MIT
// Lazy pointwise expressions and the value types they compute with.
#pragma once

#include <taper/expr/basic_ops.hpp>
#include <taper/expr/eager.hpp>
#include <taper/expr/execute.hpp>
#include <taper/expr/expr.hpp>
#include <taper/expr/math.hpp>
#include <taper/expr/math/basic.hpp>
#include <taper/expr/math/complex.hpp>
#include <taper/expr/math/complex_inverse.hpp>
#include <taper/expr/math/convert.hpp>
#include <taper/expr/math/division.hpp>
#include <taper/expr/math/exponential.hpp>
#include <taper/expr/math/instructions.hpp>
#include <taper/expr/math/logarithm.hpp>
#include <taper/expr/math/memory.hpp>
#include <taper/expr/math/native.hpp>
#include <taper/expr/math/operators.hpp>
#include <taper/expr/math/pack_type.hpp>
#include <taper/expr/math/power.hpp>
#include <taper/expr/math/reduction.hpp>
#include <taper/expr/math/resize.hpp>
#include <taper/expr/math/shuffle.hpp>
#include <taper/expr/math/special.hpp>
#include <taper/expr/math/trigonometric.hpp>
#include <taper/expr/node.hpp>
#include <taper/expr/op.hpp>
#include <taper/expr/pack.hpp>
#include <taper/expr/program.hpp>
