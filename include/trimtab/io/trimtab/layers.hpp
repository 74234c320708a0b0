#pragma once
/// \file
/// Parameters of operators that multiply: layers, whose weights are the node's, and products of two inputs. And of sources.

#include <trimtab/io/trimtab/rules.hpp>
#include <trimtab/io/trimtab/windows.hpp>
#include <trimtab/net/operators.hpp>

namespace trimtab {

template <>
struct FileRules<Conv2d> {
  static void fields(auto& a, auto& l) {
    detail::window_fields(a, l.window);
    a.number("groups", l.groups);
  }
};
template <>
struct FileRules<ConvTranspose2d> {
  static void fields(auto& a, auto& l) {
    detail::window_fields(a, l.window);
    a.number("groups", l.groups);
    a.number("output_padding_h", l.output_padding_h);
    a.number("output_padding_w", l.output_padding_w);
  }
};
template <>
struct FileRules<DepthwiseConv2d> {
  static void fields(auto& a, auto& l) { detail::window_fields(a, l.window); }
};
template <>
struct FileRules<Linear> {
  static void fields(auto&, auto&) {}
};
template <>
struct FileRules<MatMul> {
  static void fields(auto& a, auto& l) {
    a.number("transpose_a", l.transpose_a);
    a.number("transpose_b", l.transpose_b);
  }
};

template <>
struct FileRules<Constant> {
  static void fields(auto& a, auto& l) { a.tensor("value", l.value); }
};
template <>
struct FileRules<Input> {
  static void fields(auto& a, auto& l) { a.numbers("extent", l.extent); }
};

}  // namespace trimtab
