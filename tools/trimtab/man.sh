#!/bin/sh
# man.sh PROGRAM PAGE: the manual page of the program trimtab, made of what its --help says.
set -eu
program=$1 page=$2

# Lines of --help as roff: a paragraph for each positional and option. CLI11 puts names into the first 30 columns, and what they
# do behind them, or below names that are longer.
describe() {
  "$program" "$@" --help | awk '
    function roff(text) {
      gsub(/\\/, "\\e", text)
      gsub(/-/, "\\-", text)
      sub(/^[.\047]/, "\\\\\\&&", text)
      return text
    }
    { line[NR] = $0 }
    END {
      for (i = 1; i <= NR; ++i) {
        if (line[i] !~ /^  [^ ]/) continue
        below = substr(line[i + 1], 1, 30) ~ /^ +$/ && length(line[i + 1]) > 30
        name = below ? line[i] : substr(line[i], 1, 30)
        text = below ? substr(line[i + 1], 31) : substr(line[i], 31)
        gsub(/^ +| +$/, "", name)
        printf ".TP\n.B %s\n%s\n", roff(name), roff(text)
      }
    }'
}
about() { "$program" "$@" --help | head -n 1 | sed 's/-/\\-/g'; }

{
  echo '.\" Made by tools/trimtab/man.sh of what the program says of itself.'
  echo ".TH TRIMTAB 1 \"\" \"$("$program" --version)\" \"User Commands\""
  echo .SH NAME
  echo "trimtab \\- $(about | sed 's/^Q/q/; s/\.$//')"
  printf '.SH SYNOPSIS\n.B trimtab\n.I COMMAND\n[\\fIOPTIONS\\fR] ...\n.SH COMMANDS\n'
  describe
  for command in $("$program" --help | sed -n '/^Subcommands:/,$s/^  \([a-z][a-z]*\) .*/\1/p'); do
    printf '.SH "TRIMTAB %s"\n%s.\n' "$(echo "$command" | tr '[:lower:]' '[:upper:]')" "$(about "$command")"
    describe "$command"
  done
  printf '.SH "EXIT STATUS"\n0, or 1 with a line on standard error that says why, or 2 for a command line that is none.\n'
} >"$page.new"
mv "$page.new" "$page"
