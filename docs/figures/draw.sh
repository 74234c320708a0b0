#!/bin/sh
# Draws the README's picture from accuracy.csv and speed.csv into measured.svg beside this script. Light or dark, as the reader's
# system has it.
set -eu
cd "$(dirname "$0")"
awk -F, '
  function text(x, y, class, s) { printf "<text x=\"%g\" y=\"%g\" class=\"%s\">%s</text>\n", x, y, class, s }
  function bar(x, width, value, class, label) {
    printf "<rect class=\"%s\" x=\"%g\" y=\"%g\" width=\"%g\" height=\"%g\"/>\n", class, x, base - value * unit, width, value * unit
    text(x + width / 2, base - value * unit - 6, "", label)
  }
  # The lines of a panel from left to right, each step up to most, and its title.
  function panel(left, right, most, step, title,   v) {
    unit = (base - 84) / most
    for (v = 0; v <= most; v += step) {
      printf "<path class=\"grid\" d=\"M%g %gH%g\"/>\n", left, base - v * unit, right
      text(left - 8, base - v * unit + 4, "tick", v)
    }
    text((left + right) / 2, 26, "title", title)
  }
  function entry(x, class, s) {
    printf "<rect class=\"%s\" x=\"%g\" y=\"44\" width=\"12\" height=\"12\"/>\n", class, x
    text(x + 18, 55, "entry", s)
  }
  BEGIN {
    base = 290
    print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"900\" height=\"340\" viewBox=\"0 0 900 340\">"
    print "<style>"
    print "text { font: 13px sans-serif; fill: #222; text-anchor: middle; } .title { font-weight: bold; } .tick { text-anchor: end; }"
    print ".entry { text-anchor: start; } .page { fill: #fff; } .grid { stroke: #ddd; } .one { stroke: #666; stroke-dasharray: 4 3; }"
    print ".float { fill: #b0b0b0; } .calibrated { fill: #dd9566; } .trained { fill: #2f6db5; }"
    print "@media (prefers-color-scheme: dark) { text { fill: #ddd; } .page { fill: #1c1e21; } .grid { stroke: #3c4043; }"
    print "  .one { stroke: #aaa; } .float { fill: #7d7d7d; } .calibrated { fill: #c9804f; } .trained { fill: #4a8bd6; } }"
    print "</style>\n<rect class=\"page\" width=\"900\" height=\"340\"/>"
  }
  /^#/ { next }
  FILENAME == "accuracy.csv" {
    if (!first++) {
      panel(50, 430, 100, 20, "MobileNet-v2 in 8 bits, top-1 %")
      entry(110, "float", "float"); entry(190, "calibrated", "calibrated"); entry(300, "trained", "--recipe best")
    }
    x = 80 + 180 * row++
    bar(x, 44, $2, "float", sprintf("%.1f", $2))
    bar(x + 50, 44, $3, "calibrated", sprintf("%.1f", $3))
    bar(x + 100, 44, $4, "trained", sprintf("%.1f", $4))
    text(x + 72, base + 22, "", $1)
  }
  FILENAME == "speed.csv" {
    if (!second++) panel(500, 880, 6, 1, "Speed as a multiple of a peer, one thread")
    x = 530 + 120 * column++
    bar(x, 70, $2, "trained", sprintf("%.2f", $2))
    split($1, words, /\\n/)
    text(x + 35, base + 22, "", words[1]); text(x + 35, base + 38, "", words[2])
  }
  END { printf "<path class=\"one\" d=\"M500 %gH880\"/>\n</svg>\n", base - unit }' accuracy.csv speed.csv >measured.svg
