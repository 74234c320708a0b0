# format.sh FOLDER CLANG_FORMAT: the C++ files that git knows are as clang-format leaves them. Other versions than 14 format otherwise.
cd "$1" || exit 1
case $("$2" --version) in
  *" version 14."*) ;;
  *) echo "SKIPPED: the project's format is that of clang-format 14, this is $("$2" --version)"; exit 0 ;;
esac
files=$(git ls-files '*.hpp' '*.cpp' 2>/dev/null)
[ -n "$files" ] || { echo "SKIPPED: no git repository"; exit 0; }
# shellcheck disable=SC2086 # a list
"$2" --dry-run -Werror $files || { echo "clang-format -i changes these files"; exit 1; }
