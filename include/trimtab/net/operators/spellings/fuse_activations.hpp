#pragma once
/// \file
/// Activations that exporters spell out as several nodes, made one operator again: one table instead of several roundings.

#include <array>
#include <cmath>
#include <optional>
#include <trimtab/net/operators/add.hpp>
#include <trimtab/net/operators/channel_affine.hpp>
#include <trimtab/net/operators/clip.hpp>
#include <trimtab/net/operators/constant.hpp>
#include <trimtab/net/operators/div.hpp>
#include <trimtab/net/operators/erf.hpp>
#include <trimtab/net/operators/exp.hpp>
#include <trimtab/net/operators/gelu.hpp>
#include <trimtab/net/operators/hard_sigmoid.hpp>
#include <trimtab/net/operators/hard_swish.hpp>
#include <trimtab/net/operators/leaky_relu.hpp>
#include <trimtab/net/operators/log.hpp>
#include <trimtab/net/operators/max.hpp>
#include <trimtab/net/operators/min.hpp>
#include <trimtab/net/operators/mish.hpp>
#include <trimtab/net/operators/mul.hpp>
#include <trimtab/net/operators/neg.hpp>
#include <trimtab/net/operators/pow.hpp>
#include <trimtab/net/operators/reciprocal.hpp>
#include <trimtab/net/operators/sigmoid.hpp>
#include <trimtab/net/operators/silu.hpp>
#include <trimtab/net/operators/softplus.hpp>
#include <trimtab/net/operators/spellings/node_rewriter.hpp>
#include <trimtab/net/operators/sub.hpp>
#include <trimtab/net/operators/tanh.hpp>
#include <vector>

namespace trimtab {
namespace detail {

/// Recognises activations among the nodes of a network.
class ActivationFuser : NodeRewriter {
 public:
  explicit ActivationFuser(const Network& network) : NodeRewriter(network) {}

  Network fused() {
    return rewritten([this](NodeId id) { return rewrite(id); });
  }

 private:
  /// y = scale * x + offset, the same for all elements.
  struct Scalar {
    NodeId x;
    double scale, offset;
  };
  /// clamp(alpha * x + beta, 0, top).
  struct Gate {
    NodeId x;
    double alpha, beta, top;
  };
  /// factor * nodes[0] * nodes[1] * ..
  struct Product {
    double factor = 1;
    std::vector<NodeId> nodes;
  };
  using Polynomial = std::array<double, 4>;  // of degree 3, the constant first

  bool become_affine(NodeId id, NodeId x, std::span<const double> scale, std::span<const double> offset) {
    ChannelAffine affine{xt::xtensor<float, 1>::from_shape({scale.size()}), xt::xtensor<float, 1>::from_shape({scale.size()})};
    for (std::size_t c = 0; c < scale.size(); ++c) {
      affine.scale(c) = static_cast<float>(scale[c]), affine.offset(c) = static_cast<float>(offset[c]);
      if (!std::isfinite(affine.scale(c)) || !std::isfinite(affine.offset(c))) return false;
    }
    return become(id, std::move(affine), x);
  }

  /// One step at node `id`; false when there is nothing left to do.
  bool rewrite(NodeId id) {
    return by_constant(id) || merge_affine(id) || merge_clips(id) || hard_sigmoid(id) || products(id) || softplus(id) ||
           leaky_relu(id);
  }

  /// Add, Sub, Mul, Div, Max, Min of x and a constant that is one number, or one for each channel.
  bool by_constant(NodeId id) {
    if (node(id).inputs.size() != 2) return false;
    const bool first = get_if<Constant>(input(id, 0)) != nullptr;
    const NodeId x = input(id, first ? 1 : 0), of_constant = input(id, first ? 0 : 1);
    const Constant* constant = get_if<Constant>(of_constant);
    if (constant == nullptr || get_if<Constant>(x) != nullptr || node(of_constant).clip != no_clip) return false;
    const std::span<const float> v(constant->value.data(), constant->value.size());
    const Extents& extent = node(of_constant).extent;
    const bool of_channels =
        extent.size() != 0 && v.size() == extent.back() && node(x).extent.size() != 0 && v.size() == node(x).extent.back();
    if (v.size() != 1 && !of_channels) return false;
    if (const bool max = is<Max>(id); max || is<Min>(id)) {
      if (v.size() != 1 || std::isnan(v[0])) return false;
      return become(id, max ? Clip{v[0], no_clip.hi} : Clip{no_clip.lo, v[0]}, x);
    }
    if (is<Div>(id) && first) return v.size() == 1 && v[0] == 1 && become(id, Reciprocal{}, x);
    std::vector<double> scale(v.size(), 1.0), offset(v.size(), 0.0);
    for (std::size_t c = 0; c < v.size(); ++c) {
      if (is<Add>(id))
        offset[c] = double(v[c]);
      else if (is<Sub>(id))
        scale[c] = first ? -1.0 : 1.0, offset[c] = first ? double(v[c]) : -double(v[c]);
      else if (is<Mul>(id))
        scale[c] = double(v[c]);
      else if (is<Div>(id))
        scale[c] = 1 / double(v[c]);
      else
        return false;
    }
    return become_affine(id, x, scale, offset);
  }

  /// ChannelAffine or Neg of a ChannelAffine; Neg of a layer, which can take it in.
  bool merge_affine(NodeId id) {
    const ChannelAffine* outer = get_if<ChannelAffine>(id);
    const bool negative = is<Neg>(id);
    if ((outer == nullptr && !negative) || !is_part(input(id))) return false;
    const NodeId before = input(id);
    const ChannelAffine* inner = get_if<ChannelAffine>(before);
    if (inner == nullptr && negative && has_weights(node(before).op))
      return become_affine(id, before, std::array{-1.0}, std::array{0.0});
    if (inner == nullptr) return false;
    const auto at = [](const xt::xtensor<float, 1>& v, std::size_t c) { return double(v(v.size() == 1 ? 0 : c)); };
    std::vector<double> scale, offset;
    for (std::size_t c = 0; c < std::max(inner->scale.size(), negative ? 1 : outer->scale.size()); ++c) {
      const double s = negative ? -1.0 : at(outer->scale, c), o = negative ? 0.0 : at(outer->offset, c);
      scale.push_back(s * at(inner->scale, c));
      offset.push_back(s * at(inner->offset, c) + o);
    }
    return become_affine(id, input(before), scale, offset);
  }

  /// A clip of a clip.
  bool merge_clips(NodeId id) {
    const Clip* outer = get_if<Clip>(id);
    if (outer == nullptr || reads(input(id)) != 1) return false;
    const NodeId before = input(id);
    const Clip* inner = get_if<Clip>(before);
    return inner != nullptr && become(id, clip_after(clip_after(*inner, node(before).clip), *outer), input(before));
  }

  /// Node `id` as one affine function of its input, whatever clips it.
  std::optional<Scalar> scalar(NodeId id) const {
    if (is<Neg>(id)) return Scalar{input(id), -1, 0};
    const ChannelAffine* affine = get_if<ChannelAffine>(id);
    if (affine == nullptr || affine->scale.size() != 1) return std::nullopt;
    return Scalar{input(id), double(affine->scale(0)), double(affine->offset(0))};
  }

  std::optional<Gate> gate(NodeId id) const {
    if (reads(id) != 1) return std::nullopt;
    if (const HardSigmoid* h = get_if<HardSigmoid>(id); h != nullptr && is_part(id))
      return Gate{input(id), double(h->alpha), double(h->beta), 1};
    Clip clip = node(id).clip;
    std::optional<Scalar> inner = scalar(id);
    if (const Clip* alone = get_if<Clip>(id); alone != nullptr && is_part(input(id)))
      clip = clip_after(*alone, clip), inner = scalar(input(id));
    if (!inner || clip.lo != 0 || !(clip.hi > 0) || !std::isfinite(clip.hi)) return std::nullopt;
    return Gate{inner->x, inner->scale, inner->offset, double(clip.hi)};
  }

  /// s * clamp(a * x + b, 0, 1 / s) = clamp(s * a * x + s * b, 0, 1).
  bool hard_sigmoid(NodeId id) {
    if (get_if<ChannelAffine>(id) == nullptr) return false;
    const std::optional<Scalar> outer = scalar(id);
    if (!outer || outer->offset != 0) return false;
    const std::optional<Gate> g = gate(outer->x);
    if (!g || !near(outer->scale * g->top, 1)) return false;
    return become(id, HardSigmoid{static_cast<float>(outer->scale * g->alpha), static_cast<float>(outer->scale * g->beta)}, g->x);
  }

  /// Node `id` as a product, down to nodes that something else reads too or that are no products.
  Product product(NodeId id, bool root = true) const {
    if (root || is_part(id)) {
      if (const std::optional<Scalar> s = scalar(id); s && s->offset == 0) {
        Product p = product(s->x, false);
        p.factor *= s->scale;
        return p;
      }
      if (is<Mul>(id)) {
        Product p = product(input(id, 0), false);
        const Product q = product(input(id, 1), false);
        p.factor *= q.factor;
        p.nodes.insert(p.nodes.end(), q.nodes.begin(), q.nodes.end());
        return p;
      }
    }
    return {1, {id}};
  }

  /// factor * x * f(x), for every f that there is an operator for.
  bool products(NodeId id) {
    if (!is<Mul>(id) && get_if<ChannelAffine>(id) == nullptr) return false;
    const Product p = product(id);
    if (p.nodes.size() != 2) return false;
    for (const std::size_t i : {std::size_t{0}, std::size_t{1}})
      if (gated(id, p.factor, p.nodes[i], p.nodes[1 - i])) return true;
    return is<Mul>(id) && p.nodes[0] == p.nodes[1] && p.factor == 1 && become(id, Pow{2.0F}, p.nodes[0]);
  }
  bool gated(NodeId id, double factor, NodeId x, NodeId f) {
    if (const std::optional<Gate> g = gate(f); g && g->x == x)
      return near(factor * g->top, 1) && near(factor * g->alpha, 1.0 / 6) && near(factor * g->beta, 0.5) &&
             become(id, HardSwish{}, x);
    if (!is_part(f)) return false;
    if (get_if<Sigmoid>(f) != nullptr) return swish(id, factor, x, f);
    if (get_if<Tanh>(f) != nullptr && get_if<Softplus>(input(f)) != nullptr && is_part(input(f)) && input(input(f)) == x)
      return near(factor, 1) && become(id, Mish{}, x);
    // factor * x * scale * (1 + erf(..)), or tanh
    const std::optional<Scalar> s = scalar(f);
    if (!s || !near(factor * s->scale, 0.5) || !near(factor * s->offset, 0.5) || !is_part(s->x)) return false;
    const bool by_tanh = get_if<Tanh>(s->x) != nullptr;
    if (!by_tanh && get_if<Erf>(s->x) == nullptr) return false;
    const std::optional<Polynomial> u = polynomial(input(s->x), x);
    const double root = std::sqrt(2 / 3.14159265358979323846);
    const Polynomial wanted = by_tanh ? Polynomial{0, root, 0, root * 0.044715} : Polynomial{0, std::sqrt(0.5), 0, 0};
    for (std::size_t k = 0; k < 4; ++k)
      if (!u || !near((*u)[k], wanted[k])) return false;
    return become(id, Gelu{by_tanh}, x);
  }
  /// factor * x * sigmoid(b * x) = factor / b * silu(b * x).
  bool swish(NodeId id, double factor, NodeId x, NodeId f) {
    const NodeId of = input(f);
    if (of == x && near(factor, 1)) return become(id, Silu{}, x);
    const std::optional<Scalar> s = of == x ? Scalar{x, 1, 0} : scalar(of);
    if (!s || s->x != x || s->offset != 0 || s->scale == 0 || (of != x && node(of).clip != no_clip)) return false;
    if (!become_affine(id, f, std::array{factor / s->scale}, std::array{0.0})) return false;
    become(f, Silu{});
    return true;
  }

  /// Node `id` as a polynomial in node x, made of parts.
  std::optional<Polynomial> polynomial(NodeId id, NodeId x) const {
    if (id == x) return Polynomial{0, 1, 0, 0};
    if (!is_part(id)) return std::nullopt;
    if (const std::optional<Scalar> s = scalar(id)) {
      std::optional<Polynomial> p = polynomial(s->x, x);
      if (!p) return std::nullopt;
      for (double& c : *p) c *= s->scale;
      (*p)[0] += s->offset;
      return p;
    }
    if (const Pow* pow = get_if<Pow>(id); pow != nullptr && (pow->exponent == 2 || pow->exponent == 3)) {
      const std::optional<Polynomial> p = polynomial(input(id), x);
      const std::optional<Polynomial> square = times(p, p);
      return pow->exponent == 2 ? square : times(square, p);
    }
    if (is<Mul>(id)) return times(polynomial(input(id, 0), x), polynomial(input(id, 1), x));
    if (!is<Add>(id)) return std::nullopt;
    std::optional<Polynomial> p = polynomial(input(id, 0), x);
    const std::optional<Polynomial> q = polynomial(input(id, 1), x);
    if (!p || !q) return std::nullopt;
    for (std::size_t k = 0; k < 4; ++k) (*p)[k] += (*q)[k];
    return p;
  }
  static std::optional<Polynomial> times(const std::optional<Polynomial>& p, const std::optional<Polynomial>& q) {
    if (!p || !q) return std::nullopt;
    Polynomial r{};
    for (std::size_t i = 0; i < 4; ++i)
      for (std::size_t k = 0; k < 4; ++k) {
        const double c = (*p)[i] * (*q)[k];
        if (i + k < 4)
          r[i + k] += c;
        else if (c != 0)
          return std::nullopt;
      }
    return r;
  }

  /// log(1 + e^x).
  bool softplus(NodeId id) {
    if (get_if<Log>(id) == nullptr || !is_part(input(id))) return false;
    const std::optional<Scalar> s = scalar(input(id));
    if (!s || s->scale != 1 || s->offset != 1 || !is_part(s->x) || get_if<Exp>(s->x) == nullptr) return false;
    return become(id, Softplus{}, input(s->x));
  }

  /// max(x, a * x) for a <= 1, min(x, a * x) for a >= 1.
  bool leaky_relu(NodeId id) {
    const bool max = is<Max>(id);
    if ((!max && !is<Min>(id)) || node(id).inputs.size() != 2) return false;
    for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
      const NodeId x = input(id, i), scaled = input(id, 1 - i);
      const std::optional<Scalar> s = is_part(scaled) ? scalar(scaled) : std::nullopt;
      if (s && s->x == x && s->offset == 0 && (max ? s->scale <= 1 : s->scale >= 1))
        return become(id, LeakyRelu{static_cast<float>(s->scale)}, x);
    }
    return false;
  }
};

}  // namespace detail

/// A network that computes the same function, up to the rounding of floats, where the following have become one node, if nothing
/// else reads what lies between. A constant is a Constant node of one number or one for each channel, or a ChannelAffine.
///   Add, Sub, Mul, Div with a constant    ChannelAffine, which fold_batch_norm can fold; ChannelAffine and Neg of one merge
///   1 / x                                 Reciprocal
///   Max, Min with one number, Clip of Clip   Clip
///   x * Sigmoid(x)                        Silu; a * x * Sigmoid(b * x) is ChannelAffine(Silu(ChannelAffine(x)))
///   Clip(x + 3, 0, 6) / 6 and its like    HardSigmoid
///   x times that of 1/6 and 1/2           HardSwish
///   x * (1 + Erf(x / sqrt 2)) / 2         Gelu, factors in any order; with Tanh of a cubic its tanh form
///   x * Tanh(Softplus(x))                 Mish
///   Log(1 + Exp(x))                       Softplus
///   Max(x, a * x), Min(x, a * x)          LeakyRelu, for a <= 1 and a >= 1
///   x * x                                 Pow of 2
/// A node that is left takes the name and the clip of the last of its parts; nodes that nothing needs any more are gone, but for
/// Inputs. Comes before fold_batch_norm.
inline Network fuse_activations(const Network& network) { return detail::ActivationFuser(network).fused(); }

}  // namespace trimtab
