// SPDX-License-Identifier: MIT
// Checks of derivatives.
#pragma once

#include <taper/testing/gradcheck.hpp>
