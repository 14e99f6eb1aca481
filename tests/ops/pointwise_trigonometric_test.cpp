// SPDX-License-Identifier: MIT
// The rows of family trigonometric of the table of op cases.
// Table
// Devices: slow
#include "tests/ops/cases.hpp"

TEST_CASE("trigonometric") { pointwise::check_cases(pointwise::trigonometric_cases()); }
