// SPDX-License-Identifier: MIT
// The rows of family logical of the table of op cases.
// Table
// Devices: slow
#include "tests/ops/cases.hpp"

TEST_CASE("logical") { pointwise::check_cases(pointwise::logical_cases()); }
