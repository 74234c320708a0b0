#!/bin/sh
# Compiles network.cpp by Emscripten and puts it beside a copy of the page. Debian: emscripten libeigen3-dev libxtensor-dev libstb-dev.
# examples/browser/build.sh FOLDER; then `python3 -m http.server --directory FOLDER`, or any other server of files.
set -eu
[ $# = 1 ] || { echo "usage: $0 FOLDER" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1/include"
for header in eigen3/Eigen eigen3/unsupported xtensor xtl nlohmann stb; do
  [ -e "$1/include/${header##*/}" ] || ln -s "/usr/include/$header" "$1/include/"
done
# Debian's Emscripten needs its node-acorn, which a Node.js from elsewhere does not look for there.
export NODE_PATH=${NODE_PATH:+$NODE_PATH:}/usr/share/nodejs
functions=_malloc,_free,_load_network,_run_picture,_has_self_check,_score_data,_score_count,_run_milliseconds
em++ -std=c++20 -O2 -msimd128 -Wall -Wextra -Werror -fexceptions -DEIGEN_DONT_PARALLELIZE "-I$here/../../include" -isystem "$1/include" \
  -sALLOW_MEMORY_GROWTH=1 -sMODULARIZE=1 -sEXPORT_NAME=makeNetwork -sEXPORTED_FUNCTIONS=$functions -sEXPORTED_RUNTIME_METHODS=UTF8ToString \
  "$here/network.cpp" -o "$1/network.js"
cp "$here/index.html" "$1/"
