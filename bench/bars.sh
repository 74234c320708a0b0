#!/bin/sh
# Where this machine stands against the aims below, which are the script's own: one table (Markdown), a row an aim, for every
# instruction set that the machine has. Every figure is a ratio to a peer or to a copy in the same run; an aim without its peer
# (libdnnl-dev, libxnnpack-dev, libtorch-dev when `bench` was configured) has none. XNNPACK takes the machine's
# best kernels in all rows. Some four minutes an instruction set.
#
#   bench/bars.sh [BUILD [MODEL.onnx]]
#
# BUILD: the build folder, `build` by default. MODEL.onnx: a network and its layers in place of MobileNet-v2 with drawn weights.
# Keep the machine at rest.
set -eu
build=${1:-build} model=${2:-}
bench=$build/bench
if ! [ -x "$bench/int8_bench" ]; then
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2
  echo "bars.sh: no $bench/int8_bench; ./quickstart.sh test builds it" >&2
  exit 2
fi
json=$(mktemp -d)
trap 'rm -rf "$json"' EXIT

# name, counter and value of every counter of Google Benchmark's JSON, which has one a line.
counters() {
  awk '{ key = $1; gsub(/[":]/, "", key); value = $0; sub(/^[^:]*: */, "", value); gsub(/[",]/, "", value) }
       key == "name" { name = value; sub(/\/(iterations:[0-9]+\/)?(manual_time|real_time)$/, "", name) }
       key ~ /^(vs_|times_copy)/ { print name "\t" key "\t" value }' "$1"
}
# Runs a benchmark, whose words are wanted only where it fails.
run() { "$@" >/dev/null 2>"$json/log" || { cat "$json/log" >&2; exit 1; }; }

echo "| instruction set | aim | measured | |"
echo "|---|---|---|---|"
for isa in $("$bench/int8_bench" --benchmark_list_tests --benchmark_filter=network/ | sed 's|network/[^/]*/\([^/]*\)/.*|\1|' | awk '!seen[$0]++'); do  # from slow to fast
  case $isa in
    avx2) dnnl=AVX2 whole=1 training=2 ;;  # times oneDNN's speed on the whole network, times libtorch's in training
    avxvnni) dnnl=AVX2_VNNI whole=1.12 training=2 ;;
    avx512vnni) dnnl=AVX512_CORE_VNNI whole=1.2 training=3.5 ;;
    amx) dnnl=AVX512_CORE_AMX whole=1.27 training=8 ;;
    *) continue ;;
  esac
  best=$isa
  run env DNNL_MAX_CPU_ISA="$dnnl" "$bench/int8_bench" --benchmark_filter="(network/.*|[us]8/.*@[0-9]+)/$isa/1/|network/.*/$isa/2/" \
    --benchmark_min_time=0.1 --benchmark_out="$json/$isa" --benchmark_out_format=json ${model:+"$model"}
  counters "$json/$isa" | awk -F '\t' -v isa="$isa" -v whole="$whole" '
    function row(aim, value, met, form) { printf "| %s | %s | " form " | %s |\n", isa, aim, value, met ? "met" : "missed" }
    function better(name) { return name in xnn && (!(name in dnnl) || xnn[name] < dnnl[name]) ? xnn[name] : dnnl[name] }
    $2 == "vs_onednn" { dnnl[$1] = $3; seen[$1] }
    $2 == "vs_xnnpack" { xnn[$1] = $3; seen[$1] }
    $2 == "vs_1_thread" { scaling = $3 }
    $1 ~ /^network\/.*\/1$/ { one = $1 }
    $2 == "vs_u8" { ++signed; if (cost < 100 / $3 - 100) cost = 100 / $3 - 100 }
    END {
      if (one in dnnl) row("whole network, times oneDNN: " whole, dnnl[one], dnnl[one] >= whole, "%.2f")
      if (one in xnn) row("the same, times XNNPACK: 1.6 for AVX2", xnn[one], xnn[one] >= (isa == "avx2" ? 1.6 : 1), "%.2f")
      for (name in seen) {
        if (name !~ /^u8\//) continue
        ++layers
        ahead += better(name) >= 1
        if (name ~ /conv1x1|3to32|dw3x3/) { ++distinct; logs += log(better(name)) }  # those of MobileNet-v2
      }
      if (layers) row("layers at least level with the faster peer: all " layers, ahead, ahead == layers, "%d")
      if (distinct) row("geometric mean over the " distinct " of MobileNet-v2, times the faster peer: 1.3", exp(logs / distinct), exp(logs / distinct) >= 1.3, "%.2f")
      row("two threads, times one: 1.7", scaling, scaling >= 1.7, "%.2f")
      if (signed) row("signed activations, most of " signed " layers more than unsigned ones: 10 %", cost, cost <= 10, "%.1f %%")
    }'
done

if [ -x "$bench/training_bench" ]; then
  run "$bench/training_bench" --benchmark_out="$json/training" --benchmark_out_format=json
  counters "$json/training" | awk -F '\t' -v isa="${best:-portable}" -v aim="${training:-1}" '
    $2 == "vs_libtorch" { n = split($1, part, "/"); printf "| %s | training step, %d threads, times libtorch: %s | %.1f | %s |\n", isa, part[n], aim, $3, ($3 >= aim ? "met" : "missed") }'
fi
if [ -x "$bench/fake_quantize_bench" ]; then
  run "$bench/fake_quantize_bench" --benchmark_filter='/1/' --benchmark_min_time=0.1 --benchmark_out="$json/fake" --benchmark_out_format=json
  counters "$json/fake" | awk -F '\t' -v isa="${best:-portable}" '
    $2 == "times_copy" { sub(/fake_quantize_/, "", $1); sub(/\/1$/, "", $1); printf "| %s | fake quantization, %s, share of a copy: 80 %% | %.0f %% | %s |\n", isa, $1, 100 / $3, (100 / $3 >= 80 ? "met" : "missed") }'
fi
