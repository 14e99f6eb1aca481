// SPDX-License-Identifier: MIT
// A training step of the digit example asks the system for no memory from the third on: nodes, hooks, shapes, batches,
// optimizer, scheduler and the loss's value included.
// Build: -O2 -DTAPER_FIRST_ORDER_ONLY
// Needs: zlib
#include "tests/support/counting.hpp"

#include "tests/system/digits.hpp"

#if COUNTS_ALLOCATIONS
namespace {

int failures = 0;

/// Three epochs of the example's training loop. From the third step of each on, this thread asks for nothing; only the
/// start of an epoch does, for its order and its workers.
void train(int workers, int threads, bool transformed) {
  set_num_threads(threads);
  manual_seed(0);
  const data::ImageDataset digits = load_digits(TAPER_SOURCE_DIR "/examples/data/digits", data::Split::train);
  Net<> net;
  optim::AdamW optimizer{parameters(net), {.lr = 6e-3}};
  optim::OneCycleLR schedule{optimizer, 6e-3, {.total_steps = 1000}};
  std::int64_t seen = 0, asked = 0, asked_by_all = 0, steps = 0, blocks = 0;
  const auto hook = net.fc.weight.register_hook([&](const Tensor<float>&) { ++seen; });
  const auto epoch = [&](auto& loader) {
    int k = 0;
    std::int64_t before = 0, all_before = 0, blocks_before = 0;
    for (const auto& [image, label] : progress(loader)) {
      // What the step before asked for, its batch included.
      if (k > 2)
        asked += counting::mine - before, asked_by_all += counting::all - all_before,
            blocks += allocator_stats().system_allocations - blocks_before, ++steps;
      before = counting::mine, all_before = counting::all, blocks_before = allocator_stats().system_allocations;
      ++k;
      optimizer.zero_grad();
      auto logits = net(image);
      logits.register_hook([&](const Tensor<float>&) { ++seen; });
      auto loss = cross_entropy(logits, label, {}, {.label_smoothing = 0.05});
      loss.backward();
      optimizer.step();
      schedule.step();
      if (!(loss.item() < 100)) ++failures;
    }
  };
  for (int number = 0; number < 3; ++number) {
    if (number == 1)
      asked = asked_by_all = blocks = steps = 0;  // counted once the loop is in its steady state, the workers too
    const data::DataLoaderOptions options{.batch_size = 64, .shuffle = true, .num_workers = workers, .drop_last = true};
    if (transformed) {
      data::DataLoader loader{data::map(digits, RandomShift{}), options};
      epoch(loader);
    } else {
      data::DataLoader loader{digits, options};
      epoch(loader);
    }
  }
  std::printf(
      "%d workers, %d threads, %s: %lld requests (%lld by all threads) in %lld steps, %lld blocks of tensor memory\n",
      workers, threads, transformed ? "augmented" : "as it is", static_cast<long long>(asked),
      static_cast<long long>(asked_by_all), static_cast<long long>(steps), static_cast<long long>(blocks));
  // Workers race each other and the loop, so that their first use of a size may come late; what they reuse is not asked
  // for.
  if (asked != 0 || asked_by_all > 16 || blocks > 16 || steps < 30 || seen < 2 * steps) ++failures;
}

}  // namespace

int main() {
  for (const bool transformed : {false, true})
    for (const int threads : {1, 2})
      for (const int workers : {0, 2}) train(workers, threads, transformed);
  return failures;
}
#else
int main() { std::puts("left out: allocations are counted with the GNU C library and without sanitizers"); }
#endif
