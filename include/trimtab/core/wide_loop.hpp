#pragma once
/// \file
/// Plain loops compiled twice, once for AVX2: compilers then vectorise them 8 wide without -march.

#include <trimtab/core/config.hpp>
#include <trimtab/core/isa.hpp>

namespace trimtab::detail {

template <class Loop, class... Args>
TRIMTAB_NOINLINE auto run_plain(Args... args) {
  return Loop::run(args...);
}

#if TRIMTAB_X86_KERNELS
// Without FMA, so that both versions round alike where the whole build does not ask for it.
template <class Loop, class... Args>
__attribute__((target("avx2"))) TRIMTAB_NOINLINE auto run_avx2(Args... args) {
  return Loop::run(args...);
}
#endif

/// Loop::run(args...), a static function marked TRIMTAB_LOOP, compiled for the instruction set in use. Its loops say
/// TRIMTAB_NO_ALIAS before them where no output overlaps an input other than element by element: as parameters of an inlined
/// function pointers are no longer `restrict`.
template <class Loop, class... Args>
auto run_loop(Args... args) {
#if TRIMTAB_X86_KERNELS
  if (active_isa() != Isa::portable) return run_avx2<Loop>(args...);
#endif
  return run_plain<Loop>(args...);
}

}  // namespace trimtab::detail
