// SPDX-License-Identifier: MIT
// Helpers for training programs.
#pragma once

#include <taper/utils/progress.hpp>
