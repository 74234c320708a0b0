#pragma once
// How near the outputs of two networks are, output by output.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "execute.hpp"
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

/// How near a node's values are to those of the other network's node.
class NodeGauge {
 public:
  void add(std::span<const float> reference, std::span<const float> other);
  /// Decibels; infinite where all values are equal. `up_to_factor`: of that multiple of the other's values that is nearest.
  double sqnr_db(bool up_to_factor) const;

 private:
  double signal_ = 0, other_ = 0, product_ = 0, noise_ = 0;
};

/// A node that both networks have.
struct NodeFidelity {
  std::string name, op;
  double sqnr_db = 0;
  /// By how much it is below the lowest of the nearest compared nodes that it depends on, where those are above what 8 bits
  /// hold, below that; nothing where there are none.
  std::optional<double> drop_db;
  bool up_to_factor = false;

  /// Decibels of a convolution's values that 8 bits hold about.
  static constexpr double of_8_bits = 40;
  /// From here on a drop is large.
  static constexpr double large_drop = 10;
  bool drops() const { return drop_db && *drop_db >= large_drop; }
};

/// The nodes of two networks that have one name, and one only, and the same extents: gathered sample by sample.
class NodesFidelity {
 public:
  NodesFidelity(const Runner& first, const Runner& second);
  /// Runs one sample in both networks. Returns their outputs.
  std::pair<std::vector<trimtab::Array>, std::vector<trimtab::Array>> run(Runner& first, const std::vector<trimtab::Array>& x,
                                                                          Runner& second,
                                                                          const std::vector<trimtab::Array>& other_x);
  /// In the first network's order.
  std::vector<NodeFidelity> result() const;

 private:
  struct Pair {
    bool up_to_factor;
    NodeGauge gauge;
    std::vector<float> values;  // the first network's, of the sample under way
  };
  std::vector<RunNode> nodes_;                                              // of the first network
  std::vector<Pair> pairs_;                                                 // in its order
  std::vector<std::optional<std::size_t>> pair_of_first_, pair_of_second_;  // by node
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
