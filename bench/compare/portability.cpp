// SPDX-License-Identifier: MIT
// portability.sh's program, SECONDS [STEP]: runs each training step, or one, on one thread and without files. Prints a
// line a step: its name and the microseconds of processor time that it took.
#include "case.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace {

using namespace compare;

Inputs inputs(const Tensor<float>& x, const AnyTensor& target) {
  Inputs in;
  in.tensors.add("x", x);
  in.tensors.add("target", target);
  return in;
}

Tensor<std::int64_t> labels(std::int64_t n) { return randint(0, 10, {n}); }

Inputs inputs_of(std::string_view kind) {
  if (kind == "tiny") return inputs(randn<float>({1, 4}), randn<float>({1, 2}));
  if (kind == "mlp") return inputs(randn<float>({64, 784}), labels(64));
  if (kind == "lenet") return inputs(randn<float>({64, 1, 28, 28}), labels(64));
  if (kind == "lstm") return inputs(randn<float>({64, 32, 128}), randn<float>({64, 32, 128}));
  return inputs(randn<float>({8, 128, 128}), randn<float>({8, 128, 128}));
}

double processor_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// Runs the case for some seconds, as often again as before at each look at the clock, which is a system call; answers
/// with the seconds of one run.
double measure(const Case& c, double seconds) {
  const double start = processor_seconds();
  double taken = 0;
  int runs = 0;
  do {
    for (int i = 0, more = std::max(1, runs); i < more; ++i, ++runs) c.run();
    taken = processor_seconds() - start;
  } while (taken < seconds / 2);
  return taken / runs;
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 0.2;
  set_num_threads(1);
  manual_seed(0);
  for (const char* name : {"tiny", "mlp", "lenet", "lstm", "block"})
    for (const Kind& kind : networks())
      if (kind.name == std::string_view(name) && (argc < 3 || argv[2] == std::string_view(name))) {
        const Case c = kind.make(inputs_of(name));
        measure(c, seconds / 4);
        std::printf("%s %.3f\n", name, 1e6 * measure(c, seconds));
      }
}
