# reference.sh DOXYFILE DOXYGEN: Doxygen has nothing to complain of; in particular every public entity has a comment. Writes no pages.
# Of members declared together, `int a, b;  ///< text`, Doxygen gives the comment to one only; the others count as having it.
missing=$({ cat "$1"; echo "GENERATE_HTML = NO"; echo "GENERATE_TAGFILE = /dev/null"; } | "$2" - 2>&1 |
  awk -F: '/is not documented/ {
             before = line = ""
             for (i = 1; i <= $2 && (getline text < $1) > 0; ++i) { before = line; line = text }
             close($1)
             if (line ~ /\/\/\/< / || before ~ /^ *\/\/\/ /) next
           }
           { print }')
if [ -n "$missing" ]; then
  echo "$missing"
  exit 1
fi
