// SPDX-License-Identifier: MIT
// The primitives that every op is written over, on the CPU.
#pragma once

#include <taper/backend/cpu/conv.hpp>
#include <taper/backend/cpu/conv_columns.hpp>
#include <taper/backend/cpu/conv_depthwise.hpp>
#include <taper/backend/cpu/conv_rows.hpp>
#include <taper/backend/cpu/conv_shape.hpp>
#include <taper/backend/cpu/conv_shift.hpp>
#include <taper/backend/cpu/cross_entropy.hpp>
#include <taper/backend/cpu/embedding.hpp>
#include <taper/backend/cpu/gemm.hpp>
#include <taper/backend/cpu/gemm_dot.hpp>
#include <taper/backend/cpu/gemm_generic.hpp>
#include <taper/backend/cpu/gemm_kernel.hpp>
#include <taper/backend/cpu/gemm_pack.hpp>
#include <taper/backend/cpu/gemm_paths.hpp>
#include <taper/backend/cpu/gemm_product.hpp>
#include <taper/backend/cpu/index.hpp>
#include <taper/backend/cpu/kernel.hpp>
#include <taper/backend/cpu/lanes.hpp>
#include <taper/backend/cpu/map.hpp>
#include <taper/backend/cpu/map_list.hpp>
#include <taper/backend/cpu/map_small.hpp>
#include <taper/backend/cpu/norm.hpp>
#include <taper/backend/cpu/points.hpp>
#include <taper/backend/cpu/pool.hpp>
#include <taper/backend/cpu/pool_average.hpp>
#include <taper/backend/cpu/pool_max.hpp>
#include <taper/backend/cpu/pool_shape.hpp>
#include <taper/backend/cpu/reduce.hpp>
#include <taper/backend/cpu/rows.hpp>
#include <taper/backend/cpu/scan.hpp>
#include <taper/backend/cpu/slack.hpp>
#include <taper/backend/cpu/softmax.hpp>
#include <taper/backend/cpu/sort.hpp>
#include <taper/backend/cpu/strided.hpp>
