// SPDX-License-Identifier: MIT
// Sums, products, quotients and signs against the table.
#include <taper/ops/arithmetic.hpp>

#include "tests/ops/cases.hpp"

TEST_CASE("arithmetic") { pointwise::check_cases(pointwise::arithmetic_cases()); }
