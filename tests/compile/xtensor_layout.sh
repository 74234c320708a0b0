# xtensor_layout.sh FILE COMPILER FLAG...: compiles and runs FILE against xtensor's headers in the folders they lie in since 0.26. Where an
# older xtensor is installed, its headers stand in: a folder of new places that lead to them.
set -e
file=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if echo '#include <xtensor/containers/xarray.hpp>' | "$@" -fsyntax-only -x c++ - 2>/dev/null; then
  "$@" -O0 "$file" -o "$work/program"
  echo "the installed xtensor's own headers"
else
  for header in containers/xarray containers/xtensor containers/xadapt views/xview views/xstrided_view; do
    mkdir -p "$work/xtensor/${header%/*}"
    printf '#pragma once\n#define TRIMTAB_STAND_IN_INCLUDED\n#include <xtensor/%s.hpp>\n' "${header#*/}" >"$work/xtensor/$header.hpp"
  done
  "$@" -O0 -DTRIMTAB_STAND_INS "-I$work" "$file" -o "$work/program"
  echo "older headers, led to from the new places"
fi
"$work/program"
