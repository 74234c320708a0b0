# map.sh FOLDER: the map in CONTRIBUTING.md is that of FOLDER. Each folder that its table names is there; each folder of headers,
# of tests and at the top stands in it.
cd "$1" || exit 1
# `a/b`, `c` in the first column of the map: a/b and a/c where there is one, else c.
named=$(sed -n '/^## The map/,/^## /p' CONTRIBUTING.md | sed -n 's/^| \(`[^|]*\)|.*/\1/p' | tr -d '`,' |
  while read -r first rest; do
    echo "$first"
    for name in $rest; do
      if [ -d "${first%/*}/$name" ]; then echo "${first%/*}/$name"; else echo "$name"; fi
    done
  done)
failed=0
for folder in $named; do
  [ -d "$folder" ] || { echo "CONTRIBUTING.md names $folder, which is not there"; failed=1; }
done
for folder in */ include/trimtab/*/ include/trimtab/net/*/ include/trimtab/io/*/ tests/*/; do
  folder=${folder%/}
  case $folder in
    include | build* | tests | include/trimtab/net) continue ;;  # their own folders stand in the map
  esac
  echo "$named" | grep -qx -- "$folder" || { echo "the map in CONTRIBUTING.md lacks $folder"; failed=1; }
done
echo "$(echo "$named" | wc -l) folders"
[ -n "$named" ] && [ "$failed" -eq 0 ]
