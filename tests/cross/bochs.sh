#!/usr/bin/env bash
# Runs the tests of int8 on the kernels that few machines have, AVX-VNNI, AVX512-VNNI and AMX, in Bochs, which emulates a Sapphire Rapids.
# As root, some 20 minutes. Debian: debootstrap g++. [TESTS=FILTER] tests/cross/bochs.sh [FOLDER [ISA...]]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=${1:-$root/build/bochs}
isas=("${@:2}")
[ ${#isas[@]} -gt 0 ] || isas=(avxvnni avx512vnni amx)
command -v debootstrap >/dev/null || { echo "SKIPPED: no debootstrap"; exit 0; }
[ "$(id -u)" -eq 0 ] || { echo "SKIPPED: debootstrap wants root"; exit 0; }
mkdir -p "$work"
work=$(cd "$work" && pwd)

# The tests as one static program, so that the emulated system needs no files but this one and init.
flags=(-std=c++20 -O2 -fopenmp -DEIGEN_DONT_PARALLELIZE "-DTRIMTAB_SHARED_DATA=\"\"" "-I$root/include" "-I$root/tests/support" -I/usr/include/eigen3)
[ -e "$work/kernels.cpp" ] || echo '#include <trimtab/define_kernels.hpp>' >"$work/kernels.cpp"
objects=()
for source in "$work/kernels.cpp" "$root/tests/support/catch_main.cpp" "$root"/tests/int8/*_test.cpp; do
  object=$work/$(basename "$source" .cpp).o
  extern=-DTRIMTAB_EXTERN_KERNELS
  [ "$source" != "$work/kernels.cpp" ] || extern=-UTRIMTAB_EXTERN_KERNELS
  objects+=("$object")
  [ "$object" -nt "$source" ] && [ -z "$(find "$root/include" "$root/tests/support" "$root/tests/int8" -newer "$object" -name '*.hpp')" ] && continue
  g++ "${flags[@]}" "$extern" -c "$source" -o "$object"
done
g++ -fopenmp -static "${objects[@]}" -o "$work/test"

# Bochs of Debian 13.
system=$work/system
if [ ! -e "$system/usr/bin/bochs" ]; then
  debootstrap --variant=minbase --include=cpio,isolinux,syslinux-common,xorriso trixie "$system" http://deb.debian.org/debian
  chroot "$system" apt-get -y -o APT::Install-Recommends=false install bochs bochs-term bochsbios vgabios
fi
# Bochs 3.0 and 3.1 take both operands of tdpbusd for unsigned. In Debian's 3.0 four instructions widen a byte of the weights by zeros:
# movzbl becomes movsbl in three, shr becomes sar in one.
tdpbusd=$((0x274705))
code() { od -An -v -tx1 -w28 -j "$tdpbusd" -N 28 "$system/usr/bin/bochs-bin" | tr -d ' '; }
if [ "$(code)" = 440fb6d10fb6ed450fafc24189cac1e9180fafc541c1ea10450fb6d2 ]; then
  for byte in 2:276 5:276 15:371 26:276; do
    printf '%b' "\\0${byte#*:}" | dd of="$system/usr/bin/bochs-bin" bs=1 seek=$((tdpbusd + ${byte%:*})) conv=notrunc status=none
  done
fi
[ "$(code)" = 440fbed10fbeed450fafc24189cac1f9180fafc541c1ea10450fbed2 ] || { echo "this Bochs is not the one whose tdpbusd is known"; exit 1; }

# A kernel from 6.15 on, which knows setcpuid=.
if [ -z "$(find "$system/kernel" -name 'vmlinuz*' 2>/dev/null)" ]; then
  echo 'deb http://deb.debian.org/debian sid main' >"$system/etc/apt/sources.list.d/sid.list"
  chroot "$system" apt-get -o Acquire::Check-Valid-Until=false update
  chroot "$system" sh -c 'mkdir -p /kernel && cd /kernel && apt-get download \
    "$(apt-cache search --names-only "^linux-binary-[0-9].*-cloud-amd64$" | cut -d" " -f1 | sort -V | tail -1)" && dpkg -x ./*.deb .'
  rm "$system/etc/apt/sources.list.d/sid.list"
fi

# Linux gives tiles to a process by XFD, a trap at the first use, which Bochs lacks: setcpuid=324 says that it is there, the request for
# permission is granted, and nothing traps. But then tiles are not saved when threads switch. So the test's threads run by SCHED_FIFO,
# on one CPU, with nothing else let in between, and switch where they wait for one another only.
cat >"$work/init.c" <<'END'
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void put(const char* path, const char* text) {
  int file = open(path, O_WRONLY);
  if (file < 0 || write(file, text, strlen(text)) < 0) printf("init: cannot write %s\n", path);
}

int main(void) {
  mkdir("/proc", 0755), mkdir("/sys", 0755);
  mount("proc", "/proc", "proc", 0, "");
  mount("sys", "/sys", "sysfs", 0, "");
  mount("debug", "/sys/kernel/debug", "debugfs", 0, "");
  put("/proc/sys/kernel/sched_rt_runtime_us", "-1");
  put("/sys/kernel/debug/sched/fair_server/cpu0/runtime", "0");
  fflush(stdout);
  if (fork() == 0) {
    struct sched_param first = {1};
    if (sched_setscheduler(0, SCHED_FIFO, &first) != 0) return 126;
    execl("/test", "/test", getenv("TESTS"), "--use-colour", "no", (char*)0);
    return 127;
  }
  int status = 0;
  wait(&status);
  printf("exit code %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  fflush(stdout);
  for (clock_t end = clock() + CLOCKS_PER_SEC / 100; clock() < end;) {}  // until the serial port is through; seconds are long here
  if (ioperm(0x8900, 1, 1) == 0)
    for (const char* c = "Shutdown"; *c != 0; ++c) outb(*c, 0x8900);  // ends Bochs
  reboot(RB_POWER_OFF);
}
END
gcc -O2 -static "$work/init.c" -o "$work/init"

failed=0
for isa in "${isas[@]}"; do
  run=$system/run
  rm -rf "$run"
  mkdir -p "$run/iso/isolinux"
  cp "$work/init" "$work/test" "$run/"
  cp "$system/usr/lib/ISOLINUX/isolinux.bin" "$system/usr/lib/syslinux/modules/bios/ldlinux.c32" "$run/iso/isolinux/"
  cp "$(find "$system/kernel" -name 'vmlinuz*' | head -1)" "$run/iso/vmlinuz"
  # no5lvl and retpoline: Bochs 3.0 panics where SMM meets 5-level paging, and runs thunks as they were before the kernel patched them.
  cat >"$run/iso/isolinux/isolinux.cfg" <<END
default test
label test
kernel /vmlinuz
append initrd=/initrd rdinit=/init console=ttyS0,115200 quiet loglevel=2 panic=-1 nokaslr tsc=reliable no5lvl spectre_v2=retpoline setcpuid=324 OMP_WAIT_POLICY=passive TRIMTAB_ISA=$isa "TESTS=${TESTS:-~[long]~[real]}"
END
  cat >"$run/bochsrc" <<'END'
display_library: term
config_interface: textconfig
cpu: model=sapphire_rapids, count=1, ips=100000000, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest=512, host=512
romimage: file=/usr/share/bochs/BIOS-bochs-latest, options=fastboot
vgaromimage: file=/usr/share/vgabios/vgabios.bin
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path=/run/boot.iso, status=inserted
boot: cdrom
clock: sync=none
com1: enabled=1, mode=file, dev=/run/serial.txt
log: /run/bochs.log
panic: action=fatal
sound: driver=dummy
END
  chroot "$system" sh -c 'cd /run && printf "init\ntest\n" | cpio --quiet -o -H newc >iso/initrd && xorriso -as mkisofs -quiet -o boot.iso \
    -b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table iso'
  echo "int8 with TRIMTAB_ISA=$isa in $(chroot "$system" bochs --help 2>&1 | grep -o 'Bochs x86 Emulator [0-9.]*' | head -1):"
  TERM=xterm timeout 3600 script -qec "chroot '$system' bochs -q -f /run/bochsrc" /dev/null </dev/null >/dev/null 2>&1 || true
  tr -d '\r' <"$run/serial.txt"
  tr -d '\r' <"$run/serial.txt" | grep -q '^exit code 0$' || failed=1
done
exit $failed
