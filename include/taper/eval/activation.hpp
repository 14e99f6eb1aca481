// SPDX-License-Identifier: MIT
// An operand of a product, kept for backward or made again there.
#pragma once

#include <taper/eval/record.hpp>

#include <algorithm>

namespace taper::inline TAPER_CODE {

/// A tensor needed in backward: kept, or, where its own node makes it again from what that keeps anyway, only the right to ask for
/// it. Where it was kept and changed in place since, get() throws.
template <Scalar T, Device D = Cpu>
class Activation {
 public:
  explicit Activation(Tensor<T, D> x) {
    if constexpr (Differentiable<T> && !inference_only)
      if (x.defined() && autograd::remakes(x.record()) != autograd::Remakes::no) {
        again_ = autograd::RemakeUse(autograd::SlotPtr::share(autograd::slot_of(x.record())));
        return;
      }
    kept_ = Saved<T, D>(std::move(x));
  }
  /// `made` holds it where it had to be made.
  const Tensor<T, D>& get(Tensor<T, D>& made) const {
    if (!again_) return kept_.get();
    const RecordPtr again = again_.get(), y = detail::make_alias(*again, detail::geometry_of(*again));
    autograd::set_slot(*y, again_.slot());
    return made = Tensor<T, D>(y);
  }
  /// f(rows of it, the first of them, how many) for all of its `count` rows, as a matrix: at most `most` at once where these are made
  /// for the call and nobody needs the whole, which then is never there. `most` is to be a boundary of f's sums.
  template <class F>
  void for_rows(std::int64_t count, std::int64_t most, const F& f) const {
    if constexpr (detail::on_host<D>)
      if (again_ && count > most && again_.alone())
        if (RecordPtr part = again_.rows(0, most)) {
          for (std::int64_t first = 0; first < count; first += most) {
            const std::int64_t rows = std::min(most, count - first);
            if (first > 0) part = again_.rows(first, rows);
            f(Tensor<T, D>(std::move(part)), first, rows);
          }
          return;
        }
    Tensor<T, D> made;
    f(get(made), 0, count);
  }

 private:
  using RecordPtr = detail::RecordPtr;
  Saved<T, D> kept_;
  autograd::RemakeUse again_;
};

}  // namespace taper::inline TAPER_CODE
