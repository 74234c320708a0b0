# commands.sh FOLDER BUILD: every program build/examples/NAME or build/bench/NAME, and every command build/tools/trimtab NAME, that the Markdown
# files in FOLDER and FOLDER/docs call has a source in FOLDER, and knows each --option that stands behind it there. A program that is not
# built is named and skipped.
cd "$1" || exit 1
build=$2
commands=$(mktemp)
trap 'rm -f "$commands"' EXIT
# Commands that go on after a backslash count as one line.
awk '/^```/ { code = !code; next } code { line = line $0; if (sub(/\\$/, " ", line)) next; print line; line = "" }' *.md docs/*.md |
  grep -o 'build/\(examples\|bench\|tools\)/[a-z0-9_]*[^|;&]*' | sort -u >"$commands"
count=0
failed=0
while read -r program options; do
  name=${program#build/}
  command=
  source=$name.cpp
  if [ "$name" = tools/trimtab ]; then
    command=${options%% *}
    source=tools/trimtab/main.cpp
    case $command in
      */*) continue ;;
      [a-z]*) ;;
      *) continue ;;  # another program is told where this one lies
    esac
    grep -q "add_subcommand(\"$command" "$source" || { echo "trimtab: there is no command $command"; failed=1; }
  fi
  if [ ! -e "$source" ]; then
    echo "$program: there is no $source"
    failed=1
  elif [ ! -x "$build/$name" ]; then
    echo "$program: not built, its options are not checked"
  else
    help=$("$build/$name" $command --help 2>&1 </dev/null)
    for option in $(echo "$options" | grep -o -- '--[a-z0-9_-]*'); do
      count=$((count + 1))
      echo "$help" | grep -q -- "$option\b" || { echo "$program $command does not know $option"; failed=1; }
    done
  fi
done <"$commands"
echo "$(wc -l <"$commands") commands, $count options"
[ -s "$commands" ] && [ "$failed" -eq 0 ]
