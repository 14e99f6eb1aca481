// SPDX-License-Identifier: MIT
// All of Taper but its components (io/gzip.hpp) and bridges to other libraries (interop/eigen.hpp).
#pragma once

#include <taper/amp.hpp>
#include <taper/autograd.hpp>
#include <taper/backend.hpp>
#include <taper/core.hpp>
#include <taper/data.hpp>
#include <taper/eval.hpp>
#include <taper/expr.hpp>
#include <taper/interop.hpp>
#include <taper/io.hpp>
#include <taper/nn.hpp>
#include <taper/ops.hpp>
#include <taper/optim.hpp>
#include <taper/utils.hpp>
#include <taper/testing.hpp>
