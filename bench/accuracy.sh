#!/usr/bin/env bash
# The tables of docs/recipes.md: trimtab quantize over networks, modes, recipes and seeds, then a Markdown table of medians over the seeds.
# A run whose JSON is there already is not repeated, so an interrupted table goes on where it stopped.
#
#   bench/accuracy.sh PROGRAM DATA OUT [further options of trimtab quantize]
#
# PROGRAM: build/tools/trimtab. DATA: the folder with models/ and images/{train,evaluate}. OUT: receives a JSON for each run.
# The environment narrows it down: NETWORKS, MODES (weights/scheme), RECIPES (none: no transform, no training), SEEDS. Needs jq.
set -euo pipefail
if (($# < 3)); then
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2
  exit 2
fi
program=$1 data=$(realpath "$2") out=$3
shift 3
networks=${NETWORKS:-mobilenet_v2_1.0_224 mobilenet_v1_0.75_224}
modes=${MODES:-scalar/symmetric vector/symmetric vector/asymmetric}
recipes=${RECIPES:-none paper fast best}
seeds=${SEEDS:-1 2 3}

# The 500 training pictures of the networks' own domain.
mkdir -p "$out/own"
ln -sf "$data"/images/train/[0-9][0-9][0-9][0-9]_*.jpg "$out/own/"

for network in $networks; do
  for mode in $modes; do
    for recipe in $recipes; do
      for seed in $seeds; do
        json=$out/$network.${mode/\//_}.$recipe.$seed.json
        [[ -s $json ]] && continue
        how=(--recipe "$recipe" --train "$out/own")
        [[ $recipe == none ]] && how=(--recipe none)
        echo "$network $mode $recipe, seed $seed" >&2
        "$program" quantize --quiet "$data/models/$network.onnx" --images "$data/images/evaluate" --labels "$data/images/evaluate/labels.csv" \
          --calibrate "$out/own" --weights "${mode%/*}" --scheme "${mode#*/}" --seed "$seed" "${how[@]}" --json "$json" "$@"
      done
    done
  done
done

for network in $networks; do
  echo
  echo "$network"
  echo
  echo "| weights, thresholds | recipe | agreement % | logit RMSE | top-1 % | drop | seconds |"
  echo "|---|---|---|---|---|---|---|"
  for mode in $modes; do
    for recipe in $recipes; do
      files=()
      for seed in $seeds; do files+=("$out/$network.${mode/\//_}.$recipe.$seed.json"); done
      jq -rs --arg mode "${mode/\// }" --arg recipe "$recipe" '
        def median: sort | (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2;
        def round_to(digits): . * pow(10; digits) | round / pow(10; digits);
        def spread(digits): "\(median | round_to(digits)) (\(min | round_to(digits)) .. \(max | round_to(digits)))";
        "| \($mode) | \($recipe) | \(map(.agreement) | spread(2)) | \(map(.logit_rmse) | spread(4)) | \(map(.quantized_top1) | median | round_to(2)) | " +
        "\(map(.float_top1 - .quantized_top1) | median | round_to(2)) | \(map(.seconds_calibrate + .seconds_round + .seconds_train) | median | round) |"
      ' "${files[@]}"
    done
  done
done
