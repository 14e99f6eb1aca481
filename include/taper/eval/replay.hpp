// SPDX-License-Identifier: MIT
#pragma once
#include <taper/eval/evaluate.hpp>
namespace taper::inline TAPER_ABI::detail {
template <class P>
struct Replay {
  static std::string_view name() { return "expression"; }
  static void backward(autograd::FusedNode&, autograd::Pass&, const RecordPtr&) {}
  static constexpr GraphOps ops{&name, &backward};
};
}
