#pragma once
/// \file
/// Adam (Kingma and Ba, ICLR 2015) over flat spans of parameters.

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <trimtab/core/error.hpp>

namespace trimtab {

/// Decay rates of the two moments, each in [0, 1), and the constant that guards the division.
struct AdamOptions {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;  ///< of the two averages, and what keeps the quotient finite
};

/// Moments of a fixed number of parameters. Owned by the caller's loop; nothing is registered anywhere.
template <std::floating_point Real>
class Adam {
 public:
  /// Throws value_error when an option is outside its range.
  explicit Adam(std::size_t parameters, AdamOptions options = {})
      : options_(options), mean_(parameters), variance_(parameters) {
    const auto is_decay = [](double beta) { return beta >= 0 && beta < 1; };
    if (!is_decay(options.beta1) || !is_decay(options.beta2) || !(options.epsilon > 0))
      throw value_error(
          detail::message("Adam: beta1 ", options.beta1, ", beta2 ", options.beta2, ", epsilon ", options.epsilon, " are out of range"));
  }

  /// parameter -= rate * m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon), algorithm 1 of the paper. Throws value_error on a
  /// gradient that is not finite, before anything is changed; shape_error when the lengths differ.
  void step(std::span<Real> parameters, std::span<const Real> gradients, double rate) {
    if (parameters.size() != mean_.size() || gradients.size() != mean_.size())
      throw shape_error(detail::message("Adam::step: ", parameters.size(), " parameters and ", gradients.size(), " gradients for ",
                                        mean_.size(), " moments"));
    for (std::size_t i = 0; i < gradients.size(); ++i)
      if (!std::isfinite(gradients[i])) throw value_error(detail::message("Adam::step: gradient ", i, " is ", gradients[i]));
    ++steps_;
    const double t = static_cast<double>(steps_);
    const double correct1 = 1 - std::pow(options_.beta1, t), correct2 = 1 - std::pow(options_.beta2, t);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const double g = gradients[i];
      mean_[i] = options_.beta1 * mean_[i] + (1 - options_.beta1) * g;
      variance_[i] = options_.beta2 * variance_[i] + (1 - options_.beta2) * g * g;
      parameters[i] -= static_cast<Real>(rate * (mean_[i] / correct1) / (std::sqrt(variance_[i] / correct2) + options_.epsilon));
    }
  }

  /// Forgets both moments and the step count: the optimizer reset of paper 4.1.2.
  void reset() {
    steps_ = 0;
    mean_.assign(mean_.size(), 0.0);
    variance_.assign(variance_.size(), 0.0);
  }

 private:
  AdamOptions options_;
  std::int64_t steps_ = 0;
  std::vector<double> mean_, variance_;
};

}  // namespace trimtab
