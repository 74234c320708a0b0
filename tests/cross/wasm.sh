#!/usr/bin/env bash
# Builds the tests of integer convolutions for WebAssembly and runs them in Node: the SIMD128 and portable kernels against naive loops.
# There are no threads in this build. Debian: emscripten nodejs catch2. tests/cross/wasm.sh [FOLDER]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=${1:-$root/build/wasm}
for tool in em++ node; do
  command -v "$tool" >/dev/null || { echo "SKIPPED: no $tool (Debian: emscripten nodejs)"; exit 0; }
done
mkdir -p "$work/include"
for header in eigen3/Eigen eigen3/unsupported xtensor xtl catch2 nlohmann; do
  ln -sfn "/usr/include/$header" "$work/include/${header##*/}"
done
# Debian's Emscripten needs its node-acorn, which a Node.js from elsewhere does not look for there.
export NODE_PATH=${NODE_PATH:+$NODE_PATH:}/usr/share/nodejs
em++ -std=c++20 -O1 -msimd128 -fexceptions -Wall -Wextra -Werror -DEIGEN_DONT_PARALLELIZE -DCATCH_CONFIG_NO_POSIX_SIGNALS \
  "-DTRIMTAB_SHARED_DATA=\"\"" "-I$root/include" "-I$root/tests/support" -isystem "$work/include" -sNODERAWFS=1 -sWASM_ASYNC_COMPILATION=0 -sALLOW_MEMORY_GROWTH=1 \
  "$root/tests/support/catch_main.cpp" "$root/tests/int8/conv2d_test.cpp" -o "$work/test_int8.js"
node "$work/test_int8.js" "~[long]~[real]~Threads*"
