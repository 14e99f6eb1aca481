// SPDX-License-Identifier: MIT
// What a tensor is: dtypes, shapes, storage, factories, random numbers, threads, printing.
#pragma once

#include <taper/core/allocator.hpp>
#include <taper/core/any_tensor.hpp>
#include <taper/core/box_muller.hpp>
#include <taper/core/central_store.hpp>
#include <taper/core/checked_cast.hpp>
#include <taper/core/cpu_count.hpp>
#include <taper/core/device.hpp>
#include <taper/core/dtype.hpp>
#include <taper/core/elements.hpp>
#include <taper/core/error.hpp>
#include <taper/core/factory.hpp>
#include <taper/core/from_blob.hpp>
#include <taper/core/generator.hpp>
#include <taper/core/grad_mode.hpp>
#include <taper/core/half.hpp>
#include <taper/core/index.hpp>
#include <taper/core/literal.hpp>
#include <taper/core/methods.hpp>
#include <taper/core/parallel.hpp>
#include <taper/core/philox.hpp>
#include <taper/core/pointer_set.hpp>
#include <taper/core/pool_allocator.hpp>
#include <taper/core/print.hpp>
#include <taper/core/print_number.hpp>
#include <taper/core/random.hpp>
#include <taper/core/random_fill.hpp>
#include <taper/core/record.hpp>
#include <taper/core/shape.hpp>
#include <taper/core/state_dict.hpp>
#include <taper/core/stats.hpp>
#include <taper/core/storage.hpp>
#include <taper/core/tensor.hpp>
#include <taper/core/view.hpp>
