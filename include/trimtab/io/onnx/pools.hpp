#pragma once
/// \file
/// MaxPool, AveragePool, GlobalAveragePool, GlobalMaxPool.

#include <algorithm>
#include <array>
#include <cstdint>
#include <trimtab/io/onnx/rules.hpp>
#include <trimtab/io/onnx/windows.hpp>
#include <trimtab/net/operators/average_pool.hpp>
#include <trimtab/net/operators/global_average_pool.hpp>
#include <trimtab/net/operators/max_pool.hpp>

namespace trimtab {
namespace detail {

/// Rows and columns behind the picture that the windows of ceil_mode reach into: a window more where the last one does not end at
/// the edge, unless it would begin behind the picture and the padding before it. ONNX counts so since opset 19, ONNX Runtime in
/// all of them.
inline std::array<std::size_t, 2> ceil_mode_reach(const OnnxWindow& w, const Padding& padding,
                                                  const std::array<std::size_t, 2>& in) {
  const auto more = [](std::size_t size, std::size_t before, std::size_t after, std::size_t span,
                       std::size_t stride) -> std::size_t {
    const std::size_t whole = size + before + after;
    if (whole < span || (whole - span) % stride == 0) return 0;
    const std::size_t last = (whole - span) / stride + 1;  // one window more than floor gives
    return last * stride >= size + before ? 0 : last * stride + span - whole;
  };
  return {more(in[0], padding.top, padding.bottom, w.span_h(), w.options.stride_h),
          more(in[1], padding.left, padding.right, w.span_w(), w.options.stride_w)};
}

/// What both pools read: the picture with padding that waits, and a window none of whose padding reaches the kernel's span.
struct OnnxPool {
  OnnxActivation x;
  std::size_t rank;
  OnnxWindow window;
  std::array<std::size_t, 2> reach{};  ///< of ceil_mode
};
inline OnnxPool read_pool(const OnnxNode& n) {
  n.require_inputs(1, 1);
  const std::size_t rank = n.padded(0).rank();
  OnnxPool p{picture(n.import, n.padded(0)), rank, {}};
  const auto kernel = window_numbers(n, "kernel_shape", rank - 2, 1, 1, 0);
  if (kernel[1] == 0) throw parse_error("has no kernel_shape");
  const std::array<std::size_t, 2> in = padded_size(n.import, p.x);
  p.window = read_window(n, rank - 2, rank == 3 ? 1 : kernel[0], kernel[1], in);
  const Padding& own = p.window.options.padding;
  if (std::max(own.top, own.bottom) >= p.window.span_h() || std::max(own.left, own.right) >= p.window.span_w())
    throw unsupported_error("padding as wide as the kernel");
  if (n.integer("ceil_mode", 0) != 0 && !p.window.same) p.reach = ceil_mode_reach(p.window, own, in);
  return p;
}

inline void read_max_pool(const OnnxNode& n) {
  n.require({"auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "storage_order", "strides"});
  OnnxPool p = read_pool(n);
  WindowOptions options = p.window.options;
  // The pool's own padding never wins; Pad's zeros may, unless nothing in the picture is below them.
  if (p.x.padded()) {
    const Node& before = n.import.network[p.x.node];
    const Padding both = sum_of(options.padding, p.x.padding.pixels);
    const bool never_wins = p.x.padding.value < 0 || before.op->bounds().lo >= 0 || before.clip.lo >= 0;
    if (never_wins && std::max(both.top, both.bottom) < p.window.span_h() && std::max(both.left, both.right) < p.window.span_w())
      options.padding = both;
    else
      p.x = settled(n.import, p.x);
  }
  options.padding.bottom += p.reach[0];
  options.padding.right += p.reach[1];
  n.define(
      OnnxActivation{n.add(MaxPool{p.window.kernel_h, p.window.kernel_w, options}, {p.x.node}), picture_axes(p.rank), p.x.type});
}

inline void read_average_pool(const OnnxNode& n) {
  n.require({"auto_pad", "ceil_mode", "count_include_pad", "dilations", "kernel_shape", "pads", "strides"});
  OnnxPool p = read_pool(n);
  WindowOptions options = p.window.options;
  bool count_include_pad = n.integer("count_include_pad", 0) != 0;
  const bool reaches = p.reach[0] + p.reach[1] > 0, own = options.padding != Padding{};
  // Pad's zeros are pixels like others: they always count. What ceil_mode reaches into never does.
  if (p.x.padded()) {
    if ((own && !count_include_pad) || reaches || p.x.padding.value != 0) {
      p.x = settled(n.import, p.x);
    } else {
      options.padding = sum_of(options.padding, p.x.padding.pixels);
      count_include_pad = true;
    }
  }
  if (reaches && count_include_pad && own) {
    p.x.padding = {options.padding, 0, std::make_shared<const std::string>(n.name() + "/pad")};
    p.x = settled(n.import, p.x);
    options.padding = {};
  }
  if (reaches) count_include_pad = false;
  options.padding.bottom += p.reach[0];
  options.padding.right += p.reach[1];
  n.define(OnnxActivation{n.add(AveragePool{p.window.kernel_h, p.window.kernel_w, options, count_include_pad}, {p.x.node}),
                          picture_axes(p.rank)});
}

inline void read_global_average_pool(const OnnxNode& n) {
  n.require({});
  n.require_inputs(1, 1);
  const OnnxActivation x = n.real(0);
  n.define(OnnxActivation{n.add(GlobalAveragePool{}, {picture(n.import, x).node}), picture_axes(x.rank())});
}
/// One window.
inline void read_global_max_pool(const OnnxNode& n) {
  n.require({});
  n.require_inputs(1, 1);
  const OnnxActivation x = n.real(0);
  const OnnxActivation held = picture(n.import, x);
  const Extents e = n.import.extent(held);
  n.define(OnnxActivation{n.add(MaxPool{e[0], e[1], {}}, {held.node}), picture_axes(x.rank())});
}

}  // namespace detail

template <>
struct OnnxRules<MaxPool> {
  static void read(detail::OnnxReaders& readers) {
    readers.add("MaxPool", detail::read_max_pool);
    readers.add("GlobalMaxPool", detail::read_global_max_pool);
  }
  static void write(detail::OnnxWriter& w, const MaxPool& l, const detail::OnnxCall& n) {
    auto& node = w.add("MaxPool", n);
    detail::write_window(node, l.kernel_h, l.kernel_w, l.window);
    w.attribute(node, "dilations", Extents{l.window.dilation_h, l.window.dilation_w});
  }
};
template <>
struct OnnxRules<AveragePool> {
  static void read(detail::OnnxReaders& readers) { readers.add("AveragePool", detail::read_average_pool); }
  static void write(detail::OnnxWriter& w, const AveragePool& l, const detail::OnnxCall& n) {
    if (l.window.dilation_h != 1 || l.window.dilation_w != 1)
      throw unsupported_error(detail::message("write_onnx: node ", n.name, ": AveragePool has no dilations in opset 13"));
    auto& node = w.add("AveragePool", n);
    detail::write_window(node, l.kernel_h, l.kernel_w, l.window);
    w.attribute(node, "count_include_pad", std::int64_t{l.count_include_pad});
  }
  /// In float in either form: no operator divides the sum of a window's codes by their number.
  static void write_codes(detail::OnnxCodesWriter& w, const AveragePool& l) {
    const std::string x = w.real(), y = w.value("real");
    write(w, l, w.call(w.name(), {x}, y));
    w.quantize(y);
  }
};
template <>
struct OnnxRules<GlobalAveragePool> {
  static void read(detail::OnnxReaders& readers) { readers.add("GlobalAveragePool", detail::read_global_average_pool); }
  static void write(detail::OnnxWriter& w, const GlobalAveragePool&, const detail::OnnxCall& n) { w.add("GlobalAveragePool", n); }
  /// No standard operator sums codes; ONNX Runtime's own computes float(sum (x - z_x)) * m, m = scale_x / (scale_y * H W), as
  /// this library.
  static void write_codes(detail::OnnxCodesWriter& w, const GlobalAveragePool& l) {
    if (w.form() == OnnxForm::qdq) return w.write_in_float(write, l);
    w.require_microsoft();
    const std::string codes = w.codes();
    w.give(w.unique(w.name()));
    auto& node = w.add("QLinearGlobalAveragePool", w.name(),
                       {codes, w.scale(w.in().scale), w.zero_point(w.in().zero_point), w.scale(w.node().grid.scale),
                        w.zero_point(w.node().grid.zero_point)},
                       w.given());
    node.set_domain("com.microsoft");
    w.attribute(node, "channels_last", std::int64_t{0});
  }
};

}  // namespace trimtab
