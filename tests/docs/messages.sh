# messages.sh FOLDER: the headings of docs/faq.md are messages that trimtab gives: each piece between "..." stands in include/ or cmake/.
# Compilers' own messages and the questions without one are left out.
cd "$1" || exit 1
text=$(mktemp)
trap 'rm -f "$text"' EXIT
# String literals joined over lines; what a message has from elsewhere stands between ", " and so counts as a gap.
cat $(find include cmake -name '*.hpp' -o -name '*.cmake' -o -name '*.in') | tr '\n' ' ' | sed 's/" *"//g' >"$text"
count=0
failed=0
while IFS= read -r heading; do
  count=$((count + 1))
  while IFS= read -r piece; do
    piece=$(echo "$piece" | sed 's/^ *//; s/ *$//')
    grep -qF -- "$piece" "$text" || { echo "no message says: $piece"; failed=1; }
  done <<END
$(echo "$heading" | sed 's/\.\.\./\n/g' | grep '[a-z]')
END
done <<END
$(sed -n '/^## Questions without/q; s/^### //p' docs/faq.md | grep -v '^fatal error\|^no matching')
END
echo "$count messages"
[ "$count" -gt 0 ] && [ "$failed" -eq 0 ]
