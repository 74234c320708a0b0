#pragma once
/// \file
/// Which layer lost the accuracy: everything that is known of each quantizer, worst first.

#include <cstddef>
#include <trimtab/net/report/sensitivity.hpp>
#include <trimtab/net/report/tensor_errors.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// One entry for each quantizer in either list, in the order of quantized_tensors(network).
struct Analysis {
  std::vector<TensorErrors> errors;
  SensitivityReport sensitivity;
  std::size_t pictures = 0;
};

/// tensor_errors and sensitivity on the first `count` pictures.
template <PictureSource Pictures>
Analysis analyze(const Network& reference, const QuantizedNetwork& q, const Pictures& pictures, std::size_t count,
                 const Progress& progress = {}) {
  std::vector<TensorErrors> errors = tensor_errors(reference, q, pictures, count);
  return {std::move(errors), sensitivity(reference, q, pictures, count, progress), count};
}

/// Indices into the lists of an analysis, worst first.
inline std::vector<std::size_t> worst_first(const Analysis& analysis) { return worst_first(analysis.sensitivity.switched); }

}  // namespace trimtab
