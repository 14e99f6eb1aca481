// SPDX-License-Identifier: MIT
// Taper's side of compare.py.
#include "case.hpp"

namespace compare {

std::vector<Kind> all_kinds() {
  std::vector<Kind> all;
  for (const auto& some : {networks(), layers(), kernels(), models(), loaders()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

void use_threads(int n) { set_num_threads(n); }

std::string about() { return "Taper"; }

}  // namespace compare
