#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# compile_time.sh [--check] [--repeat N]: what compiling costs, in seconds of processor time, the least of N runs (3): each
# umbrella alone, the quick start, the digit example (also for taper::compiled), one more distinct 5-op expression with its
# backward. With --check the exit status is 1 where a budget is exceeded. CXX (g++) and CXXFLAGS (-O2) may be set.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
check=0 repeat=3
while [ $# -gt 0 ]; do
  case $1 in
    --check) check=1 ;;
    --repeat) repeat=$2 && shift ;;
    *) sed -n '3,5s/^# //p' "${BASH_SOURCE[0]}" >&2 && exit 2 ;;
  esac
  shift
done
export CCACHE_DISABLE=1
read -ra flags <<<"${CXXFLAGS:--O2}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
over=0

# least SOURCE [OPTION...]: the least processor time of a compilation.
least() {
  local best='' seconds i TIMEFORMAT='%U %S'
  for ((i = 0; i < repeat; ++i)); do
    seconds=$({ time "${CXX:-g++}" -std=c++20 "${flags[@]}" -Iinclude -DTAPER_SOURCE_DIR='""' "${@:2}" -c "$1" -o "$work/out.o"; } 2>&1 |
      tail -1 | awk '{ print $1 + $2 }')
    [ -s "$work/out.o" ] || { echo "$1 does not compile" >&2 && exit 1; }
    rm "$work/out.o"
    best=$(awk -v a="$seconds" -v b="${best:-$seconds}" 'BEGIN { print (a < b ? a : b) }')
  done
  echo "$best"
}

# row NAME SECONDS [BUDGET]
row() {
  printf '| %s | %.2f | %s |\n' "$1" "$2" "${3:-}"
  if [ -n "${3:-}" ] && awk -v a="$2" -v b="$3" 'BEGIN { exit !(a > b) }'; then
    over=1
    if [ "$check" = 1 ]; then echo "$1 takes $2 s, over its budget of $3 s" >&2; fi
  fi
}

# expressions N: a source with N distinct expressions of five ops, each run forward and backward.
expressions() {
  local unary=(exp tanh sigmoid sin cos log square sqrt) i
  echo '#include <taper/taper.hpp>'
  echo 'using namespace taper;'
  echo 'void run(const Tensor<float>& a, const Tensor<float>& b, const Tensor<float>& c) {'
  for ((i = 0; i < $1; ++i)); do
    echo "  { const Tensor<float> y = ${unary[i % 8]}(a * b + c) * ${unary[(i + 1 + i / 8) % 8]}(b); y.backward(a); }"
  done
  echo '}'
}

printf '| compiled alone, %s %s | seconds | budget |\n| --- | --: | --: |\n' "$("${CXX:-g++}" --version | head -1)" "${flags[*]}"
for header in include/taper/*.hpp; do
  name=${header#include/}
  echo "#include <$name>" >"$work/umbrella.cpp"
  row "\`$name\`" "$(least "$work/umbrella.cpp")" "$([ "$name" = taper/taper.hpp ] && echo 4)"
done
row 'quick start (`examples/consumer/main.cpp`)' "$(least examples/consumer/main.cpp)"
read -ra digits <<<"$(sed -n 's|^// Build: ||p' examples/digits.cpp)"
row 'digit example (`examples/digits.cpp`)' "$(least examples/digits.cpp "${digits[@]}")" 15
row 'digit example, linked with `taper::compiled`' "$(least examples/digits.cpp "${digits[@]}" -DTAPER_COMPILED)"
few=4 many=12
expressions $few >"$work/few.cpp"
expressions $many >"$work/many.cpp"
row 'a distinct 5-op expression with backward' \
  "$(awk -v a="$(least "$work/few.cpp")" -v b="$(least "$work/many.cpp")" -v n=$((many - few)) 'BEGIN { print (b - a) / n }')" 0.5
[ "$check" = 0 ] || exit $over
