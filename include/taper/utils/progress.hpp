// SPDX-License-Identifier: MIT
// A progress bar around any range with a size: drawn on a terminal, silent in a log file.
#pragma once

#include <taper/config.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <string>
#include <type_traits>
#include <utility>

#include <unistd.h>

namespace taper::inline TAPER_CODE {

namespace detail {

/// Seconds as m:ss or h:mm:ss.
TAPER_RARE inline std::string clock_time(double seconds) {
  const auto s = static_cast<long long>(seconds);
  char text[32];
  if (s >= 3600) std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
  else std::snprintf(text, sizeof text, "%lld:%02lld", s / 60, s % 60);
  return text;
}

/// One line on stderr, redrawn at most ten times a second and at its end; nothing where stderr is no terminal.
class ProgressBar {
 public:
  ProgressBar(std::int64_t total, std::string label) : total_(total), label_(std::move(label)), drawn_(::isatty(STDERR_FILENO) != 0) { draw(true); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar() {
    draw(true);
    if (drawn_) std::fputc('\n', stderr);
  }
  void advance() {
    ++done_;
    draw(done_ == total_);
  }

 private:
  using Clock = std::chrono::steady_clock;

  TAPER_RARE void draw(bool always) {
    if (!drawn_) return;
    const auto now = Clock::now();
    if (!always && now - last_ < std::chrono::milliseconds(100)) return;
    last_ = now;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    const double share = total_ > 0 ? static_cast<double>(done_) / static_cast<double>(total_) : 0;
    constexpr int width = 30;
    std::string bar(static_cast<std::size_t>(share * width), '#');
    bar.resize(width, '.');
    const double rate = seconds > 0 ? static_cast<double>(done_) / seconds : 0;
    const std::string left = rate > 0 && total_ >= done_ ? clock_time(static_cast<double>(total_ - done_) / rate) : "?";
    std::fprintf(stderr, "\r%s%s%3d%% [%s] %lld/%lld %s<%s %.1f/s\x1b[K", label_.c_str(), label_.empty() ? "" : " ", static_cast<int>(100 * share),
                 bar.c_str(), static_cast<long long>(done_), static_cast<long long>(total_), clock_time(seconds).c_str(), left.c_str(), rate);
    std::fflush(stderr);
  }

  std::int64_t total_, done_ = 0;
  std::string label_;
  bool drawn_;
  Clock::time_point start_ = Clock::now(), last_{};
};

}  // namespace detail

/// A range that draws its progress while it is walked: for (const auto& [image, label] : progress(loader)).
template <class Range>
class Progress {
 public:
  Progress(Range range, std::string label) : range_(std::forward<Range>(range)), bar_(count(range_), std::move(label)) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  template <class I>
  class Iterator {
   public:
    Iterator(I at, detail::ProgressBar* bar) : at_(std::move(at)), bar_(bar) {}
    decltype(auto) operator*() const { return *at_; }
    Iterator& operator++() {
      ++at_;
      bar_->advance();
      return *this;
    }
    template <class S>
    bool reached(const S& end) const {
      return at_ == end;
    }

   private:
    I at_;
    detail::ProgressBar* bar_;
  };
  template <class S>
  struct Sentinel {
    S end;
    template <class I>
    friend bool operator==(const Iterator<I>& i, const Sentinel& s) {
      return i.reached(s.end);
    }
  };

  auto begin() {
    using std::begin;
    return Iterator<decltype(begin(range_))>(begin(range_), &bar_);
  }
  auto end() {
    using std::end;
    return Sentinel<decltype(end(range_))>{end(range_)};
  }

 private:
  static std::int64_t count(const std::remove_reference_t<Range>& range) { return static_cast<std::int64_t>(range.size()); }

  Range range_;  // a reference where an lvalue was given
  detail::ProgressBar bar_;
};

/// Draws the progress of a walk over `range` (anything with size()) on stderr, where that is a terminal.
template <class Range>
Progress<Range> progress(Range&& range, std::string label = {}) {
  return Progress<Range>(std::forward<Range>(range), std::move(label));
}

}  // namespace taper::inline TAPER_CODE
