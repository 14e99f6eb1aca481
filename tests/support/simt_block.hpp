// SPDX-License-Identifier: MIT
// An emulated block of GPU threads: one fiber each, run in an order that can be chosen. It finds what a GPU lets pass
// in silence: barriers that some threads miss, shared memory read before it is written, touched by several threads
// between two barriers, or left.
#pragma once

#include <taper/backend/cuda/block.hpp>

#include <algorithm>
#include <deque>
#include <memory>
#include <random>
#include <source_location>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/fiber.hpp"

namespace simt {

/// In which order threads run between two barriers, and blocks, and the items of a kernel without blocks.
enum class Schedule { forward, reverse, shuffled };

/// What a kernel did wrong.
struct Fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// n numbers in the order of a schedule.
inline void order(std::vector<int>& out, int n, Schedule schedule, std::minstd_rand& random) {
  out.resize(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) out[static_cast<std::size_t>(i)] = schedule == Schedule::reverse ? n - 1 - i : i;
  if (schedule == Schedule::shuffled) std::shuffle(out.begin(), out.end(), random);
}

/// Where a thread waits: by the text, since compilers make one barrier several or several one.
struct Place {
  std::source_location at, reduce;  // reduce: who called it, where it waits inside one
  bool inside = false;

  std::string text() const { return (inside ? "the reduce of " + line(reduce) : line(at)); }
  friend bool operator==(const Place& a, const Place& b) {
    return same(a.at, b.at) && a.inside == b.inside && (!a.inside || same(a.reduce, b.reduce));
  }

 private:
  static std::string line(const std::source_location& at) {
    const std::string_view file = at.file_name();
    return std::string(file.substr(file.rfind('/') + 1)) + ":" + std::to_string(at.line());
  }
  static bool same(const std::source_location& a, const std::source_location& b) {
    const auto equal = [](const char* x, const char* y) { return x == y || std::strcmp(x, y) == 0; };
    return a.line() == b.line() && a.column() == b.column() && equal(a.file_name(), b.file_name()) &&
           equal(a.function_name(), b.function_name());
  }
};

/// Shared memory of one name, and who touched each element when. Time is counted in barriers.
struct Segment {
  struct Touch {
    std::int64_t written = -1, read = -1;
    int writer = -1, reader = -1;  // -1: several
  };
  const void* key;
  std::string name;
  std::size_t bytes;
  std::unique_ptr<std::byte[]> memory;
  std::vector<Touch> touches;
  std::int64_t block = -1;  // the one that uses it
};

class Block;

/// Runs blocks, one after the other, on the calling thread.
class Machine {
 public:
  using Call = void (*)(const void* kernel, const Block& block, std::int64_t item);

  static Machine& here() {
    static thread_local Machine machine;
    return machine;
  }
  void run_block(int threads, Schedule schedule, Call call, const void* kernel, std::int64_t item);

 private:
  friend class Block;
  template <class T>
  friend class Element;
  template <class T>
  friend class SharedPointer;
  enum class State { ready, barrier, shuffle, done };

  struct Thread {
    Thread(Machine& m, int n) : machine(m), number(n), fiber(&Machine::live, this) {}
    Machine& machine;
    int number;
    Fiber fiber;
    State state = State::done;
    Place place;
    const void* give = nullptr;  // of a shuffle: where x is, where that of another goes, how far that is
    void* take = nullptr;
    std::size_t size = 0;
    int delta = 0;
  };

  static void live(void* thread);
  void wait(State state, const std::source_location& at) {
    Thread& t = *running_;
    t.state = state;
    t.place.at = at;
    t.fiber.leave();
  }
  void meet();
  bool shuffle(int warp);
  [[noreturn]] void abandon(const std::string& what);
  [[noreturn]] void diverged(const Thread& waits, const Thread& other) {
    abandon("thread " + std::to_string(waits.number) + " waits at " + waits.place.text() + ", but thread " +
            std::to_string(other.number) +
            (other.state == State::done ? " has ended" : " waits at " + other.place.text()));
  }

  Segment& segment(const void* key, const char* name, std::size_t size, std::int64_t count);
  [[noreturn]] void complain(const Segment& s, std::int64_t k, const std::string& what) const {
    throw Fault("thread " + std::to_string(running_->number) + " " + what + " element " + std::to_string(k) + " of " +
                s.name);
  }
  Segment::Touch& touch(Segment& s, std::int64_t k, const char* verb) const {
    if (k < 0 || k >= static_cast<std::int64_t>(s.touches.size()))
      complain(s, k, std::string(verb) + " out of bounds:");
    return s.touches[static_cast<std::size_t>(k)];
  }
  void reads(Segment& s, std::int64_t k) const {
    Segment::Touch& t = touch(s, k, "reads");
    if (t.written < block_began_) complain(s, k, "reads what nobody has written:");
    if (t.written == time_ && t.writer != running_->number)
      complain(s, k, "reads, with no barrier in between, what thread " + std::to_string(t.writer) + " wrote:");
    t.reader = t.read == time_ && t.reader != running_->number ? -1 : running_->number;
    t.read = time_;
  }
  void writes(Segment& s, std::int64_t k) const {
    Segment::Touch& t = touch(s, k, "writes");
    if (t.written == time_ && t.writer != running_->number)
      complain(s, k, "writes, with no barrier in between, what thread " + std::to_string(t.writer) + " wrote:");
    if (t.read == time_ && t.reader != running_->number)
      complain(s, k,
               "writes, with no barrier in between, what " +
                   (t.reader < 0 ? std::string("several threads") : "thread " + std::to_string(t.reader)) + " read:");
    t.written = time_;
    t.writer = running_->number;
  }

  std::deque<Thread> threads_;
  std::deque<Segment> segments_;
  Thread* running_ = nullptr;
  int count_ = 0;
  Call call_ = nullptr;
  const void* kernel_ = nullptr;
  std::int64_t item_ = 0, time_ = 0, block_began_ = 0, blocks_ = 0;
  std::size_t shared_bytes_ = 0;
  std::string fault_;
  std::vector<int> order_;
  std::minstd_rand random_{1};
};

/// An element of shared memory: reading and assigning are watched.
template <class T>
class Element {
 public:
  Element(Segment& s, std::int64_t k) : segment_(s), k_(k) {}
  Element(const Element&) = default;
  operator T() const {
    Machine::here().reads(segment_, k_);
    T out;
    std::memcpy(static_cast<void*>(&out), at(), sizeof(T));
    return out;
  }
  const Element& operator=(const T& x) const {
    Machine::here().writes(segment_, k_);
    std::memcpy(at(), &x, sizeof(T));
    return *this;
  }
  const Element& operator=(const Element& x) const { return *this = static_cast<T>(x); }
  template <class U>
  const Element& operator+=(const U& x) const {
    return *this = static_cast<T>(static_cast<T>(*this) + x);
  }
  template <class U>
  const Element& operator-=(const U& x) const {
    return *this = static_cast<T>(static_cast<T>(*this) - x);
  }
  template <class U>
  const Element& operator*=(const U& x) const {
    return *this = static_cast<T>(static_cast<T>(*this) * x);
  }

 private:
  std::byte* at() const { return segment_.memory.get() + static_cast<std::size_t>(k_) * sizeof(T); }
  Segment& segment_;
  std::int64_t k_;
};

/// What Block::shared gives in place of a T*.
template <class T>
class SharedPointer {
 public:
  SharedPointer(Segment& s, std::int64_t k) : segment_(&s), k_(k) {}
  template <class I>
  Element<T> operator[](I k) const {
    return Element<T>(*segment_, k_ + static_cast<std::int64_t>(k));
  }
  template <class I>
  SharedPointer operator+(I k) const {
    return SharedPointer(*segment_, k_ + static_cast<std::int64_t>(k));
  }

 private:
  Segment* segment_;
  std::int64_t k_;
};

/// See backend/cuda/block.hpp. The last argument of what waits says where in the text that is.
class Block {
  using Where = std::source_location;

 public:
  std::int64_t thread() const { return machine().running_->number; }
  std::int64_t threads() const { return machine().count_; }
  void sync(Where where = Where::current()) const { machine().wait(Machine::State::barrier, where); }
  template <class T>
  T shuffle_down(const T& x, int delta, Where where = Where::current()) const {
    static_assert(std::is_trivially_copyable_v<T>);
    T out = x;
    Machine& m = machine();
    Machine::Thread& t = *m.running_;
    t.give = &x;
    t.take = &out;
    t.size = sizeof(T);
    t.delta = delta;
    m.wait(Machine::State::shuffle, where);
    return out;
  }
  template <class R>
  typename R::Acc reduce(const typename R::Acc& acc, Where where = Where::current()) const {
    Place& place = machine().running_->place;
    place.inside = true;
    place.reduce = where;
    const auto out = taper::detail::block_reduce<R>(*this, acc);
    machine().running_->place.inside = false;
    return out;
  }
  template <class Tag, class T, int N>
  SharedPointer<T> shared() const {
    static_assert(std::is_trivially_copyable_v<T>);
    static const char key = 0;
    return SharedPointer<T>(machine().segment(&key, Where::current().function_name(), sizeof(T), N), 0);
  }

 private:
  static Machine& machine() { return Machine::here(); }
};

inline void Machine::live(void* thread) {
  Thread& t = *static_cast<Thread*>(thread);
  for (;;) {
    Machine& m = t.machine;
    try {
      m.call_(m.kernel_, Block(), m.item_);
    } catch (const std::exception& e) {
      m.fault_ = e.what();
    }
    t.state = State::done;
    t.fiber.leave();
  }
}

inline void Machine::run_block(int threads, Schedule schedule, Call call, const void* kernel, std::int64_t item) {
  while (static_cast<int>(threads_.size()) < threads) threads_.emplace_back(*this, static_cast<int>(threads_.size()));
  call_ = call;
  kernel_ = kernel;
  item_ = item;
  count_ = threads;
  ++blocks_;
  block_began_ = ++time_;
  shared_bytes_ = 0;
  for (int i = 0; i < threads; ++i) threads_[static_cast<std::size_t>(i)].state = State::ready;
  for (bool done = false; !done;) {
    order(order_, threads, schedule, random_);
    for (const int i : order_) {
      Thread& t = threads_[static_cast<std::size_t>(i)];
      if (t.state != State::ready) continue;
      running_ = &t;
      t.fiber.enter();
      if (!fault_.empty()) abandon(std::exchange(fault_, {}));
    }
    meet();
    done = threads_[0].state == State::done;
  }
}

/// Nobody can run on: shuffles of whole warps happen, or the barrier of all opens, or all have ended.
inline void Machine::meet() {
  bool moved = false;
  for (int first = 0; first < count_; first += taper::detail::warp_threads) moved = shuffle(first) || moved;
  if (moved) return;
  Thread& one = threads_[0];
  for (int i = 1; i < count_; ++i) {
    Thread& t = threads_[static_cast<std::size_t>(i)];
    if (t.state == State::done && one.state != State::done) diverged(one, t);
    if (t.state != one.state || (one.state != State::done && !(t.place == one.place))) diverged(t, one);
  }
  if (one.state == State::done) return;
  ++time_;
  for (int i = 0; i < count_; ++i) threads_[static_cast<std::size_t>(i)].state = State::ready;
}

inline bool Machine::shuffle(int first) {
  constexpr int n = taper::detail::warp_threads;
  Thread* warp[n];
  const Thread* waits = nullptr;
  for (int i = 0; i < n; ++i) {
    warp[i] = &threads_[static_cast<std::size_t>(first + i)];
    if (!waits && warp[i]->state == State::shuffle) waits = warp[i];
  }
  if (!waits) return false;
  for (int i = 0; i < n; ++i)
    if (warp[i]->state != State::shuffle || !(warp[i]->place == waits->place)) diverged(*waits, *warp[i]);
  for (int i = 0; i < n; ++i) {
    const int from = warp[i]->delta >= 0 && i + warp[i]->delta < n ? i + warp[i]->delta : i;
    std::memcpy(warp[i]->take, warp[from]->give, warp[i]->size);
    warp[i]->state = State::ready;
  }
  return true;
}

/// The other threads are never heard of again.
inline void Machine::abandon(const std::string& what) {
  for (int i = 0; i < count_; ++i) {
    Thread& t = threads_[static_cast<std::size_t>(i)];
    if (t.state != State::done) t.fiber.restart();
    t.state = State::done;
    t.place.inside = false;
  }
  throw Fault("block " + std::to_string(item_) + ": " + what);
}

inline Segment& Machine::segment(const void* key, const char* name, std::size_t size, std::int64_t count) {
  Segment* found = nullptr;
  for (Segment& s : segments_)
    if (s.key == key) found = &s;
  const auto n = static_cast<std::size_t>(count);
  if (!found) {
    segments_.push_back({key, name, size * n, std::make_unique<std::byte[]>(size * n), std::vector<Segment::Touch>(n)});
    found = &segments_.back();
  }
  if (found->block != blocks_) {
    found->block = blocks_;
    shared_bytes_ += found->bytes;
    if (shared_bytes_ > 48 << 10) throw Fault("more than 48 KB of shared memory");
  }
  return *found;
}

}  // namespace simt
