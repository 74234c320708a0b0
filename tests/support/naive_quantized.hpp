#pragma once
// A quantized network by the plainest loops there are: 64-bit integers forward, double backward. The reference of the executors.

#include <cmath>
#include <trimtab/net/quantize/lower_layer.hpp>
#include <trimtab/net/quantize/quantized_network.hpp>

#include "typed_layers.hpp"

namespace trimtab::test {

/// Calls f(output, input, weight, output channel) for every multiplication of a layer with weights, for one picture. Indices are
/// flat.
template <class F>
void for_each_product(const Network& n, NodeId id, const F& f) {
  const Extents& in = n[n[id].inputs[0]].extent;
  const Extents& out = n[id].extent;
  const auto window = [&](std::size_t kh, std::size_t kw, std::size_t per_filter, std::size_t group_out, const WindowOptions& o,
                          const auto& weight) {
    for (std::size_t y = 0; y < out[0]; ++y)
      for (std::size_t x = 0; x < out[1]; ++x)
        for (std::size_t c = 0; c < out[2]; ++c)
          for (std::size_t r = 0; r < kh; ++r)
            for (std::size_t s = 0; s < kw; ++s)
              for (std::size_t i = 0; i < per_filter; ++i) {
                const std::size_t iy = y * o.stride_h + r * o.dilation_h, ix = x * o.stride_w + s * o.dilation_w;
                if (iy < o.padding.top || ix < o.padding.left || iy - o.padding.top >= in[0] || ix - o.padding.left >= in[1])
                  continue;
                const std::size_t channel = c / group_out * per_filter + i;
                f((y * out[1] + x) * out[2] + c, ((iy - o.padding.top) * in[1] + ix - o.padding.left) * in[2] + channel,
                  weight(c, r, s, i), c);
              }
  };
  if (const auto* l = n[id].op.get_if<Conv2d>()) {
    const auto& sh = l->weight.shape();
    window(sh[1], sh[2], sh[3], sh[0] / l->groups, l->window,
           [&](std::size_t c, std::size_t r, std::size_t s, std::size_t i) { return ((c * sh[1] + r) * sh[2] + s) * sh[3] + i; });
  } else if (const auto* d = n[id].op.get_if<DepthwiseConv2d>()) {
    const auto& sh = d->weight.shape();
    window(sh[0], sh[1], 1, 1, d->window,
           [&](std::size_t c, std::size_t r, std::size_t s, std::size_t) { return (r * sh[1] + s) * sh[2] + c; });
  } else if (const auto* m = n[id].op.get_if<Linear>()) {
    for (std::size_t o = 0; o < m->weight.shape(0); ++o)
      for (std::size_t i = 0; i < m->weight.shape(1); ++i) f(o, i, o * m->weight.shape(1) + i, o);
  }
}

/// Calls f(output, input, count) for every input of a pooling window that lies in the picture; count: what an average divides by.
template <class F>
void for_each_pooled(const Network& n, NodeId id, const F& f) {
  const Extents& in = n[n[id].inputs[0]].extent;
  const Extents& out = n[id].extent;
  const auto* average = n[id].op.get_if<AveragePool>();
  const auto* max = n[id].op.get_if<MaxPool>();
  const std::size_t kh = average ? average->kernel_h : (max ? max->kernel_h : in[0]),
                    kw = average ? average->kernel_w : (max ? max->kernel_w : in[1]);
  const WindowOptions o = average ? average->window : (max ? max->window : WindowOptions{});
  for (std::size_t y = 0; y < out[0]; ++y)
    for (std::size_t x = 0; x < out[1]; ++x) {
      std::vector<std::size_t> pixels;
      for (std::size_t r = 0; r < kh; ++r)
        for (std::size_t s = 0; s < kw; ++s) {
          const std::size_t iy = y * o.stride_h + r * o.dilation_h, ix = x * o.stride_w + s * o.dilation_w;
          if (iy >= o.padding.top && ix >= o.padding.left && iy - o.padding.top < in[0] && ix - o.padding.left < in[1])
            pixels.push_back((iy - o.padding.top) * in[1] + ix - o.padding.left);
        }
      for (const std::size_t p : pixels)
        for (std::size_t c = 0; c < in[2]; ++c)
          f((y * out[1] + x) * out[2] + c, p * in[2] + c, average && average->count_include_pad ? kh * kw : pixels.size());
    }
}

struct NaiveRun {
  std::vector<std::vector<int>> bytes;     // by node, batch outermost
  std::vector<std::vector<double>> steps;  // before clip and rounding; empty where codes are kept
};

inline NaiveRun naive_run(const QuantizedNetwork& q, const Array& x) {
  const Network& n = q.network;
  const std::size_t batch = x.shape(0);
  NaiveRun run{std::vector<std::vector<int>>(n.size()), std::vector<std::vector<double>>(n.size())};
  for (NodeId id = 0; id < n.size(); ++id) {
    const Node& node = n[id];
    const Affine<float> grid = byte_grid(q, id);
    const std::size_t size = element_count(node.extent);
    for (std::size_t b = 0; b < batch; ++b) {
      const auto input = [&](std::size_t i, std::size_t at) {
        const NodeId in = node.inputs[i];
        return std::int64_t{run.bytes[in][b * element_count(n[in].extent) + at]} - byte_grid(q, in).zero_point;
      };
      const auto scale = [&](std::size_t i) { return byte_grid(q, node.inputs[i]).scale; };
      std::vector<float> steps(size);
      std::vector<int> kept;
      std::vector<std::int64_t> whole;  // steps as integers alone give them, where the network does without floats
      const bool fixed = q.requantizer == Requantizer::fixed_point;
      // The product in steps of the output's grid, times 2^20 where two of them are added (TFLite's ADD).
      const auto twice = [](std::int64_t v, double m) { return multiply_twice(static_cast<std::int32_t>(v), fixed_point(m)); };
      if (detail::has_weights(node.op)) {
        std::vector<std::int64_t> acc(size);
        test::with_layer(node.op, [&](const auto& own) {
          const auto l = test::effective(own, q.pointwise[id]);
          const std::size_t channels = node.extent.back();
          const auto w_grid = [&](std::size_t c) { return q.weight[id]->grid(q.weight[id]->channels() == 1 ? 0 : c); };
          for (std::size_t i = 0; i < size; ++i)
            acc[i] = quantize_bias(double(l.bias(i % channels)), double(scale(0)), double(w_grid(i % channels).scale));
          for_each_product(n, id, [&](std::size_t o, std::size_t i, std::size_t w, std::size_t c) {
            acc[o] += input(0, i) * (w_grid(c).quantize(l.weight.data()[w]) - w_grid(c).zero_point);
          });
          for (std::size_t i = 0; i < size; ++i)
            steps[i] =
                static_cast<float>(static_cast<std::int32_t>(acc[i])) * (scale(0) * w_grid(i % channels).scale / grid.scale);
          for (std::size_t i = 0; fixed && i < size; ++i) {
            const bool uint8 = q.weight[id]->grid(0).codes.qmin != -q.weight[id]->grid(0).codes.qmax;
            const bool one_scale = uint8 || (node.op.is<Linear>() && q.weight[id]->channels() == 1);
            const float s_w = w_grid(i % channels).scale;
            const double product = one_scale ? double(scale(0) * s_w) : double(scale(0)) * double(s_w);
            const bool rounds_twice = uint8 || node.op.is<DepthwiseConv2d>();
            whole.push_back(multiply(static_cast<std::int32_t>(acc[i]), fixed_point(product / double(grid.scale)),
                                     rounds_twice ? FixedPointRounding::twice : FixedPointRounding::once));
          }
        });
      } else if (node.op.is<Input>()) {
        for (std::size_t i = 0; i < size; ++i) steps[i] = x.data()[b * size + i] / grid.scale;
      } else if (node.op.is<Add>()) {
        for (std::size_t i = 0; i < size; ++i) {
          const float from_a = static_cast<float>(input(0, i)) * (scale(0) / grid.scale);
          const float from_b = static_cast<float>(input(1, i)) * (scale(1) / grid.scale);
          steps[i] = from_a + from_b;
          const double t = 2 * double(std::max(scale(0), scale(1)));
          if (fixed)
            whole.push_back(twice(twice(input(0, i) << 20, double(scale(0)) / t) + twice(input(1, i) << 20, double(scale(1)) / t),
                                  t / (double(1 << 20) * double(grid.scale))));
        }
      } else if (node.op.is<Concat>()) {
        std::size_t begin = 0;
        if (fixed) whole.resize(size);
        for (std::size_t k = 0; k < node.inputs.size(); ++k) {
          const std::size_t channels = n[node.inputs[k]].extent.back();
          for (std::size_t i = 0; i < element_count(n[node.inputs[k]].extent); ++i) {
            const std::size_t to = i / channels * node.extent.back() + begin + i % channels;
            steps[to] = static_cast<float>(input(k, i)) * (scale(k) / grid.scale);
            if (fixed) whole[to] = twice(input(k, i), double(scale(k)) / double(grid.scale));
          }
          begin += channels;
        }
      } else if (node.op.is<AveragePool>() || node.op.is<GlobalAveragePool>()) {
        std::vector<std::int64_t> sum(size), count(size);
        for_each_pooled(n, id, [&](std::size_t o, std::size_t i, std::size_t of) {
          sum[o] += input(0, i);
          count[o] = static_cast<std::int64_t>(of);
        });
        for (std::size_t i = 0; i < size; ++i)
          steps[i] = static_cast<float>(sum[i]) * (scale(0) / (grid.scale * static_cast<float>(count[i])));
        // The mean of TFLite's codes, ties away from their 0, less the zero point.
        const std::int64_t zero = grid.zero_point - code_origin(q);
        for (std::size_t i = 0; fixed && i < size; ++i)
          whole.push_back(std::llround(double(sum[i] + count[i] * zero) / double(count[i])) - zero);
      } else if (node.op.is<MaxPool>()) {
        kept.assign(size, -1000);
        for_each_pooled(n, id, [&](std::size_t o, std::size_t i, std::size_t) {
          kept[o] = std::max(kept[o], int(input(0, i)) + byte_grid(q, node.inputs[0]).zero_point);
        });
      } else {
        for (std::size_t i = 0; i < size; ++i) kept.push_back(int(input(0, i)) + grid.zero_point);
      }
      for (std::size_t i = 0; i < size; ++i) {
        const double exact =
            whole.empty() ? kept.empty() ? double(steps[i]) : double(kept[i] - grid.zero_point) : double(whole[i]);
        const double held =
            std::clamp(exact, double(grid.codes.qmin - grid.zero_point), double(grid.codes.qmax - grid.zero_point));
        run.bytes[id].push_back(int(std::nearbyint(held)) + grid.zero_point);
        if (kept.empty()) run.steps[id].push_back(double(steps[i]));
      }
    }
  }
  return run;
}

inline std::vector<std::vector<int>> naive_codes(const QuantizedNetwork& q, const Array& x) { return naive_run(q, x).bytes; }

/// dloss / dfactor in the order of factor_blocks, for dloss / doutput = grad_y, by chain rule over single products in double.
inline std::vector<double> naive_factor_gradients(const QuantizedNetwork& q, const Array& x, const Array& grad_y) {
  const Network& n = q.network;
  const std::size_t batch = x.shape(0);
  const NaiveRun run = naive_run(q, x);
  std::vector<std::vector<double>> grad(n.size());
  for (NodeId id = 0; id < n.size(); ++id) grad[id].assign(run.bytes[id].size(), 0.0);
  for (std::size_t i = 0; i < grad_y.size(); ++i) grad[n.output()][i] = double(grad_y.data()[i]);
  std::vector<GridGradient> of_output(n.size());
  std::vector<std::vector<GridGradient>> of_weight(n.size());
  std::vector<std::pair<std::vector<double>, std::vector<double>>> of_single(n.size());  // weights, biases

  for (NodeId id = n.size(); id-- > 0;) {
    const Node& node = n[id];
    const std::size_t size = element_count(node.extent);
    const Affine<float> grid = q.output_grid(id);
    if (detail::rounds_output(node))
      for (std::size_t i = 0; i < grad[id].size(); ++i) {
        const double real = run.steps[id][i] * double(grid.scale), lo = double(node.clip.lo), hi = double(node.clip.hi);
        const double clipped = std::clamp(real, lo, hi) / double(grid.scale);
        double& g = grad[id][i];
        GridGradient& sums = of_output[q.grid_of[id]];
        const bool below = clipped<double(grid.lowest()), above = clipped> double(grid.highest());
        if (below)
          sums.below += g;
        else if (above)
          sums.above += g;
        else
          sums.residue += g * (std::nearbyint(clipped) - clipped);
        if (below || above || real < lo || real > hi) g = 0;
      }
    const auto in_size = [&](std::size_t k) { return element_count(n[node.inputs[k]].extent); };
    for (std::size_t b = 0; b < batch; ++b) {
      const double* g = grad[id].data() + b * size;
      const auto grad_in = [&](std::size_t k, std::size_t i) -> double& { return grad[node.inputs[k]][b * in_size(k) + i]; };
      if (detail::has_weights(node.op)) {
        test::with_layer(node.op, [&](const auto& own) {
          const auto l = test::effective(own, q.pointwise[id]);
          const AnyQuantizer& w = *q.weight[id];
          const Affine<float> in = byte_grid(q, node.inputs[0]);
          of_weight[id].resize(w.channels());
          std::vector<double> grad_w(l.weight.size());
          std::vector<std::size_t> channel(l.weight.size());
          for_each_product(n, id, [&](std::size_t o, std::size_t i, std::size_t at, std::size_t c) {
            channel[at] = w.channels() == 1 ? 0 : c;
            const Affine<float> wg = w.grid(channel[at]);
            grad_w[at] += g[o] * double(in.scale) * double(run.bytes[node.inputs[0]][b * in_size(0) + i] - in.zero_point);
            grad_in(0, i) += g[o] * double(wg.fake_quantize(l.weight.data()[at]));
          });
          for (std::size_t at = 0; at < grad_w.size(); ++at) {
            const Affine<float> wg = w.grid(channel[at]);
            const double v = double(l.weight.data()[at] / wg.scale);
            GridGradient& sums = of_weight[id][channel[at]];
            if (v < double(wg.lowest()))
              sums.below += grad_w[at];
            else if (v > double(wg.highest()))
              sums.above += grad_w[at];
            else {
              sums.residue += grad_w[at] * (std::nearbyint(v) - v);
              of_single[id].first.resize(grad_w.size());
              of_single[id].first[at] += grad_w[at] * double(own.weight.data()[at]);
            }
          }
          of_single[id].second.resize(own.bias.size());
          for (std::size_t i = 0; i < size; ++i)
            of_single[id].second[i % own.bias.size()] += g[i] * double(own.bias(i % own.bias.size()));
        });
      } else if (node.op.is<Add>()) {
        for (std::size_t i = 0; i < size; ++i) {
          grad_in(0, i) += g[i];
          grad_in(1, i) += g[i];
        }
      } else if (node.op.is<Concat>()) {
        std::size_t begin = 0;
        for (std::size_t k = 0; k < node.inputs.size(); ++k) {
          const std::size_t channels = n[node.inputs[k]].extent.back();
          for (std::size_t i = 0; i < in_size(k); ++i)
            grad_in(k, i) += g[i / channels * node.extent.back() + begin + i % channels];
          begin += channels;
        }
      } else if (node.op.is<MaxPool>()) {
        std::vector<bool> given(size);
        for_each_pooled(n, id, [&](std::size_t o, std::size_t i, std::size_t) {
          if (!given[o] && run.bytes[node.inputs[0]][b * in_size(0) + i] == run.bytes[id][b * size + o]) {
            given[o] = true;
            grad_in(0, i) += g[o];
          }
        });
      } else if (node.op.is<AveragePool>() || node.op.is<GlobalAveragePool>()) {
        for_each_pooled(n, id, [&](std::size_t o, std::size_t i, std::size_t count) { grad_in(0, i) += g[o] / double(count); });
      } else if (node.op.is<Flatten>()) {
        for (std::size_t i = 0; i < size; ++i) grad_in(0, i) += g[i];
      }
    }
  }

  std::vector<double> factors;
  const auto append = [&](const AnyQuantizer& a, const std::vector<GridGradient>& sums) {
    std::vector<float> g(a.factors().size());
    for (std::size_t c = 0; c < a.channels(); ++c) a.add_gradient(c, sums[c], g);
    factors.insert(factors.end(), g.begin(), g.end());
  };
  for (NodeId id = 0; id < n.size(); ++id)
    if (q.output[id]) append(*q.output[id], {of_output[id]});
  for (NodeId id = 0; id < n.size(); ++id)
    if (q.weight[id]) append(*q.weight[id], of_weight[id]);
  for (NodeId id = 0; id < n.size(); ++id)
    if (!q.pointwise[id].weight.empty())
      for (const auto& list : {of_single[id].first, of_single[id].second})
        factors.insert(factors.end(), list.begin(), list.end());
  return factors;
}

}  // namespace trimtab::test
