// SPDX-License-Identifier: MIT
// The rows of family activation of the table of op cases.
// Devices: slow
#include "tests/ops/cases.hpp"

TEST_CASE("activation") { pointwise::check_cases(pointwise::activation_cases()); }
