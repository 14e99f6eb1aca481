// SPDX-License-Identifier: MIT
// The digit classifier for both devices: the same source as on the CPU, compiled by nvcc. digits --device cuda
// Build: -DTAPER_FIRST_ORDER_ONLY
// Needs: cuda zlib
#include "../digits.cpp"
