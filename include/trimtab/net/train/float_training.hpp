#pragma once
/// \file
/// Training of float networks from labelled pictures: cross-entropy, stochastic gradient descent with momentum and a cosine
/// schedule, batch norm with the batch's statistics.

#include <algorithm>
#include <any>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <random>
#include <span>
#include <trimtab/core/progress.hpp>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/graph/network.hpp>
#include <trimtab/net/passes/calibrate.hpp>
#include <trimtab/train/loss.hpp>
#include <trimtab/train/schedule.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// A network in training mode: forward, backward and the step that moves its weights, biases, gammas and betas. All arithmetic is
/// cut into pieces that do not depend on the number of threads, and so are the results.
class FloatTrainer {
 public:
  /// `network` must outlive the trainer, which changes its weights in place. Throws unsupported_error when a node has a clip
  /// fused into it: train before fuse_clips.
  explicit FloatTrainer(Network& network) : network_(&network), nodes_(network.size()) {
    for (NodeId id = 0; id < network.size(); ++id) {
      if (network[id].clip != no_clip)
        throw unsupported_error(detail::message("FloatTrainer: node ", network[id].name, " has a clip fused into it"));
      for_each_trained(id, [&](const TensorView<float>& values, Parameter& p, bool) {
        p.grad.assign(values.size(), 0.0F);
        p.velocity.assign(values.size(), 0.0F);
      });
    }
  }

  /// The only output for a batch x, batch norm by the batch's own mean and variance. The running mean and variance that
  /// the network keeps move towards them: r += statistics_rate * (batch - r).
  const Array& forward(const Feed& x, float statistics_rate) {
    Network& network = *network_;
    const std::size_t batch = x.batch(detail::fed_extents(network), "FloatTrainer::forward: x");
    std::size_t fed = 0;
    for (NodeId id = 0; id < network.size(); ++id) {
      State& s = nodes_[id];
      s.has_grad = false;
      if (network[id].op->is_fed()) {
        s.output = x[fed++];
        continue;
      }
      detail::resize_batch(batch, network[id].extent, s.output);
      network[id].op->train_forward(inputs_of(id), view(s.output), s.cache, statistics_rate);
    }
    return output(network.output());
  }

  /// Adds the gradients of all parameters, given the loss' gradient with respect to the last forward's output.
  void backward(const Array& grad_output) {
    const Network& network = *network_;
    Array& grad = gradient(network.output());
    detail::require_extents(view(grad_output).extent, view(grad).extent, "FloatTrainer::backward: grad_output");
    for (std::size_t i = 0; i < grad.size(); ++i) grad.data()[i] += grad_output.data()[i];
    for (NodeId id = network.size(); id-- > 0;)
      if (nodes_[id].has_grad) node_backward(id);
  }

  /// v = momentum * v + grad + weight_decay * w;  w -= rate * v;  then grad = 0. Decay acts on the weights of convolutions and
  /// linear layers only. Throws value_error when a gradient is not finite, naming the node; the parameters before it have moved
  /// by then.
  void step(float rate, float momentum, float weight_decay) {
    for (NodeId id = 0; id < network_->size(); ++id)
      for_each_trained(id, [&](const TensorView<float>& values, Parameter& p, bool decays) {
        const float decay = decays ? weight_decay : 0.0F;
        for (std::size_t i = 0; i < values.size(); ++i) {
          if (!std::isfinite(p.grad[i]))
            throw value_error(
                detail::message("FloatTrainer::step: a gradient of node ", (*network_)[id].name, " is ", p.grad[i]));
          p.velocity[i] = momentum * p.velocity[i] + p.grad[i] + decay * values.data[i];
          values.data[i] -= rate * p.velocity[i];
          p.grad[i] = 0.0F;
        }
      });
  }

  /// The gradients that backward has added up for a node's weight (gamma) and bias (beta); empty for a node without parameters.
  std::span<const float> grad_weight(NodeId id) const { return grad_of(id, 0); }
  std::span<const float> grad_bias(NodeId id) const { return grad_of(id, 1); }  ///< of node id

 private:
  struct Parameter {
    std::vector<float> grad, velocity;
  };
  struct State {
    Array output, grad;
    bool has_grad = false;
    std::any cache;
    std::deque<Parameter> parameters;  // in the order of the operator's visit(), statistics left out
  };

  std::span<const float> grad_of(NodeId id, std::size_t parameter) const {
    return nodes_[id].parameters.size() > parameter ? nodes_[id].parameters[parameter].grad : std::span<const float>();
  }
  const Array& output(NodeId id) const { return nodes_[id].output; }
  std::vector<TensorView<const float>> inputs_of(NodeId id) const {
    std::vector<TensorView<const float>> x;
    for (const NodeId in : (*network_)[id].inputs) x.push_back(view(output(in)));
    return x;
  }

  /// visit(values, state, decays) for each tensor of trained parameters of a node.
  template <class Visit>
  void for_each_trained(NodeId id, const Visit& visit) {
    std::size_t i = 0;
    detail::for_each_parameter((*network_)[id].op, [&](std::string_view, const TensorView<float>& values, ParameterKind kind) {
      if (kind == ParameterKind::statistic) return;
      if (nodes_[id].parameters.size() == i) nodes_[id].parameters.emplace_back();
      visit(values, nodes_[id].parameters[i++], kind == ParameterKind::weight);
    });
  }

  /// The gradient of a node's output, zeros at first use within a backward.
  Array& gradient(NodeId id) {
    State& s = nodes_[id];
    if (!s.has_grad) {
      s.grad.resize(s.output.shape());
      std::fill_n(s.grad.data(), s.grad.size(), 0.0F);
      s.has_grad = true;
    }
    return s.grad;
  }

  class Gradients final : public InputGradients {
   public:
    Gradients(FloatTrainer& trainer, NodeId id) : trainer_(&trainer), inputs_(&(*trainer.network_)[id].inputs) {}
    // What is fed needs no gradient.
    bool wanted(std::size_t i) const override { return !(*trainer_->network_)[(*inputs_)[i]].op->is_fed(); }
    Claim claim(std::size_t i) override { return {view(trainer_->gradient((*inputs_)[i])), GradientMode::add}; }

   private:
    FloatTrainer* trainer_;
    const std::vector<NodeId>* inputs_;
  };

  void node_backward(NodeId id) {
    State& s = nodes_[id];
    if ((*network_)[id].op->is_fed()) return;
    std::vector<TensorView<float>> grads;
    for_each_trained(
        id, [&](const TensorView<float>& values, Parameter& p, bool) { grads.emplace_back(p.grad.data(), values.extent); });
    Gradients to(*this, id);
    (*network_)[id].op->backward({inputs_of(id), view(std::as_const(s.output)), view(std::as_const(s.grad)), s.cache, to, grads});
  }

  Network* network_;
  std::vector<State> nodes_;
};

/// How train_float trains.
struct FloatTrainingOptions {
  std::size_t epochs = 10, batch = 32;  ///< passes over the pictures, pictures in a step
  float learning_rate = 0.1F;           ///< peak; a tenth of the steps warm up to it, the others fall as half a cosine
  float momentum = 0.9F;                ///< of the running statistics of batch norm
  float weight_decay = 1e-4F;           ///< of weights; not of biases, gammas and betas
  float statistics_rate = 0.1F;         ///< of batch norm's running mean and variance
  std::uint64_t seed = 1;               ///< of the pictures' order
};

/// What train_float did.
struct FloatTrainingReport {
  std::vector<double> loss;                     ///< cross-entropy of each step's batch
  double seconds = 0, pictures_per_second = 0;  ///< of all steps
};

/// Trains `network` in place on the pictures 0 .. labels.size() - 1. Seeded; the same bits on any number of threads. Throws
/// value_error without pictures, for a batch or number of epochs of 0 or a label out of range, or when a gradient is not finite.
template <PictureSource Pictures>
FloatTrainingReport train_float(Network& network, const Pictures& pictures, std::span<const int> labels,
                                const FloatTrainingOptions& options, const Progress& progress = {}) {
  if (labels.empty() || options.batch == 0 || options.epochs == 0)
    throw value_error(detail::message("train_float: ", labels.size(), " pictures, batch ", options.batch, ", ", options.epochs,
                                      " epochs; each must be 1 or more"));
  const std::size_t batch = std::min(options.batch, labels.size());
  const std::size_t steps_per_epoch = labels.size() / batch;  // what is left over comes up in another epoch's order
  const std::size_t steps = steps_per_epoch * options.epochs;
  const CosineAnnealing schedule(static_cast<double>(options.learning_rate), steps, steps / 10);

  FloatTrainer trainer(network);
  FloatTrainingReport report;
  std::vector<std::size_t> order = detail::first_indices(labels.size());
  std::mt19937_64 random(options.seed);
  std::vector<int> wanted(batch);
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t step = 0; step < steps; ++step) {
    if (step % steps_per_epoch == 0)
      for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
    const auto some = std::span<const std::size_t>(order).subspan(step % steps_per_epoch * batch, batch);
    for (std::size_t i = 0; i < batch; ++i) wanted[i] = labels[some[i]];
    const Array& logits = trainer.forward(detail::batch_of(pictures, some), options.statistics_rate);
    Array grad = xt::zeros_like(logits);
    report.loss.push_back(cross_entropy(logits, wanted, grad));
    trainer.backward(grad);
    trainer.step(static_cast<float>(schedule.rate(step)), options.momentum, options.weight_decay);
    if (progress) progress(step + 1, steps);
  }
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  report.pictures_per_second = static_cast<double>(steps * batch) / report.seconds;
  return report;
}

}  // namespace trimtab
