// SPDX-License-Identifier: MIT
// The device Cuda: memory, streams and events in any file, computing in .cu files. Needs the component cuda.
#pragma once

#include <taper/backend/cuda/choice.hpp>
#include <taper/backend/cuda/cuda.hpp>
#include <taper/backend/cuda/event.hpp>
#include <taper/ops/pin_memory.hpp>
