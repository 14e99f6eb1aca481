#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# flags.sh COMPILER: units built with different flags in one program. What two of them define under the same name holds no
# kernel: no arithmetic on packs of floats, of which the linker would keep one unit's for both. All units together, each
# in turn first on the link line, where the first definition wins, give the bits that they give alone.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
compiler=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
common=(-std=c++20 -pthread -I"$root/include" -I"$root" -DTAPER_FIRST_ORDER_ONLY)

units=() # in the order in which they are compiled
build() { # NAME FLAG...
  "$compiler" "${common[@]}" "${@:2}" -DUNIT="$1" -c "$root/tests/mixing/unit.cpp" -o "$work/$1.o"
  units+=("$1")
}
has() { grep -qwE "$1" /proc/cpuinfo 2>/dev/null; }

build generic -O2
build slow -O0
if has avx2 && has fma; then build avx2 -O2 -mavx2 -mfma; else echo "no AVX2 here: its unit is left out"; fi
build native -O3 -march=native
build fast -O2 -march=native -ffast-math
if nvcc=$(command -v nvcc || ls /usr/local/cuda/bin/nvcc 2>/dev/null); then
  "$nvcc" -std=c++20 --expt-relaxed-constexpr -arch=sm_80 -x cu -O2 -Xcompiler -march=native --diag-suppress 68 -I"$root/include" -I"$root" \
    -DTAPER_FIRST_ORDER_ONLY -DUNIT=cuda -c "$root/tests/mixing/unit.cpp" -o "$work/cuda.o"
  units+=(cuda)
  cuda_libraries=(-L"$(dirname "$(dirname "$(readlink -f "$nvcc")")")/lib64" -lcudart_static -ldl -lrt)
else
  echo "no nvcc here: its unit is left out"
  cuda_libraries=()
fi

cd "$work"
failed=0

# Functions with arithmetic on packs of floats that another unit, built for another machine, defines as well. The two
# generic units are built for the same: what they share is the same kernel.
for unit in "${units[@]}"; do
  nm "$unit.o" | awk '$2 ~ /^[WVu]$/ { print $3 }' | sort -u >"$unit.weak"
  objdump -d --no-show-raw-insn "$unit.o" | awk -f "$root/tests/mixing/packed.awk" | sort -u | comm -12 - "$unit.weak" >"$unit.packed"
  [ -s "$unit.packed" ] || { echo "the unit '$unit' shows no kernel: the check sees nothing"; failed=1; }
done
for unit in "${units[@]}"; do
  for other in "${units[@]}"; do
    case $unit,$other in generic,slow | slow,generic) continue ;; esac
    [ "$unit" != "$other" ] || continue
    comm -12 "$unit.packed" "$other.weak" | c++filt | sed "s/^/$unit's kernel is $other's as well: /" >shared
    [ ! -s shared ] || { head -n 10 shared; failed=1; }
  done
done

# Links units, the first of which wins where two define a symbol, and runs them.
run() { # UNIT...
  "$compiler" "${common[@]}" -DUNITS="$(printf 'X(%s) ' "$@")" -c "$root/tests/mixing/main.cpp" -o main.o
  "$compiler" -pthread main.o "${@/%/.o}" "${cuda_libraries[@]}" -o program
  ./program
}

# Alone and in every order a unit gives the same bits: it runs its own code.
for unit in "${units[@]}"; do run "$unit"; done | sort >alone
for ((first = 0; first < ${#units[@]}; ++first)); do
  order=("${units[@]:first}" "${units[@]:0:first}")
  run "${order[@]}" >reports || { echo "in the order ${order[*]} units disagree:"; cat reports; failed=1; }
  sort reports | diff alone - || { echo "in the order ${order[*]} units do not compute what they compute alone"; failed=1; }
done
grep -q '^generic: 16 ' reports && grep -q '^slow: 16 ' reports || { echo "the generic units are not generic:"; cat reports; failed=1; }
grep -qE '^fast: .*fast-math' reports || { echo "the fast unit is not fast-math:"; cat reports; failed=1; }
exit $failed
