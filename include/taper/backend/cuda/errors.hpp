// SPDX-License-Identifier: MIT
// What CUDA's calls answer, as errors: the operation, the cause, CUDA's name of it.
#pragma once

#include <taper/core/error.hpp>

#include <cuda_runtime_api.h>
#include <cxxabi.h>

namespace taper::inline TAPER_ABI::base {

[[noreturn]] TAPER_COLD inline void cuda_failed(std::string_view op, cudaError_t status) {
  (void)cudaGetLastError();  // what is not sticky is over with this report
  const char* const cause = cudaGetErrorString(status);
  const char* const name = cudaGetErrorName(status);
  if (status == cudaErrorNoDevice || status == cudaErrorInsufficientDriver || status == cudaErrorStubLibrary)
    raise<DeviceError>(op, "there is no CUDA device: ", cause, " (", name, "); compute on Cpu, or run this where NVIDIA's driver and a GPU are");
  // What stays behind a report is a kernel's fault, found by a later call.
  const bool stays = cudaPeekAtLastError() != cudaSuccess;
  raise<DeviceError>(op, "CUDA: ", cause, " (", name, ")",
                     stays ? "; an earlier kernel may be the cause: CUDA_LAUNCH_BLOCKING=1 in the environment reports it where it is" : "");
}

/// Throws: DeviceError with the operation and the cause, unless the call went well.
inline void check_cuda(std::string_view op, cudaError_t status) {
  if (status != cudaSuccess) [[unlikely]]
    cuda_failed(op, status);
}

/// For where nothing may be thrown: true where the call went well; otherwise nobody finds its error later.
inline bool cuda_ok(cudaError_t status) noexcept {
  if (status == cudaSuccess) return true;
  (void)cudaGetLastError();
  return false;
}

/// A kernel's functor by its demangled name, without namespaces: "SoftmaxKernel<float>". Of a program, what it computes:
/// "ForwardKernel: Mul, Add, Tanh".
TAPER_COLD inline std::string kernel_functor(std::string_view name) {
  std::size_t begin = name.find("_kernel<");
  if (begin == name.npos) return std::string(name);
  begin += 8;
  std::size_t end = begin;
  for (int depth = 1; end < name.size(); ++end)
    if (depth += name[end] == '<' ? 1 : name[end] == '>' ? -1 : 0; depth == 0) break;
  std::string out;
  for (std::size_t i = begin; i < end; ++i) {
    out += name[i];
    if (name[i] == ':') out.erase(out.find_last_of("<,( ", out.size() - 1) + 1);  // an npos is -1
  }
  if (std::size_t at = out.find("Instruction<"); at != out.npos) {
    std::string ops = out.substr(0, out.find('<'));
    for (char mark = ':'; at != out.npos; mark = ',') {
      const std::size_t op = at + 12;
      ops += mark;
      ops += ' ';
      ops += out.substr(op, out.find_first_of("<,", op) - op);
      at = out.find("Instruction<", op);
    }
    return ops;
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

/// Throws: DeviceError with the functor of a kernel that could not be launched; `kernel` is the function that the host calls for it.
[[noreturn]] TAPER_COLD inline void launch_failed(const void* kernel, cudaError_t status) {
  const char* mangled = nullptr;
  std::string op = "launch";
  if (cuda_ok(cudaFuncGetName(&mangled, kernel)) && mangled) {
    int failed = 0;
    char* const name = abi::__cxa_demangle(mangled, nullptr, nullptr, &failed);
    op = kernel_functor(failed ? mangled : name);
    std::free(name);
  }
  cuda_failed(op, status);
}

}  // namespace taper::inline TAPER_ABI::base
