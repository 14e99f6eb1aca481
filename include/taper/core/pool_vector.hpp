// SPDX-License-Identifier: MIT
// PoolVector: a list in memory of the caching allocator, so that a training loop's bookkeeping asks the system for none.
#pragma once

#include <taper/core/allocator.hpp>

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace taper::inline TAPER_ABI::base {

/// What the library needs of std::vector, which costs a compiler some fifty functions for each type of element, this a
/// dozen. Elements must move without throwing; arguments must not lie in the list itself.
template <class T>
class PoolVector {
 public:
  using value_type = T;
  using size_type = std::size_t;
  using difference_type = std::ptrdiff_t;
  using reference = T&;
  using const_reference = const T&;
  using iterator = T*;
  using const_iterator = const T*;

  PoolVector() = default;
  explicit PoolVector(std::size_t n) { resize(n); }
  PoolVector(std::size_t n, const T& value) { resize(n, value); }
  template <std::input_iterator I, std::sentinel_for<I> S>
  PoolVector(I first, S last) {
    if constexpr (std::sized_sentinel_for<S, I>) reserve(static_cast<std::size_t>(last - first));
    for (; first != last; ++first) push_back(*first);
  }
  PoolVector(std::initializer_list<T> values) : PoolVector(values.begin(), values.end()) {}
  PoolVector(const PoolVector& other) : PoolVector(other.begin(), other.end()) {}
  PoolVector(PoolVector&& other) noexcept { swap(other); }
  // Not one function by value: clang forgets to destroy its parameter where a template assigns {}.
  PoolVector& operator=(const PoolVector& other) { return *this = PoolVector(other); }
  PoolVector& operator=(PoolVector&& other) noexcept {
    PoolVector taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~PoolVector() {
    clear();
    if (data_) base::deallocate_object(data_, capacity_ * sizeof(T));
  }
  void swap(PoolVector& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

  T* begin() noexcept { return data_; }
  T* end() noexcept { return data_ + size_; }
  const T* begin() const noexcept { return data_; }
  const T* end() const noexcept { return data_ + size_; }
  T* data() noexcept { return data_; }
  const T* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  T& operator[](std::size_t i) noexcept { return data_[i]; }
  const T& operator[](std::size_t i) const noexcept { return data_[i]; }
  T& front() noexcept { return data_[0]; }
  const T& front() const noexcept { return data_[0]; }
  T& back() noexcept { return data_[size_ - 1]; }
  const T& back() const noexcept { return data_[size_ - 1]; }

  void reserve(std::size_t n) {
    static_assert(std::is_nothrow_move_constructible_v<T>);
    if (n <= capacity_) return;
    T* to = static_cast<T*>(base::allocate_object(n * sizeof(T)));
    for (std::size_t i = 0; i < size_; ++i) {
      ::new (static_cast<void*>(to + i)) T(std::move(data_[i]));
      data_[i].~T();
    }
    if (data_) base::deallocate_object(data_, capacity_ * sizeof(T));
    data_ = to;
    capacity_ = n;
  }
  template <class... A>
  T& emplace_back(A&&... a) {
    if (size_ == capacity_) reserve(size_ < 4 ? 4 : 2 * size_);
    T* p = ::new (static_cast<void*>(data_ + size_)) T{std::forward<A>(a)...};
    ++size_;
    return *p;
  }
  void push_back(const T& value) { emplace_back(value); }
  void push_back(T&& value) { emplace_back(std::move(value)); }
  void pop_back() noexcept { data_[--size_].~T(); }
  void clear() noexcept {
    while (size_ > 0) pop_back();
  }
  template <class... A>
  void resize(std::size_t n, const A&... value) {
    static_assert(sizeof...(A) <= 1);
    while (size_ > n) pop_back();
    reserve(n);
    while (size_ < n) emplace_back(value...);
  }

  friend bool operator==(const PoolVector& a, const PoolVector& b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace taper::inline TAPER_ABI::base
