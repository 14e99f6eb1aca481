// SPDX-License-Identifier: MIT
// Datasets, samplers and the DataLoader: order, workers, errors, resuming.
// Build: -DTAPER_FIRST_ORDER_ONLY
#include <taper/taper.hpp>

#include <memory>
#include <numeric>
#include <set>

#include "tests/support/catch.hpp"

using namespace taper;

namespace {

struct Sample {
  Tensor<float> x;
  std::int64_t y = 0;
};

/// Sample i is (i, a number drawn for it).
struct Numbers {
  std::int64_t count = 10;
  std::int64_t size() const { return count; }
  Sample get(std::int64_t i, Generator& g) const { return {tensor<float>({static_cast<float>(i), static_cast<float>(g.uniform())}), i}; }
};
static_assert(data::Dataset<Numbers>);

std::vector<float> epoch(auto& loader) {
  std::vector<float> out;
  for (const auto& [x, y] : loader) {
    for (std::int64_t i = 0; i < x.numel(); ++i) out.push_back(x.data_ptr()[i]);
    for (std::int64_t i = 0; i < y.numel(); ++i) CHECK(static_cast<float>(y.data_ptr()[i]) == x.data_ptr()[2 * i]);
  }
  return out;
}

}  // namespace

TEST_CASE("the same batches for any number of workers, another order each epoch") {
  std::vector<float> first, second;
  for (const int workers : {0, 1, 2, 4}) {
    manual_seed(5);
    data::DataLoader loader{Numbers{}, {.batch_size = 4, .shuffle = true, .num_workers = workers}};
    CHECK(loader.size() == 3);
    const auto a = epoch(loader), b = epoch(loader);
    CHECK(a.size() == 20);
    CHECK(a != b);
    if (first.empty()) first = a, second = b;
    CHECK(a == first);
    CHECK(b == second);
  }
}

TEST_CASE("a batch may be of a type that only moves") {
  struct Boxed {
    std::unique_ptr<std::vector<std::int64_t>> operator()(std::vector<Sample>&& samples) const {
      auto out = std::make_unique<std::vector<std::int64_t>>();
      for (const Sample& s : samples) out->push_back(s.y);
      return out;
    }
  };
  for (const int workers : {0, 2}) {
    data::DataLoader loader{Numbers{}, {.batch_size = 4, .num_workers = workers}, data::SequentialSampler{10}, Boxed{}};
    std::vector<std::int64_t> seen;
    for (const auto& batch : loader) seen.insert(seen.end(), batch->begin(), batch->end());
    CHECK(seen == std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  }
}

TEST_CASE("a loop may be left early, throw, or be begun twice") {
  manual_seed(1);
  data::DataLoader loader{Numbers{100}, {.batch_size = 3, .num_workers = 2}};
  for (int i = 0; i < 3; ++i)
    for (const auto& batch : loader) {
      CHECK(std::get<1>(batch).numel() == 3);
      break;
    }
  auto one = loader.begin();
  auto two = loader.begin();
  CHECK(std::get<1>(*one).data_ptr()[0] == std::get<1>(*two).data_ptr()[0]);

  const auto failing = data::map(Numbers{100}, [](Sample s) {
    if (s.y == 50) detail::raise<ValueError>("sample", "fifty");
    return s;
  });
  data::DataLoader bad{failing, {.batch_size = 8, .num_workers = 3}};
  std::int64_t seen = 0;
  CHECK_THROWS_AS([&] { for (const auto& [x, y] : bad) seen += y.numel(); }(), ValueError);
  CHECK(seen == 48);
}

TEST_CASE("a state taken inside an epoch resumes with the same batches") {
  manual_seed(2);
  data::DataLoader loader{Numbers{20}, {.batch_size = 4, .shuffle = true, .num_workers = 2}};
  std::vector<std::int64_t> rest;
  data::DataLoaderState state;
  int k = 0;
  for (const auto& [x, y] : loader) {
    if (++k == 2) state = loader.state();
    if (k > 2) rest.insert(rest.end(), y.data_ptr(), y.data_ptr() + y.numel());
  }
  manual_seed(77);
  data::DataLoader again{Numbers{20}, {.batch_size = 4, .shuffle = true}};
  again.load_state(state);
  std::vector<std::int64_t> resumed;
  for (const auto& [x, y] : again) resumed.insert(resumed.end(), y.data_ptr(), y.data_ptr() + y.numel());
  CHECK(resumed == rest);
}

TEST_CASE("a state behind the end of the epoch is refused") {
  for (const int workers : {0, 2}) {
    data::DataLoader loader{Numbers{}, {.batch_size = 2, .num_workers = workers}};
    loader.load_state({.seed = 1, .epoch = 1, .batch = 7});  // as of a run with smaller batches or more samples
    for (int i = 0; i < 2; ++i)
      CHECK_THROWS_MATCHES(loader.begin(), StateError, Catch::Matchers::Message(
          "[DataLoader] 7 batches of the epoch had been handed out when the state was taken, here it has 5: load the state into a loader "
          "of the same dataset and batch_size"));
    loader.load_state({.seed = 1, .epoch = 1, .batch = 5});  // taken with the last batch in hand
    CHECK(epoch(loader).empty());
    CHECK(loader.state().epoch == 1);
    CHECK(epoch(loader).size() == 20);
    CHECK(loader.state().epoch == 2);
  }
}

TEST_CASE("after a break the next loop is a new epoch, and a loaded state is the rest of the old one") {
  manual_seed(3);
  data::DataLoader loader{Numbers{}, {.batch_size = 2, .shuffle = true}};
  const auto first_two = [&] {
    int k = 0;
    for ([[maybe_unused]] const auto& batch : loader)
      if (++k == 2) break;
  };
  first_two();
  data::DataLoader other{Numbers{}, {.batch_size = 2, .shuffle = true}};
  other.load_state(loader.state());
  loader.load_state(loader.state());
  CHECK(epoch(loader) == epoch(other));
  CHECK(loader.state().epoch == 1);
  first_two();
  CHECK(epoch(loader).size() == 20);
  CHECK(loader.state().epoch == 3);
}

TEST_CASE("a state counts a batch that threw, behind which the iterator goes on") {
  const auto failing = data::map(Numbers{}, [](Sample s) {
    if (s.y == 5) detail::raise<ValueError>("sample", "five");
    return s;
  });
  for (const int workers : {0, 2}) {
    data::DataLoader loader{failing, {.batch_size = 2, .num_workers = workers}}, again{failing, {.batch_size = 2}};
    auto i = loader.begin();
    ++i;
    CHECK_THROWS_AS(++i, ValueError);  // samples 4 and 5
    CHECK(loader.state().batch == 3);
    ++i;
    CHECK(std::get<1>(*i).data_ptr()[0] == 6);
    CHECK(loader.state().batch == 4);
    again.load_state(loader.state());
    CHECK(std::get<1>(*again.begin()).data_ptr()[0] == 8);
  }
}

TEST_CASE("tensor datasets, subsets, concatenation, random splits") {
  const auto x = reshape(arange<float>(0, 12), {6, 2});
  const auto y = arange(6);
  const data::TensorDataset set(x, y);
  CHECK(set.size() == 6);
  CHECK(std::get<0>(set.get(4)).data_ptr()[1] == 9);
  CHECK_THROWS_AS(set.get(6), IndexError);
  CHECK_THROWS_AS(data::TensorDataset(x, arange(5)), ShapeError);
  const data::TensorDataset turned(reshape(arange<float>(0, 12), {2, 6}).t(), arange(12)(Slice{0, 12, 2}));  // not dense row by row
  const auto [columns, evens] = turned.get_batch(std::vector<std::int64_t>{4, 0});
  CHECK((equal(columns, tensor<float>({{4, 10}, {0, 6}})) && equal(evens, tensor<std::int64_t>({8, 0}))));
  data::DataLoader loader{data::subset(set, {5, 1}), {.batch_size = 2}};
  for (const auto& [a, b] : loader) CHECK(b.data_ptr()[0] == 5);
  CHECK(data::concat(set, set).size() == 12);
  const auto parts = data::random_split(set, {0.5, 0.5});
  std::set<std::int64_t> all;
  for (const auto& part : parts) all.insert(part.indices().begin(), part.indices().end());
  CHECK(all.size() == 6);
  CHECK_THROWS_AS(data::random_split(set, {2, 3}), ValueError);
}

TEST_CASE("lengths of a random split are sizes, or fractions that add up to 1") {
  using Catch::Matchers::Message;
  const data::TensorDataset set(arange(10));
  const auto sizes = [&](const std::vector<double>& lengths) {
    std::vector<std::int64_t> out;
    for (const auto& part : data::random_split(set, lengths)) out.push_back(part.size());
    return out;
  };
  CHECK(sizes({0, 10}) == std::vector<std::int64_t>{0, 10});  // these three as PyTorch
  CHECK(sizes({1}) == std::vector<std::int64_t>{10});
  CHECK(sizes({0.25, 0.25, 0.5}) == std::vector<std::int64_t>{3, 2, 5});
  for (const auto& lengths : {std::vector<double>{-1, 11}, {-0.5, 1.5}, {NAN, 10}})
    CHECK_THROWS_WITH(sizes(lengths), Catch::Matchers::StartsWith("[random_split] lengths must not be negative, but one is "));
  CHECK_THROWS_MATCHES(sizes({2.5, 7.5}), ValueError,
                       Message("[random_split] 2.5 is no number of samples: give whole numbers, or fractions that add up to 1, not to 10"));
  CHECK_THROWS_AS(sizes({std::numeric_limits<double>::infinity()}), ValueError);
  CHECK_THROWS_MATCHES(sizes({4, 5}), ValueError, Message("[random_split] the sizes add up to 9, the dataset has 10 samples"));
}

TEST_CASE("samplers") {
  Generator g(1);
  const auto weighted = data::WeightedRandomSampler{{0, 1, 3}, 4000}(g);
  CHECK(std::count(weighted.begin(), weighted.end(), 0) == 0);
  CHECK(std::count(weighted.begin(), weighted.end(), 2) == Approx(3000).margin(150));
  auto distinct = data::WeightedRandomSampler{{1, 1, 1}, 3, false}(g);
  std::sort(distinct.begin(), distinct.end());
  CHECK(distinct == std::vector<std::int64_t>{0, 1, 2});
  const auto batches = data::BatchSampler<data::SequentialSampler>{{7}, 3, true}(g);
  CHECK(batches.size() == 2);
  data::DataLoader loader{Numbers{}, {}, data::BatchSampler<data::SequentialSampler>{{7}, 3, false}};
  CHECK(loader.size() == 3);
  CHECK(epoch(loader).size() == 14);
}

TEST_CASE("random samplers visit everything once, or draw with replacement") {
  Generator g(2);
  const auto sorted = [](std::vector<std::int64_t> v) {
    std::sort(v.begin(), v.end());
    return v;
  };
  const auto order = data::RandomSampler{6}(g), again = data::RandomSampler{6}(g);
  CHECK(sorted(order) == std::vector<std::int64_t>{0, 1, 2, 3, 4, 5});
  CHECK(order != again);
  const auto draws = data::RandomSampler{3, true, 3000}(g);
  for (const std::int64_t i : {0, 1, 2}) CHECK(std::count(draws.begin(), draws.end(), i) == Approx(1000).margin(120));
  CHECK(sorted(data::RandomSampler{4, false, 6}(g)).size() == 6);  // more than there are: all of them, then some again
  CHECK(sorted(data::SubsetRandomSampler{{9, 4, 7}}(g)) == std::vector<std::int64_t>{4, 7, 9});
  CHECK_THROWS_AS(data::RandomSampler({0, true, 2})(g), ValueError);
  CHECK_THROWS_AS(data::WeightedRandomSampler({{1, -1}, 2})(g), ValueError);
  CHECK_THROWS_AS(data::WeightedRandomSampler({{1, 0}, 2, false})(g), ValueError);
  const double infinity = std::numeric_limits<double>::infinity(), most = std::numeric_limits<double>::max();
  for (const auto& weights : {std::vector<double>{1, infinity, 1}, {1, NAN}, {most, most}, {0, 0}, {}})  // PyTorch refuses these, too
    for (const bool replacement : {true, false}) CHECK_THROWS_AS(data::WeightedRandomSampler({weights, 1, replacement})(g), ValueError);
}

TEST_CASE("datasets one behind the other, mapped, and a subset of a subset") {
  Generator g(3);
  const data::TensorDataset<std::int64_t> low(arange(3)), high(arange(10, 14));
  const auto all = data::concat(low, high, low);
  CHECK(all.size() == 10);
  const auto value = [&](const auto& set, std::int64_t i) { return std::get<0>(data::get(set, i, g)).item(); };
  CHECK(value(all, 2) == 2);
  CHECK(value(all, 3) == 10);
  CHECK(value(all, 7) == 0);
  CHECK_THROWS_AS(value(all, 10), IndexError);
  CHECK(value(data::subset(data::subset(high, {3, 1, 0}), {1, 0}), 1) == 13);
  CHECK_THROWS_AS(data::subset(high, {4}), IndexError);
  const auto doubled = data::map(high, [](const std::tuple<Tensor<std::int64_t>>& s) { return std::get<0>(s).item() * 2; });
  CHECK(data::get(doubled, 1, g) == 22);
  // PyTorch gives what fractions leave over to the first parts, one each.
  const auto parts = data::random_split(all, {0.25, 0.35, 0.4});
  CHECK(parts[0].size() == 3);
  CHECK(parts[1].size() == 3);
  CHECK(parts[2].size() == 4);
}

TEST_CASE("collation goes into tuples, pairs, aggregates and their fields") {
  struct Inner {
    double weight;
    std::string name;
  };
  struct Item {
    Tensor<float> image;
    std::pair<std::int64_t, bool> label;
    Inner inner;
  };
  std::vector<Item> items;
  for (int i = 0; i < 3; ++i) items.push_back({full<float>({2}, static_cast<float>(i)), {i, i == 1}, {i * 0.5, std::string(1, static_cast<char>('a' + i))}});
  const auto [image, label, inner] = data::collate(std::move(items));
  CHECK(image.shape() == Shape{3, 2});
  CHECK(image.data_ptr()[5] == 2);
  CHECK(std::get<0>(label).data_ptr()[2] == 2);
  CHECK(std::get<1>(label).data_ptr()[1]);
  CHECK(std::get<0>(inner).data_ptr()[1] == 0.5);
  CHECK(std::get<1>(inner) == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE("samples of different shapes do not make a batch") {
  const auto ragged = data::map(Numbers{}, [](Sample s) { return zeros<float>({s.y + 1}); });
  data::DataLoader loader{ragged, {.batch_size = 2}};
  CHECK_THROWS_AS(loader.begin(), ShapeError);
  data::DataLoader own{ragged, {.batch_size = 2}, data::SequentialSampler{10}, [](std::vector<Tensor<float>>&& s) { return s.size(); }};
  for (const auto n : own) CHECK(n == 2);
}
