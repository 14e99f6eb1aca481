// SPDX-License-Identifier: MIT
// Owns the precompiled header that the tests share, and tests nothing.
