#pragma once
/// \file
/// The kernels of each instruction set, behind one table.

#include <trimtab/core/config.hpp>
#include <trimtab/int8/isa.hpp>
#include <trimtab/int8/kernels/tasks.hpp>
#if TRIMTAB_KERNELS_HERE
#include <trimtab/int8/kernels/amx.hpp>
#include <trimtab/int8/kernels/avx2_depthwise.hpp>
#include <trimtab/int8/kernels/avx2_elementwise.hpp>
#include <trimtab/int8/kernels/avx2_gemm.hpp>
#include <trimtab/int8/kernels/avx512vnni_depthwise.hpp>
#include <trimtab/int8/kernels/avx512vnni_gemm.hpp>
#include <trimtab/int8/kernels/avxvnni.hpp>
#include <trimtab/int8/kernels/neondot.hpp>
#include <trimtab/int8/kernels/portable.hpp>
#endif

namespace trimtab::int8 {

/// A depthwise kernel; the 16-byte lanes of its vectors, 0 where it takes channels in natural order; and whether it takes its
/// weights as 16-bit pairs of rows.
struct DepthwiseKernel {
  void (*run)(const DepthwiseTask&);  ///< the kernel
  std::size_t lanes;                  ///< 16-byte lanes of its vectors, or 0
  bool pairs;                         ///< weights as 16-bit pairs of rows
};

/// What an instruction set provides. depthwise_u8s16 is for weights less zero points, which need 9 bits and a sign.
struct KernelTable {
  Isa isa;                                          ///< whose kernels these are
  void (*gemm_u8s8)(const GemmTask&);               ///< matrix product, see GemmTask
  DepthwiseKernel depthwise_u8s8, depthwise_u8s16;  ///< see DepthwiseTask
  void (*add)(const AddTask&);                      ///< residual addition, see AddTask
  /// to[i] = x[i] xor flip.
  void (*copy_flipped)(const std::uint8_t* x, std::size_t count, std::uint8_t flip, std::uint8_t* to);
};

/// The table of an instruction set that is in available_isas().
TRIMTAB_KERNELS_INLINE const KernelTable& kernels(Isa isa);

#if TRIMTAB_KERNELS_HERE
TRIMTAB_KERNELS_INLINE const KernelTable& kernels(Isa isa) {
  static constexpr DepthwiseKernel portable_depthwise{portable::depthwise_u8s16, 0, false};
  static constexpr KernelTable portable_table{Isa::portable,      portable::gemm_u8s8, portable_depthwise,
                                              portable_depthwise, portable::add,       portable::copy_flipped};
#if TRIMTAB_X86_KERNELS
  static constexpr DepthwiseKernel avx2_depthwise{avx2::depthwise_u8s16, 2, true};
  static constexpr KernelTable avx2_table{Isa::avx2,      avx2::gemm_u8s8, avx2_depthwise,
                                          avx2_depthwise, avx2::add,       avx2::copy_flipped};
  static constexpr KernelTable avxvnni_table{Isa::avxvnni,   avxvnni::gemm_u8s8, {avxvnni::depthwise_u8s8, 2, false},
                                             avx2_depthwise, avx2::add,          avx2::copy_flipped};
  static constexpr KernelTable avx512vnni_table{
      Isa::avx512vnni, avx512vnni::gemm_u8s8, {avx512vnni::depthwise_u8s8, 4, false}, avx2_depthwise,
      avx2::add,       avx2::copy_flipped};
  static constexpr KernelTable amx_table{Isa::amx,       amx::gemm_u8s8, {avx512vnni::depthwise_u8s8, 4, false},
                                         avx2_depthwise, avx2::add,      avx2::copy_flipped};
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
  static constexpr DepthwiseKernel neon_depthwise{neon::depthwise_u8s16, 0, false};
  static constexpr KernelTable neondot_table{Isa::neondot,   neondot::gemm_u8s8, neon_depthwise,
                                             neon_depthwise, neon::add,          neon::copy_flipped};
  if (isa == Isa::neondot) return neondot_table;
#endif
  static_cast<void>(isa);
  return portable_table;
}
#endif

/// The table in use; a driver reads it once per layer.
inline const KernelTable& kernels() { return kernels(active_isa()); }

}  // namespace trimtab::int8
