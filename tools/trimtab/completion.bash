# Completion for bash: commands, options and the words that they take, from the program's own --help; then files.
_trimtab() {
  local program=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words=
  if ((COMP_CWORD == 1)); then
    words="$("$program" --help 2>/dev/null | sed -n '/^Subcommands:/,$s/^  \([a-z][a-z]*\) .*/\1/p') --help --version"
  elif [[ $current == -* ]]; then
    words=$("$program" "${COMP_WORDS[1]}" --help 2>/dev/null | grep -o -e '--[a-z][a-z-]*' | sort -u)
  elif [[ $before == --* ]]; then
    words=$("$program" "${COMP_WORDS[1]}" --help 2>/dev/null | sed -n "s/^  $before [A-Z]*:{\([a-z0-9,+-]*\)}.*/\1/p" | tr , ' ')
  fi
  COMPREPLY=()
  [[ -n $words ]] && mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o default -F _trimtab trimtab
