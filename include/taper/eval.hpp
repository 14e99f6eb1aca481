// SPDX-License-Identifier: MIT
// Running expressions and recording them.
#pragma once

#include <taper/eval/activation.hpp>
#include <taper/eval/anomaly.hpp>
#include <taper/eval/checkpoint.hpp>
#include <taper/eval/evaluate.hpp>
#include <taper/eval/function.hpp>
#include <taper/eval/fused_node.hpp>
#include <taper/eval/grad.hpp>
#include <taper/eval/grad_ops.hpp>
#include <taper/eval/hook.hpp>
#include <taper/eval/program_info.hpp>
#include <taper/eval/record.hpp>
#include <taper/eval/reduce.hpp>
#include <taper/eval/replay.hpp>
#include <taper/eval/run.hpp>
#include <taper/eval/sink.hpp>
#include <taper/eval/slot_of.hpp>
#include <taper/eval/tensor.hpp>
