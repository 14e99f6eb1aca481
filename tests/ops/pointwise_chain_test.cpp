// SPDX-License-Identifier: MIT
// The rows of family chain of the table of op cases.
// Devices: slow
#include "tests/ops/cases.hpp"

TEST_CASE("chain") { pointwise::check_cases(pointwise::chain_cases()); }
