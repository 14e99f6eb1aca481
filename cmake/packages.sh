# SPDX-License-Identifier: MIT
# Sourced by the scripts that build: install_packages makes sure that Debian packages are there, and says what it does.

# install_packages PROBE=PACKAGE...: a probe is a command, or a file (it starts with a slash).
install_packages() {
  local pair probe missing=()
  for pair in "$@"; do
    probe=${pair%%=*}
    case $probe in
      /*) compgen -G "$probe" >/dev/null || missing+=("${pair#*=}") ;;
      *) command -v "$probe" >/dev/null || missing+=("${pair#*=}") ;;
    esac
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  local apt=(apt-get)
  if [ "$(id -u)" != 0 ]; then apt=(sudo apt-get); fi
  if ! command -v "${apt[0]}" >/dev/null || ! command -v apt-get >/dev/null; then
    echo "Please install: ${missing[*]} (these are Debian's names), then run this again." >&2
    return 1
  fi
  echo "== installing ${missing[*]} with ${apt[*]}"
  "${apt[@]}" update -qq
  DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

build_packages=(g++=g++ cmake=cmake ninja=ninja-build /usr/include/zlib.h=zlib1g-dev
                /usr/include/eigen3/Eigen/Core=libeigen3-dev)
test_packages=("${build_packages[@]}" /usr/include/dlpack/dlpack.h=libdlpack-dev "/usr/include/catch2/catch*.hpp=catch2")
bench_packages=("${build_packages[@]}" /usr/include/benchmark/benchmark.h=libbenchmark-dev)
