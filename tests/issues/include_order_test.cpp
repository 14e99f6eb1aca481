// SPDX-License-Identifier: MIT
// Checkpoints behind the functions of tensors: a helper of theirs hid a name that checkpoints use.
#include <taper/ops.hpp>
// Behind it, whatever the alphabet says.
#include <taper/io/checkpoint.hpp>

#include "tests/support/catch.hpp"

TEST_CASE("a checkpoint compiles behind the functions of tensors") {
  double best = 2;
  taper::Checkpoint checkpoint;
  checkpoint.add("best", best);
  const taper::StateDict state = checkpoint.state_dict();
  best = 0;
  checkpoint.load_state_dict(state);
  CHECK(best == 2);
}
