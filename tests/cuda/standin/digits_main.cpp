// SPDX-License-Identifier: MIT
// The digit example's training on stand-ins for CUDA's libraries: what a step launches, calls, copies and waits for.
// digits LIST ARGUMENTS...: LIST is the file that says so, ARGUMENTS are the example's, whose main --wrap=main makes
// __real_main. Where a step is meant to have changed, step.txt in the test's directory is the new list.
//
// Build: -DTAPER_FIRST_ORDER_ONLY
// Needs: cuda zlib
#include "tests/cuda/standin/recorder.hpp"

#include <taper/backend/cuda/cuda.hpp>

#include <cxxabi.h>
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

using namespace taper;

extern "C" {
int __real_main(int argc, char** argv);
int __wrap_main(int argc, char** argv);
}

namespace {

int failures = 0;
void check(bool right, const std::string& wrong) {
  if (right) return;
  std::printf("%s\n", wrong.c_str());
  ++failures;
}

/// The names in a kernel's name that say what it does, and the number behind them, which for most is the length of a
/// packet.
std::string shorter(const std::string& mangled) {
  char* const text = abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, nullptr);
  if (!text) return mangled;  // a library's call, a copy, a wait
  std::string full = text, out, number, word;
  std::free(text);
  full = full.substr(0, full.find(">("));  // the parameters say it all again
  static const std::string dull[] = {"List", "Program", "ProgramValue", "Instruction", "Signature"};
  for (const char c : full + " ") {
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '_') {
      word += c;
      continue;
    }
    if (word == "unsigned" || word == "int") word.clear();  // the type of indices stands behind the length
    const bool name = !word.empty() && std::isupper(static_cast<unsigned char>(word[0])) && c != ':';
    if (name && std::find(std::begin(dull), std::end(dull), word) == std::end(dull))
      out += (out.empty() ? "" : " ") + word;
    if (!word.empty()) number = std::isdigit(static_cast<unsigned char>(word[0])) ? " " + word : "";
    word.clear();
  }
  return out + number;
}

/// The events of each step, a line each: behind the step before, to the first wait behind the optimizer's kernel.
std::vector<std::string> steps_of(const std::vector<standin::Event>& order) {
  std::vector<std::string> out(1);
  bool updated = false;
  for (const standin::Event& e : order) {
    const std::string what = shorter(e.what);
    out.back() += (e.stream && e.stream != cudaStreamLegacy ? "beside: " : "") + what + "\n";
    updated = updated || what.find("AdamRule") != what.npos;
    if (!updated || what != "wait") continue;
    updated = false;
    out.emplace_back();
  }
  out.pop_back();
  return out;
}

}  // namespace

int __wrap_main(int argc, char** argv) {
  standin::Recorder* const recorder = standin::recorder();
  if (!recorder) {
    std::printf("this runs on a real CUDA runtime: LD_LIBRARY_PATH does not lead to the stand-in\n");
    return 1;
  }
  recorder->blank(true);
  recorder->allocator([](const void* p, std::size_t bytes) { return base::DeviceMemory::get().contains(p, bytes); });
  const std::string list = argv[1];
  argv[1] = argv[0];
  check(__real_main(argc - 1, argv + 1) == 0, "the example failed");

  std::stringstream expected;
  expected << std::ifstream(list).rdbuf();
  const std::vector<std::string> steps = steps_of(recorder->seen().order);
  check(steps.size() == 23, "the example made " + std::to_string(steps.size()) + " steps, not 23");
  for (std::size_t i = 2; i + 2 < steps.size(); ++i) {  // those of a steady state, of full batches with a full one to come
    if (steps[i] == expected.str()) continue;
    check(false, "step " + std::to_string(i) + " is not " + list + " but as in step.txt here:");
    std::ofstream("step.txt") << steps[i];
    std::fflush(stdout);
    (void)!std::system(("diff '" + list + "' step.txt").c_str());
    break;
  }

  check(cuda::memory_stats().allocated_bytes == 0,
        std::to_string(cuda::memory_stats().allocated_bytes) + " bytes are still in use");
  cuda::empty_cache();
  check(recorder->live().blocks == 0 && recorder->live().host_blocks == 1, "memory was not given back");
  check(recorder->seen().faults.empty(), "the stand-ins found faults");
  return failures != 0;
}
