// SPDX-License-Identifier: MIT
// The switch for variants that are faster and do not give the same bits every time.
#pragma once

#include <taper/config.hpp>

#include <atomic>

namespace taper::inline TAPER_ABI {

namespace base {
inline std::atomic<bool> nondeterministic{false};
}

namespace cuda {

/// Whether devices may add in any order: sums at places that repeat (scatter_add, embedding's backward, x(index) backward) by atomic
/// additions in place of a sort, convolutions' gradients by whatever algorithm cuDNN finds fastest. The last bits then differ from
/// run to run. Off until it is switched on; counts for all threads.
inline void allow_nondeterministic(bool allowed) { base::nondeterministic = allowed; }
inline bool nondeterministic_allowed() { return base::nondeterministic; }

}  // namespace cuda

}  // namespace taper::inline TAPER_ABI
