# refused.sh FILE COMPILER FLAG...: FILE compiles; with TRIMTAB_WRONG defined it does not, and the compiler says every sentence that stands
# in it after "// refused: ".
file=$1
shift
messages=$(mktemp)
trap 'rm -f "$messages"' EXIT
"$@" -fsyntax-only "$file" || exit 1
if "$@" -fsyntax-only -DTRIMTAB_WRONG "$file" >"$messages" 2>&1; then
  echo "the wrong calls compile"
  exit 1
fi
sed -n 's|.*// refused: ||p' "$file" | {
  count=0
  while IFS= read -r sentence; do
    grep -qF "$sentence" "$messages" || { echo "no compiler message says: $sentence"; cat "$messages"; exit 1; }
    count=$((count + 1))
  done
  echo "$count calls are refused with the promised sentences"
  [ "$count" -gt 0 ]
}
