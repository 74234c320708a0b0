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
#include <trimtab/net/operators/conv_transpose2d.hpp>
#include <trimtab/net/operators/depth_to_space.hpp>
#include <trimtab/net/operators/depthwise_conv2d.hpp>
#include <trimtab/net/operators/expand.hpp>
#include <trimtab/net/operators/flatten.hpp>
#include <trimtab/net/operators/gather.hpp>
#include <trimtab/net/operators/global_average_pool.hpp>
#include <trimtab/net/operators/input.hpp>
#include <trimtab/net/operators/linear.hpp>
#include <trimtab/net/operators/lookup_table.hpp>
#include <trimtab/net/operators/max_pool.hpp>
#include <trimtab/net/operators/pad.hpp>
#include <trimtab/net/operators/reshape.hpp>
#include <trimtab/net/operators/resize_linear.hpp>
#include <trimtab/net/operators/resize_nearest.hpp>
#include <trimtab/net/operators/slice.hpp>
#include <trimtab/net/operators/space_to_depth.hpp>
#include <trimtab/net/operators/tile.hpp>
#include <trimtab/net/operators/transpose.hpp>

namespace trimtab {

/// All of them.
using Operators = std::tuple<Add, AveragePool, BatchNorm, ChannelAffine, Clip, Concat, Constant, Conv2d, ConvTranspose2d, DepthToSpace,
                             DepthwiseConv2d, Expand, Flatten, Gather, GlobalAveragePool, Input, Linear, LookupTable, MaxPool, Pad, Reshape,
                             ResizeLinear, ResizeNearest, Slice, SpaceToDepth, Tile, Transpose>;

}  // namespace trimtab
