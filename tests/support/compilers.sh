# SPDX-License-Identifier: MIT
# Sourced by the scripts that run compilers: include paths, and the flags each compiler wants.

# Where Eigen is: TAPER_EIGEN, colon separated, or the usual place.
taper_includes=(-I "$root/include")
while IFS= read -r -d : dir; do taper_includes+=(-isystem "$dir"); done <<<"${TAPER_EIGEN:-/usr/include/eigen3}:"

# A CUDA toolkit's headers, where there is one.
taper_cuda=${CUDA_PATH:-/usr/local/cuda}/include
if [ -e "$taper_cuda/cuda_runtime_api.h" ]; then taper_includes+=(-isystem "$taper_cuda"); fi

is_nvcc() { [[ ${1##*/} == nvcc* ]]; }

# compiler_flags COMPILER: fills `flags`.
compiler_flags() {
  if is_nvcc "$1"; then
    flags=(-std=c++20 --expt-relaxed-constexpr -arch=sm_80 -x cu "${taper_includes[@]}")
  else
    flags=(-std=c++20 -pthread -x c++ "${taper_includes[@]}")
  fi
}
