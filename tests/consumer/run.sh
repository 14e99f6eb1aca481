#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh BUILD CMAKE GENERATOR COMPILER: projects that use Taper, from outside it. One finds it installed, without and
# with the compiled kernels; one adds its sources as a subdirectory; and what cannot be found is named. All paths hold spaces.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$1 cmake=$2 generator=$3 compiler=$4
work=$(mktemp -d)/"a path with spaces"
mkdir "$work"
trap 'rm -rf "$(dirname "$work")"' EXIT

# configure NAME SOURCE OPTION...
configure() { "$cmake" -G "$generator" -B "$work/$1" -S "$2" -DCMAKE_CXX_COMPILER="$compiler" "${@:3}"; }
# quietly COMMAND...: what a command says matters when it fails.
quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }; }

echo "== installed, found and used"
quietly "$cmake" --install "$build" --prefix "$work/prefix"
quietly configure found "$root/examples/consumer" -DCMAKE_PREFIX_PATH="$work/prefix"
quietly "$cmake" --build "$work/found"
"$work/found/consumer"

if [ -n "$(find "$work/prefix" -name taperCompiledTargets.cmake)" ]; then
  echo "== the same program with the compiled kernels"
  quietly configure compiled "$root/tests/consumer/compiled" -DCMAKE_PREFIX_PATH="$work/prefix" -DPROGRAM="$root/examples/consumer/main.cpp"
  quietly "$cmake" --build "$work/compiled"
  for level in 1 3 4; do TAPER_CPU_LEVEL=$level "$work/compiled/program"; done
  nm -C "$work/compiled/program" | grep 'compiled_entry<' >/dev/null || { echo "the program does not use the library"; exit 1; }
  rm "$work/prefix"/share/cmake/taper/taperCompiledTargets*.cmake
fi

# cuda NAME OPTION...: the project that asks for CUDA.
cuda() {
  quietly configure "$1" "$root/tests/consumer/cuda" -DNVCC="$(command -v nvcc || ls /usr/local/cuda/bin/nvcc 2>/dev/null || true)" "${@:2}"
  quietly "$cmake" --build "$work/$1"
  "$work/$1/host"
  ! ldd "$work/$1/host" | grep libcudart >/dev/null || { echo "the static runtime is linked where nothing else is asked for"; exit 1; }
  ldd "$work/$1/host_shared" | grep libcudart >/dev/null || { echo "the shared runtime is linked where it is asked for"; exit 1; }
  [ ! -e "$work/$1/device" ] || "$work/$1/device"
}
with_cuda=$(sed -n 's/^CUDAToolkit_BIN_DIR.*=//p' "$build/CMakeCache.txt")
if [ -n "$with_cuda" ]; then
  echo "== the component cuda, installed"
  cuda cuda -DCMAKE_PREFIX_PATH="$work/prefix"
fi

echo "== what is not there is named"
# refused ARGUMENTS TEXT: find_package(taper ARGUMENTS) must fail and say TEXT.
refused() {
  mkdir -p "$work/refused"
  printf '%s\n' 'cmake_minimum_required(VERSION 3.25)' 'project(refused LANGUAGES CXX)' \
    "find_package(taper $1 REQUIRED)" >"$work/refused/CMakeLists.txt"
  local said
  if said=$(configure refused_build "$work/refused" -DCMAKE_PREFIX_PATH="$work/prefix" "${@:3}" 2>&1); then
    echo "find_package(taper $1) must fail"
    exit 1
  fi
  grep -qE -- "$2" <<<"$(tr -s ' \n' ' ' <<<"$said")" || { echo "$said"; echo "does not say: $2"; exit 1; }
  rm -rf "$work/refused_build"
}
refused "0.1 COMPONENTS teleport" "taper has no component 'teleport'; it has: zlib"
refused "0.1 COMPONENTS zlib" "taper's component 'zlib' needs zlib .*, which was not found" \
  -DCMAKE_DISABLE_FIND_PACKAGE_ZLIB=ON
refused "0.1 COMPONENTS compiled" "taper's component 'compiled' needs a Taper .*-DTAPER_BUILD_COMPILED=ON, which was not found"
refused "0.1 COMPONENTS cuda" "taper's component 'cuda' needs NVIDIA's CUDA Toolkit 13 .*, which was not found" \
  -DCMAKE_DISABLE_FIND_PACKAGE_CUDAToolkit=ON
refused "9.0" 'compatible with requested version "9.0"'

echo "== as a subdirectory, with a component where it can be had"
mkdir "$work/vendored"
cp -r "$root/CMakeLists.txt" "$root/cmake" "$root/include" "$work/vendored"
quietly configure subdirectory "$root/tests/consumer/subdirectory" -DVENDORED="$work/vendored" \
  -DPROGRAM="$root/examples/consumer/main.cpp"
quietly "$cmake" --build "$work/subdirectory"
"$work/subdirectory/program"

if [ -n "$with_cuda" ]; then
  echo "== the component cuda, as a subdirectory"
  cuda subdirectory_cuda -DVENDORED="$work/vendored"
fi
echo "== CUDA that is asked for and not there"
if said=$(configure no_cuda "$work/vendored" -DTAPER_CUDA=ON -DCMAKE_DISABLE_FIND_PACKAGE_CUDAToolkit=ON -DTAPER_BUILD_TESTS=OFF \
  -DTAPER_BUILD_EXAMPLES=OFF -DTAPER_BUILD_BENCH=OFF -DTAPER_INSTALL=OFF 2>&1); then
  echo "TAPER_CUDA=ON without a toolkit must fail"
  exit 1
fi
grep -q "developer.nvidia.com" <<<"$said" || { echo "$said"; exit 1; }
