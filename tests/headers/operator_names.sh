#!/bin/sh
# Headers outside the folders of operators name none: they ask rules. Exempt are operators themselves, their forms in a file format, and builders
# of networks. Clip is also what is fused into a node (quant/clip.hpp), so it is everybody's word.
# Usage: operator_names.sh INCLUDE_FOLDER
set -eu
cd "$1/trimtab"
names=$(grep -oE '^  DO\([A-Za-z0-9]+' net/operators.hpp | sed 's/.*(//' | grep -v '^Clip$' | paste -sd '|')
found=$(find net io -name '*.hpp' ! -path 'net/operators/*' ! -path net/operators.hpp ! -path 'net/models/*' \
  ! -path 'io/onnx/*' ! -path 'io/tflite/*' ! -path 'io/source/*' ! -path 'io/trimtab/*' -print0 |
  xargs -0 grep -nE "\b(is|get|get_if|OperatorRules|WeightedRules|OnnxRules)<($names)>|\bstruct ($names)\b|(const|[(,]) *($names)&|[( ]($names)\{" |
  grep -vE "^[^:]+:[0-9]+: *///?" || true)
if [ -n "$found" ]; then
  echo "Operators are named outside their folders:"
  echo "$found"
  exit 1
fi
echo "no header names an operator outside the folders of operators"

# Without its line an operator is compiled in every file of a program that uses it.
missing=$(for name in $(grep -oE '^  DO\([A-Za-z0-9]+' net/operators.hpp | sed 's/.*(//'); do
  grep -qE "^TRIMTAB_(WEIGHTED_)?OPERATOR_MODEL\($name\)$" net/operators/*.hpp || echo "$name"
done)
if [ -n "$missing" ]; then
  echo "Without TRIMTAB_OPERATOR_MODEL at the end of their headers:"
  echo "$missing"
  exit 1
fi
