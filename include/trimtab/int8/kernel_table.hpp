#pragma once
/// \file
/// The kernels of each instruction set, behind one table.

#include <trimtab/core/config.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/int8/isa.hpp>
#include <trimtab/int8/kernels/tasks.hpp>
#if TRIMTAB_KERNELS_HERE
#include <trimtab/int8/kernels/amx.hpp>
#include <trimtab/int8/kernels/avx2_depthwise.hpp>
#include <trimtab/int8/kernels/avx2_elementwise.hpp>
#include <trimtab/int8/kernels/avx2_gemm.hpp>
#include <trimtab/int8/kernels/avx2_requantize.hpp>
#include <trimtab/int8/kernels/avx512vbmi.hpp>
#include <trimtab/int8/kernels/avx512vnni_depthwise.hpp>
#include <trimtab/int8/kernels/avx512vnni_gemm.hpp>
#include <trimtab/int8/kernels/avxvnni.hpp>
#include <trimtab/int8/kernels/neondot.hpp>
#include <trimtab/int8/kernels/portable.hpp>
#include <trimtab/int8/kernels/simd128.hpp>
#endif

namespace trimtab::int8 {

/// What an instruction set provides.
struct KernelTable {
  Isa isa;                                                     ///< whose kernels these are
  void (*gemm_u8s8)(const GemmTask&);                          ///< matrix product, see GemmTask
  GemmForm gemm_form;                                          ///< what gemm_u8s8 wants of weights
  const DepthwiseKernel& (*depthwise)(const DepthwiseShape&);  ///< the fastest kernel for a shape
  void (*add)(const AddTask&);                                 ///< residual addition, see AddTask
  /// to[i] = x[i] xor flip.
  void (*copy_flipped)(const std::uint8_t* x, std::size_t count, std::uint8_t flip, std::uint8_t* to);
  void (*requantize)(const RequantizeTask&);  ///< codes in fixed point, see RequantizeTask
  /// y[i] = table[x[i]], of a table of 256 bytes. y may be x.
  void (*look_up)(const std::uint8_t* table, const std::uint8_t* x, std::size_t count, std::uint8_t* y);
};

namespace detail {
/// What `macs` multiplications of codes with their additions take, roughly, by the kernels of an instruction set.
inline LoopTime product_time(Isa isa, std::size_t macs) {
  const std::size_t a_nanosecond = isa == Isa::portable ? 2 : isa == Isa::amx ? 400 : isa == Isa::avx512vnni ? 200 : 60;
  return {macs / a_nanosecond};
}
}  // namespace detail

/// The table of an instruction set that is in available_isas().
TRIMTAB_KERNELS_INLINE const KernelTable& kernels(Isa isa);

#if TRIMTAB_KERNELS_HERE
TRIMTAB_KERNELS_INLINE const KernelTable& kernels(Isa isa) {
  static constexpr KernelTable portable_table{Isa::portable,        portable::gemm_u8s8, {},
                                              portable::depthwise,  portable::add,       portable::copy_flipped,
                                              portable::requantize, portable::look_up};
#if TRIMTAB_X86_KERNELS
  static constexpr KernelTable avx2_table{Isa::avx2, avx2::gemm_u8s8,    avx2::maddubs_form, avx2::depthwise,
                                          avx2::add, avx2::copy_flipped, avx2::requantize,   avx2::look_up};
  static constexpr KernelTable avxvnni_table{Isa::avxvnni,       avxvnni::gemm_u8s8, {},           avxvnni::depthwise, avx2::add,
                                             avx2::copy_flipped, avx2::requantize,   avx2::look_up};
  static constexpr KernelTable avx512vnni_table{
      Isa::avx512vnni,  avx512vnni::gemm_u8s8,       {}, avx512vnni::depthwise, avx2::add, avx2::copy_flipped,
      avx2::requantize, avx512vbmi::look_up_if_there};
  static constexpr KernelTable amx_table{Isa::amx,
                                         amx::gemm_u8s8,
                                         {},
                                         avx512vnni::depthwise,
                                         avx2::add,
                                         avx2::copy_flipped,
                                         avx2::requantize,
                                         avx512vbmi::look_up_if_there};
  switch (isa) {
    case Isa::avx2:
      return avx2_table;
    case Isa::avxvnni:
      return avxvnni_table;
    case Isa::avx512vnni:
      return avx512vnni_table;
    case Isa::amx:
      return amx_table;
    default:
      break;
  }
#elif TRIMTAB_ARM_KERNELS
  static constexpr KernelTable neondot_table{Isa::neondot,       neondot::gemm_u8s8,   {},           neon::depthwise, neon::add,
                                             neon::copy_flipped, portable::requantize, neon::look_up};
  if (isa == Isa::neondot) return neondot_table;
#elif TRIMTAB_WASM_KERNELS
  static constexpr KernelTable simd128_table{Isa::simd128,         simd128::gemm_u8s8, {},
                                             simd128::depthwise,   portable::add,      portable::copy_flipped,
                                             portable::requantize, portable::look_up};
  if (isa == Isa::simd128) return simd128_table;
#endif
  static_cast<void>(isa);
  return portable_table;
}
#endif

/// The table in use; a driver reads it once per layer.
inline const KernelTable& kernels() { return kernels(active_isa()); }

}  // namespace trimtab::int8
