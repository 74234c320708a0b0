#pragma once
/// \file
/// Every operator that has rules for C, a line each.

#include <trimtab/io/source/binary.hpp>
#include <trimtab/io/source/layers.hpp>
#include <trimtab/io/source/lookup.hpp>
#include <trimtab/io/source/movement.hpp>
#include <trimtab/io/source/pools.hpp>
#include <trimtab/io/source/reduce.hpp>
#include <trimtab/io/source/softmax.hpp>
#include <tuple>

namespace trimtab {

/// All of them. Functions of one number are LookupTables in a network of integers; Input and Constant are the writer's own.
using SourceOperators =
    std::tuple<Add, AveragePool, Clip, Concat, Conv2d, ConvTranspose2d, DepthToSpace, DepthwiseConv2d, Expand, Flatten, Gather,
               GlobalAveragePool, Linear, LookupTable, Max, MaxPool, Min, Mul, Pad, ReduceMax, ReduceMean, ReduceMin, ReduceSum,
               Reshape, ResizeNearest, Slice, Softmax, SoftmaxTable, SpaceToDepth, Sub, Tile, Transpose>;

namespace detail {

/// Writes the writer's node. Throws unsupported_error, naming it, where its operator has no rules.
inline void write_source_node(SourceWriter& w) {
  const Operator& op = w.node().op;
  const auto one = [&](const auto* l) {
    if (l != nullptr) SourceRules<std::remove_cvref_t<decltype(*l)>>::write(w, *l);
    return l != nullptr;
  };
  const bool written = [&]<class... L>(std::tuple<L...>*) {
    return (one(op.get_if<L>()) || ...);
  }(static_cast<SourceOperators*>(nullptr));
  if (!written) w.refuse("there is no form of it in C; --cut lets the network end before it");
}

}  // namespace detail
}  // namespace trimtab
