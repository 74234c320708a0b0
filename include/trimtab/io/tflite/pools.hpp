#pragma once
/// \file
/// AVERAGE_POOL_2D and MAX_POOL_2D.

#include <algorithm>
#include <trimtab/io/tflite/layer.hpp>
#include <trimtab/net/operators/average_pool.hpp>
#include <trimtab/net/operators/max_pool.hpp>

namespace trimtab {
namespace detail {

/// True where the operators from `first` on pad: what neither SAME nor VALID does.
inline bool has_pad(const TfliteWriter& w, std::size_t first) {
  return std::any_of(w.model.operations.begin() + static_cast<std::ptrdiff_t>(first), w.model.operations.end(),
                     [](const tflite::Operation& o) { return o.code == tflite::OperatorCode::pad; });
}

/// L with the window that the options tell.
template <class L>
void read_pool(const TfliteNode& n) {
  n.require(1, 1);
  L l;
  l.kernel_w = n.count(3, 0, 1), l.kernel_h = n.count(4, 0, 1);
  WindowOptions steps;
  steps.stride_w = n.count(1, 0, 1), steps.stride_h = n.count(2, 0, 1);
  l.window = read_window(n, l.kernel_h, l.kernel_w, steps);
  n.become(std::move(l), {n.node(0)}, n.activation(5));
}

inline std::int32_t write_pool(TfliteWriter& w, tflite::OperatorCode code, std::size_t kernel_h, std::size_t kernel_w,
                               const WindowOptions& steps, bool zeros_count) {
  if (steps.dilation_h != 1 || steps.dilation_w != 1) w.refuse("a dilated pool");
  const TfliteWindow window = write_window(w, kernel_h, kernel_w, steps, zeros_count);
  tflite::Options o{5};
  o.byte(0, window.padding).number(1, steps.stride_w).number(2, steps.stride_h).number(3, kernel_w).number(4, kernel_h);
  const std::int32_t to = w.result();
  w.operation(code, w.version(2), {window.input}, to, std::move(o));
  return w.clamped(to, w.grid_in().codes);
}

}  // namespace detail

template <>
struct TfliteRules<AveragePool> {
  static void read(detail::TfliteReaders& readers) {
    readers.add(tflite::OperatorCode::average_pool_2d, detail::read_pool<AveragePool>);
  }
  /// TFLite's keeps its input's grid; with a grid of its own it is one of reals.
  static TfliteForm form(const detail::TfliteWriter& w, const AveragePool&) {
    return w.is_fixed_point() ? TfliteForm::both : TfliteForm::reals;
  }
  static std::int32_t write(detail::TfliteWriter& w, const AveragePool& l) {
    const std::size_t before = w.model.operations.size();
    const std::int32_t to =
        detail::write_pool(w, tflite::OperatorCode::average_pool_2d, l.kernel_h, l.kernel_w, l.window, l.count_include_pad);
    if (!l.count_include_pad && detail::has_pad(w, before))
      w.refuse("an average pool that leaves out padding other than TFLite's SAME");
    return to;
  }
};
template <>
struct TfliteRules<MaxPool> {
  static constexpr TfliteForm form = TfliteForm::both;
  static void read(detail::TfliteReaders& readers) { readers.add(tflite::OperatorCode::max_pool_2d, detail::read_pool<MaxPool>); }
  static std::int32_t write(detail::TfliteWriter& w, const MaxPool& l) {
    const std::size_t before = w.model.operations.size();
    const std::int32_t to = detail::write_pool(w, tflite::OperatorCode::max_pool_2d, l.kernel_h, l.kernel_w, l.window, false);
    if (detail::has_pad(w, before) && (w.on_reals || w.grid_in().codes.qmin < w.grid_in().zero_point))
      w.refuse(detail::message("a max pool with padding ", l.window.padding.top, ", ", l.window.padding.left,
                               ", which TFLite's SAME is not, over negative values"));
    return to;
  }
};

}  // namespace trimtab
