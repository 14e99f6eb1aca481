// SPDX-License-Identifier: MIT
// The digit example, whole, for tests of what it does as a program; and a training run of it that goes step by step.
#pragma once

#define main digits_main
#include "examples/digits.cpp"
#undef main

namespace {

/// A training run of the example's network on its augmented images: all that a checkpoint must hold.
class DigitsRun {
 public:
  DigitsRun(std::uint64_t seed, int workers) : loader_(data::map(images(), RandomShift{}), options(seed, workers)) {}

  /// Trains for n steps, over the ends of epochs, notes their losses, and calls between(k) after step k.
  template <class F>
  void steps(int n, F&& between) {
    for (int k = 0; k < n;) {
      for (const auto& [image, label] : loader_) {
        optimizer_.zero_grad();
        auto loss = cross_entropy(net_(image), label, {}, {.label_smoothing = 0.05});
        loss.backward();
        optimizer_.step();
        schedule_.step();
        losses_.push_back(static_cast<float>(loss.item()));
        between(++k);
        if (k == n) break;
      }
    }
  }
  void steps(int n) {
    steps(n, [](int) {});
  }
  /// All that a checkpoint needs. `generator` is what dropout draws from.
  Checkpoint checkpoint() {
    Checkpoint out;
    out.add("model", net_).add("optimizer", optimizer_).add("scheduler", schedule_).add("loader", loader_);
    out.add("generator", default_generator());
    return out;
  }
  const std::vector<float>& losses() const { return losses_; }
  auto& loader() { return loader_; }

 private:
  static const data::ImageDataset& images() {
    static const data::ImageDataset all = load_digits(TAPER_SOURCE_DIR "/examples/data/digits", data::Split::train);
    return all;
  }
  static data::DataLoaderOptions options(std::uint64_t seed, int workers) {
    manual_seed(seed);
    return {.batch_size = 128, .shuffle = true, .num_workers = workers};
  }

  data::DataLoader<data::MapDataset<data::ImageDataset, RandomShift>> loader_;  // first: it seeds what the others draw
  Net<> net_;
  optim::AdamW<Tensor<float>> optimizer_{parameters(net_), {.lr = 6e-3, .weight_decay = 0.05}};
  optim::OneCycleLR<optim::AdamW<Tensor<float>>> schedule_{optimizer_, 6e-3, {.total_steps = 200}};
  std::vector<float> losses_;
};

/// The bytes of all tensors, one behind the other.
[[maybe_unused]] std::vector<std::byte> bytes_of_state(const StateDict& state) {
  std::vector<std::byte> out;
  for (const auto& [name, tensor] : state) {
    const auto* p = tensor.data();
    out.insert(out.end(), p, p + static_cast<std::size_t>(tensor.numel()) * size_of(tensor.dtype()));
  }
  return out;
}

}  // namespace
