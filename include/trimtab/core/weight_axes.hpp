#pragma once
/// \file
/// Where the channels of weights lie. There are three layouts, O I, O KH KW I and the depthwise KH KW C, and their ranks tell
/// them apart.

#include <cstddef>
#include <trimtab/core/error.hpp>
#include <trimtab/core/tensor_view.hpp>

namespace trimtab {

/// The axis of a tensor whose indices are channels, named where it is passed: `fold_batch_norm(weight, ChannelAxis{2}, ...)`.
struct ChannelAxis {
  std::size_t index;  ///< from 0
};

namespace detail {

/// One of three numbers by the rank of `weight`. Throws shape_error, naming `what`, for a rank other than 2, 3 and 4.
template <class T>
std::size_t axis_by_rank(const TensorView<T>& weight, std::size_t of_linear, std::size_t of_depthwise, std::size_t of_conv,
                         const char* what) {
  if (weight.rank() < 2 || weight.rank() > 4)
    throw shape_error(message(what, ": weights of extents ", weight.extent, "; expected O I, KH KW C (depthwise) or O KH KW I"));
  return weight.rank() == 2 ? of_linear : weight.rank() == 3 ? of_depthwise : of_conv;
}

}  // namespace detail

/// The axis of the output channels: O of O I and O KH KW I, C of KH KW C. Throws shape_error, naming `what`, for another rank.
template <class T>
ChannelAxis output_axis(const TensorView<T>& weight, const char* what) {
  return {detail::axis_by_rank(weight, 0, 2, 0, what)};
}

/// The axis of the input channels: I of O I and O KH KW I, C of KH KW C. Throws as output_axis does.
template <class T>
ChannelAxis input_axis(const TensorView<T>& weight, const char* what) {
  return {detail::axis_by_rank(weight, 1, 2, 3, what)};
}

}  // namespace trimtab
