#pragma once
/// \file
/// The kernels of each instruction set behind tables: one of float kernels, one of 16-bit products.

#include <trimtab/core/config.hpp>
#include <trimtab/core/isa.hpp>
#include <trimtab/ops/kernels/tasks.hpp>
#if TRIMTAB_KERNELS_HERE
#include <trimtab/ops/kernels/avx2.hpp>
#include <trimtab/ops/kernels/avx512.hpp>
#include <trimtab/ops/kernels/int16.hpp>
#endif

namespace trimtab::kernels {

/// What an instruction set provides.
struct KernelTable {
  std::size_t strip, panel;  ///< rows and columns of the gemm's largest tile
  void (*gemm)(const GemmTask&);
  void (*pack_rows)(const PackTask&);
  void (*depthwise)(const DepthwiseTask&);
  void (*depthwise_weight)(const DepthwiseWeightTask&);
};

/// The table of an instruction set that is in available_isas(); null where Eigen and plain loops stand in.
TRIMTAB_KERNELS_INLINE const KernelTable* table(Isa isa);

/// 16-bit products. All instruction sets give the same bits.
struct Int16Table {
  void (*round)(const Int16RoundTask&);
  void (*scaled)(const Int16ScaledTask&);
  void (*dot)(const Int16DotTask&);
};

/// The table of an instruction set that is in available_isas().
TRIMTAB_KERNELS_INLINE const Int16Table& int16_table(Isa isa);

#if TRIMTAB_KERNELS_HERE
TRIMTAB_KERNELS_INLINE const KernelTable* table(Isa isa) {
#if TRIMTAB_X86_KERNELS
  static constexpr KernelTable avx2_table{avx2::gemm_strip, avx2::gemm_panel, avx2::gemm,
                                          avx2::pack_rows,  avx2::depthwise,  avx2::depthwise_weight};
  static constexpr KernelTable avx512_table{avx512::gemm_strip, avx512::gemm_panel, avx512::gemm,
                                            avx512::pack_rows,  avx512::depthwise,  avx512::depthwise_weight};
  switch (isa) {
    case Isa::avx2:
    case Isa::avxvnni:
      return &avx2_table;
    case Isa::avx512vnni:
    case Isa::amx:
      return &avx512_table;
    default:
      break;
  }
#endif
  static_cast<void>(isa);
  return nullptr;
}

TRIMTAB_KERNELS_INLINE const Int16Table& int16_table(Isa isa) {
  static constexpr Int16Table portable_table{portable::int16_round, portable::int16_scaled, portable::int16_dot};
#if TRIMTAB_X86_KERNELS
  static constexpr Int16Table avx2_table{avx2::int16_round, avx2::int16_scaled, avx2::int16_dot};
  if (isa != Isa::portable) return avx2_table;
#endif
  static_cast<void>(isa);
  return portable_table;
}
#endif

}  // namespace trimtab::kernels
