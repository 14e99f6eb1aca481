// SPDX-License-Identifier: MIT
// The digit example trains on a device whose memory the host cannot touch as it does on the host: the same images, the same
// dropout, nearly the same losses.
// Build: -O2 -DTAPER_FIRST_ORDER_ONLY
// Slow
// Needs: thrust zlib
#include "tests/support/catch.hpp"
#include "tests/support/guarded_system.hpp"

#define main digits_main
#include "examples/digits.cpp"
#undef main

namespace {

template <Device D>
std::vector<float> losses(int steps) {
  manual_seed(3);
  const data::ImageDataset images = load_digits(TAPER_SOURCE_DIR "/examples/data/digits", data::Split::train);
  data::DataLoader loader{data::map(images, RandomShift{}), {.batch_size = 64, .shuffle = true}};
  Net<D> net;
  optim::AdamW optimizer{parameters(net), {.lr = 6e-3, .weight_decay = 0.05}};
  std::vector<float> out;
  for (const auto& [image, label] : data::on_device<D>(loader)) {
    optimizer.zero_grad();
    auto loss = cross_entropy(net(image), label, {}, {.label_smoothing = 0.05});
    loss.backward();
    optimizer.step();
    out.push_back(loss.item());
    if (static_cast<int>(out.size()) == steps) break;
  }
  return out;
}

}  // namespace

TEST_CASE("the digit classifier's losses are the host's") {
  const std::vector<float> host = losses<Cpu>(12), device = losses<Guarded>(12);
  REQUIRE(device.size() == host.size());
  // Sums are taken in another order; steps carry that on.
  for (std::size_t i = 0; i < host.size(); ++i) CHECK(device[i] == Approx(host[i]).epsilon(1e-5 * static_cast<double>(1 << i)));
  CHECK(device.back() < 0.8f * device.front());
}
