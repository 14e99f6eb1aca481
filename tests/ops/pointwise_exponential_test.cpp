// SPDX-License-Identifier: MIT
// The rows of family exponential of the table of op cases.
// Table
// Devices: slow
#include "tests/ops/cases.hpp"

TEST_CASE("exponential") { pointwise::check_cases(pointwise::exponential_cases()); }
