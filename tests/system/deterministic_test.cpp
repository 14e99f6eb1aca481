// SPDX-License-Identifier: MIT
// The digit example trains to the same bits for any number of threads and data workers, and from a checkpoint on.
// Build: -O2 -DTAPER_FIRST_ORDER_ONLY
// Needs: zlib
#include "tests/system/digits.hpp"

#include "tests/support/catch.hpp"

TEST_CASE("the same seed gives the same bits for 1, 2 and 4 threads and 0 to 4 data workers") {
  std::vector<float> losses;
  std::vector<std::byte> state;
  for (const int threads : {1, 2, 4})
    for (const int workers : {0, 1, 2, 3, 4}) {
      set_num_threads(threads);
      DigitsRun run(1, workers);
      run.steps(14);  // an epoch has 12
      INFO(threads << " threads, " << workers << " workers");
      if (losses.empty()) losses = run.losses(), state = bytes_of_state(run.checkpoint().state_dict());
      CHECK((run.losses() == losses));
      CHECK((bytes_of_state(run.checkpoint().state_dict()) == state));
    }
  DigitsRun other(2, 0);
  other.steps(14);
  CHECK((other.losses() != losses));
}

TEST_CASE("a checkpoint resumes to the same bits, from the middle of an epoch and from its end") {
  for (const int saved : {5, 12, 19}) {
    INFO("saved after " << saved << " steps");
    set_num_threads(2);
    DigitsRun run(3, 2);
    run.steps(26, [&](int k) {
      if (k == saved) run.checkpoint().save("run.safetensors");
    });
    const std::vector<float> losses(run.losses().begin() + saved, run.losses().end());
    const std::vector<std::byte> state = bytes_of_state(run.checkpoint().state_dict());

    set_num_threads(1);
    DigitsRun again(99, 0);
    again.steps(3);  // whatever it did before is gone
    again.checkpoint().load("run.safetensors");
    again.steps(26 - saved);
    CHECK((std::vector<float>(again.losses().begin() + 3, again.losses().end()) == losses));
    CHECK((bytes_of_state(again.checkpoint().state_dict()) == state));
  }
}
