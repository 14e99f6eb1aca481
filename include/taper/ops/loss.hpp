// SPDX-License-Identifier: MIT
// All losses.
#pragma once

#include <taper/ops/cross_entropy.hpp>
#include <taper/ops/loss_pointwise.hpp>
