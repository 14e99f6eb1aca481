#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# check.sh CHECK [ROOT]: one of the checks of how the sources are laid out, on the repository at ROOT (default: this one).
#   floors     includes point down only, and in no circle
#   umbrellas  each folder's umbrella reaches all its headers, taper.hpp reaches all umbrellas
#   files      first lines, length, and the words that only one header may use
#   cases      each public function of ops/ is in a test, each pointwise one in a table of op cases
#   snippets   code in Markdown files is cut from files that the build compiles
#   self_test  each of the above finds a planted fault
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
check=${1:?which check}
root=$(cd "${2:-$here/../..}" && pwd)

headers() { (cd "$root/include/taper" && find . -name '*.hpp' -print0 | sort -z); }

floors() {
  local edges
  edges=$(mktemp)
  (cd "$root/include/taper" && headers | xargs -0 awk -v EDGES="$edges" -f "$here/floors.awk" "$here/floors.txt")
  tsort 2>&1 >/dev/null <"$edges" | sed 's/^tsort: //; s/^-: input contains a loop:/includes in a circle:/'
  rm -f "$edges"
}

umbrellas() {
  (cd "$root/include/taper" && headers | xargs -0 awk -f "$here/umbrellas.awk" "$here/exceptions.txt")
}

files() {
  cd "$root"
  # First lines: SPDX (after #! or not), and in C++ one line that says what the file is for.
  find include tests examples bench cmake docs .ci CMakeLists.txt -type f \
    \( -name '*.[ch]pp' -o -name '*.inc' -o -name '*.cu' -o -name '*.cuh' -o -name '*.cmake' -o -name CMakeLists.txt \
    -o -name '*.sh' -o -name '*.awk' -o -name '*.py' -o -path .ci/run \) -exec awk '
      FNR == 1 { head = $0; cpp = FILENAME ~ /\.(hpp|cpp|cu|cuh|inc)$/ }
      FNR == 2 {
        spdx = "SPDX-License-Identifier: MIT"
        if (cpp && head != "// " spdx) print FILENAME ": the first line is not // " spdx
        if (cpp && $0 !~ /^\/\/ ./) print FILENAME ": the second line does not say what the file is for"
        if (!cpp && head != "# " spdx && $0 != "# " spdx) print FILENAME ": no # " spdx " in the first two lines"
        nextfile
      }' {} +
  find include -name '*.hpp' -exec awk -v root=include/taper/ '
      FNR == NR { if ($1 == "long") long[$2] = 1; next }
      FNR == 1 {
        if (path != "" && !once) print path ": no #pragma once"
        path = FILENAME
        once = 0
      }
      /^#pragma once$/ { once = 1 }
      FNR == 401 && !(substr(FILENAME, length(root) + 1) in long) {
        print FILENAME ": over 400 lines: split it by concept, or give the reason in tests/structure/exceptions.txt"
      }
      END { if (path != "" && !once) print path ": no #pragma once" }' "$here/exceptions.txt" {} +
  grep -rnE '#.*\b(__GNUC__|__clang__|_MSC_VER|__CUDACC__|__NVCC__)\b' include --include='*.hpp' |
    grep -v '^include/taper/config.hpp:' | sed 's/$/   <- only config.hpp asks which compiler this is/' || true
  grep -rnE '#[ \t]*include[ \t]*[<"](unsupported/)?Eigen/' include --include='*.hpp' |
    grep -vE '^include/taper/(backend/cpu/|interop/eigen\.hpp)' | sed 's/$/   <- Eigen belongs to backend\/cpu/' || true
}

cases() {
  cd "$root"
  find tests \( -name '*_test.cpp' -o -name '*.hpp' \) -exec awk -f "$here/cases.awk" include/taper/ops/*.hpp {} +
}

snippets() {
  cd "$root"
  find . -name '*.md' -not -path './build/*' -not -path './.git/*' -exec awk -f "$here/snippets.awk" {} +
}

# A tree with one fault per line, and what the check must say of it.
self_test() {
  local failed=0
  tree=$(mktemp -d)
  trap 'rm -rf "$tree"' EXIT
  plant() {  # plant FILE LINE...
    mkdir -p "$tree/$(dirname "$1")"
    printf '%s\n' "// SPDX-License-Identifier: MIT" "// A planted file." "#pragma once" "${@:2}" >"$tree/$1"
  }
  expect() {  # expect CHECK TEXT
    local said
    said=$("$here/check.sh" "$1" "$tree" 2>&1) || true
    if ! grep -qF -- "$2" <<<"$said"; then
      echo "check $1 does not say: $2"
      failed=1
    fi
  }
  mkdir -p "$tree"/{tests,examples,bench,cmake,docs,.ci}
  printf '# SPDX-License-Identifier: MIT\n#\n' | tee "$tree/CMakeLists.txt" >"$tree/.ci/run"
  plant include/taper/taper.hpp '#include <taper/core.hpp>' '#include <taper/nn.hpp>'
  plant include/taper/core.hpp '#include <taper/core/a.hpp>'
  plant include/taper/core/a.hpp
  plant include/taper/nn.hpp '#include <taper/nn/b.hpp>'
  plant include/taper/nn/b.hpp '#include <taper/core/a.hpp>'
  plant include/taper/ops.hpp '#include <taper/ops/f.hpp>'
  plant include/taper/ops/f.hpp 'auto known(X&& x) { return apply("known", Known{}, x); }' 'Tensor<T, D> sorted(int x) { return x; }'
  sed -i '$i #include <taper/ops.hpp>' "$tree/include/taper/taper.hpp"
  plant tests/ops/cases.hpp 'ROW1("known", known(x))'
  plant tests/ops/sort_test.cpp 'CHECK(sorted(x) == x);'
  for good in floors umbrellas files cases snippets; do
    "$here/check.sh" $good "$tree" || { echo "check $good rejects a sound tree"; failed=1; }
  done

  plant include/taper/ops/f.hpp 'auto known(X&& x) {' '  return apply("known", Known{}, x);' '}' \
    'auto newer(X&& x) { return apply("newer", Newer{}, x); }' 'Tensor<T, D> sorted(int x) { return x; }' 'Tensor<T, D> lost(int x) { return x; }'
  plant tests/ops/sort_test.cpp 'CHECK(sorted(x) == newer<int>(x));'
  plant include/taper/core/up.hpp '#include <taper/nn/b.hpp>'
  plant include/taper/core/ring.hpp '#include <taper/core/ring2.hpp>'
  plant include/taper/core/ring2.hpp '#include <taper/core/ring.hpp>'
  plant include/taper/core/quoted.hpp '#include "a.hpp"'
  plant include/taper/odd/c.hpp
  plant include/taper/optim/d.hpp
  plant include/taper/optim.hpp '#include <taper/optim/d.hpp>'
  plant include/taper/io/gzip.hpp
  plant include/taper/io.hpp '#include <taper/io/gzip.hpp>'
  plant include/taper/core/asks.hpp '#ifdef __clang__' '#endif' '#include <Eigen/Core>'
  plant include/taper/core/long.hpp "$(yes '//' | head -n 400)"
  printf '// no licence\nint x;\n' >"$tree/include/taper/core/bare.hpp"
  printf '%s\n' '```cpp' 'int x;' '```' '<!-- from examples/e.cpp -->' '```cpp' 'int y;' '```' >"$tree/README.md"
  plant examples/e.cpp 'int z;'
  expect floors 'core/up.hpp:4: points up: <taper/nn/b.hpp>'
  expect floors 'in a circle'
  expect floors 'core/quoted.hpp:4: includes are written <taper/...>'
  expect floors 'odd/c.hpp: no line of tests/structure/floors.txt covers it'
  expect umbrellas 'core.hpp does not reach core/up.hpp'
  expect umbrellas 'odd/ has no umbrella taper/odd.hpp'
  expect umbrellas 'taper.hpp does not include optim.hpp'
  expect umbrellas 'io.hpp reaches io/gzip.hpp'
  expect files 'core/asks.hpp:4:#ifdef __clang__   <- only config.hpp'
  expect files 'Eigen belongs to backend/cpu'
  expect files 'core/long.hpp: over 400 lines'
  expect files 'core/bare.hpp: the first line is not'
  expect files 'core/bare.hpp: the second line does not say'
  expect files 'core/bare.hpp: no #pragma once'
  expect cases 'ops/f.hpp:7: newer has no row'
  expect cases 'ops/f.hpp:9: no test calls lost'
  expect snippets 'README.md:1: a code block without'
  expect snippets 'README.md:5: this code does not stand in examples/e.cpp'
  return $failed
}

case $check in
  self_test) self_test ;;
  floors | umbrellas | files | cases | snippets)
    faults=$("$check")
    [ -z "$faults" ] || { printf '%s\n' "$faults"; exit 1; }
    ;;
  *) echo "no such check: $check" >&2; exit 2 ;;
esac
