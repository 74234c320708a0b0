#pragma once
/// \file
/// Parameters of functions of one number, and of the tables that they become.

#include <trimtab/io/trimtab/rules.hpp>
#include <trimtab/net/operators.hpp>

namespace trimtab {

template <>
struct FileRules<Celu> {
  static void fields(auto& a, auto& l) { a.number("alpha", l.alpha); }
};
template <>
struct FileRules<ChannelAffine> {
  static void fields(auto& a, auto& l) {
    a.tensor("scale", l.scale);
    a.tensor("offset", l.offset);
  }
};
template <>
struct FileRules<Clip> {
  static void fields(auto& a, auto& l) {
    a.number("lo", l.lo);
    a.number("hi", l.hi);
  }
};
template <>
struct FileRules<Elu> {
  static void fields(auto& a, auto& l) { a.number("alpha", l.alpha); }
};
template <>
struct FileRules<FakeQuantize> {
  static void fields(auto& a, auto& l) {
    a.number("scale", l.grid.scale);
    a.number("zero_point", l.grid.zero_point);
    a.number("least", l.grid.codes.qmin);
    a.number("most", l.grid.codes.qmax);
  }
};
template <>
struct FileRules<Gelu> {
  static void fields(auto& a, auto& l) { a.number("tanh_form", l.tanh_form); }
};
template <>
struct FileRules<HardSigmoid> {
  static void fields(auto& a, auto& l) {
    a.number("alpha", l.alpha);
    a.number("beta", l.beta);
  }
};
template <>
struct FileRules<LeakyRelu> {
  static void fields(auto& a, auto& l) { a.number("slope", l.slope); }
};
template <>
struct FileRules<LookupTable> {
  static void fields(auto& a, auto& l) { a.tensor("codes", l.codes); }
};
template <>
struct FileRules<Pow> {
  static void fields(auto& a, auto& l) { a.number("exponent", l.exponent); }
};
template <>
struct FileRules<PRelu> {
  static void fields(auto& a, auto& l) { a.tensor("slope", l.slope); }
};
template <>
struct FileRules<Selu> {
  static void fields(auto& a, auto& l) {
    a.number("alpha", l.alpha);
    a.number("gamma", l.gamma);
  }
};

}  // namespace trimtab
