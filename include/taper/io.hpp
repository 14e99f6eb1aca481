// SPDX-License-Identifier: MIT
// Files: safetensors, npy, IDX, CSV. Compressed files need the component zlib (io/gzip.hpp).
#pragma once

#include <taper/io/array.hpp>
#include <taper/io/atomic_file.hpp>
#include <taper/io/checkpoint.hpp>
#include <taper/io/compressed.hpp>
#include <taper/io/csv.hpp>
#include <taper/io/file.hpp>
#include <taper/io/idx.hpp>
#include <taper/io/json.hpp>
#include <taper/io/mapped_file.hpp>
#include <taper/io/npy.hpp>
#include <taper/io/safetensors.hpp>
#include <taper/io/tensors.hpp>
