#pragma once
/// \file
/// Every operator of the library, a line each. Tests, the page docs/operators.md and file formats go through this list; networks take any type
/// with OperatorRules, in the list or not.

#include <tuple>

#include <trimtab/net/operators/add.hpp>
#include <trimtab/net/operators/average_pool.hpp>
#include <trimtab/net/operators/batch_norm.hpp>
#include <trimtab/net/operators/channel_affine.hpp>
#include <trimtab/net/operators/clip.hpp>
#include <trimtab/net/operators/concat.hpp>
#include <trimtab/net/operators/constant.hpp>
#include <trimtab/net/operators/conv2d.hpp>
#include <trimtab/net/operators/depthwise_conv2d.hpp>
#include <trimtab/net/operators/flatten.hpp>
#include <trimtab/net/operators/global_average_pool.hpp>
#include <trimtab/net/operators/input.hpp>
#include <trimtab/net/operators/linear.hpp>
#include <trimtab/net/operators/lookup_table.hpp>
#include <trimtab/net/operators/max_pool.hpp>

namespace trimtab {

/// All of them.
using Operators = std::tuple<Add, AveragePool, BatchNorm, ChannelAffine, Clip, Concat, Constant, Conv2d, DepthwiseConv2d, Flatten, GlobalAveragePool,
                             Input, Linear, LookupTable, MaxPool>;

}  // namespace trimtab
