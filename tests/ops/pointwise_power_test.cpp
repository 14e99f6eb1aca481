// SPDX-License-Identifier: MIT
// The rows of family power of the table of op cases.
// Table
// Devices: slow
#include "tests/ops/cases.hpp"

TEST_CASE("power") { pointwise::check_cases(pointwise::power_cases()); }
