#pragma once
/// \file
/// Which instruction set the kernels use, integer and float: chosen at run time, forced by TRIMTAB_ISA or ScopedIsa, never
/// swapped silently.

#include <atomic>
#include <cstdlib>
#include <string>
#include <string_view>
#include <trimtab/core/error.hpp>
#include <vector>

/// 1 where the x86 kernels are compiled: GCC or Clang for x86-64, unless -DTRIMTAB_PORTABLE_ONLY. GCC for Windows is left out: its
/// stack is not aligned for vectors of 32 bytes (GCC's bug 54412), so that such functions crash.
#if (defined(__x86_64__) && (defined(__clang__) || (defined(__GNUC__) && !defined(_WIN32)))) && !defined(TRIMTAB_PORTABLE_ONLY)
#define TRIMTAB_X86_KERNELS 1
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#else
#define TRIMTAB_X86_KERNELS 0
#endif

/// 1 where the kernels for ARM are compiled, unless -DTRIMTAB_PORTABLE_ONLY: GCC, Clang 16 or later, or an older Clang that
/// compiles for CPUs with SDOT alone, for little-endian AArch64.
#if defined(__AARCH64EL__) && !defined(TRIMTAB_PORTABLE_ONLY) &&                     \
    (defined(__ARM_FEATURE_DOTPROD) || (defined(__GNUC__) && !defined(__clang__)) || \
     (defined(__clang__) && __clang_major__ >= 16))
#define TRIMTAB_ARM_KERNELS 1
#if defined(__linux__)
#include <sys/auxv.h>
#endif
#else
#define TRIMTAB_ARM_KERNELS 0
#endif

/// 1 where WebAssembly's vectors of 128 bits are used: with -msimd128, unless -DTRIMTAB_PORTABLE_ONLY. A module has them or does
/// not run; there is nothing to ask at run time.
#if defined(__wasm_simd128__) && !defined(TRIMTAB_PORTABLE_ONLY)
#define TRIMTAB_WASM_KERNELS 1
#else
#define TRIMTAB_WASM_KERNELS 0
#endif

// Full unrolling of the loop that follows: an array of accumulators stays in registers only then.
#if defined(__clang__)
#define TRIMTAB_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define TRIMTAB_UNROLL _Pragma("GCC unroll 64")
#else
#define TRIMTAB_UNROLL
#endif

namespace trimtab {

/// Of each architecture from the slowest to the fastest.
enum class Isa {
  portable,
  avx2,
  avxvnni,
  avx512vnni,
  amx,
  neondot,  ///< AArch64 with SDOT, of Armv8.2 and later
  simd128   ///< WebAssembly's vectors of 128 bits
};

/// The name as TRIMTAB_ISA spells it.
inline const char* name(Isa isa) {
  switch (isa) {
    case Isa::portable:
      return "portable";
    case Isa::avx2:
      return "avx2";
    case Isa::avxvnni:
      return "avxvnni";
    case Isa::avx512vnni:
      return "avx512vnni";
    case Isa::amx:
      return "amx";
    case Isa::neondot:
      return "neondot";
    case Isa::simd128:
      return "simd128";
  }
  return "unknown";
}

namespace detail {

inline constexpr Isa all_isas[] = {Isa::portable, Isa::avx2, Isa::avxvnni, Isa::avx512vnni, Isa::amx, Isa::neondot, Isa::simd128};

/// Linux gives a process the 8 KiB of AMX's tiles on request only; it grants them to all threads. Where it does not, as in some
/// sandboxes, or where a signal stack is too small to save them on, AMX cannot run.
inline bool may_use_tiles() {
#if TRIMTAB_X86_KERNELS && defined(__linux__)
  constexpr long request_permission = 0x1023, tile_data = 18;
  return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
  return false;
#endif
}

/// Whether CPU and operating system let the kernels of `isa` run.
inline bool can_run(Isa isa) {
  if (isa == Isa::portable) return true;
#if TRIMTAB_X86_KERNELS
  const auto bit = [](unsigned word, int index) { return ((word >> index) & 1U) != 0; };
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || !bit(c, 27)) return false;  // OSXSAVE: xgetbv may be asked
  const bool fma = bit(c, 12);
  unsigned low = 0, high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  const bool os_ymm = (low & 0x6U) == 0x6U, os_zmm = (low & 0xE6U) == 0xE6U;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
  const bool avx2 = os_ymm && fma && bit(b, 5);
  const bool avx512 = os_zmm && bit(b, 16) && bit(b, 17) && bit(b, 30) && bit(b, 31) && bit(c, 11);  // F DQ BW VL VNNI
  const bool amx = (low & 0x60000U) == 0x60000U && bit(d, 24) && bit(d, 25);  // tile configuration and data, TILE INT8
  const unsigned subleaves = a;
  bool avxvnni = false;
  if (subleaves >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0) avxvnni = avx2 && bit(a, 4);
  switch (isa) {
    case Isa::avx2:
      return avx2;
    case Isa::avxvnni:
      return avxvnni;
    case Isa::avx512vnni:
      return avx2 && avx512;
    case Isa::amx:
      return avx2 && avx512 && amx && detail::may_use_tiles();
    default:
      return false;
  }
#elif TRIMTAB_ARM_KERNELS && defined(__ARM_FEATURE_DOTPROD)
  return isa == Isa::neondot;  // compiled for such CPUs alone, as for Apple's
#elif TRIMTAB_ARM_KERNELS && defined(__linux__)
  return isa == Isa::neondot && (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#elif TRIMTAB_WASM_KERNELS
  return isa == Isa::simd128;
#else
  return false;
#endif
}

}  // namespace detail

/// The instruction sets that can run here, the slowest first. Isa::portable is always among them.
inline const std::vector<Isa>& available_isas() {
  static const std::vector<Isa> isas = [] {
    std::vector<Isa> found;
    for (const Isa isa : detail::all_isas)
      if (detail::can_run(isa)) found.push_back(isa);
    return found;
  }();
  return isas;
}

/// The instruction set of that name. Throws value_error for a name that is none.
inline Isa isa_from_name(std::string_view text) {
  for (const Isa isa : detail::all_isas)
    if (text == name(isa)) return isa;
  std::string known;
  for (const Isa isa : detail::all_isas) known += (known.empty() ? "" : ", ") + std::string(name(isa));
  throw value_error(detail::message("trimtab: unknown ISA '", text, "'; known are ", known));
}

namespace detail {

inline Isa require_available(Isa isa) {
  for (const Isa there : available_isas())
    if (there == isa) return isa;
  throw unsupported_error(detail::message("trimtab: ISA ", name(isa), " cannot run on this CPU and operating system"));
}

inline std::atomic<Isa>& isa_in_use() {
  static std::atomic<Isa> isa = [] {
    const char* wanted = std::getenv("TRIMTAB_ISA");
    return wanted != nullptr && *wanted != '\0' ? require_available(isa_from_name(wanted)) : available_isas().back();
  }();
  return isa;
}

}  // namespace detail

/// The instruction set in use: the best one that can run, or what TRIMTAB_ISA or ScopedIsa asks for. Throws value_error
/// or unsupported_error when TRIMTAB_ISA names one that does not exist or cannot run.
inline Isa active_isa() { return detail::isa_in_use().load(std::memory_order_relaxed); }

/// Uses `isa` in all threads until the end of the scope. Throws unsupported_error when it cannot run.
class ScopedIsa {
 public:
  /// Begins the scope.
  explicit ScopedIsa(Isa isa) : before_(active_isa()) { detail::isa_in_use() = detail::require_available(isa); }
  ~ScopedIsa() { detail::isa_in_use() = before_; }
  ScopedIsa(const ScopedIsa&) = delete;
  ScopedIsa& operator=(const ScopedIsa&) = delete;

 private:
  Isa before_;
};

}  // namespace trimtab
