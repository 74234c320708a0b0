# completion.bash PROGRAM COMPLETION: what bash offers is what --help has: commands, each command's options, and the words that
# an option takes.
set -eu
program=$1
source "$2"

# What is offered behind `trimtab WORD...`, the last one unfinished.
offered() {
  COMP_WORDS=("$program" "$@") COMP_CWORD=$#
  _trimtab
  printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' '
}
same() {
  [[ $1 == "$2" ]] && return
  printf 'expected %s\noffered  %s\n' "$2" "$1"
  exit 1
}
same "$(offered '')" '--help --version compare generate quantize run show '
same "$(offered com)" 'compare '
for command in quantize run show compare; do
  declared=$("$program" "$command" --help | sed -n 's/^  \(-[^ {]*\({[a-z]*},[^ {]*\)*\).*/\1/p' | grep -o -e '--[a-z][a-z-]*' |
    sort -u | tr '\n' ' ')
  [[ $declared == *--input-shape* ]]
  same "$(offered "$command" --)" "$declared"
done
same "$(offered quantize --weights '')" 'depthwise scalar vector '
same "$(offered run --execute i)" 'int8 '
same "$(offered generate --language '')" 'c c++ '
same "$(offered run --top '')" ' '
