// SPDX-License-Identifier: MIT
// The value types that op code computes with: packs, their operators, conversions and memory access.
#pragma once

#include <taper/expr/math/convert.hpp>
#include <taper/expr/math/memory.hpp>
#include <taper/expr/math/operators.hpp>
#include <taper/expr/math/pack_type.hpp>
