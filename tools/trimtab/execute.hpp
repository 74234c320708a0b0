#pragma once
// Runs a network: a float one in float, a quantized one in integers or in float.

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model.hpp"

namespace program {

/// What computes a network. `as_file`: a float one in float, a quantized one in integers. `real`: in float; of a quantized
/// network each operator on what its codes stand for, and its result rounded to the file's grid. `int8`: in integers.
enum class Arithmetic { as_file, real, int8 };

/// A node of a network that runs.
struct RunNode {
  std::string name, op;
  std::vector<trimtab::NodeId> inputs;
  trimtab::Extents extent;  ///< batch excluded
  bool scale_known = true;  ///< else its reals are those of its codes up to a factor, which the file does not tell
};

class Runner {
 public:
  /// Throws value_error for a float network that is to run in integers.
  explicit Runner(const Model& model, Arithmetic arithmetic = Arithmetic::as_file);
  ~Runner();
  const std::vector<RunNode>& nodes() const;

  /// Called after each node with what it gave, in the network's order of axes; it lives until the call returns.
  using Look = std::function<void(trimtab::NodeId, std::span<const float>)>;
  /// Every output, in the network's order of axes.
  std::vector<trimtab::Array> operator()(const std::vector<trimtab::Array>& inputs);
  std::vector<trimtab::Array> operator()(const std::vector<trimtab::Array>& inputs, const Look& look);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace program
