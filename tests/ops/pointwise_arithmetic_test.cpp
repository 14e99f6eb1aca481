// SPDX-License-Identifier: MIT
// The rows of family arithmetic of the table of op cases.
// Table
// Devices: slow
#include "tests/ops/cases.hpp"

TEST_CASE("arithmetic") { pointwise::check_cases(pointwise::arithmetic_cases()); }
