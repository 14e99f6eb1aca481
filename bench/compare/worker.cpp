// SPDX-License-Identifier: MIT
// Serves one side of compare.py, Taper's (taper.cpp) or another library's (openblas.cpp, onednn.cpp): one command a
// line on standard input, one line of answer on standard output.
//   about                 what the program runs on
//   list                  the kinds of cases
//   case FILE THREADS [KIND]
//                         makes the case that FILE (safetensors) describes, of the kind in its settings or of another;
//                         answers ok, and with the way to do the work where there were several
//   check FILE            writes the case's results into FILE; answers ok
//   sample N              runs the case N times; answers with the nanoseconds that all of them took, by the clock and
//                         of the processor
//   memory                runs the case once; answers with the most bytes of tensors that it held beyond those before
// What goes wrong is answered with a line that begins with "error ". A case keeps its state between samples.
#include "case.hpp"

#include <chrono>
#include <ctime>
#include <iostream>
#include <sstream>

namespace {

using namespace compare;

Case make(const std::string& path, const std::string& kind_or_empty) {
  Inputs inputs;
  inputs.tensors = io::load(path, &inputs.settings);
  const std::string wanted = kind_or_empty.empty() ? inputs.text("kind") : kind_or_empty;
  for (const Kind& kind : all_kinds())
    if (wanted == kind.name) return kind.make(inputs);
  throw ValueError("compare: there is no kind of case named '" + wanted + "'");
}

/// What the threads of this process have used of the processors, in nanoseconds.
std::int64_t processor_time() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

std::string sample(const Case& c, std::int64_t n) {
  using std::chrono::steady_clock;
  const std::int64_t used = processor_time();
  const auto start = steady_clock::now();
  for (std::int64_t i = 0; i < n; ++i) c.run();
  const std::int64_t taken = std::chrono::nanoseconds(steady_clock::now() - start).count();
  return std::to_string(taken) + " " + std::to_string(processor_time() - used);
}

std::string memory(const Case& c) {
  c.run();
  empty_cache();
  const std::int64_t before = allocator_stats().allocated_bytes;
  reset_peak_memory_stats();
  c.run();
  return std::to_string(allocator_stats().peak_bytes - before);
}

std::string answer(Case& current, std::istringstream& line) {
  std::string command, path, kind;
  std::int64_t number = 0;
  line >> command;
  if (command == "about") return about();
  if (command == "list") {
    std::string names;
    for (const Kind& kind : all_kinds()) names += (names.empty() ? "" : " ") + std::string(kind.name);
    return names;
  }
  if (command == "case" && line >> path >> number) {
    current = {};
    use_threads(static_cast<int>(number));
    line >> kind;
    current = make(path, kind);
    return current.way.empty() ? "ok" : "ok " + current.way;
  }
  if (!current.run) throw ValueError("compare: choose a case first");
  if (command == "check" && line >> path) {
    io::save(current.results(), path);
    return "ok";
  }
  if (command == "sample" && line >> number && number > 0) return sample(current, number);
  if (command == "memory") return memory(current);
  throw ValueError("compare: the commands are about, list, case FILE THREADS [KIND], check FILE, sample N, memory");
}

}  // namespace

int main() {
  Case current;
  for (std::string text; std::getline(std::cin, text);) {
    std::istringstream line(text);
    try {
      std::cout << answer(current, line) << std::endl;
    } catch (const std::exception& e) {
      std::cout << "error " << e.what() << std::endl;
    }
  }
}
