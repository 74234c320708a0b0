#pragma once
/// \file
/// Experimental operators that ONNX had until opset 9 and files of Caffe2 and Windows ML still hold: Affine, Crop, ImageScaler,
/// Scale.

#include <cmath>
#include <cstdint>
#include <trimtab/io/onnx/binary.hpp>
#include <trimtab/io/onnx/rules.hpp>
#include <trimtab/io/onnx/slice.hpp>
#include <trimtab/io/onnx/unary.hpp>
#include <vector>

namespace trimtab {
namespace detail {

/// alpha * x + beta.
inline void read_affine(const OnnxNode& n) {
  n.require({"alpha", "beta"});
  n.apply(function_input(n), affine({read_parameter(n, "alpha", 1.0F)}, {read_parameter(n, "beta", 0.0F)}));
}
/// scale * x.
inline void read_scale(const OnnxNode& n) {
  n.require({"scale"});
  n.apply(function_input(n), affine({read_parameter(n, "scale", 1.0F)}, {0}));
}
/// scale * x + bias of the channel.
inline void read_image_scaler(const OnnxNode& n) {
  n.require({"bias", "scale"});
  const OnnxActivation x = picture(n.import, function_input(n));
  const auto* given = find_attribute(n.proto, "bias", ::onnx::AttributeProto::FLOATS);
  std::vector<float> bias;
  if (given != nullptr) bias.assign(given->floats().begin(), given->floats().end());
  const std::size_t channels = n.import.extent(x).back();
  if (bias.size() != channels) throw shape_error(message(bias.size(), " numbers of bias for ", channels, " channels"));
  for (const float b : bias)
    if (!std::isfinite(b)) throw parse_error(message("bias ", b));
  n.apply(x, affine({read_parameter(n, "scale", 1.0F)}, bias));
}
/// Without a border of left, top, right and bottom pixels; or, where `scale` is given, as many pixels behind left and top.
inline void read_crop(const OnnxNode& n) {
  n.require({"border", "scale"});
  const OnnxActivation x = picture(n.import, function_input(n));
  const std::vector<std::int64_t> border = n.integers("border"), size = n.integers("scale");
  const Extents in = n.import.extent(x);
  const auto height = static_cast<std::int64_t>(in[0]), width = static_cast<std::int64_t>(in[1]);
  if (border.size() != 4 || (!size.empty() && size.size() != 2))
    throw parse_error("expected a border of 4 numbers, and a scale of 2 or none");
  for (const std::int64_t b : border)
    if (b < 0 || b > (1 << 24)) throw parse_error(message("border ", b));
  const std::int64_t rows = size.empty() ? height - border[1] - border[3] : size[0],
                     columns = size.empty() ? width - border[0] - border[2] : size[1];
  if (rows < 1 || columns < 1 || rows > height - border[1] || columns > width - border[0])
    throw shape_error(
        message(rows, " x ", columns, " pixels from ", border[1], ", ", border[0], " on of ", height, " x ", width));
  std::vector<SliceAxis> parts = whole_axes(in);
  parts[0] = {static_cast<std::size_t>(border[1]), static_cast<std::size_t>(rows), 1};
  parts[1] = {static_cast<std::size_t>(border[0]), static_cast<std::size_t>(columns), 1};
  n.apply(x, Slice{std::move(parts)});
}

}  // namespace detail

/// Operators that ONNX no longer has.
struct OnnxRemoved {};

template <>
struct OnnxRules<OnnxRemoved> {
  static void read(detail::OnnxReaders& readers) {
    readers.add("Affine", detail::read_affine);
    readers.add("Crop", detail::read_crop);
    readers.add("ImageScaler", detail::read_image_scaler);
    readers.add("Scale", detail::read_scale);
  }
};

}  // namespace trimtab
