// SPDX-License-Identifier: MIT
// The rows of family rounding of the table of op cases.
// Devices: slow
#include "tests/ops/cases.hpp"

TEST_CASE("rounding") { pointwise::check_cases(pointwise::rounding_cases()); }
