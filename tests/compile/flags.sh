# flags.sh FOLDER COMPILER FLAG...: builds FOLDER/flags_part.cpp with several sets of flags. Programs of each object alone and of all
# together give the same codes.
set -e
folder=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
openmp=
if echo 'int main() {}' | "$@" -fopenmp -x c++ - -o "$work/openmp" 2>/dev/null; then openmp=-fopenmp; fi

"$@" -O0 $openmp -DTRIMTAB_PART=plain -c "$folder/flags_part.cpp" -o "$work/plain.o"
"$@" -O1 -fno-rtti -DNDEBUG -DTRIMTAB_PART=no_rtti -c "$folder/flags_part.cpp" -o "$work/no_rtti.o"
# Products and sums that stand side by side become one instruction, with one rounding: in GCC from -O2 on, on x86-64 where the program
# is for CPUs with FMA.
fma=
if grep -qw avx2 /proc/cpuinfo && grep -qw fma /proc/cpuinfo; then fma='-mavx2 -mfma'; fi
"$@" -O2 $fma -ffp-contract=fast $openmp -DNDEBUG -DTRIMTAB_PART=fused -c "$folder/flags_part.cpp" -o "$work/fused.o"

for part in plain no_rtti fused; do
  "$@" "-DTRIMTAB_PARTS(P)=P($part)" "$folder/flags_main.cpp" "$work/$part.o" $openmp -o "$work/$part"
  "$work/$part" | sed "s/^$part */alone: /" | tee -a "$work/alone"
done
if [ "$(sort -u "$work/alone" | wc -l)" != 1 ]; then
  echo "the flags change codes"
  exit 1
fi
"$@" "-DTRIMTAB_PARTS(P)=P(plain) P(no_rtti) P(fused)" "$folder/flags_main.cpp" "$work"/*.o $openmp -o "$work/all"
"$work/all"
