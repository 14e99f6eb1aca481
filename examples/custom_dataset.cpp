// SPDX-License-Identifier: MIT
// A dataset and a transform of one's own: points in two spirals, moved at random, loaded by worker threads.
// Build: -DTAPER_FIRST_ORDER_ONLY
#include <taper/taper.hpp>

#include <cmath>
#include <cstdio>
#include <cstring>

using namespace taper;

/// A sample is any aggregate; the loader collates it field by field.
struct Point {
  Tensor<float> position;
  std::int64_t spiral = 0;
};

/// A dataset is anything with size() and get(index).
struct Spirals {
  std::int64_t size() const { return 512; }
  Point get(std::int64_t index) const {
    const std::int64_t spiral = index % 2;
    const double t = 1 + 6.0 * static_cast<double>(index) / 512, angle = t + 3.14159265 * static_cast<double>(spiral);
    return {tensor<float>({static_cast<float>(t * std::cos(angle) / 7), static_cast<float>(t * std::sin(angle) / 7)}), spiral};
  }
};

/// A transform is called with a sample, and with a generator where it draws: the draw depends on seed, epoch and index
/// alone, not on which worker makes it.
struct Jitter {
  float amount = 0.02f;
  Point operator()(Point p, Generator& generator) const { return {p.position + amount * randn<float>({2}, generator), p.spiral}; }
};

struct Net {
  nn::Linear<float> in{2, 32}, middle{32, 32}, out{32, 2};
  auto operator()(const Tensor<float>& x) const { return out(tanh(middle(tanh(in(x))))); }
};

int main(int argc, char** argv) {
  const bool brief = argc > 1 && std::strcmp(argv[1], "--short") == 0;
  manual_seed(0);
  data::DataLoader loader{data::map(Spirals{}, Jitter{}), {.batch_size = 64, .shuffle = true, .num_workers = 2}};
  Net net;
  optim::Adam optimizer{parameters(net), {.lr = 1e-2}};
  double first = 0, last = 0;
  for (int epoch = 0; epoch < (brief ? 10 : 100); ++epoch) {
    double total = 0;
    for (const auto& [position, spiral] : loader) {
      optimizer.zero_grad();
      const Tensor<float> loss = cross_entropy(net(position), spiral);
      loss.backward();
      optimizer.step();
      total += loss.item();
    }
    last = total / static_cast<double>(loader.size());
    if (epoch == 0) first = last;
    if (epoch % 10 == 9) std::printf("epoch %3d: loss %.4f\n", epoch + 1, last);
  }
  return last < first ? 0 : 1;
}
