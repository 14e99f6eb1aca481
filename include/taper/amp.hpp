// SPDX-License-Identifier: MIT
// Mixed precision: parameters in float, computing in a 16-bit type.
#pragma once

#include <taper/amp/autocast.hpp>
#include <taper/amp/grad_scaler.hpp>
