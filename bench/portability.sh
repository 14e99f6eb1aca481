#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# portability.sh [--check] [--rounds N] [--seconds S] [--build-only]: the time of five training steps as compilers and their
# options change, on one thread: medians over N rounds (5) in which every build runs each step for S seconds (0.2), in turn.
# With --check the exit status is 1 where g++ -O0 takes more than 8 times as long as -O2, clang -O2 more than 1.2 times as
# long as g++ -O2, or g++ -O2 more than 1.2 times as long as -O3.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source cmake/packages.sh
check=0 rounds=5 seconds=0.2 run=1
while [ $# -gt 0 ]; do
  case $1 in
    --check) check=1 ;;
    --rounds) rounds=$2 && shift ;;
    --seconds) seconds=$2 && shift ;;
    --build-only) run=0 ;;
    *) sed -n '3,6s/^# //p' "${BASH_SOURCE[0]}" >&2 && exit 2 ;;
  esac
  shift
done

install_packages g++=g++ clang++-16=clang-16
# name: compiler and options
builds=(
  "g++ -O0:g++ -O0 -march=native"
  "g++ -O2:g++ -O2 -march=native"
  "g++ -O3:g++ -O3 -march=native"
  "g++ RelWithDebInfo:g++ -O2 -g -DNDEBUG -march=native"
  "clang -O2:clang++-16 -O2 -march=native"
  "g++ -O2 generic:g++ -O2"
)
folder=build/portability
mkdir -p "$folder"
export CCACHE_SLOPPINESS=time_macros
launcher=$(command -v ccache || true)

# build NAME COMMAND: the program of that name.
build() {
  local source objects=() output=$folder/${1// /_}
  for source in portability networks; do
    $launcher $2 -std=c++20 -Iinclude '-DTAPER_SOURCE_DIR=""' -c "bench/compare/$source.cpp" -o "$output.$source.o"
    objects+=("$output.$source.o")
  done
  $2 "${objects[@]}" -pthread -o "$output"
}
for entry in "${builds[@]}"; do build "${entry%%:*}" "${entry#*:}"; done
[ $run = 1 ] || exit 0

for ((round = 0; round < rounds; ++round)); do
  for entry in "${builds[@]}"; do
    name=${entry%%:*}
    "$folder/${name// /_}" "$seconds" | sed "s/^/$name\t/; s/ \([0-9.]*\)$/\t\1/"
  done
done | awk -F'\t' -v check=$check '
  BEGIN {
    text["tiny"] = "MLP 4-8-2, batch 1, SGD"
    text["mlp"] = "MLP 784-128-10, batch 64, Adam"
    text["lenet"] = "LeNet-5, batch 64, Adam"
    text["lstm"] = "LSTM 2x128, 64 steps, batch 32, Adam"
    text["block"] = "transformer block, d 128, 128 tokens, batch 8, Adam"
  }
  !($1 in seen) { seen[$1] = 1; build[++builds] = $1 }
  !($2 in known) { known[$2] = 1; step[++steps] = $2 }
  { sample[$1, $2, ++count[$1, $2]] = $3 }

  function median(b, s,    i, j, n, x, v) {
    n = count[b, s]
    for (i = 1; i <= n; ++i) {  # sorted by insertion
      x = sample[b, s, i]
      for (j = i - 1; j > 0 && v[j] > x; --j) v[j + 1] = v[j]
      v[j + 1] = x
    }
    return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
  }
  function head(what,    b) {
    printf "| %s |", what
    for (b = 1; b <= builds; ++b) printf " %s |", build[b]
    printf "\n| --- |"
    for (b = 1; b <= builds; ++b) printf " --: |"
    print ""
  }
  function limit(s, a, b, most) {
    if (time[a, s] <= most * time[b, s]) return
    broken = broken sprintf("%s: %s takes %.2f times as long as %s, more than %s\n", text[s], a, time[a, s] / time[b, s], b, most)
  }
  END {
    head("us")
    for (s = 1; s <= steps; ++s) {
      printf "| %s |", text[step[s]]
      for (b = 1; b <= builds; ++b) {
        t = time[build[b], step[s]] = median(build[b], step[s])
        printf (t < 10 ? " %.2f |" : t < 1000 ? " %.1f |" : " %.0f |"), t
      }
      print ""
    }
    print ""
    head("over g++ -O2")
    for (s = 1; s <= steps; ++s) {
      printf "| %s |", text[step[s]]
      for (b = 1; b <= builds; ++b) printf " %.2f |", time[build[b], step[s]] / time["g++ -O2", step[s]]
      print ""
      limit(step[s], "g++ -O0", "g++ -O2", 8)
      limit(step[s], "clang -O2", "g++ -O2", 1.2)
      limit(step[s], "g++ -O2", "g++ -O3", 1.2)
    }
    if (broken != "") printf "\n%s", broken
    exit check && broken != ""
  }'
