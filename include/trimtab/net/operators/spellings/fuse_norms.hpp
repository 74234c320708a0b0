#pragma once
/// \file
/// Normalizations that exporters spell out as several nodes, made one operator again: exact sums and one rounding instead of
/// many.

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <trimtab/net/operators/add.hpp>
#include <trimtab/net/operators/channel_affine.hpp>
#include <trimtab/net/operators/clip.hpp>
#include <trimtab/net/operators/constant.hpp>
#include <trimtab/net/operators/div.hpp>
#include <trimtab/net/operators/expand.hpp>
#include <trimtab/net/operators/global_average_pool.hpp>
#include <trimtab/net/operators/instance_norm.hpp>
#include <trimtab/net/operators/l2_norm.hpp>
#include <trimtab/net/operators/layer_norm.hpp>
#include <trimtab/net/operators/mul.hpp>
#include <trimtab/net/operators/pow.hpp>
#include <trimtab/net/operators/reciprocal.hpp>
#include <trimtab/net/operators/reduce_l2.hpp>
#include <trimtab/net/operators/reduce_mean.hpp>
#include <trimtab/net/operators/reduce_sum.hpp>
#include <trimtab/net/operators/spellings/node_rewriter.hpp>
#include <trimtab/net/operators/sqrt.hpp>
#include <trimtab/net/operators/sub.hpp>
#include <vector>

namespace trimtab {
namespace detail {

/// Recognises normalizations among the nodes of a network. Parts that something else reads too stay for it.
class NormFuser : NodeRewriter {
 public:
  explicit NormFuser(const Network& network) : NodeRewriter(network) {}

  Network fused() {
    return rewritten([this](NodeId id) { return norm(id) || affine(id) || length(id); });
  }

 private:
  /// What a node is of x: a mean, a deviation, .. over axes, in ascending order.
  struct Statistic {
    NodeId x;
    std::vector<std::size_t> axes;
    double epsilon = 0;
    bool operator==(const Statistic&) const = default;
  };
  using Found = std::optional<Statistic>;
  /// How a length is kept from 0.
  struct Length {
    NodeId x;
    std::size_t axis;
    double epsilon = 0;
    L2Epsilon rule = L2Epsilon::at_least;
  };

  /// A node with nothing that clips it.
  template <class L>
  const L* plain(NodeId id) const {
    return node(id).clip == no_clip ? get_if<L>(id) : nullptr;
  }
  static std::vector<std::size_t> sorted(std::vector<std::size_t> axes) {
    std::sort(axes.begin(), axes.end());
    return axes;
  }

  Found mean(NodeId id) const {
    if (const ReduceMean* m = plain<ReduceMean>(id); m != nullptr && m->keep_axes) return Statistic{input(id), sorted(m->axes)};
    if (plain<GlobalAveragePool>(id) != nullptr) return Statistic{input(id), {0, 1}};
    return std::nullopt;
  }
  /// x - mean.
  Found centered(NodeId id) const {
    if (plain<Sub>(id) == nullptr) return std::nullopt;
    const Found m = mean(input(id, 1));
    return m && m->x == input(id, 0) ? m : std::nullopt;
  }
  /// What a node is the square of.
  std::optional<NodeId> square(NodeId id) const {
    if (const Pow* p = plain<Pow>(id)) return p->exponent == 2 ? std::optional(input(id)) : std::nullopt;
    return plain<Mul>(id) != nullptr && input(id, 0) == input(id, 1) ? std::optional(input(id)) : std::nullopt;
  }
  /// What a node is the root of.
  std::optional<NodeId> root(NodeId id) const {
    if (const Pow* p = plain<Pow>(id)) return p->exponent == 0.5F ? std::optional(input(id)) : std::nullopt;
    return plain<Sqrt>(id) != nullptr ? std::optional(input(id)) : std::nullopt;
  }
  /// x + epsilon, as what it is added to and epsilon; what is no such sum is one with 0.
  std::pair<NodeId, double> sum_with_epsilon(NodeId id) const {
    const ChannelAffine* a = plain<ChannelAffine>(id);
    if (a == nullptr || a->scale.size() != 1 || a->scale(0) != 1 || !(a->offset(0) > 0)) return {id, 0};
    return {input(id), double(a->offset(0))};
  }
  /// What Reciprocal, or a power of -1 or -1/2, is taken of; the latter of a root.
  struct Inverse {
    NodeId of;
    bool of_root;
  };
  std::optional<Inverse> inverse(NodeId id) const {
    if (plain<Reciprocal>(id) != nullptr) return Inverse{input(id), false};
    const Pow* p = plain<Pow>(id);
    if (p == nullptr || (p->exponent != -1 && p->exponent != -0.5F)) return std::nullopt;
    return Inverse{input(id), p->exponent == -0.5F};
  }
  /// As `of`, through an Expand.
  NodeId without_expand(NodeId id) const { return plain<Expand>(id) != nullptr ? input(id) : id; }

  /// mean((x - mean)^2) + epsilon.
  Found variance(NodeId id) const {
    const auto [of, epsilon] = sum_with_epsilon(id);
    const Found m = mean(of);
    const std::optional<NodeId> squared = m ? square(m->x) : std::nullopt;
    Found c = squared ? centered(*squared) : std::nullopt;
    if (!c || c->axes != m->axes || !(epsilon > 0)) return std::nullopt;
    c->epsilon = epsilon;
    return c;
  }
  /// sqrt(variance + epsilon).
  Found deviation(NodeId id) const {
    const std::optional<NodeId> of = root(id);
    return of ? variance(*of) : std::nullopt;
  }
  Found inverse_deviation(NodeId id) const {
    const std::optional<Inverse> i = inverse(id);
    if (!i) return std::nullopt;
    return i->of_root ? variance(i->of) : deviation(i->of);
  }

  /// (x - mean) / deviation, or x * inverse + (beta - mean * inverse) with inverse = gamma / deviation.
  bool norm(NodeId id) {
    Found c, d;
    if (is<Div>(id)) {
      c = centered(input(id, 0));
      d = deviation(input(id, 1));
    } else if (is<Mul>(id)) {
      for (const std::size_t i : {std::size_t{0}, std::size_t{1}})
        if (!c) c = centered(input(id, i)), d = inverse_deviation(input(id, 1 - i));
    } else if (is<Add>(id)) {
      for (const std::size_t i : {std::size_t{0}, std::size_t{1}})
        if (shifted(id, input(id, i), input(id, 1 - i))) return true;
    }
    return c && d && c->x == d->x && c->axes == d->axes && become_norm(id, *d, {}, {});
  }
  /// scaled = x * inverse, shift = beta - mean * inverse.
  bool shifted(NodeId id, NodeId scaled, NodeId shift) {
    const ChannelAffine* beta = plain<ChannelAffine>(shift);
    if (beta == nullptr || plain<Mul>(scaled) == nullptr || plain<Mul>(input(shift)) == nullptr) return false;
    if (!std::all_of(beta->scale.begin(), beta->scale.end(), [](float s) { return s == -1; })) return false;
    const NodeId product = input(shift);
    for (const std::size_t i : {std::size_t{0}, std::size_t{1}})
      for (const std::size_t k : {std::size_t{0}, std::size_t{1}}) {
        const NodeId x = input(scaled, i), by = input(scaled, 1 - i);
        const Found m = mean(input(product, k));
        if (!m || m->x != x || input(product, 1 - k) != by) continue;
        const auto [r, gamma] = without_gamma(by);
        const Found d = inverse_deviation(r);
        if (d && d->x == x && d->axes == m->axes && become_norm(id, *d, gamma, {beta->offset.data(), beta->offset.size()}))
          return true;
      }
    return false;
  }
  /// gamma / deviation as 1 / deviation and gamma: a number, one for each channel, or none.
  std::pair<NodeId, std::span<const float>> without_gamma(NodeId id) const {
    if (const ChannelAffine* a = plain<ChannelAffine>(id))
      if (std::all_of(a->offset.begin(), a->offset.end(), [](float o) { return o == 0; }))
        return {input(id), {a->scale.data(), a->scale.size()}};
    if (plain<Mul>(id) != nullptr)  // which gives 1 / deviation, of one channel, all of gamma's
      for (const std::size_t i : {std::size_t{0}, std::size_t{1}})
        if (const Constant* c = plain<Constant>(input(id, i)))
          if (const Extents& own = node(input(id, i)).extent;
              own.size() != 0 && own.back() == c->value.size() && own.back() == node(id).extent.back())
            return {input(id, 1 - i), {c->value.data(), c->value.size()}};
    return {id, {}};
  }
  /// gamma and beta: a number, one for each channel, or none.
  bool become_norm(NodeId id, const Statistic& s, std::span<const float> gamma, std::span<const float> beta) {
    const Extents& x = node(s.x).extent;
    const std::size_t rank = x.size(), count = s.axes.size();
    const auto fill = [](auto numbers, std::span<const float> of, float none) {
      for (std::size_t i = 0; i < numbers.size(); ++i) numbers.data()[i] = of.empty() ? none : of[i % of.size()];
      return numbers;
    };
    const auto epsilon = static_cast<float>(s.epsilon);
    if (count == 0) return false;
    if (s.axes[0] == rank - count && s.axes.back() == rank - 1) {
      const auto like = xt::xarray<float>::from_shape(std::vector<std::size_t>(x.end() - count, x.end()));
      return become(id, LayerNorm{fill(like, gamma, 1), fill(like, beta, 0), epsilon}, s.x);
    }
    if (s.axes[0] == 0 && count + 1 == rank && s.axes.back() == rank - 2) {
      const auto like = xt::xtensor<float, 1>::from_shape({x.back()});
      return become(id, InstanceNorm{fill(like, gamma, 1), fill(like, beta, 0), epsilon}, s.x);
    }
    return false;
  }

  /// A norm's result times gamma plus beta: a ChannelAffine, or constants of gamma's extents.
  bool affine(NodeId id) {
    if (const ChannelAffine* a = get_if<ChannelAffine>(id))
      return into_norm(id, input(id), {a->scale.data(), a->scale.size()}, {a->offset.data(), a->offset.size()}, {});
    if (!is<Mul>(id) && !is<Add>(id)) return false;
    for (const std::size_t i : {std::size_t{0}, std::size_t{1}})
      if (const Constant* c = plain<Constant>(input(id, 1 - i))) {
        const std::span<const float> v(c->value.data(), c->value.size()), none;
        if (into_norm(id, input(id, i), is<Mul>(id) ? v : none, is<Add>(id) ? v : none, node(input(id, 1 - i)).extent))
          return true;
      }
    return false;
  }
  /// Node `id`, a norm times scale plus offset, becomes a norm. `extent`: of a constant, which has to have gamma's extents or
  /// to be one number; nothing for numbers of channels.
  bool into_norm(NodeId id, NodeId of, std::span<const float> scale, std::span<const float> offset,
                 std::optional<Extents> extent) {
    if (!is_part(of)) return false;
    const auto changed = [&](auto l) {
      for (const auto& values : {scale, offset})
        if (values.size() > 1 && extent && *extent != view(l.gamma).extent) return false;
      for (std::size_t i = 0; i < l.gamma.size(); ++i) {
        const float s = scale.empty() ? 1.0F : scale[i % scale.size()], o = offset.empty() ? 0.0F : offset[i % offset.size()];
        l.gamma.data()[i] = static_cast<float>(double(l.gamma.data()[i]) * double(s));
        l.beta.data()[i] = static_cast<float>(double(l.beta.data()[i]) * double(s) + double(o));
      }
      return become(id, std::move(l), input(of));
    };
    if (const LayerNorm* l = get_if<LayerNorm>(of)) return changed(*l);
    const InstanceNorm* l = get_if<InstanceNorm>(of);
    return l != nullptr && changed(*l);
  }

  /// sum(x^2) along one axis; the kind of rule is the caller's.
  std::optional<Length> sum_of_squares(NodeId id) const {
    const ReduceSum* sum = plain<ReduceSum>(id);
    if (sum == nullptr || !sum->keep_axes || sum->axes.size() != 1) return std::nullopt;
    const std::optional<NodeId> x = square(input(id));
    return x ? std::optional(Length{*x, sum->axes[0]}) : std::nullopt;
  }
  /// A node that is never below a number, and what it is of: Clip, or a clip that is a node's own; the number is 0 for others.
  std::pair<NodeId, double> held_above(NodeId id) const {
    const Clip* c = plain<Clip>(id);
    return c != nullptr && c->lo > 0 && c->hi == no_clip.hi ? std::pair{input(id), double(c->lo)} : std::pair{id, 0.0};
  }
  /// sum(x^2), sum(x^2) + epsilon or max(sum(x^2), epsilon): the length is its root.
  std::optional<Length> squared_length(NodeId id) const {
    if (const auto [of, least] = held_above(id); least > 0) {
      std::optional<Length> l = sum_of_squares(of);
      if (l) l->epsilon = std::sqrt(least);
      return l;
    }
    const auto [of, epsilon] = sum_with_epsilon(id);
    std::optional<Length> l = sum_of_squares(of);
    if (l && epsilon > 0) l->epsilon = epsilon, l->rule = L2Epsilon::added;
    return l;
  }
  std::optional<Length> length_of(NodeId id) const {
    const auto [of, least] = held_above(id);
    std::optional<Length> l;
    if (const ReduceL2* r = plain<ReduceL2>(of); r != nullptr && r->keep_axes && r->axes.size() == 1)
      l = Length{input(of), r->axes[0]};
    else if (const std::optional<NodeId> squared = root(of))
      l = squared_length(*squared);
    if (l && least > 0) {
      if (l->epsilon > 0) return std::nullopt;
      l->epsilon = least;
    }
    return l;
  }
  /// x / length or x * (1 / length).
  bool length(NodeId id) {
    if (is<Div>(id)) return become_length(id, input(id, 0), length_of(without_expand(input(id, 1))));
    if (!is<Mul>(id)) return false;
    for (const std::size_t i : {std::size_t{0}, std::size_t{1}})
      if (const std::optional<Inverse> v = inverse(without_expand(input(id, 1 - i))))
        if (become_length(id, input(id, i), v->of_root ? squared_length(v->of) : length_of(v->of))) return true;
    return false;
  }
  bool become_length(NodeId id, NodeId x, const std::optional<Length>& l) {
    return l && l->x == x && become(id, L2Norm{l->axis, static_cast<float>(l->epsilon), l->rule}, x);
  }
};

}  // namespace detail

/// A network that computes the same function, up to the rounding of floats, where the following have become one node. mean is a
/// ReduceMean that keeps its axes or a GlobalAveragePool; v = mean((x - mean(x))^2) + epsilon; 1 / sqrt is a Reciprocal or a Pow.
///   (x - mean(x)) / sqrt(v), (x - mean(x)) * (1 / sqrt(v))      LayerNorm over the last axes, InstanceNorm over all but the last
///   x * r + (beta - mean(x) * r), r = gamma / sqrt(v)           the same with gamma and beta
///   one of these, times gamma, plus beta                        the same, where nothing else reads what lies between
///   x / ReduceL2(x), x / sqrt(ReduceSum(x^2)), x * (1 / ..)     L2Norm along one axis, which is 0 where the length is 0
///   with Clip(.., epsilon) of length or sum, sum + epsilon, Expand   its epsilon
/// Comes after fuse_activations, which makes constants affine functions and x * x a power, and before fold_batch_norm. A node
/// that is left takes the name and the clip of the last of its parts.
inline Network fuse_norms(const Network& network) { return detail::NormFuser(network).fused(); }

}  // namespace trimtab
