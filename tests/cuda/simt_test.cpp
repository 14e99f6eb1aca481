// SPDX-License-Identifier: MIT
// The emulator of GPU threads finds planted faults, under every schedule, and no others.
// Needs: thrust
#include "tests/support/catch.hpp"
#include "tests/support/simt_system.hpp"

using simt::under_every_schedule;

namespace {

struct Sum {
  using Acc = double;
  static void combine(Acc& acc, Acc other) { acc += other; }
};
/// 12 bytes: no multiple of a register pair, and the sum of indices where values are equal would depend on the order.
struct Largest {
  struct Acc {
    float value;
    int index, count;
  };
  static void combine(Acc& acc, const Acc& other) {
    const int count = acc.count + other.count;
    if (other.value > acc.value || (other.value == acc.value && other.index < acc.index)) acc = other;
    acc.count = count;
  }
};

// y[i] = x[threads - 1 - i] by way of shared memory, with a fault or without.
enum class Plant {
  none,
  no_barrier,
  some_threads,
  two_barriers,
  read_behind,
  write_before,
  unwritten,
  overwritten,
  early_end,
  two_reduces,
  shuffle,
  too_much
};

template <Plant P>
struct Turn {
  struct Tile;
  struct Other;
  const float* x;
  float* y;

  template <class Block>
  void operator()(const Block& block, std::int64_t item) const {
    const std::int64_t t = block.thread(), n = block.threads();
    auto tile = block.template shared<Tile, float, 256>();
    auto other = block.template shared<Other, float, 256>();
    if (P == Plant::early_end && t == 5) return;
    if constexpr (P == Plant::too_much) block.template shared<Tile, double, 6000>()[t] = 1;
    tile[t] = x[item * n + t];
    other[t] = -1.f;
    if (P == Plant::write_before && t == 3) tile[t - 4] = 0.f;
    if (P == Plant::some_threads) {
      if (t < 32) block.sync();
      return;
    } else if (P == Plant::two_barriers) {
      if (t == 7)
        block.sync();
      else
        block.sync();
    } else if (P == Plant::two_reduces) {
      if (t == 7)
        block.template reduce<Sum>(1);
      else
        block.template reduce<Sum>(1);
    } else if (P == Plant::shuffle) {
      if (t == 40) block.shuffle_down(1.f, 1);
      block.sync();
    } else if (P != Plant::no_barrier) {
      block.sync();
    }
    const float v = tile[P == Plant::read_behind ? t + 256 : P == Plant::unwritten ? n - t : n - 1 - t];
    if (P == Plant::overwritten) tile[t] = v;
    y[item * n + t] = v;
  }
};

struct Reductions {
  double* sums;
  Largest::Acc* largest;
  template <class Block>
  void operator()(const Block& block, std::int64_t item) const {
    const std::int64_t t = block.thread();
    for (int round = 1; round <= 3; ++round) {
      const double sum = block.template reduce<Sum>(static_cast<double>(t * round + item));
      sums[(item * 3 + round - 1) * block.threads() + t] = sum;
      largest[item * block.threads() + t] =
          block.template reduce<Largest>({static_cast<float>(t * 7 % 32 + 32 * (t / 32 % 2)), static_cast<int>(t), 1});
    }
  }
};

/// As block_reduce, without the barrier that lets all threads read the last result first.
struct HastyReduce {
  struct Warps;
  double* out;
  template <class Block>
  void operator()(const Block& block, std::int64_t) const {
    auto warps = block.template shared<Warps, double, 32>();
    for (int round = 0; round < 2; ++round) {
      if (block.thread() % 32 == 0) warps[block.thread() / 32] = 1;
      block.sync();
      double sum = 0;
      for (std::int64_t w = 0; w < block.threads() / 32; ++w) sum += warps[w];
      out[block.thread()] = sum;
    }
  }
};

struct Visit {
  std::vector<int>* seen;
  void operator()(std::int64_t i) const { ++(*seen)[static_cast<std::size_t>(i)]; }
};

template <Plant P>
std::string fault_of() {
  std::string all;
  under_every_schedule([&](int threads) {
    const auto n = static_cast<std::size_t>(threads);
    std::vector<float> x(3 * n), y(3 * n, -7.f);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
    std::string fault;
    try {
      simt::System::for_each_block(3, Turn<P>{x.data(), y.data()});
    } catch (const simt::Fault& e) {
      fault = e.what();
    }
    if (P == Plant::none) {
      REQUIRE(fault == "");
      for (std::size_t i = 0; i < x.size(); ++i) REQUIRE(y[i] == x[i / n * n + n - 1 - i % n]);
    } else {
      REQUIRE(fault != "");
    }
    all = fault;  // of the last schedule
    // A fault leaves nothing behind.
    simt::System::for_each_block(3, Turn<Plant::none>{x.data(), y.data()});
    REQUIRE(y[0] == x[n - 1]);
  });
  return all;
}

using Catch::Contains;

}  // namespace

TEST_CASE("a kernel without faults runs as written, under every schedule") { fault_of<Plant::none>(); }

TEST_CASE("planted faults are found under every schedule") {
  CHECK_THAT(fault_of<Plant::no_barrier>(), Contains("no barrier in between") || Contains("nobody has written"));
  CHECK_THAT(fault_of<Plant::overwritten>(), Contains("no barrier in between"));
  CHECK_THAT(fault_of<Plant::some_threads>(), Contains("waits at simt_test.cpp") && Contains("has ended"));
  CHECK_THAT(fault_of<Plant::two_barriers>(), Contains("thread 7 waits at simt_test.cpp"));
  CHECK_THAT(fault_of<Plant::two_reduces>(), Contains("waits at the reduce of simt_test.cpp"));
  CHECK_THAT(fault_of<Plant::early_end>(), Contains("thread 5 has ended"));
  CHECK_THAT(fault_of<Plant::shuffle>(), Contains("thread 40 waits"));
  CHECK_THAT(fault_of<Plant::read_behind>(), Contains("reads out of bounds") && Contains("Tile"));
  CHECK_THAT(fault_of<Plant::write_before>(), Contains("thread 3 writes out of bounds: element -1"));
  CHECK_THAT(fault_of<Plant::too_much>(), Contains("48 KB"));
}

TEST_CASE("shared memory that nobody has written is not read") {
  const simt::Settings before = simt::settings;
  simt::settings.threads = 64;  // of 256 elements
  std::vector<float> x(64), y(64);
  CHECK_THROWS_WITH(simt::System::for_each_block(1, Turn<Plant::unwritten>{x.data(), y.data()}),
                    Contains("thread 0 reads what nobody has written: element 64"));
  simt::settings = before;
}

TEST_CASE("a reduction without the barrier before it is found, where its warps differ") {
  std::vector<double> out(256);
  under_every_schedule([&](int) {
    CHECK_THROWS_WITH(simt::System::for_each_block(1, HastyReduce{out.data()}), Contains("no barrier in between"));
  });
}

TEST_CASE("a block's reductions are alike at all threads, and repeated ones do not meet") {
  under_every_schedule([&](int threads) {
    const auto n = static_cast<std::size_t>(threads);
    std::vector<double> sums(2 * 3 * n);
    std::vector<Largest::Acc> largest(2 * n);
    simt::System::for_each_block(2, Reductions{sums.data(), largest.data()});
    for (int item = 0; item < 2; ++item)
      for (std::size_t t = 0; t < n; ++t) {
        for (int round = 1; round <= 3; ++round)
          REQUIRE(sums[static_cast<std::size_t>(item * 3 + round - 1) * n + t] ==
                  round * threads * (threads - 1) / 2 + item * threads);
        const Largest::Acc& best = largest[static_cast<std::size_t>(item) * n + t];
        REQUIRE(best.value == 63);
        REQUIRE(best.index == 32 + 9);  // 9 * 7 = 63
        REQUIRE(best.count == threads);
      }
  });
}

TEST_CASE("every item is visited once") {
  under_every_schedule([](int) {
    for (const int n : {0, 1, 2, 3, 6, 7, 30, 1000}) {
      std::vector<int> seen(static_cast<std::size_t>(n));
      simt::System::for_each(n, Visit{&seen});
      CHECK(std::count(seen.begin(), seen.end(), 1) == n);
    }
  });
}
