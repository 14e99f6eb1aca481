// SPDX-License-Identifier: MIT
// The rows of family division of the table of op cases.
// Devices: slow
#include "tests/ops/cases.hpp"

TEST_CASE("division") { pointwise::check_cases(pointwise::division_cases()); }
