#pragma once
/// \file
/// The facet of operators with weights: convolutions and linear layers. An operator L has it where WeightedRules<L> is
/// specialised; L then has the members `weight` and `bias`, containers of float, the bias with one number for each output channel
/// or none.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <trimtab/core/conv_geometry.hpp>
#include <trimtab/core/layer_views.hpp>
#include <trimtab/int8/workspace.hpp>
#include <trimtab/net/graph/operator_rules.hpp>
#include <trimtab/ops/layer_run.hpp>
#include <trimtab/quant/requantize.hpp>
#include <trimtab/transform/learn_rounding.hpp>

namespace trimtab {

/// A tensor one of whose axes counts channels.
struct ChannelWeight {
  TensorView<float> weight;  ///< seen with as many axes as it takes
  std::size_t axis;          ///< of the channels
};

/// How TFLite's kernels round a layer's products in fixed point.
struct FixedPointProduct {
  FixedPointRounding rounding;  ///< of symmetric int8 layers; asymmetric ones are rounded twice always
  bool one_scale_in_float;      ///< scale_x * scale_w of a layer with one weight scale is a float32 product there
};

/// A layer with weights whatever its type: what executors and passes see of it.
class WeightedLayer {
 public:
  virtual ~WeightedLayer() = default;

  virtual TensorView<float> weight() = 0;                  ///< as the operator's header says
  virtual TensorView<const float> weight() const = 0;      ///< the same, to read
  virtual std::span<float> bias() = 0;                     ///< one number for each output channel, or none
  virtual std::span<const float> bias() const = 0;         ///< the same, to read
  virtual void set_bias(std::span<const float> bias) = 0;  ///< replaces it; none takes it away
  virtual void drop_weights() = 0;                         ///< frees weight and bias; what is left is the geometry

  /// Of the output, batch excluded, with a weight of these extents: where the weight itself is dropped. Throws shape_error, naming
  /// `node`.
  virtual Extents extent(const Extents& weight, std::span<const Extents> in, const std::string& node) const = 0;
  virtual std::size_t output_axis() const = 0;  ///< of the weight: counts the output channels
  virtual std::size_t input_axis()
      const = 0;  ///< of the weight: counts the inputs of a group; the same as output_axis where each channel has its own
  virtual std::size_t groups() const = 0;  ///< that do not mix, depthwise layers counting as one
  /// The part of the output's pixels in which a weight has a product, borders aside: 1, but less of transposed convolutions with
  /// strides.
  virtual double reach() const = 0;
  virtual FixedPointProduct fixed_point_product() const = 0;  ///< see there

  /// Why factors on the channels of what the layer reads cannot be moved into it; empty where they can.
  virtual std::string mixes_channels() const = 0;
  /// The weight by the channels of what the layer reads, when its last axis has `channels` of them: where mixes_channels() is
  /// empty.
  virtual ChannelWeight by_input_channel(std::size_t channels) = 0;

  /// Packs codes (in the weight's extents) for the kernels. `packed` is reused when it came from the same layer, and made when
  /// null. Throws as int8::pack_conv2d does.
  virtual void pack(const TensorView<const std::int8_t>& codes, std::span<const std::int32_t> zero_point,
                    std::shared_ptr<void>& packed) const = 0;
  /// The largest |bias| of output channel o with which no sum leaves int32.
  virtual std::int32_t bias_limit(const void* packed, std::size_t o) const = 0;
  /// Exact sums, biases included, of packed weights and x: as int32, times a multiplier in float32, or as codes.
  virtual void run(const void* packed, const CodeInput& x, std::span<const std::int32_t> bias, const TensorView<std::int32_t>& y,
                   int8::Workspace& workspace) const = 0;
  virtual void run(const void* packed, const CodeInput& x, std::span<const std::int32_t> bias, std::span<const float> multiplier,
                   const TensorView<float>& y, int8::Workspace& workspace) const = 0;  ///< steps
  virtual void run(const void* packed, const CodeInput& x, std::span<const std::int32_t> bias, const Requantize& requantize,
                   const TensorView<std::uint8_t>& y, int8::Workspace& workspace) const = 0;  ///< codes

  /// grad_weight += ...
  virtual void backward_weight(const TensorView<const float>& grad_y, const TensorView<const float>& x,
                               const TensorView<float>& grad_weight) const = 0;
  /// With the given weights in place of the layer's own.
  virtual void backward_input(const TensorView<const float>& grad_y, const TensorView<const float>& weight,
                              const TensorView<float>& grad_x, GradientMode mode) const = 0;
  /// Whether ops/conv2d_int16.hpp can take its products, which is the faster way.
  virtual bool int16_products() const = 0;
  /// Of the convolution that int16 products are taken of; for those layers alone.
  virtual WindowGeometry int16_geometry(const Extents& x) const = 0;

  /// Zeros for the layer's least squares problems.
  virtual OutputMoments moments() const = 0;
  /// Adds the sums of x x^T, y x^T and x of one batch: x what the layer reads, y what it puts out.
  virtual void add_products(const TensorView<const float>& x, const TensorView<const float>& y, OutputMoments& m) const = 0;

  /// Puts a weight where it has been dropped, or another one in its place.
  virtual void set_weight(const TensorView<const float>& weight) = 0;

  /// y = clip(layer(x)) in float, on packed weights where `run` keeps them.
  virtual void forward(const TensorView<const float>& x, const TensorView<float>& y, const LayerRun& run) const = 0;

  std::size_t output_channels() const { return weight().extent[output_axis()]; }  ///< one bias each
  bool is_depthwise() const { return input_axis() == output_axis(); }             ///< each channel has a filter of its own
};

namespace detail {

/// Numbers in a row as a tensor.
template <class T>
TensorView<T> view_of(std::span<T> row) {
  return {row.data(), {row.size()}};
}

/// to[column * step] += the sum of each of `columns` columns of x.
inline void add_column_sums(const float* x, std::size_t size, std::size_t columns, double* to, std::size_t step = 1) {
  for (const float *row = x, *end = x + size; row < end; row += columns)
    for (std::size_t c = 0; c < columns; ++c) to[c * step] += double(row[c]);
}

/// to[...] += from, for sums that were taken in float over one batch.
inline void add_sums(const std::vector<float>& from, std::vector<double>& to) {
  for (std::size_t i = 0; i < from.size(); ++i) to[i] += double(from[i]);
}

}  // namespace detail
}  // namespace trimtab
