#!/bin/sh
# Headers outside the folders of operators name none: they ask rules. Exempt are operators themselves, headers of a file format that hold rules of
# operators and their lists, and builders of networks. Clip is also what is fused into a node (quant/clip.hpp), so it is everybody's word.
# Usage: operator_names.sh INCLUDE_FOLDER
set -eu
cd "$1/trimtab"
all=$(grep -oE '^  DO\([A-Za-z0-9]+' net/operators.hpp | sed 's/.*(//')
names=$(echo "$all" | grep -v '^Clip$' | paste -sd '|' -)
# Lines of code, FILE:LINE:TEXT, without comments and with texts emptied that are not the name of an operator alone.
code() {
  awk -v names="^\"($names)\"$" '{
    line = $0; sub(/\/\/.*/, "", line); rest = line; line = ""
    while (match(rest, /"([^"\\]|\\.)*"/)) {
      text = substr(rest, RSTART, RLENGTH)
      line = line substr(rest, 1, RSTART - 1) (text ~ names ? text : "\"\""); rest = substr(rest, RSTART + RLENGTH)
    }
    print FILENAME ":" FNR ":" line rest
  }' "$@"
}
# In net/ and beside the formats in io/ no operator's name is a word.
networks=$(find net io -name '*.hpp' ! -path 'net/operators/*' ! -path net/operators.hpp ! -path 'net/models/*' ! -path 'io/*/*')
found=$(code $networks | grep -E "(^|[^A-Za-z0-9_>.])($names)($|[^A-Za-z0-9_])" || true)
# What is common to all operators of a format makes nodes (Input{}, Reshape{extent}), but asks for none.
common=$(find io -path 'io/*/*.hpp' ! -name operators.hpp -exec grep -LE "^struct [A-Za-z]+Rules<[A-Za-z0-9]+> |FUNCTION\(($names)," {} +)
found="$found$(code $common |
  grep -E "[A-Za-z_]<([A-Za-z0-9_:]+, *)*(trimtab::)?($names)[,>]" || true)"
if [ -n "$found" ]; then
  echo "Operators are named outside their folders:"
  echo "$found"
  exit 1
fi
echo "no header names an operator outside the folders of operators"

# Without its line an operator is compiled in every file of a program that uses it.
missing=$(for name in $all; do
  grep -qE "^TRIMTAB_(WEIGHTED_)?OPERATOR_MODEL\($name\)$" net/operators/*.hpp || echo "$name"
done)
if [ -n "$missing" ]; then
  echo "Without TRIMTAB_OPERATOR_MODEL at the end of their headers:"
  echo "$missing"
  exit 1
fi
