#pragma once
/// \file
/// Parameters of operators that make one number of many: reductions, softmax, norms.

#include <trimtab/io/trimtab/rules.hpp>
#include <trimtab/net/operators.hpp>

namespace trimtab {
namespace detail {

inline constexpr ChoiceNames<L2Epsilon, 2> l2_epsilon_names{{{L2Epsilon::at_least, "at_least"}, {L2Epsilon::added, "added"}}};

/// Rules of the reductions.
struct ReductionFields {
  static void fields(auto& a, auto& l) {
    a.numbers("axes", l.axes);
    a.number("keep_axes", l.keep_axes);
  }
};
/// Rules of what works along one axis and has no other parameter.
struct AxisFields {
  static void fields(auto& a, auto& l) { a.number("axis", l.axis); }
};
/// Rules of norms.
struct NormFields {
  static void fields(auto& a, auto& l) {
    a.tensor("gamma", l.gamma);
    a.tensor("beta", l.beta);
    a.number("epsilon", l.epsilon);
  }
};

}  // namespace detail

template <>
struct FileRules<ReduceL2> : detail::ReductionFields {};
template <>
struct FileRules<ReduceMax> : detail::ReductionFields {};
template <>
struct FileRules<ReduceMean> : detail::ReductionFields {};
template <>
struct FileRules<ReduceMin> : detail::ReductionFields {};
template <>
struct FileRules<ReduceSum> : detail::ReductionFields {};

template <>
struct FileRules<LogSoftmax> : detail::AxisFields {};
template <>
struct FileRules<Softmax> : detail::AxisFields {};
template <>
struct FileRules<SoftmaxTable> {
  static void fields(auto& a, auto& l) {
    a.number("axis", l.axis);
    a.tensor("table", l.table);
  }
};
template <>
struct FileRules<ArgMax> {
  static void fields(auto& a, auto& l) {
    a.number("axis", l.axis);
    a.number("keep_axis", l.keep_axis);
  }
};

template <>
struct FileRules<BatchNorm> {
  static void fields(auto& a, auto& l) {
    detail::NormFields::fields(a, l);
    a.tensor("mean", l.mean);
    a.tensor("variance", l.variance);
  }
};
template <>
struct FileRules<GroupNorm> {
  static void fields(auto& a, auto& l) {
    detail::NormFields::fields(a, l);
    a.number("groups", l.groups);
  }
};
template <>
struct FileRules<InstanceNorm> : detail::NormFields {};
template <>
struct FileRules<LayerNorm> : detail::NormFields {};
template <>
struct FileRules<L2Norm> {
  static void fields(auto& a, auto& l) {
    a.number("axis", l.axis);
    a.number("epsilon", l.epsilon);
    a.choice("rule", l.rule, detail::l2_epsilon_names);
  }
};
template <>
struct FileRules<LocalResponseNorm> {
  static void fields(auto& a, auto& l) {
    a.number("size", l.size);
    a.number("alpha", l.alpha);
    a.number("beta", l.beta);
    a.number("bias", l.bias);
  }
};

}  // namespace trimtab
