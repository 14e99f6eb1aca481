// SPDX-License-Identifier: MIT
// on_device<D>(loader): its batches on device D, the next one copied while the present one is worked on.
#pragma once

#include <taper/core/is_tuple.hpp>
#include <taper/ops/to.hpp>

#include <exception>
#include <iterator>
#include <optional>
#include <ranges>
#include <tuple>
#include <utility>

namespace taper::inline TAPER_CODE {

namespace detail {

/// Copies in line with a device's other work. A device that copies beside it brings its own: System::Beside.
struct InLine {
  template <class F>
  auto run(F&& f) {
    return f();
  }
  void join() {}
};
template <class D>
struct BesideOf { using type = InLine; };
template <class D>
  requires requires { typename D::System::Beside; }
struct BesideOf<D> { using type = typename D::System::Beside; };

/// A batch with its tensors on D; what is no tensor stays as it is.
template <Device D, class X>
auto batch_on(const X& x) {
  if constexpr (TensorHandle<X>) {
    return to<D>(x);
  } else if constexpr (is_tuple<X>) {
    return std::apply([](const auto&... parts) { return std::tuple(batch_on<D>(parts)...); }, x);
  } else {
    static_assert(!std::ranges::range<X> || std::same_as<X, std::string> || !TensorHandle<std::ranges::range_value_t<X>>,
                  "on_device moves tensors, pairs and tuples of them: collate lists into these");
    return x;
  }
}

}  // namespace detail

namespace data {

/// See on_device(). One iteration at a time.
template <Device D, class Loader>
class OnDevice {
  using Source = decltype(std::ranges::begin(std::declval<Loader&>()));

 public:
  using value_type = decltype(detail::batch_on<D>(*std::declval<Source&>()));

  explicit OnDevice(Loader& loader) : loader_(&loader) {}

  class Iterator {
   public:
    using value_type = OnDevice::value_type;
    using difference_type = std::ptrdiff_t;

    explicit Iterator(Loader& loader) : loader_(loader), source_(std::ranges::begin(loader)), end_(std::ranges::end(loader)) {
      if constexpr (counts) given_ = source_ == end_ ? 0 : loader_.state().batch - 1;
      fetch();
      advance();
    }
    const value_type& operator*() const { return *now_; }
    const value_type* operator->() const { return &*now_; }
    Iterator& operator++() {
      advance();
      return *this;
    }
    void operator++(int) { advance(); }
    bool operator==(std::default_sentinel_t) const { return !now_; }

   private:
    static constexpr bool counts = requires(Loader& l) { l.count_as(l.state().batch); };

    void read() {
      if (std::exchange(begun_, true)) ++source_;
      if (source_ != end_) next_.emplace(beside_.run([&] { return detail::batch_on<D>(*source_); }));
    }
    /// Reads ahead. What is thrown belongs to the batch behind the present one, and waits until that is due.
    void fetch() {
      next_.reset();
#if TAPER_EXCEPTIONS
      try {
        read();
      } catch (...) {
        error_ = std::current_exception();
      }
#else
      read();
#endif
    }
    /// The copy that was begun is the present batch; the next one begins. The loader's state counts the present one.
    void advance() {
      now_.reset();
#if TAPER_EXCEPTIONS
      if (const std::exception_ptr error = std::exchange(error_, nullptr)) {
        fetch();  // the next step goes on behind it, as the loader's does
        if constexpr (counts) loader_.count_as(++given_);
        std::rethrow_exception(error);
      }
#endif
      if (!next_) {
        if constexpr (counts)
          if (given_ > 0) loader_.count_as(0);
        return;
      }
      beside_.join();
      now_ = std::move(next_);
      fetch();
      if constexpr (counts) loader_.count_as(++given_);
    }

    Loader& loader_;
    std::int64_t given_ = 0;
    Source source_;
    decltype(std::ranges::end(std::declval<Loader&>())) end_;
    bool begun_ = false;  // source_ is at the batch that is copied
    typename detail::BesideOf<D>::type beside_;
    std::optional<value_type> now_, next_;
#if TAPER_EXCEPTIONS
    std::exception_ptr error_;
#endif
  };

  Iterator begin() const { return Iterator(*loader_); }
  std::default_sentinel_t end() const { return {}; }
  auto size() const
    requires requires(const Loader& l) { l.size(); }
  {
    return loader_->size();
  }

 private:
  Loader* loader_;
};

/// for (const auto& [image, label] : data::on_device<Cuda>(loader)): the loader's batches with their tensors on D. On a GPU the next
/// batch is copied from page-locked memory beside the work on the present one, and the loop never waits for a copy. Tensors,
/// pairs and tuples are moved, other parts stay; pairs become tuples. The loader must outlive the loop.
template <Device D, class Loader>
OnDevice<D, Loader> on_device(Loader& loader) {
  return OnDevice<D, Loader>(loader);
}

}  // namespace data

}  // namespace taper::inline TAPER_CODE
