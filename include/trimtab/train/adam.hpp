#pragma once
/// \file
/// Adam (Kingma and Ba, ICLR 2015) over flat spans of parameters.

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <trimtab/core/error.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// Decay rates of the two moments, each in [0, 1), and the constant that guards the division.
struct AdamOptions {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;  ///< of the two averages, and what keeps the quotient finite
};

/// What Adam remembers between steps: how many there were, and the running moments of each parameter's gradient.
struct AdamState {
  std::int64_t steps = 0;
  std::vector<double> mean, variance;
  friend bool operator==(const AdamState&, const AdamState&) = default;
};

/// Moments of a fixed number of parameters. Owned by the caller's loop; nothing is registered anywhere.
template <std::floating_point Real>
class Adam {
 public:
  /// Throws value_error when an option is outside its range.
  explicit Adam(std::size_t parameters, AdamOptions options = {})
      : options_(options), state_{0, std::vector<double>(parameters), std::vector<double>(parameters)} {
    const auto is_decay = [](double beta) { return beta >= 0 && beta < 1; };
    if (!is_decay(options.beta1) || !is_decay(options.beta2) || !(options.epsilon > 0))
      throw value_error(detail::message("Adam: beta1 ", options.beta1, ", beta2 ", options.beta2, ", epsilon ", options.epsilon,
                                        " are out of range"));
  }

  /// parameter -= rate * m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon), algorithm 1 of the paper. Throws value_error on
  /// a gradient that is not finite, or a rate that is not or is negative, before anything is changed; shape_error when the
  /// lengths differ.
  void step(std::span<Real> parameters, std::span<const Real> gradients, double rate) {
    auto& [steps, mean, variance] = state_;
    if (parameters.size() != mean.size() || gradients.size() != mean.size())
      throw shape_error(detail::message("Adam::step: ", parameters.size(), " parameters and ", gradients.size(),
                                        " gradients for ", mean.size(), " moments"));
    if (!(rate >= 0) || !std::isfinite(rate))
      throw value_error(detail::message("Adam::step: rate ", rate, "; expected 0 or more"));
    for (std::size_t i = 0; i < gradients.size(); ++i)
      if (!std::isfinite(gradients[i])) throw value_error(detail::message("Adam::step: gradient ", i, " is ", gradients[i]));
    ++steps;
    const double t = static_cast<double>(steps);
    const double correct1 = 1 - std::pow(options_.beta1, t), correct2 = 1 - std::pow(options_.beta2, t);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const double g = double(gradients[i]);
      mean[i] = options_.beta1 * mean[i] + (1 - options_.beta1) * g;
      variance[i] = options_.beta2 * variance[i] + (1 - options_.beta2) * g * g;
      parameters[i] -= static_cast<Real>(rate * (mean[i] / correct1) / (std::sqrt(variance[i] / correct2) + options_.epsilon));
    }
  }

  /// Forgets both moments and the step count: the optimizer reset of paper 4.1.2.
  void reset() {
    state_.steps = 0;
    state_.mean.assign(state_.mean.size(), 0.0);
    state_.variance.assign(state_.variance.size(), 0.0);
  }

  /// To be kept, and given to restore.
  const AdamState& state() const { return state_; }
  /// Goes on from a state of as many parameters. Throws shape_error when their number differs, value_error for a state that no
  /// step leaves: a negative count, a moment that is not finite, a negative variance.
  void restore(AdamState state) {
    if (state.mean.size() != state_.mean.size() || state.variance.size() != state_.mean.size())
      throw shape_error(detail::message("Adam::restore: ", state.mean.size(), " means and ", state.variance.size(),
                                        " variances for ", state_.mean.size(), " parameters"));
    if (state.steps < 0) throw value_error(detail::message("Adam::restore: ", state.steps, " steps"));
    for (std::size_t i = 0; i < state.mean.size(); ++i)
      if (!std::isfinite(state.mean[i]) || !std::isfinite(state.variance[i]) || state.variance[i] < 0)
        throw value_error(
            detail::message("Adam::restore: parameter ", i, " has mean ", state.mean[i], ", variance ", state.variance[i]));
    state_ = std::move(state);
  }

 private:
  AdamOptions options_;
  AdamState state_;
};

}  // namespace trimtab
