#!/bin/sh
# tidy.sh INCLUDE FOLDER...: what clang-tidy finds in the headers of these folders of INCLUDE/trimtab, by the checks of .clang-tidy. All
# in one translation unit, so that it takes seconds: tests/headers/tidy.sh include core quant transform train
set -eu
include=$1
shift
all=$(mktemp --suffix=.cpp)
trap 'rm -f "$all"' EXIT
for folder in "$@"; do
  for header in "$include/trimtab/$folder"/*.hpp; do
    case $header in *adapt_mdspan.hpp) continue ;; esac  # wants a library with mdspan
    echo "#include <${header#"$include"/}>"
  done
done >"$all"
clang-tidy --quiet --warnings-as-errors='*' --config-file="$(dirname "$0")/../../.clang-tidy" "$all" -- -std=c++20 -fopenmp=libgomp \
  -DONNX_ML=1 -DONNX_NAMESPACE=onnx -DTRIMTAB_EXTERN_KERNELS "-I$include" -isystem /usr/include/eigen3
