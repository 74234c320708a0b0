#!/usr/bin/env bash
# ./quickstart.sh        packages, build, and the main job on data that it makes itself
# ./quickstart.sh test   packages, build, and all tests
# Debian 12 or newer, Ubuntu; as root or as a user with sudo; may be run again. Elsewhere install the packages' counterparts first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

packages=(g++ cmake ninja-build libeigen3-dev libxtensor-dev catch2 libbenchmark-dev libonnx-dev protobuf-compiler
          libprotobuf-dev libonnx-testdata libflatbuffers-dev flatbuffers-compiler libstb-dev libcli11-dev libfmt-dev
          nlohmann-json3-dev)

install_packages() {
  if ! command -v apt-get >/dev/null; then
    echo "quickstart.sh: no apt-get here; needed are the counterparts of: ${packages[*]}" >&2
    return
  fi
  local missing=()
  for package in "${packages[@]}"; do
    # "install ok installed"; a package that was removed but left its settings behind is still known to dpkg.
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed$' || missing+=("$package")
  done
  if [ ${#missing[@]} -eq 0 ]; then return; fi
  local as_root=(env DEBIAN_FRONTEND=noninteractive)
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "quickstart.sh: neither root nor sudo; as root: apt-get install ${missing[*]}" >&2
      exit 1
    fi
    as_root=(sudo env DEBIAN_FRONTEND=noninteractive)
  fi
  echo "Installing: ${missing[*]}"
  "${as_root[@]}" apt-get update -qq </dev/null
  "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null
}

# Compiling one test takes up to a gigabyte and a half.
jobs() {
  local by_memory
  by_memory=$(awk '/MemAvailable/ {print int($2 / 1500000)}' /proc/meminfo 2>/dev/null || echo 2)
  local cores
  cores=$(nproc 2>/dev/null || echo 2)
  if [ "$by_memory" -lt "$cores" ]; then cores=$by_memory; fi
  if [ "$cores" -lt 1 ]; then cores=1; fi
  echo "$cores"
}

build() {  # build FOLDER TARGET OPTION...
  local folder=$1 target=$2
  shift 2
  cmake -S . -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE=Release "$@"
  cmake --build "$folder" --target "$target" -j "$(jobs)"
}

case "${1:-}" in
  "")
    install_packages
    build build quickstart_programs
    build/examples/quickstart_data build/quickstart
    build/examples/quickstart build/quickstart
    ;;
  test)
    install_packages
    build build all -DTRIMTAB_WERROR=ON -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=6
    ctest --test-dir build --output-on-failure -j "$(jobs)"
    ;;
  *)
    echo "usage: ./quickstart.sh [test]" >&2
    exit 2
    ;;
esac
