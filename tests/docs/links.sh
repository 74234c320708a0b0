# links.sh FOLDER: every relative link of the Markdown files in FOLDER, FOLDER/docs and FOLDER/docs/lab leads to a file that is there, and
# its #anchor, if any, to a heading of that file.
cd "$1" || exit 1

# The anchors of a page: headings in lower case, without punctuation, spaces as hyphens.
anchors() { sed -n 's/^##* //p' "$1" | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'; }

count=0
failed=0
for page in *.md docs/*.md docs/lab/*.md; do
  links=$(awk '/^```/ { code = !code } !code' "$page" | grep -o '](\([^)]*\))' | sed 's/^](//; s/)$//')
  for link in $links; do
    case $link in http://* | https://* | mailto:*) continue ;; esac
    count=$((count + 1))
    file=${link%%#*} anchor=${link#"${link%%#*}"}
    target=$page
    if [ -n "$file" ]; then target=$(dirname "$page")/$file; fi
    if [ ! -e "$target" ]; then
      echo "$page: no such file: $link"
      failed=1
    elif [ -n "$anchor" ] && ! anchors "$target" | grep -qx -- "${anchor#\#}"; then
      echo "$page: no such heading: $link"
      failed=1
    fi
  done
done
echo "$count links"
[ "$count" -gt 0 ] && [ "$failed" -eq 0 ]
