# A table of what survey.sh says of float files, a row for each output: survey.sh ... | awk -F'\t' -f survey_table.awk
# The difference is relative to the largest value; the SQNRs, in dB, are of scalar and vector weights, symmetric, then asymmetric.
function flush_file(i, m, row) {
  if (file == "") return
  if (count == 0) {
    sub(/; the network can be cut off before it.*/, "", refused)
    printf "| %s | %s | | | | | |\n", file, refused
    return
  }
  for (i = 1; i <= count; ++i) {
    row = "| " (i == 1 ? file : "") " | " output[i] " | " (difference[i] == "" ? "-" : difference[i]) " |"
    for (m = 1; m <= 4; ++m) row = row " " (m > modes ? "-" : sqnr[m, i] unequal[m]) " |"
    print row
  }
}
BEGIN {
  print "| file | output | float difference | scalar | vector | scalar, asymmetric | vector, asymmetric |"
  print "|---|---|---|---|---|---|---|"
}
/^== / { flush_file(); file = substr($0, 4); count = modes = 0; refused = "not read"; delete output; delete difference; next }
$1 == "float" { output[++count] = $2; difference[count] = $3 }
$1 == "refused" { refused = "refused: " $2; sub(/read_onnx: .*\.onnx: /, "", refused) }
$1 ~ /^(a?symmetric) (scalar|vector)$/ {
  unequal[++modes] = $2 == "equal" ? "" : " differs"
  for (i = 3; i <= NF; ++i) {
    at = match($i, / [^ ]+ dB$/)
    if (output[i - 2] == "") output[++count] = substr($i, 1, at - 1)
    sqnr[modes, i - 2] = substr($i, at + 1, length($i) - at - 3)
  }
}
END { flush_file() }
