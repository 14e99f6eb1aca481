#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# instructions.sh ARCHIVE PROGRAM OBJECT: what taper::compiled is made of. Instructions that a baseline machine lacks stand in the
# levels' own namespaces alone, and the hot kernels do have them; a program that uses the library has no such kernel of its own.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
archive=$1 program=$2 object=$3
[ "$(uname -m)" = x86_64 ] || { echo "not x86-64: there is one level"; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0
complain() { echo "$*"; failed=1; }

objdump -d --no-show-raw-insn -C "$archive" | awk -f "$here/instructions.awk" | sort -u >uses
if grep -q '^beyond .*::code_level1::' uses; then
  echo "the library's own flags allow more than the baseline: its functions are not checked"
  exit 0
fi

grep '^beyond ' uses | grep -vE '::code_level[34]::' && complain "these may be what the linker keeps, and do not run on every machine"
grep '^zmm .*::code_level3::' uses && complain "level 3 has no 64-byte registers"
vectorised() { grep "^$1 .*::$2::" uses | grep -F "$kernel" >/dev/null; }
for kernel in 'tile_kernel<float,' 'tile_kernel<double,' 'depthwise_rows<float,' 'row_moments<float,' 'layer_rows<float,' 'LstmCell, float,' \
  'GruCell, float,' 'online_softmax<float,' 'online_softmax<double,'; do
  vectorised ymm code_level3 || complain "level 3's $kernel is not vectorised for it"
  vectorised zmm code_level4 || complain "level 4's $kernel is not vectorised for it"
done

# The unit's own kernels carry the tag that the test uses for comparison, whose last argument is true.
nm -C "$object" | grep -E ' [TW] .*(tile_kernel|layer_rows|online_softmax)<(float|double), taper::.*AbiTag<[^>]*false>' &&
  complain "the unit instantiates what the library holds"

TAPER_CPU_LEVEL=2 "$program" >said 2>&1 && complain "TAPER_CPU_LEVEL=2 must be refused"
grep -qF "[compiled] TAPER_CPU_LEVEL is '2': it must be 1, 3 or 4" said || { cat said; complain "TAPER_CPU_LEVEL=2 is not named as the fault"; }
exit $failed
