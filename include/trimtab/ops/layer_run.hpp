#pragma once
/// \file
/// What whoever runs a layer many times may ask of its float forward.

#include <cstddef>
#include <trimtab/core/large_pages.hpp>
#include <trimtab/quant/clip.hpp>
#include <vector>

namespace trimtab {

namespace kernels {
struct KernelTable;
}

/// A layer's weights in the order in which the kernels of one instruction set read them: packed by the first forward, kept for
/// the later ones. Whoever changes the weights clears it.
class PackedWeight {
 public:
  /// The next forward packs anew.
  void clear() { table_ = nullptr; }
  /// The packed weights, `size` floats, which pack(floats) writes unless they are there for the kernels of `table`.
  template <class Pack>
  const float* of(const kernels::KernelTable& table, std::size_t size, const Pack& pack) {
    if (table_ != &table || data_.size() != size) {
      table_ = nullptr;
      data_.resize(size);
      pack(data_.data());
      table_ = &table;
    }
    return data_.data();
  }

 private:
  std::vector<float, LargePages<float>> data_;
  const kernels::KernelTable* table_ = nullptr;
};

/// How a forward is run.
struct LayerRun {
  Clip clip = no_clip;             ///< of every output, before it is stored for the first time
  PackedWeight* packed = nullptr;  ///< of this layer alone; null: weights are packed in each forward
};

}  // namespace trimtab
