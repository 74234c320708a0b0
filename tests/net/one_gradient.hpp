#pragma once
// What an operator's backward is given to write to.

#include <trimtab/net/graph/operator_rules.hpp>
#include <vector>

namespace trimtab::test {

/// One gradient, in memory of its own; `there` stands in it before.
struct OneGradient final : InputGradients {
  std::vector<float> grad;
  Extents extent;
  GradientMode mode = GradientMode::assign;
  explicit OneGradient(const Extents& e, float there = 7) : grad(element_count(e), there), extent(e) {}
  bool wanted(std::size_t) const override { return true; }
  Claim claim(std::size_t) override { return {TensorView<float>(grad.data(), extent), mode}; }
};

}  // namespace trimtab::test
