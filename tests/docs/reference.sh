# reference.sh DOXYFILE DOXYGEN: Doxygen has nothing to complain of; in particular every public type, function, macro and constant has a
# comment. Members of a struct may leave it to the struct's. The pages are made anew, in the Doxyfile's folder.
rm -rf "$(dirname "$1")/html"
missing=$("$2" "$1" 2>&1 | grep -v "([a-z]*) of struct .* is not documented")
[ -z "$missing" ] || { echo "$missing"; exit 1; }
