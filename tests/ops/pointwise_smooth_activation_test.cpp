// SPDX-License-Identifier: MIT
// The rows of family smooth_activation of the table of op cases.
#include "tests/ops/cases.hpp"

TEST_CASE("smooth activation") { pointwise::check_cases(pointwise::smooth_activation_cases()); }
