#!/bin/sh
# One table (Markdown) out of the JSON that the benchmarks write with --benchmark_out=FILE.
#   build/bench/int8_bench --benchmark_out=int8.json && bench/table.sh int8.json
set -eu
[ $# -ge 1 ] || { echo "usage: bench/table.sh FILE.json..." >&2; exit 2; }

# Google Benchmark writes one "key": value a line. Out: name, time, unit, and the counters that there are, by tabs.
rows=$(awk '
  function flush() { if (name != "") print name "\t" time "\t" unit "\t" rate "\t" limit "\t" dnnl "\t" xnn "\t" torch "\t" copy "\t" mb
                     name = time = unit = rate = limit = dnnl = xnn = torch = copy = mb = "" }
  { key = $1; gsub(/[":]/, "", key); value = $0; sub(/^[^:]*: */, "", value); gsub(/[",]/, "", value) }
  key == "name" { flush(); name = value; sub(/\/(manual_time|real_time|process_time).*$/, "", name); sub(/\/iterations:[0-9]+.*$/, "", name) }
  key == "real_time" { time = sprintf("%.4g", value) }
  key == "time_unit" { unit = value }
  key == "MAC/s" { rate = sprintf("%.1f GMAC/s", value / 1e9) }
  key == "elements/s" { rate = sprintf("%.2f G/s", value / 1e9) }
  key == "pictures/s" { rate = sprintf("%.1f pictures/s", value) }
  key == "limit" { limit = sprintf("%.0f %%", 100 * value) }
  key == "vs_onednn" { dnnl = sprintf("%.2f", value) }
  key == "vs_xnnpack" { xnn = sprintf("%.2f", value) }
  key == "vs_libtorch" { torch = sprintf("%.2f", value) }
  key == "times_copy" { copy = sprintf("%.0f %%", 100 / value) }
  key == "MB" { mb = sprintf("%.0f", value) }
  END { flush() }' "$@")

echo "$rows" | awk -F '\t' '
  BEGIN { split("time,rate,share of the limit,oneDNN: ours,XNNPACK: ours,libtorch: ours,share of a copy,MB", title, ",") }
  { row[NR] = $0; for (i = 4; i <= 10; ++i) used[i] = used[i] || $i != "" }
  END {
    printf "| | %s |", title[1]; rule = "|---|---|"
    for (i = 4; i <= 10; ++i) if (used[i]) { printf " %s |", title[i - 2]; rule = rule "---|" }
    print ""; print rule
    for (r = 1; r <= NR; ++r) {
      n = split(row[r], f, "\t")
      printf "| %s | %s %s |", f[1], f[2], f[3]
      for (i = 4; i <= 10; ++i) if (used[i]) printf " %s |", f[i]
      print ""
    }
  }'
