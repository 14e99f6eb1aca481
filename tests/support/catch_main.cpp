// SPDX-License-Identifier: MIT
// Catch2 2.x's implementation and main, compiled once for all tests.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
