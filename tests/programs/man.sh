# man.sh PROGRAM PAGE: the manual page is there, groff has nothing to say against it, and it holds every option of every command.
set -eu
program=$1 page=$2
command -v groff >/dev/null || { echo "SKIPPED: no groff"; exit 0; }
text=$(mktemp) said=$(mktemp)
trap 'rm -f "$text" "$said"' EXIT
groff -man -ww -Tascii -P-cbou "$page" >"$text" 2>"$said"
if [ -s "$said" ]; then
  cat "$said"
  exit 1
fi
count=0
for command in "" quantize run show compare; do
  for option in $("$program" $command --help | grep -o -e '^  -[a-z,-]*' | grep -o -e '--[a-z][a-z-]*'); do
    grep -q -e "$option\b" "$text" || { echo "the page lacks $option of trimtab $command"; exit 1; }
    count=$((count + 1))
  done
done
[ "$count" -gt 60 ] || { echo "only $count options were looked for"; exit 1; }
