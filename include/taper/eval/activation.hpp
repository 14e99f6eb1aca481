// SPDX-License-Identifier: MIT
// An operand of a product, kept for backward or made again there.
#pragma once

#include <taper/eval/record.hpp>

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

 private:
  using RecordPtr = detail::RecordPtr;
  Saved<T, D> kept_;
  autograd::RemakeUse again_;
};

}  // namespace taper::inline TAPER_CODE
