#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# download.sh CMAKE: fetching data, from folders in place of mirrors: what is right arrives whole, what is wrong is named
# and leaves nothing behind, what is there stays.
set -euo pipefail
cmake=$1
data=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../examples/data" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work"/{wrong,right,empty,images}
printf 'right' >"$work/right/file"
printf 'wrong' >"$work/wrong/file"
sum=$(sha256sum <"$work/right/file" | cut -d ' ' -f 1)

failed=0
fail() {
  failed=1
  printf '%s\n' "$@"
}
# run ARGUMENT...: CMake's exit status in `rc`, what it says in `said`, without its line breaks.
run() {
  rc=0
  said=$("$cmake" "$@" 2>&1) || rc=$?
  said=$(tr -s ' \n' ' ' <<<"$said")
}
# fetch MIRROR...: `said` and `rc` of fetching `file` into images.
fetch() {
  printf 'include("%s/fetch.cmake")\nfetch(file %s "%s"' "$data" "$sum" "$work/images" >"$work/script.cmake"
  printf ' "file://%s"' "${@/#/$work/}" >>"$work/script.cmake"
  printf ')\n' >>"$work/script.cmake"
  run -P "$work/script.cmake"
}
expect_only() {  # expect_only NAME...: what images holds
  [ "$(ls -A "$work/images")" = "$*" ] || fail "images holds '$(ls -A "$work/images")', not '$*'"
}

fetch empty wrong
[ $rc -ne 0 ] || fail "a wrong file is taken"
grep -q "wrong/file: its SHA-256 is .*, not $sum" <<<"$said" || fail "the wrong SHA-256 is not named:" "$said"
grep -q 'online?' <<<"$said" || fail "a missing mirror is not explained:" "$said"
expect_only

fetch empty wrong right
[ $rc -eq 0 ] || fail "the third mirror is not tried:" "$said"
[ "$(cat "$work/images/file")" = right ] || fail "the right file has not arrived"
expect_only file

before=$(stat -c '%i %y' "$work/images/file")
fetch wrong
[ $rc -eq 0 ] || fail "a file that is there is fetched again:" "$said"
[ "$(stat -c '%i %y' "$work/images/file")" = "$before" ] || fail "a file that is there is replaced"

printf 'mine' >"$work/images/file"
fetch right
[ $rc -ne 0 ] || fail "another file of this name is taken for it"
grep -q 'move it away' <<<"$said" || fail "another file of this name is not named:" "$said"
[ "$(cat "$work/images/file")" = mine ] || fail "another file of this name is lost"

# MNIST itself: every file has its sum, and the folder is made.
printf 'wrong' | tee "$work"/wrong/{train,t10k}-{images-idx3,labels-idx1}-ubyte.gz >/dev/null
run -DROOT="$work/new/mnist" -DMIRRORS="file://$work/empty;file://$work/wrong" -P "$data/download_mnist.cmake"
[ $rc -ne 0 ] || fail "a wrong MNIST is taken"
grep -q 'train-images-idx3-ubyte.gz: its SHA-256 is .*, not 440fcabf' <<<"$said" || fail "MNIST's sum is not named:" "$said"
[ -z "$(ls -A "$work/new/mnist")" ] || fail "a wrong MNIST leaves something behind"
exit $failed
