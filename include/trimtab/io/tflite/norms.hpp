#pragma once
/// \file
/// L2_NORMALIZATION, LOCAL_RESPONSE_NORMALIZATION, and norms by a picture's own statistics, for which TFLite has no operator: they
/// are written by their formula, on reals.

#include <algorithm>
#include <limits>
#include <numeric>
#include <trimtab/io/tflite/rules.hpp>
#include <trimtab/net/operators/group_norm.hpp>
#include <trimtab/net/operators/instance_norm.hpp>
#include <trimtab/net/operators/l2_norm.hpp>
#include <trimtab/net/operators/layer_norm.hpp>
#include <trimtab/net/operators/local_response_norm.hpp>
#include <trimtab/net/operators/reduce_l2.hpp>
#include <utility>
#include <vector>

namespace trimtab {
namespace detail {

/// Lengths below 1e-6 count as that.
inline void read_l2_normalization(const TfliteNode& n) {
  n.require(1, 1);
  n.become(L2Norm{TfliteNode::picture_axis(-1, n.shape(0).size()), 1e-6F, L2Epsilon::at_least}, {n.node(0)}, n.activation(0));
}
/// Windows of 2 radius + 1 channels, whose sum has the factor alpha.
inline void read_local_response(const TfliteNode& n) {
  n.require(1, 1);
  const std::size_t radius = n.count(0, 0, 0), size = 2 * std::min(radius, std::size_t{1} << 20) + 1;
  n.become(LocalResponseNorm{size, n.real(2, 0.0F) * static_cast<float>(size), n.real(3, 0.0F), n.real(1, 0.0F)}, {n.node(0)});
}

/// MEAN or SUM over axes of the network's extents, kept with an extent of 1.
inline std::int32_t write_reduced(TfliteWriter& w, tflite::OperatorCode code, const char* part, std::int32_t from, Extents extent,
                                  const std::vector<std::size_t>& axes) {
  std::vector<std::int32_t> row;
  for (const std::size_t axis : axes) {
    row.push_back(static_cast<std::int32_t>(axis + 1));
    extent[axis] = 1;
  }
  const std::int32_t list = w.row(w.name(part) + "/axes", row);
  return w.on_way(code, part, {from, list}, extent, tflite::Options{27}.byte(0, 1));
}
inline std::int32_t write_square_sum(TfliteWriter& w, std::int32_t x, const std::vector<std::size_t>& axes) {
  const std::int32_t squares = w.on_way(tflite::OperatorCode::mul, "/squares", {x, x}, w.extent_in(), {21});
  return write_reduced(w, tflite::OperatorCode::sum, "/sum", squares, w.extent_in(), axes);
}

/// (x - mean) / sqrt(variance + epsilon) of x with the extents `as`, over `axes`; then gamma and beta, whose last axes have the
/// extents `numbers`.
template <class L>
std::int32_t write_norm(TfliteWriter& w, const L& l, const Extents& as, const std::vector<std::size_t>& axes,
                        const std::vector<std::size_t>& numbers) {
  using Code = tflite::OperatorCode;
  const bool other = as != w.extent_in();
  const auto shaped = [&](const char* part, std::int32_t from, const Extents& to) {
    return w.reshaped(from, to, w.activations(w.name(part), to, {}));
  };
  const std::int32_t x = other ? shaped("/groups", w.tensor_in(), as) : w.tensor_in();
  Extents one = as;
  for (const std::size_t axis : axes) one[axis] = 1;
  const std::int32_t mean = write_reduced(w, Code::mean, "/mean", x, as, axes);
  const std::int32_t centred = w.on_way(Code::sub, "/centred", {x, mean}, as, {28});
  const std::int32_t squares = w.on_way(Code::mul, "/squares", {centred, centred}, as, {21});
  const std::int32_t variance = write_reduced(w, Code::mean, "/variance", squares, as, axes);
  const std::int32_t epsilon = w.real(w.name("/epsilon"), l.epsilon);
  const std::int32_t held = w.on_way(Code::add, "/held", {variance, epsilon}, one, {11});
  const std::int32_t root = w.on_way(Code::rsqrt, "/root", {held}, one);
  std::int32_t y = w.on_way(Code::mul, "/normal", {centred, root}, as, {21});
  if (other) y = shaped("/pictures", y, w.extent_in());
  std::vector<std::int32_t> shape(w.extent_in().size() + 1 - numbers.size(), 1);
  for (const std::size_t n : numbers) shape.push_back(static_cast<std::int32_t>(n));
  const std::int32_t gamma = w.reals(w.name("/gamma"), shape, std::span(l.gamma.data(), l.gamma.size()));
  const std::int32_t beta = w.reals(w.name("/beta"), shape, std::span(l.beta.data(), l.beta.size()));
  y = w.on_way(Code::mul, "/scaled", {y, gamma}, w.extent_in(), {21});
  return w.real_result(Code::add, {y, beta}, {11});
}
/// Pixels in one axis, channels in groups of their own axis.
inline std::int32_t write_group_norm(TfliteWriter& w, const auto& l, std::size_t groups) {
  const Extents& x = w.extent_in();
  const std::size_t channels = x.back(), pixels = element_count(x) / channels;
  return write_norm(w, l, Extents{pixels, groups, channels / groups}, {0, 2}, {channels});
}

}  // namespace detail

template <>
struct TfliteRules<L2Norm> {
  static constexpr TfliteForm form = TfliteForm::reals;
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::l2_normalization, detail::read_l2_normalization);
  }
  /// x / length; lengths of 0, which give 0 here, count as the least normal float.
  static std::int32_t write(detail::TfliteWriter& w, const L2Norm& l) {
    using Code = tflite::OperatorCode;
    const std::int32_t x = w.tensor_in();
    Extents one = w.extent_in();
    one[l.axis] = 1;
    const bool added = l.rule == L2Epsilon::added;
    std::int32_t sum = detail::write_square_sum(w, x, {l.axis});
    if (added) {
      const std::int32_t epsilon = w.real(w.name("/epsilon"), l.epsilon);
      sum = w.on_way(Code::add, "/with_epsilon", {sum, epsilon}, one, {11});
    }
    const std::int32_t root = w.on_way(Code::sqrt, "/root", {sum}, one);
    const std::int32_t least = w.real(w.name("/least"), std::max(added ? 0.0F : l.epsilon, std::numeric_limits<float>::min()));
    const std::int32_t length = w.on_way(Code::maximum, "/length", {root, least}, one, {39});
    return w.real_result(Code::div, {x, length}, {29});
  }
};
template <>
struct TfliteRules<ReduceL2> {
  static constexpr TfliteForm form = TfliteForm::reals;
  static std::int32_t write(detail::TfliteWriter& w, const ReduceL2& l) {
    std::int32_t sum = detail::write_square_sum(w, w.tensor_in(), l.axes);
    const Extents& y = w.node().extent;
    if (!l.keep_axes) sum = w.reshaped(sum, y, w.activations(w.name("/dropped"), y, {}));
    return w.real_result(tflite::OperatorCode::sqrt, {sum});
  }
};
template <>
struct TfliteRules<LocalResponseNorm> {
  static constexpr TfliteForm form = TfliteForm::reals;
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::local_response_normalization, detail::read_local_response);
  }
  static std::int32_t write(detail::TfliteWriter& w, const LocalResponseNorm& l) {
    if (l.size % 2 == 0) w.refuse(detail::message("a window of ", l.size, " channels; TFLite's have an odd number"));
    if (w.extent_in().size() != 3) w.refuse("channels of anything but pictures");
    return w.real_result(tflite::OperatorCode::local_response_normalization, {w.tensor_in()},
                         tflite::Options{13}
                             .number(0, (l.size - 1) / 2)
                             .real(1, l.bias)
                             .real(2, l.alpha / static_cast<float>(l.size))
                             .real(3, l.beta));
  }
};
template <>
struct TfliteRules<LayerNorm> {
  static constexpr TfliteForm form = TfliteForm::reals;
  static std::int32_t write(detail::TfliteWriter& w, const LayerNorm& l) {
    const Extents& x = w.extent_in();
    const std::size_t last = l.gamma.dimension();
    std::vector<std::size_t> axes(last), numbers(x.end() - last, x.end());
    std::iota(axes.begin(), axes.end(), x.size() - last);
    return detail::write_norm(w, l, x, axes, numbers);
  }
};
template <>
struct TfliteRules<InstanceNorm> {
  static constexpr TfliteForm form = TfliteForm::reals;
  static std::int32_t write(detail::TfliteWriter& w, const InstanceNorm& l) {
    return detail::write_group_norm(w, l, w.extent_in().back());
  }
};
template <>
struct TfliteRules<GroupNorm> {
  static constexpr TfliteForm form = TfliteForm::reals;
  static std::int32_t write(detail::TfliteWriter& w, const GroupNorm& l) { return detail::write_group_norm(w, l, l.groups); }
};

}  // namespace trimtab
