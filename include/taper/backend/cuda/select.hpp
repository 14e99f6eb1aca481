// SPDX-License-Identifier: MIT
// The first few of each line's order, or the one at a place, without sorting the line: a block finds the last one's key, two
// bits in a pass, then who is before it.
#pragma once

#include <taper/backend/cpu/sort.hpp>
#include <taper/backend/cuda/block.hpp>
#include <taper/backend/cuda/map.hpp>

namespace taper::inline TAPER_CODE::detail {

inline constexpr std::int64_t most_selected = 64;

/// The key of an element in the order that is wanted, ascending.
template <class T>
struct LineKeys {
  using Key = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
  static constexpr int bits = 8 * static_cast<int>(sizeof(T));
  const stored_t<T>* x;
  std::int64_t size, inner;
  bool descending;

  TAPER_INLINE TAPER_HD Key at(std::int64_t line, std::int64_t k) const {
    constexpr Key mask = static_cast<Key>(sizeof(T) == 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits % 64) - 1);
    const stored_t<T>& element = x[(line / inner * size + k) * inner + line % inner];
    Key key;
    if constexpr (std::same_as<T, bool>) key = element != 0;
    else key = static_cast<Key>(sort_key<T>(element));
    return descending ? static_cast<Key>(key ^ mask) : key;
  }
};

/// How many keys are below each of three bounds.
struct BelowBounds {
  std::int64_t n[3] = {};
};
struct SumBelow {
  using Acc = BelowBounds;
  TAPER_HD static void combine(Acc& acc, const Acc& other) {
    for (int j = 0; j < 3; ++j) acc.n[j] += other.n[j];
  }
};

/// A block of a device to a line. `wanted`: how many are, or (only_last) the place of the one that is, counted from 1.
template <class T>
struct SelectKernel {
  using Key = typename LineKeys<T>::Key;
  LineKeys<T> keys;
  std::int64_t wanted;
  bool only_last;
  std::int64_t* indices;

  struct Less;  // name shared memory
  struct Equal;
  struct Keys;
  struct Places;

  template <class Block>
  TAPER_HD void operator()(const Block& block, std::int64_t line) const {
    // The least `low` below which, equal ones with it, lie as many as are wanted; `less` lie below it.
    Key low = 0;
    std::int64_t less = 0;
    bool apart = false;  // all that are wanted lie below `low`, and no others
    for (int shift = LineKeys<T>::bits - 2; shift >= 0 && !apart; shift -= 2) {
      const Key bounds[3] = {static_cast<Key>(low + (Key{1} << shift)), static_cast<Key>(low + (Key{2} << shift)),
                             static_cast<Key>(low + (Key{3} << shift))};
      BelowBounds own;
      for (std::int64_t i = block.thread(); i < keys.size; i += block.threads()) {
        const Key key = keys.at(line, i);
        for (int j = 0; j < 3; ++j) own.n[j] += key < bounds[j];
      }
      const BelowBounds all = block.template reduce<SumBelow>(own);
      for (int j = 0; j < 3; ++j)
        if (all.n[j] < wanted || (all.n[j] == wanted && !only_last && !apart)) {
          low = bounds[j];
          less = all.n[j];
          apart = less == wanted;
        }
    }
    // Each thread has a share of neighbours, so that who comes first among equals is known.
    const std::int64_t share = (keys.size + block.threads() - 1) / block.threads(), first = block.thread() * share,
                       end = first + share < keys.size ? first + share : keys.size;
    const auto less_of = block.template shared<Less, std::int64_t, most_block_threads>();
    const auto equal_of = block.template shared<Equal, std::int64_t, most_block_threads>();
    std::int64_t own_less = 0, own_equal = 0;
    for (std::int64_t i = first; i < end; ++i) {
      const Key key = keys.at(line, i);
      own_less += key < low;
      own_equal += key == low;
    }
    less_of[block.thread()] = own_less;
    equal_of[block.thread()] = own_equal;
    block.sync();
    std::int64_t below = 0, equal = 0;
    for (std::int64_t t = 0; t < block.thread(); ++t) {
      below += less_of[t];
      equal += equal_of[t];
    }
    if (only_last) write_last(line, low, first, end, equal, wanted - less);
    else write_order(block, line, low, first, end, below, equal, less);
  }

 private:
  /// The index of the equal one at a place among them, by the thread that has it.
  TAPER_INLINE TAPER_HD void write_last(std::int64_t line, Key low, std::int64_t first, std::int64_t end, std::int64_t before,
                                        std::int64_t place) const {
    for (std::int64_t i = first; i < end && before < place; ++i)
      if (keys.at(line, i) == low && ++before == place) indices[line] = i;
  }
  template <class Block>
  TAPER_INLINE TAPER_HD void write_order(const Block& block, std::int64_t line, Key low, std::int64_t first, std::int64_t end,
                                         std::int64_t below, std::int64_t equal, std::int64_t less) const {
    const auto key_of = block.template shared<Keys, Key, most_selected>();
    const auto place_of = block.template shared<Places, std::int64_t, most_selected>();
    for (std::int64_t i = first; i < end; ++i) {
      const Key key = keys.at(line, i);
      if (key > low) continue;
      const std::int64_t at = key < low ? below++ : less + equal++;
      if (at >= wanted) continue;
      key_of[at] = key;
      place_of[at] = i;
    }
    block.sync();
    for (std::int64_t s = block.thread(); s < wanted; s += block.threads()) {
      const Key key = key_of[s];
      const std::int64_t place = place_of[s];
      std::int64_t rank = 0;
      for (std::int64_t other = 0; other < wanted; ++other) {
        const Key other_key = key_of[other];
        const std::int64_t other_place = place_of[other];
        rank += other_key < key || (other_key == key && other_place < place);
      }
      indices[(line / keys.inner * wanted + rank) * keys.inner + line % keys.inner] = place;
    }
  }
};

/// Whether a block to each line is the better way: not for a long line that would leave the device idle.
inline bool selects(const SortLines& lines, const SortRequest& want) {
  const bool few = want.only_kth || (want.k >= 0 && want.k <= most_selected);
  return few && (lines.size <= std::int64_t{1} << 16 || lines.outer * lines.inner >= 128);
}

}  // namespace taper::inline TAPER_CODE::detail
