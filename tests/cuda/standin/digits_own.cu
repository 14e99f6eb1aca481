// SPDX-License-Identifier: MIT
// The digit example as it is without cuDNN.
// Build: -DTAPER_FIRST_ORDER_ONLY
// Needs: cuda zlib
#undef TAPER_CUDNN
#define TAPER_CUDNN 0
#include "../../../examples/digits.cpp"
