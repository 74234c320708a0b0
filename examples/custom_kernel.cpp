// A kernel for one more instruction set: the function, its table, and the comparison that tells whether it may join. This one
// uses the vector types of GCC and Clang, which become the instructions of whatever CPU the file is compiled for. docs/kernels.md
// says where the pieces go.

#include <cstdio>
#include <cstring>
#include <random>
#include <trimtab/int8/kernel_table.hpp>
#include <trimtab/int8/packed_conv2d.hpp>
#include <vector>

using namespace trimtab;

namespace generic {

using Bytes = std::int8_t __attribute__((vector_size(64)));   // one step of packed weights: 16 channels x 4 values of K
using Sums = std::uint32_t __attribute__((vector_size(64)));  // 16 accumulators, modulo 2^32

/// One row against one block of 16 channels, all 16 accumulators in one vector. A 32-bit lane holds the four weights of its
/// channel; shifting up and down extends the sign of one of them.
void gemm_u8s8(const int8::GemmTask& t) {
  using Signed = std::int32_t __attribute__((vector_size(64)));
  for (std::size_t c0 = 0; c0 < t.cols; c0 += int8::block_channels)
    for (std::size_t r = 0; r < t.rows; ++r) {
      Sums sum;
      std::memcpy(&sum, t.bias + c0, sizeof sum);
      if (t.zero_point != nullptr)
        for (std::size_t c = 0; c < int8::block_channels; ++c)
          sum[c] -= static_cast<std::uint32_t>(t.zero_point[c0 + c]) * static_cast<std::uint32_t>(t.row_sum[r]);
      const std::int8_t* b = t.b + c0 * t.segments * t.steps * 4;
      for (std::size_t s = 0; s < t.segments; ++s) {
        const std::uint8_t* a = t.a + static_cast<std::ptrdiff_t>(r) * t.a_row + t.segment[s];
        for (std::size_t k = 0; k < t.steps; ++k, a += 4, b += sizeof(Bytes)) {
          Sums w;
          std::memcpy(&w, b, sizeof w);
          for (unsigned q = 0; q < 4; ++q) {
            const Signed weight = reinterpret_cast<Signed>(w << (24 - 8 * q)) >> 24;  // byte q of each lane, little-endian
            sum += reinterpret_cast<Sums>(weight * std::int32_t{a[q]});
          }
        }
      }
      for (std::size_t c = 0; c < int8::block_channels && c0 + c < t.cols; ++c)
        t.out.store(r, c0 + c, static_cast<std::int32_t>(sum[c]));
    }
}

/// A set may lend what it has no better kernel for.
const int8::KernelTable& table() {
  static const int8::KernelTable own = [] {
    int8::KernelTable lent = int8::kernels(Isa::portable);
    lent.gemm_u8s8 = gemm_u8s8;
    lent.gemm_form = {};
    return lent;
  }();
  return own;
}

}  // namespace generic

/// rows x out_c accumulators of x (rows x depth) and packed weights, by the table's matrix kernel.
std::vector<std::int32_t> multiply(const int8::KernelTable& table, const std::vector<std::uint8_t>& x, std::size_t rows,
                                   const int8::PackedConv2d& w) {
  std::vector<std::int32_t> y(rows * w.out_channels()), bias(w.blocks() * int8::block_channels, 7);
  const std::ptrdiff_t segment = 0;
  const int8::Output out{int8::OutputKind::accumulators, y.data(), static_cast<std::ptrdiff_t>(w.out_channels())};
  table.gemm_u8s8({x.data(), static_cast<std::ptrdiff_t>(w.depth()), &segment, 1, w.steps(), w.block(0, 0),
                   w.prepared(table.gemm_form), nullptr, rows, w.out_channels(), bias.data(), nullptr, nullptr, out});
  return y;
}

int main() {
  std::mt19937 random(1);
  bool all_equal = true;
  for (const bool extremes : {false, true})  // 255 * -127 everywhere: 16-bit sums would saturate
    for (const std::size_t depth : {4U, 64U, 1152U})
      for (const std::size_t out_c : {1U, 16U, 40U}) {
        const std::size_t rows = 5;
        std::vector<std::uint8_t> x(rows * depth);
        std::vector<std::int8_t> w(out_c * depth);
        for (auto& v : x) v = extremes ? 255 : static_cast<std::uint8_t>(random());
        for (auto& v : w) v = extremes ? std::int8_t{-127} : static_cast<std::int8_t>(random());
        const auto packed = int8::pack_linear(TensorView<const std::int8_t>(w.data(), {out_c, depth}));
        const auto expected = multiply(int8::kernels(Isa::portable), x, rows, packed),
                   got = multiply(generic::table(), x, rows, packed);
        std::printf("%s codes, depth %4zu, %2zu channels: %s\n", extremes ? "extreme" : "random ", depth, out_c,
                    got == expected ? "equal" : "DIFFERENT");
        all_equal = all_equal && got == expected;
      }
  return all_equal ? 0 : 1;
}
