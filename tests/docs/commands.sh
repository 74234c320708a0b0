# commands.sh FOLDER BUILD: every program build/examples/NAME or build/bench/NAME that the Markdown files in FOLDER and FOLDER/docs call has
# a source in FOLDER, and knows each --option that stands behind it there. A program that is not built is named and skipped.
cd "$1" || exit 1
build=$2
commands=$(mktemp)
trap 'rm -f "$commands"' EXIT
# Commands that go on after a backslash count as one line.
awk '/^```/ { code = !code; next } code { line = line $0; if (sub(/\\$/, " ", line)) next; print line; line = "" }' *.md docs/*.md |
  grep -o 'build/\(examples\|bench\)/[a-z0-9_]*[^|;&]*' | sort -u >"$commands"
count=0
failed=0
while read -r program options; do
  name=${program#build/}
  if [ ! -e "$name.cpp" ]; then
    echo "$program: there is no $name.cpp"
    failed=1
  elif [ ! -x "$build/$name" ]; then
    echo "$program: not built, its options are not checked"
  else
    help=$("$build/$name" --help 2>&1 </dev/null)
    for option in $(echo "$options" | grep -o -- '--[a-z0-9_-]*'); do
      count=$((count + 1))
      echo "$help" | grep -q -- "$option\b" || { echo "$program does not know $option"; failed=1; }
    done
  fi
done <"$commands"
echo "$(wc -l <"$commands") commands, $count options"
[ -s "$commands" ] && [ "$failed" -eq 0 ]
