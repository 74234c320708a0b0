# reference.sh DOXYFILE DOXYGEN: Doxygen has nothing to complain of; in particular every public type, function, macro and constant has a
# comment. Members of a struct may leave it to the struct's. Writes no pages.
missing=$({ cat "$1"; echo "GENERATE_HTML = NO"; echo "GENERATE_TAGFILE = /dev/null"; } | "$2" - 2>&1 |
  grep -v "(variable) of struct .* is not documented")
if [ -n "$missing" ]; then
  echo "$missing"
  exit 1
fi
