#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# inspect.sh NVCC: what nvcc makes of one fused expression (inspect.cu). Its kernels are those expected and no others, none is
# empty, packets move 16 bytes at once and each leaf once, and no kernel of the unit keeps anything in local memory.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
nvcc=${1:-nvcc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags=(-std=c++20 -arch=sm_90 --expt-relaxed-constexpr -Werror=cross-execution-space-call -DTAPER_FIRST_ORDER_ONLY -I include)

"$nvcc" "${flags[@]}" --keep --keep-dir "$work" -Xptxas -v -c tests/cuda/inspect.cu -o "$work/inspect.o" 2>"$work/said"

# One line per kernel: its name in short, then how often it touches memory, and how.
awk '
  /^\.visible \.entry/ { name = $3; sub(/\(.*/, "", name); load4 = load = store4 = store = keep = 0; inside = 1 }
  inside && /ld\.global/ { if (/\.v4/) load4++; else load++ }
  inside && /st\.global/ { if (/\.v4/) store4++; else store++ }
  inside && /\.local/ { keep++ }
  inside && /^}/ { print name, "load4=" load4, "load=" load, "store4=" store4, "store=" store, "local=" keep; inside = 0 }
' "$work/inspect.ptx" | c++filt | sed -E '
  s/taper::v0_first_order:://g; s/code_[a-z0-9_]+:://g; s/detail:://g; s/base:://g; s/^void //; s/\([^)]*\)( load4)/\1/
  s/Program<.*Tanh.*>, /Ten, /; s/ >/>/g' >"$work/kernels"

failed=0
fault() { echo "$1" >&2; failed=1; }

# The expression: forward and backward, in packets of four and by elements, of these with 64-bit indices too, and the sums of
# gradients of leaves that were broadcast.
cat >"$work/expected" <<'LIST'
each_block_kernel<ReduceKernel<ProgramGradient<Ten, StoreGradient>> load4=0 load=10 store4=0 store=8 local=0
each_kernel<ForwardKernel<Ten, 1, unsigned int>> load4=0 load=5 store4=0 store=1 local=0
each_kernel<ForwardKernel<Ten, 1, unsigned long>> load4=0 load=5 store4=0 store=1 local=0
each_kernel<ForwardKernel<Ten, 4, unsigned int>> load4=5 load=20 store4=1 store=4 local=0
each_kernel<VjpKernel<Ten, true, 1, unsigned int>> load4=0 load=11 store4=0 store=5 local=0
each_kernel<VjpKernel<Ten, true, 1, unsigned long>> load4=0 load=11 store4=0 store=5 local=0
each_kernel<VjpKernel<Ten, true, 4, unsigned int>> load4=11 load=44 store4=5 store=20 local=0
LIST
grep 'Ten,' "$work/kernels" | sort | diff "$work/expected" - >&2 || fault "the kernels of the expression are others (<: expected)"

# Complex numbers: a product and a sum in each packet of two, one of each in the variant of elements, and sums of gradients.
arithmetic() { awk '/^\.visible \.entry/ { name = $3; n = 0 } /(add|sub|mul|fma)\.(rn\.)?f(32|64)/ { n++ } /^}/ { print name, n }' "$work/inspect.ptx" | c++filt; }
arithmetic | grep 'std::complex' | grep -E 'Mul|Reduce' | grep ' 0$' >&2 && fault "these kernels compute nothing"

grep 'store4=0 store=0' "$work/kernels" >&2 && fault "these kernels store nothing"
grep -v 'local=0' "$work/kernels" >&2 && fault "these kernels use local memory"
grep 'bytes stack frame' "$work/said" | grep -v ' 0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads' >&2 && fault "registers are spilled"
grep -q 'bytes stack frame' "$work/said" || fault "ptxas said nothing of stack frames"
[ "$failed" = 0 ] || exit 1
echo "$(wc -l <"$work/kernels") kernels, as they should be"
