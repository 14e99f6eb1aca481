// SPDX-License-Identifier: MIT
// PoolVector against std::vector, with elements that count their lives.
#include <taper/core/pool_vector.hpp>

#include "tests/support/catch.hpp"

#include <memory>
#include <sstream>
#include <string>
#include <vector>

using taper::detail::PoolVector;

namespace {

struct Counted {
  static inline int alive = 0;
  std::string text;
  explicit Counted(std::string t) : text(std::move(t)) { ++alive; }
  Counted(const Counted& other) : text(other.text) { ++alive; }
  Counted(Counted&& other) noexcept : text(std::move(other.text)) { ++alive; }
  Counted& operator=(const Counted&) = default;
  Counted& operator=(Counted&&) noexcept = default;
  ~Counted() { --alive; }
};

std::string long_text(int i) { return "a text that no small buffer holds, number " + std::to_string(i); }

}  // namespace

TEST_CASE("a list grows, shrinks and destroys what it holds") {
  {
    PoolVector<Counted> list;
    std::vector<std::string> expected;
    CHECK(list.empty());
    for (int i = 0; i < 1000; ++i) {
      list.emplace_back(long_text(i));
      expected.push_back(long_text(i));
      if (i % 3 == 0) list.pop_back(), expected.pop_back();
      REQUIRE(Counted::alive == static_cast<int>(expected.size()));
    }
    REQUIRE(list.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) REQUIRE(list[i].text == expected[i]);
    CHECK(list.front().text == expected.front());
    CHECK(list.back().text == expected.back());

    PoolVector<Counted> copy = list;
    CHECK(Counted::alive == 2 * static_cast<int>(expected.size()));
    copy.back().text = "changed";
    CHECK(list.back().text == expected.back());

    PoolVector<Counted> moved = std::move(copy);
    CHECK(copy.empty());
    CHECK(moved.back().text == "changed");
    list = moved;
    CHECK(list.back().text == "changed");
    list = std::move(moved);
    CHECK(Counted::alive == static_cast<int>(expected.size()));
    list.resize(5, Counted("filled"));
    CHECK(Counted::alive == 5);
    list.resize(9, Counted("filled"));
    CHECK(list[4].text == expected[4]);
    CHECK(list[8].text == "filled");
    list.clear();
    CHECK(Counted::alive == 0);
    list.emplace_back("again");
    CHECK(list.size() == 1);
  }
  CHECK(Counted::alive == 0);
}

TEST_CASE("a list is made of a count, a list of values, a range or a stream") {
  CHECK(PoolVector<int>(3) == PoolVector<int>{0, 0, 0});
  CHECK(PoolVector<int>(2, 7) == PoolVector<int>{7, 7});
  CHECK(PoolVector<bool>(3, true) == PoolVector<bool>{true, true, true});
  CHECK_FALSE(PoolVector<int>{1, 2} == PoolVector<int>{1, 3});
  CHECK_FALSE(PoolVector<int>{1, 2} == PoolVector<int>{1, 2, 3});
  const std::vector<int> values = {1, 2, 3};
  CHECK(PoolVector<int>(values.begin(), values.end()) == PoolVector<int>{1, 2, 3});
  std::istringstream stream("4 5 6");
  CHECK(PoolVector<int>(std::istream_iterator<int>(stream), std::istream_iterator<int>()) == PoolVector<int>{4, 5, 6});
  PoolVector<std::unique_ptr<int>> owners;  // elements that only move
  for (int i = 0; i < 20; ++i) owners.push_back(std::make_unique<int>(i));
  for (int i = 0; i < 20; ++i) CHECK(*owners[static_cast<std::size_t>(i)] == i);
  owners.resize(30);
  CHECK(owners[29] == nullptr);
}
