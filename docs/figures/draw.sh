#!/usr/bin/env bash
# Draws the README's picture from accuracy.csv and speed.csv. docs/figures/draw.sh [FILE.svg or FILE.png], by default measured.svg beside
# this script. Debian: gnuplot-nox
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
out=${1:-measured.svg}
case $out in
  *.png) terminal='pngcairo size 900,340 font "sans,11" background "white"' ;;
  *) terminal='svg size 900,340 font "sans-serif,13" background "white"' ;;
esac
gnuplot <<END
set terminal $terminal
set output "$out"
set datafile separator ","
set multiplot layout 1,2 margins 0.06,0.98,0.15,0.88 spacing 0.08
set style fill solid noborder
set border 3 linecolor rgb "#808080"
set tics nomirror scale 0 textcolor rgb "black"
set grid ytics linetype 1 linecolor rgb "#e0e0e0"

set title "MobileNet-v2 in 8 bits, top-1 %"
set xrange [-0.5:1.5]
set yrange [0:110]
set ytics 0,20,100
set key top center horizontal maxcols 3 samplen 0.8 width 0
set boxwidth 0.23
plot "accuracy.csv" using (\$0 - 0.26):2 with boxes title "float" linecolor rgb "#b8b8b8", \
     "" using (\$0):3:xtic(1) with boxes title "calibrated" linecolor rgb "#dd9566", \
     "" using (\$0 + 0.26):4 with boxes title "--recipe best" linecolor rgb "#2f6db5", \
     "" using (\$0 - 0.26):2:(sprintf("%.1f", \$2)) with labels offset 0,0.6 notitle, \
     "" using (\$0):3:(sprintf("%.1f", \$3)) with labels offset 0,0.6 notitle, \
     "" using (\$0 + 0.26):4:(sprintf("%.1f", \$4)) with labels offset 0,0.6 notitle

set title "Speed as a multiple of a peer's, one thread"
set xrange [-0.6:2.6]
set offsets 0,0,0.3,0
set autoscale ymax
set ytics autofreq
unset key
set boxwidth 0.4
set arrow from graph 0, first 1 to graph 1, first 1 nohead dashtype 2 linecolor rgb "#606060" front
plot "speed.csv" using (\$0):2:xtic(1) with boxes linecolor rgb "#2f6db5", \
     "" using (\$0):2:(sprintf("%.2f", \$2)) with labels offset 0,0.6
END
echo "$out"
