#!/bin/sh
# Headers outside the folders of operators name none: they ask rules. Which headers may: those of operators themselves, of their forms in a file
# format, and builders of networks. Clip is also what is fused into a node (net/graph/clip.hpp), so it is everybody's word.
# Usage: operator_names.sh INCLUDE_FOLDER
set -eu
folder=$1/trimtab
names=$(sed -n '/^using Operators/,/>;/p' "$folder/net/operators.hpp" | grep -oE '\b[A-Z][A-Za-z0-9]*' | grep -vE '^(Operators|Clip)$' | paste -sd '|')
found=$(find "$folder" -name '*.hpp' \
  ! -path '*/net/operators/*' ! -path '*/net/operators.hpp' ! -path '*/net/models/*' ! -path '*/io/onnx/*' ! -path '*/io/tflite/*' -print0 |
  xargs -0 sed -E 's@//.*@@; s@"[^"]*"@@g; s@[A-Za-z_]+::('"$names"')\b@@g' --separate -n -e "/\b(is|get|get_if|OperatorRules)<($names)>|[^A-Za-z_:.>](${names})\{/{F;p}" || true)
if [ -n "$found" ]; then
  echo "Operators are named outside their folders:"
  echo "$found"
  exit 1
fi
echo "no operator is named outside its folder"
