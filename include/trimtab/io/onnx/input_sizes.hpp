#pragma once
/// \file
/// The extents of graph inputs: what the file declares, what the user adds, and what stays open.

#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <trimtab/core/error.hpp>
#include <trimtab/io/onnx/batch_linear.hpp>
#include <trimtab/io/onnx/fold_views.hpp>
#include <trimtab/io/onnx/layout.hpp>
#include <trimtab/io/onnx/schema.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// Extents that a user gives to graph inputs, by name: all of them, the number of pictures first.
using OnnxInputSizes = std::map<std::string, std::vector<std::int64_t>>;

/// "NAME=1,3,320,320" as name and extents; NAME may hold '=' itself. Extents are 1 to 2^24. Throws value_error for anything else.
inline std::pair<std::string, std::vector<std::int64_t>> parse_input_size(std::string_view text) {
  const auto refuse = [&] {
    return value_error(detail::message("parse_input_size: '", text.substr(0, 100),
                                       "' is not NAME=1,3,320,320: a name, and 1 to 8 numbers in 1 to 2^24"));
  };
  const std::size_t equals = text.rfind('=');
  if (equals == std::string_view::npos || equals == 0) throw refuse();
  std::vector<std::int64_t> extents;
  const char *at = text.data() + equals + 1, *end = text.data() + text.size();
  while (true) {
    std::int64_t extent = 0;
    const auto [stop, failed] = std::from_chars(at, end, extent);
    if (failed != std::errc() || extent < 1 || extent > (1 << 24) || extents.size() == detail::most_axes) throw refuse();
    extents.push_back(extent);
    if (stop == end) break;
    if (*stop != ',') throw refuse();
    at = stop + 1;
  }
  return {std::string(text.substr(0, equals)), std::move(extents)};
}

namespace detail {

/// "N,3,height,width": the extents as the file writes them, ? for one without a name.
inline std::string declared_text(const ::onnx::TensorShapeProto& shape) {
  std::string text;
  for (const auto& dim : shape.dim()) {
    if (!text.empty()) text += ',';
    text += dim.dim_value() > 0 ? message(dim.dim_value()) : (dim.dim_param().empty() ? "?" : dim.dim_param().substr(0, 40));
  }
  return text;
}

/// Whether an input is a picture, N C H W or N H W C of 1, 3 or 4 channels, of which the file leaves height and width open.
inline bool is_picture_of_any_size(const ::onnx::TensorShapeProto& shape) {
  if (shape.dim_size() != 4) return false;
  const auto length = [&](int axis) { return shape.dim(axis).dim_value(); };
  const auto is_open = [&](int axis) { return length(axis) <= 0; };
  const auto is_channels = [&](int axis) { return length(axis) == 1 || length(axis) == 3 || length(axis) == 4; };
  return (is_channels(1) && is_open(2) && is_open(3)) || (is_channels(3) && is_open(1) && is_open(2));
}

/// The extents of one graph input. The first axis is the batch: where the file leaves it open (a name, 0, -1 or nothing) it is
/// the number of pictures, N. Every other axis needs a number, from the file, from `sizes`, or from `picture_size` for height and
/// width of a picture, where the file leaves both open. Without one no guess is sensible, since the network's results depend on
/// it. `option` is what a message tells the user to write, such as "--input-shape".
///
/// Notes say which axes were set. Throws unsupported_error for an axis that stays open, for more than 8 axes and extents beyond
/// 2^24; shape_error where the sizes given contradict the file; parse_error for an input without a shape when no size is given
/// either.
inline BatchDims input_extents(const ::onnx::ValueInfoProto& input, const OnnxInputSizes& sizes,
                               std::optional<std::int64_t> picture_size, std::string_view option,
                               std::vector<std::string>& notes) {
  const auto& type = input.type().tensor_type();
  const ::onnx::TensorShapeProto& shape = type.shape();
  const std::string declared = declared_text(shape);
  const auto found = sizes.find(input.name());
  const std::vector<std::int64_t>* given = found == sizes.end() ? nullptr : &found->second;
  const bool assumed = given == nullptr && picture_size && is_picture_of_any_size(shape);
  const auto rank = static_cast<std::size_t>(shape.dim_size());
  const auto who = [&] { return message("input '", input.name(), "' (", declared, ")"); };
  if (rank > most_axes) throw unsupported_error(message(who(), " has ", rank, " axes; at most 8 are supported"));
  if (!type.has_shape() && given == nullptr)
    throw parse_error(message("input '", input.name(), "' has no shape; give it: ", option, " ", input.name(), "=..."));
  if (given != nullptr && type.has_shape() && given->size() != rank)
    throw shape_error(message(who(), ": ", given->size(), " extents are given for ", rank, " axes"));
  BatchDims result;
  std::string open, set, example;
  for (std::size_t k = 0; k < (type.has_shape() ? rank : given->size()); ++k) {
    const auto* dim = type.has_shape() ? &shape.dim(static_cast<int>(k)) : nullptr;
    const std::int64_t length = dim != nullptr && dim->dim_value() > 0 ? dim->dim_value() : 0;
    const std::string name =
        message(dim != nullptr && !dim->dim_param().empty() ? dim->dim_param().substr(0, 40) : message("axis ", k));
    if (length > (1 << 24)) throw unsupported_error(message(who(), ": axis ", k, " has extent ", length));
    if (given != nullptr && length > 0 && (*given)[k] != length)
      throw shape_error(message(who(), ": axis ", k, " is ", length, " in the file, and ", (*given)[k], " is given"));
    example += message(k == 0 ? "" : ",", length > 0 ? message(length) : k == 0 ? "1" : "?");
    if (length > 0) {
      result.push_back({length, 0});
    } else if (k == 0) {
      result.push_back(batch_extent);  // one picture's worth is what a network knows: a size given for the batch changes nothing
    } else if (given != nullptr) {
      result.push_back({(*given)[k], 0});
      set += (set.empty() ? "" : ", ") + name + " = " + message((*given)[k]);
    } else if (assumed) {
      result.push_back({*picture_size, 0});
    } else {
      result.push_back({});
      open += (open.empty() ? "" : ", ") + name;
    }
  }
  if (!open.empty())
    throw unsupported_error(
        message(who(), " leaves open: ", open, ". Say how large, in place of each ?: ", option, " ", input.name(), "=", example));
  if (!set.empty()) notes.push_back(message(who(), " is read with ", set));
  if (assumed)
    notes.push_back(message(who(), " leaves its size open: ", *picture_size, " x ", *picture_size, " is taken; ", option, " ",
                            input.name(), "=", example, " sets another in place of each ?"));
  return result;
}

/// The inputs of a graph that are no initializers, in the file's order. An initializer that is an input too may be replaced by
/// who runs the file, since IR version 4; here it is the constant, and a note says so.
inline std::vector<const ::onnx::ValueInfoProto*> real_inputs(const ::onnx::ModelProto& model, const OnnxInputSizes& sizes,
                                                              std::vector<std::string>& notes) {
  std::map<std::string_view, const ::onnx::TensorProto*> initializers;
  for (const auto& tensor : model.graph().initializer()) initializers[tensor.name()] = &tensor;
  std::vector<const ::onnx::ValueInfoProto*> inputs;
  std::size_t named = 0;
  for (const auto& input : model.graph().input()) {
    if (initializers.count(input.name()) == 0) {
      inputs.push_back(&input);
      named += sizes.count(input.name());
    } else if (model.ir_version() >= 4) {
      notes.push_back(message("input '", input.name(), "' keeps the value that the file has for it"));
    }
  }
  if (named != sizes.size()) {
    std::string names;
    for (const auto* input : inputs) names += (names.empty() ? "'" : ", '") + input->name().substr(0, 60) + "'";
    for (const auto& [name, extents] : sizes) {
      bool there = false;
      for (const auto* input : inputs) there = there || input->name() == name;
      if (!there) throw shape_error(message("a size is given for input '", name, "'; the inputs are ", names));
    }
  }
  return inputs;
}

}  // namespace detail
}  // namespace trimtab
