// SPDX-License-Identifier: MIT
// map_list and fold_list on the device that the tensors live on: what optimizers and clipping run.
#pragma once

#include <taper/backend/accelerator.hpp>
#include <taper/backend/cpu/map_list.hpp>

namespace taper::inline TAPER_CODE::detail {

/// Runs f (see map_list) over a list of tuples of N tensors of T on D.
template <class F, Scalar T, Device D, int N>
void run_list(const ListJob& job) {
  if constexpr (on_host<D>) map_list(list_kernel<F, real_t<T>, N>, job);
  else Accelerator<D>::template map_list<F, real_t<T>, N>(job);
}
/// Folds a list of tensors of T on D into one number.
template <class F, Scalar T, Device D>
double run_fold(const ListJob& job, const F& f) {
  if constexpr (on_host<D>) return fold_list(list_fold_kernel<F, real_t<T>>, job, f);
  else return Accelerator<D>::template fold_list<F, real_t<T>>(job, f);
}

}  // namespace taper::inline TAPER_CODE::detail
