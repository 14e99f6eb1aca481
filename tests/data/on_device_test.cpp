// SPDX-License-Identifier: MIT
// on_device: the same batches in the same order, a state that counts what the loop has seen, other parts left alone.
// Devices
#include <taper/data.hpp>
#include <taper/ops.hpp>

#include <map>

#include "tests/support/device.hpp"
#include "tests/support/golden.hpp"

using namespace taper;

namespace {

/// n samples in batches of three, shuffled by a seed.
auto loader(std::int64_t n, std::uint64_t seed) {
  const data::TensorDataset numbers(Tensor<float>(reshape(arange<float>(2 * n), {n, 2})), arange(n));
  Generator generator(seed);
  return data::DataLoader{numbers, {.batch_size = 3, .shuffle = true, .generator = &generator}};
}

}  // namespace

TEST_CASE("on_device gives the loader's batches") {
  auto plain = loader(11, 5), moved = loader(11, 5);
  const auto batches = data::on_device<device::D>(moved);
  CHECK(batches.size() == 4);
  for (int epoch = 0; epoch < 2; ++epoch) {
    auto expected = plain.begin();
    int count = 0;
    for (const auto& [x, label] : batches) {
      static_assert(std::same_as<std::remove_cvref_t<decltype(x)>, Tensor<float, device::D>>);
      check_equal(device::back(x), std::get<0>(*expected));
      check_equal(device::back(label), std::get<1>(*expected));
      CHECK(moved.state().batch == plain.state().batch);
      ++expected;
      ++count;
    }
    CHECK(count == 4);
    CHECK(moved.state().batch == plain.state().batch);
    CHECK(moved.state().epoch == plain.state().epoch);
  }
}

TEST_CASE("a state taken in the loop goes on behind the batch in hand") {
  auto first = loader(12, 7), second = loader(12, 7);
  std::vector<Tensor<std::int64_t>> all, rest;
  data::DataLoaderState state;
  for (const auto& [x, label] : data::on_device<device::D>(first)) {
    all.push_back(device::back(label));
    if (all.size() == 2) state = first.state();
  }
  second.load_state(state);
  for (const auto& [x, label] : data::on_device<device::D>(second)) rest.push_back(device::back(label));
  REQUIRE(rest.size() == 2);
  check_equal(rest[0], all[2]);
  check_equal(rest[1], all[3]);
}

TEST_CASE("an error waits until its batch is due, and the loop may go on behind it") {
  struct Failing {
    std::int64_t size() const { return 10; }
    Tensor<float> get(std::int64_t i) const {
      if (i == 4) detail::raise<ValueError>("sample", "four");
      return tensor<float>({static_cast<float>(i)});
    }
  };
  for (const int workers : {0, 1}) {
    data::DataLoader loader{Failing{}, {.batch_size = 2, .num_workers = workers}};
    std::int64_t seen = 0;
    CHECK_THROWS_AS([&] { for ([[maybe_unused]] const auto& batch : data::on_device<device::D>(loader)) ++seen; }(), ValueError);
    CHECK(seen == 2);
    CHECK(loader.state().batch == 3);  // as of the loader alone
    auto i = data::on_device<device::D>(loader).begin();
    ++i;
    CHECK(device::at(*i, 0) == 2);
    CHECK(loader.state().batch == 2);
    CHECK_THROWS_AS(++i, ValueError);
    CHECK(loader.state().batch == 3);
    ++i;
    CHECK(device::at(*i, 0) == 6);
    CHECK(loader.state().batch == 4);
  }
}

TEST_CASE("other ranges and other parts") {
  std::vector<std::pair<Tensor<float>, std::string>> list{{ones({2}), "a"}, {zeros({2}), "b"}};
  std::string names;
  for (const auto& [x, name] : data::on_device<device::D>(list)) names += name + (device::back(x)[0].item() > 0 ? "+" : "-");
  CHECK(names == "a+b-");
  std::vector<Tensor<float>> none;
  for ([[maybe_unused]] const auto& x : data::on_device<device::D>(none)) CHECK(false);
}
