# reference.sh DOXYFILE DOXYGEN: Doxygen has nothing to complain of; in particular every public type, function, macro and constant has a
# comment. Members of a struct may leave it to the struct's. And no page that it wrote from docs/ has a link that leads nowhere.
missing=$("$2" "$1" 2>&1 | grep -v "([a-z]*) of struct .* is not documented")
if [ -n "$missing" ]; then
  echo "$missing"
  exit 1
fi
cp -R examples "$(dirname "$1")/html/"
cd "$(dirname "$1")/html" || exit 1
failed=0
for link in $(cat index.html md_*.html | grep -o 'href="[^"#]*' | sed 's/href="//' | grep -v '^http\|^javascript' | sort -u); do
  [ -e "$link" ] || { echo "no such page: $link"; failed=1; }
done
exit $failed
