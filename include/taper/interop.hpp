// SPDX-License-Identifier: MIT
// Bridges to the standard library. Eigen's is a header of its own (interop/eigen.hpp).
#pragma once

#include <taper/interop/span.hpp>
