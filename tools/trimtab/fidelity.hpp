#pragma once
// How near the outputs of two networks are, output by output.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "model.hpp"

namespace program {

/// Of one output, over all samples.
struct OutputFidelity {
  std::string name;
  double rmse = 0, sqnr_db = 0, largest = 0;  ///< of the difference; the signal is the first network's
  std::optional<double> agreement;            ///< percent of samples with the same class, where there are classes
};

/// Gathers it sample by sample. Outputs of one order of axes.
class FidelityGauge {
 public:
  /// `classes`: the output has one number a class.
  FidelityGauge(std::string name, bool classes) : name_(std::move(name)), classes_(classes) {}
  /// The `size` values of one sample.
  void add(const float* reference, const float* other, std::size_t size);
  OutputFidelity result() const;

 private:
  std::string name_;
  bool classes_;
  double signal_ = 0, noise_ = 0, largest_ = 0;
  std::size_t same_ = 0, samples_ = 0, numbers_ = 0;
};

/// Rows of all outputs side by side (output_rows), compared output by output.
std::vector<OutputFidelity> compare_rows(const std::vector<Port>& outputs, const trimtab::Array& reference,
                                         const trimtab::Array& other);

/// One standard error of a share of n, in percent: sqrt(p (100 - p) / (n + 4)), where p counts two more on either side (Agresti
/// and Coull, The American Statistician 52, 1998), so that 6 of 6 are not certain.
double standard_error(double percent, std::size_t n);

/// "98.20 ± 0.45".
std::string percent_text(double percent, std::size_t n);

}  // namespace program
