#pragma once
// Runs a network as its file has it: a float one in float, a quantized one in integers.

#include <memory>
#include <vector>

#include "model.hpp"

namespace program {

class Runner {
 public:
  explicit Runner(const Model& model);
  ~Runner();
  /// Every output, in the network's order of axes.
  std::vector<trimtab::Array> operator()(const std::vector<trimtab::Array>& inputs);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace program
