// SPDX-License-Identifier: MIT
// The rows of family error_function of the table of op cases.
// Table
// Devices: slow
#include "tests/ops/cases.hpp"

TEST_CASE("error function") { pointwise::check_cases(pointwise::error_function_cases()); }
