#include "torch_network.hpp"

#include <torch/torch.h>

namespace peers {

using namespace trimtab;

namespace {

/// A threshold as libtorch's operators want it.
struct Quantizer {
  torch::Tensor scale, zero_point;
  std::int64_t lo, hi;
};

Quantizer quantizer(const AnyQuantizer& q) {
  Quantizer result{torch::empty({static_cast<std::int64_t>(q.channels())}),
                   torch::zeros({static_cast<std::int64_t>(q.channels())}), q.grid(0).codes.qmin, q.grid(0).codes.qmax};
  for (std::size_t c = 0; c < q.channels(); ++c) {
    if (q.grid(c).zero_point != 0) throw unsupported_error("TorchNetwork: symmetric thresholds only");
    result.scale.data_ptr<float>()[c] = q.grid(c).scale;
  }
  result.scale.requires_grad_(true);
  return result;
}

torch::Tensor quantize(const torch::Tensor& x, const Quantizer& q) {
  return q.scale.numel() == 1 ? torch::_fake_quantize_learnable_per_tensor_affine(x, q.scale, q.zero_point, q.lo, q.hi, 1.0)
                              : torch::_fake_quantize_learnable_per_channel_affine(x, q.scale, q.zero_point, 0, q.lo, q.hi, 1.0);
}

std::vector<std::int64_t> sizes(const Extents& e) { return {e.begin(), e.end()}; }

/// O KH KW I to O I KH KW, or KH KW C to C 1 KH KW.
torch::Tensor filters(const float* data, const Extents& e, bool depthwise, torch::MemoryFormat format) {
  const torch::Tensor w = torch::from_blob(const_cast<float*>(data), sizes(e));
  return (depthwise ? w.permute({2, 0, 1}).unsqueeze(1) : w.permute({0, 3, 1, 2})).clone(format);
}

}  // namespace

struct TorchNetwork::State {
  struct Layer {
    torch::Tensor weight, bias;
    Quantizer quantizer;
  };
  const QuantizedNetwork& q;
  torch::MemoryFormat format;
  std::vector<std::optional<Layer>> layer;
  std::vector<std::optional<Quantizer>> output;
  torch::Tensor y;

  template <class L>
  void add_layer(NodeId id, const L& l, const torch::Tensor& weight) {
    torch::Tensor bias = torch::zeros({weight.size(0)});
    std::copy(l.bias.begin(), l.bias.end(), bias.data_ptr<float>());
    layer[id] = Layer{weight, bias, quantizer(*q.weight[id])};
  }

  torch::Tensor convolve(const torch::Tensor& x, const Layer& l, const WindowOptions& o, std::int64_t groups) const {
    const auto i = [](std::size_t n) { return static_cast<std::int64_t>(n); };
    const Padding& p = o.padding;
    const bool even = p.top == p.bottom && p.left == p.right;
    const torch::Tensor padded = even ? x : torch::constant_pad_nd(x, {i(p.left), i(p.right), i(p.top), i(p.bottom)}, 0);
    const std::vector<std::int64_t> padding =
        even ? std::vector<std::int64_t>{i(p.top), i(p.left)} : std::vector<std::int64_t>{0, 0};
    return torch::conv2d(padded, quantize(l.weight, l.quantizer), l.bias, {i(o.stride_h), i(o.stride_w)}, padding,
                         {i(o.dilation_h), i(o.dilation_w)}, groups);
  }
};

TorchNetwork::TorchNetwork(const QuantizedNetwork& q, bool channels_last)
    : state_(new State{q, channels_last ? torch::MemoryFormat::ChannelsLast : torch::MemoryFormat::Contiguous, {}, {}, {}}) {
  State& s = *state_;
  s.layer.resize(q.network.size());
  s.output.resize(q.network.size());
  for (NodeId id = 0; id < q.network.size(); ++id) {
    if (q.output[id]) s.output[id] = quantizer(*q.output[id]);
    const Operator& op = q.network[id].op;
    if (const auto* conv = op.get_if<Conv2d>())
      s.add_layer(id, *conv, filters(conv->weight.data(), view(conv->weight).extent, false, s.format));
    else if (const auto* depthwise = op.get_if<DepthwiseConv2d>())
      s.add_layer(id, *depthwise, filters(depthwise->weight.data(), view(depthwise->weight).extent, true, s.format));
    else if (const auto* linear = op.get_if<trimtab::Linear>())
      s.add_layer(id, *linear,
                  torch::from_blob(const_cast<float*>(linear->weight.data()), sizes(view(linear->weight).extent)).clone());
  }
}

TorchNetwork::~TorchNetwork() = default;

void TorchNetwork::set_threads(int count) { torch::set_num_threads(count); }

const char* TorchNetwork::version() { return TORCH_VERSION; }

std::vector<float> TorchNetwork::forward(std::span<const float> x, const Extents& extent) {
  State& s = *state_;
  const Network& n = s.q.network;
  std::vector<torch::Tensor> y(n.size());
  for (NodeId id = 0; id < n.size(); ++id) {
    const Node& node = n[id];
    const auto in = [&](std::size_t i = 0) -> const torch::Tensor& { return y[node.inputs[i]]; };
    if (node.op->is_fed())
      y[id] = torch::from_blob(const_cast<float*>(x.data()), sizes(extent)).permute({0, 3, 1, 2}).contiguous(s.format);
    else if (const auto* conv = node.op.get_if<Conv2d>())
      y[id] = s.convolve(in(), *s.layer[id], conv->window, static_cast<std::int64_t>(conv->groups));
    else if (const auto* depthwise = node.op.get_if<DepthwiseConv2d>())
      y[id] = s.convolve(in(), *s.layer[id], depthwise->window, s.layer[id]->weight.size(0));
    else if (node.op.is<trimtab::Linear>())
      y[id] = torch::linear(in(), quantize(s.layer[id]->weight, s.layer[id]->quantizer), s.layer[id]->bias);
    else if (node.op.is<Add>())
      y[id] = in(0) + in(1);
    else if (node.op.is<GlobalAveragePool>())
      y[id] = torch::mean(in(), {2, 3}, true);
    else if (node.op.is<Flatten>())
      y[id] = torch::flatten(in(), 1);
    else
      throw unsupported_error(trimtab::detail::message("TorchNetwork: ", operator_name(node.op)));
    if (node.clip != no_clip) y[id] = torch::clamp(y[id], node.clip.lo, node.clip.hi);
    if (s.output[id]) y[id] = quantize(y[id], *s.output[id]);
  }
  s.y = y[n.output()];
  const torch::Tensor dense = s.y.detach().contiguous();
  return {dense.data_ptr<float>(), dense.data_ptr<float>() + dense.numel()};
}

void TorchNetwork::backward(std::span<const float> grad_output) {
  State& s = *state_;
  s.y.backward(torch::from_blob(const_cast<float*>(grad_output.data()), s.y.sizes()));
  s.y = torch::Tensor();
}

}  // namespace peers
