// SPDX-License-Identifier: MIT
// What nearly every test includes, parsed once for all of them.
#pragma once

#include "tests/support/catch.hpp"
