#!/usr/bin/env bash
# Writes quantized networks in C by `trimtab generate`, and runs them here, on a Cortex-M4 without floating point (32 bits, the board MPS2 in
# QEMU) and on a Z/Architecture machine (big endian, QEMU's user mode): self-checks are 0, and the outputs of INPUTS drawn inputs (50) have one
# hash everywhere. Networks of one input and one output.
# Debian: gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm, gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user.
# tests/cross/generated.sh TRIMTAB MODEL...
set -euo pipefail
[ $# -ge 2 ] || { echo "usage: $0 TRIMTAB MODEL..." >&2; exit 2; }
parts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/generated
trimtab=$1
shift
inputs=${INPUTS:-50}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
has() { command -v "$1" >/dev/null || { echo "SKIPPED: no $1"; return 1; }; }
has cc || exit 0
arm=0 s390x=0
has arm-none-eabi-gcc && has qemu-system-arm && arm=1
has s390x-linux-gnu-gcc && has qemu-s390x && s390x=1
failed=0

compile() {  # compile PROGRAM COMPILER...
  local program=$1
  shift
  "$@" -std=c11 -O2 -Wall -Wextra -Wconversion -Werror "-DNETWORK=\"$work/net.h\"" "-DINPUTS=$inputs" "$parts/main.c" -o "$program"
}
report() {  # report MACHINE LINE
  echo "  $1: $2"
  local hash=${2##*hash }
  hash=${hash%%,*}
  case $2 in "self-check 0"*) ;; *) failed=1 ;; esac
  [ "$hash" = "${expected:=$hash}" ] || { echo "  $1: another hash than here"; failed=1; }
}

for model in "$@"; do
  expected=
  echo "$(basename "$model"): $("$trimtab" generate "$model" --out "$work/net.h" --name net | tail -1 | sed "s|.*C11: ||")"
  compile "$work/here" cc "$parts/hosted.c"
  report "here" "$("$work/here")"
  if [ $arm = 1 ]; then
    compile "$work/arm.elf" arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -mfloat-abi=soft -nostartfiles -ffunction-sections -Wl,--gc-sections \
      "-Wl,-T,$parts/mps2.ld" "$parts/mps2.c"
    flash=$(arm-none-eabi-size "$work/arm.elf" | awk 'NR == 2 { print $1 " bytes of flash" }')
    report "Cortex-M4" "$(qemu-system-arm -M mps2-an386 -cpu cortex-m4 -nographic -monitor none -serial none -icount shift=0 \
      -semihosting-config enable=on,target=native -kernel "$work/arm.elf" 2>&1 </dev/null || true), $flash"
  fi
  if [ $s390x = 1 ]; then
    compile "$work/s390x" s390x-linux-gnu-gcc -static "$parts/hosted.c"
    report "s390x" "$(qemu-s390x "$work/s390x" || true)"
  fi
done
exit $failed
