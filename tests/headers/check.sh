#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# check.sh [--compiler CXX] [--umbrellas] [--jobs N]: every header (or every umbrella) compiles alone, and all of them,
# in two translation units, link into one program. Under g++ and clang also: no warning, and all of them together
# without exceptions and RTTI, and for inference only. Headers of a component are skipped where its library is missing.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/tests/support/compilers.sh"

compiler=g++ jobs=1 umbrellas=
while [ $# -gt 0 ]; do
  case $1 in
    --compiler) compiler=$2; shift 2 ;;
    --jobs) jobs=$2; shift 2 ;;
    --umbrellas) umbrellas=1; shift ;;
    *) echo "unknown option $1" >&2; exit 2 ;;
  esac
done

compiler_flags "$compiler"
is_nvcc "$compiler" || flags+=(-Wall -Wextra -Wpedantic -Wconversion -Werror)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Whether all that a header includes can be found. Only those outside the umbrellas include more than the standard library.
mapfile -t outside < <(awk '$1 == "outside" { print $2 }' "$root/tests/structure/exceptions.txt")
available() {
  local path thrust=()
  if is_nvcc "$compiler"; then thrust=(-isystem "$taper_cuda/cccl"); fi  # where nvcc looks by itself
  for path in "${outside[@]}"; do
    [[ $1 != "$path" && ($path != */ || $1 != "$path"*) ]] || { g++ -std=c++20 -x c++ "${taper_includes[@]}" "${thrust[@]}" -M "$root/include/taper/$1" >/dev/null 2>&1; return; }
  done
}

headers=() skipped=()
while IFS= read -r -d '' header; do
  header=${header#./}
  if [ -n "$umbrellas" ] && [[ $header == */* ]]; then continue; fi
  if available "$header"; then headers+=("$header"); else skipped+=("$header"); fi
done < <(cd "$root/include/taper" && find . -name '*.hpp' -print0 | sort -z)
[ ${#headers[@]} -gt 0 ] || { echo "no header found" >&2; exit 1; }
[ ${#skipped[@]} -eq 0 ] || echo "skipped, their libraries are missing: ${skipped[*]}"

# compile FILE ARGUMENT...: compiles and shows what the compiler says when it fails or warns.
compile() {
  local file=$1 said
  shift
  if said=$("$compiler" "${flags[@]}" "$@" "$file" 2>&1) && [ -z "$said" ]; then return 0; fi
  printf '%s\n%s\n' "${file#"$work/"}:" "$said" | head -n 40
  return 1
}

# alone HEADER: twice in one file, for the include guard.
alone() {
  local file=$work/${1//\//.}
  file=${file%.hpp}
  if is_nvcc "$compiler"; then file+=.cu; else file+=.cpp; fi
  printf '#include <taper/%s>\n#include <taper/%s>\n' "$1" "$1" >"$file"
  if is_nvcc "$compiler"; then
    compile "$file" -c -o "$file.o" && rm -f "$file.o"
  else
    compile "$file" -fsyntax-only
  fi
}

# At most JOBS compilers at a time.
running=0 failed=0
for header in "${headers[@]}"; do
  if [ "$running" -ge "$jobs" ]; then
    wait -n || failed=1
    running=$((running - 1))
  fi
  alone "$header" &
  running=$((running + 1))
done
while [ "$running" -gt 0 ]; do
  wait -n || failed=1
  running=$((running - 1))
done
[ "$failed" = 0 ] || exit 1
echo "${#headers[@]} headers compile alone under $compiler"

for unit in one two; do
  file=$work/$unit.cpp
  printf '#include <taper/%s>\n' "${headers[@]}" >"$file"
  [ $unit = two ] || printf 'int main() {}\n' >>"$file"
  compile "$file" -c -o "$work/$unit.o"
done
link=(-pthread)
if is_nvcc "$compiler"; then link=(-arch=sm_80); fi
case " ${headers[*]} " in *" io/gzip.hpp "*) link+=(-lz) ;; esac
"$compiler" "$work/one.o" "$work/two.o" "${link[@]}" -o "$work/program"
"$work/program"
echo "all of them link twice into one program, which runs"

if ! is_nvcc "$compiler"; then
  compile "$work/one.cpp" -fsyntax-only -fno-exceptions -fno-rtti
  compile "$work/one.cpp" -fsyntax-only -DTAPER_INFERENCE_ONLY
  echo "all of them compile without exceptions and RTTI, and for inference only"
fi
