// SPDX-License-Identifier: MIT
// OpenBLAS's side of compare.py: matrix products, into memory that it keeps.
#include "case.hpp"

#include <cblas.h>

namespace compare {

namespace {

Case matrix_product(const Inputs& in) {
  const Tensor<float> a = in["a"], b = in["b"];
  const auto m = static_cast<blasint>(a.size(0)), k = static_cast<blasint>(a.size(1)),
             n = static_cast<blasint>(b.size(1));
  Tensor<float> y = empty<float>({m, n});
  const auto run = [a, b, m, n, k, to = y.data_ptr()] {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1, a.data_ptr(), k, b.data_ptr(), n, 0, to, n);
  };
  return {run, [run, y] {
            run();
            StateDict out;
            out.add("y", y);
            return out;
          }};
}

}  // namespace

std::vector<Kind> all_kinds() { return {{"gemm", matrix_product}}; }

void use_threads(int n) { openblas_set_num_threads(n); }

std::string about() {
  const std::string config = openblas_get_config();  // "OpenBLAS 0.3.21 ..."
  return config.substr(0, config.find(' ', config.find(' ') + 1)) + " (" + openblas_get_corename() + ")";
}

}  // namespace compare
