#pragma once
/// \file
/// Several quantizers trained as one: their gradients side by side, one Adam over all factors, all of them back in their bounds
/// after a step.

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <span>
#include <trimtab/core/error.hpp>
#include <trimtab/quant/threshold.hpp>
#include <trimtab/train/adam.hpp>
#include <type_traits>
#include <vector>

namespace trimtab {

/// `FactorOptimizer<float> optimizer(q1, q2, q3);` The quantizers stay where they are and outlive it. A step of training fills
/// `gradients(q)` of each, which every backward adds into, and calls `step(rate)`.
template <std::floating_point Real>
class FactorOptimizer {
 public:
  /// With Adam's defaults. Throws value_error when a quantizer is named twice.
  template <Quantizer... Q>
  explicit FactorOptimizer(Q&... quantizers) : FactorOptimizer(AdamOptions{}, quantizers...) {}
  /// Throws value_error when an option is outside its range, too.
  template <Quantizer... Q>
  explicit FactorOptimizer(AdamOptions options, Q&... quantizers) : options_(options), adam_(0, options) {
    (add(quantizers), ...);
  }
  /// One more quantizer; Adam and all gradients begin anew. Throws value_error when it is there already.
  template <Quantizer Q>
  void add(Q& quantizer) {
    static_assert(std::is_same_v<typename Q::value_type, Real>, "trimtab: the quantizers' factors are of the optimizer's type");
    for (const Part& part : parts_)
      if (part.quantizer == &quantizer) throw value_error("FactorOptimizer: a quantizer is named twice");
    parts_.push_back({&quantizer, gradient_.size(), [](void* q) -> std::span<Real> { return static_cast<Q*>(q)->factors(); },
                      [](void* q) { project(*static_cast<Q*>(q)); }});
    gradient_.assign(gradient_.size() + quantizer.factors().size(), Real(0));
    adam_ = Adam<Real>(gradient_.size(), options_);
  }

  /// dloss / dfactor of one of the quantizers, in the order of its factors(): 0 after each step. Throws value_error for a
  /// stranger.
  template <Quantizer Q>
  std::span<Real> gradients(const Q& quantizer) {
    for (const Part& part : parts_)
      if (part.quantizer == &quantizer) return {gradient_.data() + part.begin, quantizer.factors().size()};
    throw value_error("FactorOptimizer::gradients: a quantizer that was not given to the constructor");
  }

  /// Adam::step on all factors, then project, then zeroes the gradients. Throws as Adam::step does; nothing is changed then.
  void step(double rate) {
    factor_.clear();
    for (const Part& part : parts_) {
      const std::span<Real> own = part.factors(part.quantizer);
      factor_.insert(factor_.end(), own.begin(), own.end());
    }
    adam_.step(factor_, gradient_, rate);
    for (const Part& part : parts_) {
      const std::span<Real> own = part.factors(part.quantizer);
      std::copy_n(factor_.data() + part.begin, own.size(), own.data());
      part.project(part.quantizer);
    }
    std::fill(gradient_.begin(), gradient_.end(), Real(0));
  }

  /// Forgets Adam's moments, as Adam::reset does.
  void reset() { adam_.reset(); }

 private:
  struct Part {
    void* quantizer;
    std::size_t begin;
    std::span<Real> (*factors)(void*);
    void (*project)(void*);
  };

  AdamOptions options_;
  Adam<Real> adam_;
  std::vector<Part> parts_;
  std::vector<Real> gradient_, factor_;
};

}  // namespace trimtab
