// SPDX-License-Identifier: MIT
// The rows of family hyperbolic of the table of op cases.
// Table
// Devices: slow
#include "tests/ops/cases.hpp"

TEST_CASE("hyperbolic") { pointwise::check_cases(pointwise::hyperbolic_cases()); }
