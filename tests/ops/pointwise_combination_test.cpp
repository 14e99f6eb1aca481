// SPDX-License-Identifier: MIT
// The rows of family combination of the table of op cases.
// Table
// Devices: slow
#include "tests/ops/cases.hpp"

TEST_CASE("combination") { pointwise::check_cases(pointwise::combination_cases()); }
