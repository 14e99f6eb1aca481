// SPDX-License-Identifier: MIT
// Pooling on raw pointers: max and average, plain and adaptive, forward and backward.
#pragma once

#include <taper/backend/cpu/pool_average.hpp>
#include <taper/backend/cpu/pool_max.hpp>
#include <taper/backend/cpu/pool_max_last.hpp>
#include <taper/backend/cpu/pool_shape.hpp>
