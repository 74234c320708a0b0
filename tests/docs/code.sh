# code.sh FOLDER COMPILER FLAG...: compiles every block marked cpp or c++ of the Markdown files in FOLDER and FOLDER/docs, all in one
# translation unit: the #include lines at its top, each block marked cpp in a namespace of its own, those marked c++ at file scope.
folder=$1
shift
source=$(mktemp --suffix=.cpp)
trap 'rm -f "$source"' EXIT
pages=$(ls "$folder"/*.md "$folder"/docs/*.md)
awk '/^```/ { code = /^```(cpp|c\+\+)$/ } code && /^#include/' $pages | sort -u >"$source"
awk '/^```/ { if (wrapped) print "}"; wrapped = !code && /^```cpp$/; code = !code && /^```(cpp|c\+\+)$/; ++count
              if (code) { if (wrapped) print "namespace block_" count " {"; print "#line " FNR + 1 " \"" FILENAME "\"" }
              next }
     code { print /^#include/ ? "" : $0 }' $pages >>"$source"
count=$(grep -c '^#line' "$source")
echo "$count blocks of code"
[ "$count" -gt 0 ] && "$@" -Wall -Wextra -Wno-return-type -Wno-unused-function -fsyntax-only "$source"
