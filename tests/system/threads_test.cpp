// SPDX-License-Identifier: MIT
// Tensors and training between threads: producer and consumer, two users at once, errors in workers, a forked child.
// Build: -O2 -DTAPER_FIRST_ORDER_ONLY
#include <taper/taper.hpp>

#include "tests/support/catch.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <thread>

using namespace taper;

namespace {

struct Net {
  nn::Conv2d<float> conv{1, 8, {.kernel_size = 3, .padding = 1}};
  nn::BatchNorm2d<float> norm{8};
  nn::Linear<float> fc{8 * 16, 10};
  Tensor<float> operator()(const Tensor<float>& x) const {
    const Tensor<float> h = max_pool2d(relu(norm(conv(x))), 2);
    return fc(flatten(h, 1));
  }
};

/// The weights that ten steps from this seed lead to, with nothing drawn from the default generator.
std::vector<float> train(std::uint64_t seed) {
  Generator generator(seed);
  Net net;
  {
    const NoGrad guard;
    for (auto* p : {&net.conv.weight, &net.fc.weight}) p->copy_(randn<float>(p->shape(), generator) * 0.1);
    for (auto* p : {&net.conv.bias, &net.fc.bias}) p->zero_();
  }
  optim::Adam optimizer{parameters(net), {.lr = 0.01}};
  const Tensor<float> x = randn<float>({96, 1, 8, 8}, generator);
  const Tensor<std::int64_t> y = randint<std::int64_t>(0, 10, {96}, generator);
  for (int i = 0; i < 10; ++i) {
    optimizer.zero_grad();
    cross_entropy(net(x), y).backward();
    optimizer.step();
  }
  const Tensor<float>& w = net.fc.weight;
  return {w.data_ptr(), w.data_ptr() + w.numel()};
}

struct SumAndDouble {
  std::tuple<Tensor<float>, Tensor<float>> forward(const Tensor<float>& x) { return {Tensor<float>(x + 1), Tensor<float>(x * 2)}; }
  Tensor<float> backward(const Tensor<float>& sum, const Tensor<float>& twice) const { return sum + twice * 2; }
};

}  // namespace

TEST_CASE("a producer and a consumer pass a million tensors at constant footprint") {
  constexpr std::int64_t count = TAPER_ASAN ? 50000 : 1000000;
  constexpr std::size_t slots = 64;
  static std::array<std::atomic<detail::TensorRecord*>, slots> ring;
  std::int64_t wrong = 0, early = 0, late = 0;
  std::thread consumer([&] {
    for (std::int64_t i = 0; i < count; ++i) {
      detail::TensorRecord* taken;
      while (!(taken = ring[static_cast<std::size_t>(i) % slots].exchange(nullptr))) std::this_thread::yield();
      const Tensor<float> x{detail::RecordPtr(taken)};
      if (x.data_ptr()[x.numel() - 1] != static_cast<float>(i)) ++wrong;
    }
  });
  for (std::int64_t i = 0; i < count; ++i) {
    Tensor<float> x = full<float>({i % 7 == 0 ? 1000 : 3}, static_cast<float>(i));
    auto& slot = ring[static_cast<std::size_t>(i) % slots];
    while (slot.load() != nullptr) std::this_thread::yield();
    slot.store(detail::RecordPtr(x.handle()).detach());
    if (i == count / 10) early = allocator_stats().allocated_bytes + allocator_stats().cached_bytes;
  }
  late = allocator_stats().allocated_bytes + allocator_stats().cached_bytes;
  consumer.join();
  CHECK(wrong == 0);
  CHECK(late <= early + (4 << 20));  // what the two threads' lists may hold, and a million tensors are 900 MiB
}

TEST_CASE("two users train at once and get what each gets alone") {
  set_num_threads(2);
  const std::vector<float> one = train(1), two = train(2);
  CHECK((one != two));
  for (int round = 0; round < 5; ++round) {
    std::vector<float> first, second;
    std::thread other([&] { second = train(2); });
    first = train(1);
    other.join();
    CHECK((first == one));
    CHECK((second == two));
  }
}

TEST_CASE("one output of several is dropped while another's gradient is on its way") {
  for (int round = 0; round < (TAPER_ASAN ? 50 : 300); ++round) {
    const auto w = ones<float>({8}).requires_grad_();
    auto [mine, other] = apply_function(SumAndDouble{}, w);
    std::thread dropping([&other = other] { other = {}; });
    sum(mine).backward();
    dropping.join();
    CHECK(w.grad()[0].item() == 1);
  }
}

TEST_CASE("an exception in a worker or a parallel loop leaves pool, allocator and loader in order") {
  set_num_threads(3);
  const std::vector<float> before = train(3);
  const std::int64_t bytes = allocator_stats().allocated_bytes;
  for (int round = 0; round < 20; ++round) {
    CHECK_THROWS_AS(parallel_for(64, 1,
                                 [](std::int64_t i, std::int64_t) {
                                   const Tensor<float> held = zeros<float>({100});
                                   if (i == 20) detail::raise<ValueError>("chunk", "twenty");
                                 }),
                    ValueError);
    const auto failing = data::map(data::TensorDataset(arange(64)), [](const std::tuple<Tensor<std::int64_t>>& s) {
      if (std::get<0>(s).item() == 37) detail::raise<ValueError>("sample", "thirty-seven");
      return s;
    });
    data::DataLoader loader{failing, {.batch_size = 4, .num_workers = 3}};
    int batches = 0;
    CHECK_THROWS_AS(
        [&] {
          for (const auto& batch : loader) batches += std::get<0>(batch).numel() == 4;
        }(),
        ValueError);
    CHECK(batches == 9);
  }
  CHECK(allocator_stats().allocated_bytes == bytes);
  CHECK((train(3) == before));
}

TEST_CASE("a forked child trains to the same bits, with threads of its own") {
  set_num_threads(3);
  const std::vector<float> expected = train(4);
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) train(5);
  });
  int failures = 0;
  for (int i = 0; i < 5; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      _exit(train(4) == expected ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) ++failures;
  }
  stop = true;
  busy.join();
  CHECK(failures == 0);
}
