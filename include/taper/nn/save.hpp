// SPDX-License-Identifier: MIT
// Modules in files: safetensors with PyTorch's names.
#pragma once

#include <taper/io/tensors.hpp>
#include <taper/nn/state_dict.hpp>

namespace taper::inline TAPER_CODE {

/// Writes a module's parameters and buffers as safetensors, atomically. PyTorch loads the file by the same names.
template <nn::Module M>
void save(const M& module, const std::string& path, const io::Metadata& metadata = {}) {
  io::save(nn::state_dict(module), path, metadata);
}

/// Loads a module's parameters and buffers from a safetensors file, in place.
/// Throws: IoError; StateError naming what is missing, unexpected or does not fit, before anything is written.
template <nn::Module M>
LoadResult load(M& module, const std::string& path, const LoadOptions& options = {}) {
  return nn::load_state_dict(module, io::map(path), options);
}

}  // namespace taper::inline TAPER_CODE
