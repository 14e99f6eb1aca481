#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# inference.sh COMPILER: a program built with TAPER_INFERENCE_ONLY holds nothing of autograd, and a unit of it does not
# link with one that has the tape, whatever the two share: their tensors differ.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
compiler=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

build() { # NAME PART FLAG...
  "$compiler" -std=c++20 -O1 -pthread -I"$root/include" -DPART="$2" "${@:3}" -c "$root/tests/mixing/inference.cpp" -o "$1.o"
}
build lean_images 1 -DTAPER_INFERENCE_ONLY
build lean_main 2 -DTAPER_INFERENCE_ONLY
build full_images 1
build full_main 2 -DTAPER_FIRST_ORDER_ONLY
build first_order_images 1 -DTAPER_FIRST_ORDER_ONLY

fail() { printf '%s\n' "$@"; exit 1; }

# Autograd's namespace, its nodes and slots, and the kernels and functors of backward passes.
taped='autograd|Backward|backward|Node|Slot|vjp|[Gg]radient|GradOps'
! nm -C lean_images.o lean_main.o | grep -E "$taped" >found || fail "the inference-only units hold:" "$(head -n 20 found)"
nm -C full_images.o first_order_images.o full_main.o | grep -E "$taped" >found || fail "the units with the tape show no /$taped/: the check sees nothing"

links() { "$compiler" -pthread "$1.o" "$2.o" -o program >log 2>&1; }
links lean_images lean_main || fail "two inference-only units do not link" "$(cat log)"
[ "$(./program)" = 1.0000 ] || fail "softmax does not sum to one: $(./program)"
links first_order_images full_main || fail "two first-order units do not link" "$(cat log)"
[ "$(./program)" = 1.0000 ] || fail "softmax does not sum to one: $(./program)"
for pair in "lean_images full_main" "full_images lean_main" "first_order_images lean_main" "full_images full_main"; do
  read -r images main <<<"$pair"
  ! links "$images" "$main" || fail "$images and $main link, and must not"
  grep -q 'taper_units_differ_in_TAPER_INFERENCE_ONLY_or_TAPER_FIRST_ORDER_ONLY' log || fail "$images and $main fail to link, but for another reason:" "$(cat log)"
done
