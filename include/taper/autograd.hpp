// SPDX-License-Identifier: MIT
// The tape: slots, nodes, the engine, and everything that users do with it.
#pragma once

#include <taper/autograd/engine.hpp>
#include <taper/autograd/grad_mode.hpp>
#include <taper/autograd/node.hpp>
#include <taper/autograd/remake.hpp>
#include <taper/autograd/slot.hpp>
