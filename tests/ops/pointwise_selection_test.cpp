// SPDX-License-Identifier: MIT
// The rows of family selection of the table of op cases.
// Table
// Devices
#include "tests/ops/cases.hpp"

TEST_CASE("selection") { pointwise::check_cases(pointwise::selection_cases()); }
