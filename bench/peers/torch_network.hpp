#pragma once
/// \file
/// The quantized network in training through libtorch, where CMake found it. Its headers stay in torch_network.cpp.

#include <cstddef>
#include <memory>
#include <span>
#include <trimtab/net/quantize/quantized_network.hpp>
#include <vector>

namespace peers {

/// The same nodes with the same weights and thresholds, out of libtorch's own operators: conv2d, clamp, add, mean and its
/// learnable fake quantization, per channel for weights and per tensor for activations. Scales are trained, weights and biases
/// fixed. Symmetric thresholds, and the operators of MobileNets only; others throw unsupported_error.
class TorchNetwork {
 public:
  /// `channels_last`: how libtorch keeps activations and filters.
  TorchNetwork(const trimtab::QuantizedNetwork& q, bool channels_last);
  ~TorchNetwork();

  static void set_threads(int count);
  static const char* version();
  /// Output of a batch, N H W C as `extent` says, in `batch` rows.
  std::vector<float> forward(std::span<const float> x, const trimtab::Extents& extent);
  /// The last forward's backward from dloss/doutput to the gradients of all scales.
  void backward(std::span<const float> grad_output);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace peers
