#pragma once
/// \file
/// Parameters of windows that slide over pictures, and of the pools that are nothing else.

#include <trimtab/core/conv_geometry.hpp>
#include <trimtab/io/trimtab/rules.hpp>
#include <trimtab/net/operators/average_pool.hpp>
#include <trimtab/net/operators/max_pool.hpp>

namespace trimtab {
namespace detail {

void window_fields(auto& a, auto& w) {
  a.number("stride_h", w.stride_h);
  a.number("stride_w", w.stride_w);
  a.number("padding_top", w.padding.top);
  a.number("padding_left", w.padding.left);
  a.number("padding_bottom", w.padding.bottom);
  a.number("padding_right", w.padding.right);
  a.number("dilation_h", w.dilation_h);
  a.number("dilation_w", w.dilation_w);
}

}  // namespace detail

template <>
struct FileRules<AveragePool> {
  static void fields(auto& a, auto& l) {
    a.number("kernel_h", l.kernel_h);
    a.number("kernel_w", l.kernel_w);
    detail::window_fields(a, l.window);
    a.number("count_include_pad", l.count_include_pad);
  }
};
template <>
struct FileRules<MaxPool> {
  static void fields(auto& a, auto& l) {
    a.number("kernel_h", l.kernel_h);
    a.number("kernel_w", l.kernel_w);
    detail::window_fields(a, l.window);
  }
};

}  // namespace trimtab
