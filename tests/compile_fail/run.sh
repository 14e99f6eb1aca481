#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh FILE COMPILER...: compiles the cases of FILE and holds each to the diagnostic that its head promises.
#
# FILE holds its cases between #if CASE == n and #endif, and for each a line at its head
#   // CASE n: extended regular expression
# Case 0 (no case at all) must compile. Every other case must not, its diagnostics must match the expression, in what
# the compiler says and not in source lines that it echoes, and they must be short: 60 lines, or // LINES: n.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/tests/support/compilers.sh"
file=$1
shift
most=$(sed -nE 's|^// LINES: ([0-9]+)$|\1|p' "$file")
cases=$(sed -nE 's|^// CASE ([0-9]+): .*$|\1|p' "$file")
written=$(sed -nE 's|^#(el)?if CASE == ([0-9]+)$|\2|p' "$file")
failed=0

fail() {
  failed=1
  printf '%s\n' "$@"
}

if [ -z "$cases" ] || [ "$(sort -n <<<"$cases")" != "$(sort -n <<<"$written")" ]; then
  fail "$file: the cases at its head are not those that it holds:" "${cases//$'\n'/ } / ${written//$'\n'/ }"
fi

for compiler in "$@"; do
  compiler_flags "$compiler"
  case ${compiler##*/} in
    clang*) flags+=(-fsyntax-only -fno-caret-diagnostics -fno-color-diagnostics) ;;
    nvcc*) flags+=(-c -o /dev/null) ;;
    *) flags+=(-fsyntax-only -fno-diagnostics-show-caret -fdiagnostics-color=never) ;;
  esac
  if ! said=$("$compiler" "${flags[@]}" -DCASE=0 "$file" 2>&1); then
    fail "== ${compiler##*/}: case 0 must compile and does not:" "$(head -n 30 <<<"$said")"
    continue
  fi
  for n in $cases; do
    regex=$(sed -nE "s|^// CASE $n: (.*)$|\1|p" "$file")
    if said=$("$compiler" "${flags[@]}" -DCASE="$n" "$file" 2>&1); then
      fail "== ${compiler##*/}: case $n compiles and must not"
      continue
    fi
    # Where a message stands is no part of it: this file's name could match.
    messages=$(sed -E 's/^[^ ]*:[0-9]+(:[0-9]+)?: //; s/^In file included from .*//' <<<"${said//"$file"/}")
    if ! grep -qE -- "$regex" <<<"$messages"; then
      fail "== ${compiler##*/}: case $n fails without saying /$regex/:" "$(head -n 30 <<<"$said")"
    elif [ "$(wc -l <<<"$said")" -gt "${most:-60}" ]; then
      fail "== ${compiler##*/}: case $n takes $(wc -l <<<"$said") lines to say it:" "$(head -n 30 <<<"$said")"
    fi
  done
done
exit $failed
