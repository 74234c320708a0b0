#pragma once
/// \file
/// Layers with weights in C: Conv2d, DepthwiseConv2d, ConvTranspose2d, Linear.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <trimtab/io/source/rules.hpp>
#include <trimtab/io/source/taps.hpp>
#include <trimtab/net/operators/conv2d.hpp>
#include <trimtab/net/operators/conv_transpose2d.hpp>
#include <trimtab/net/operators/depthwise_conv2d.hpp>
#include <trimtab/net/operators/linear.hpp>
#include <vector>

namespace trimtab {
namespace detail {

inline constexpr const char* window_layer_text = R"(
/* A layer whose windows walk over a picture. All tensors have their channels last. Outside the picture codes are the zero point, which adds
   nothing. */
typedef struct {
  size_t rows, cols, channels;             /* of the input */
  size_t out_rows, out_cols, out_channels; /* of the output */
  size_t kernel_rows, kernel_cols, stride_rows, stride_cols, above, left, dilation_rows, dilation_cols; /* above, left: padding */
  size_t groups;              /* of channels that do not mix */
  int32_t zero_point;         /* of the input */
  const int8_t* weight;       /* output channel, kernel row, kernel column, channel of the group; depthwise: row, column, channel */
  const int16_t* weight_zero; /* zero point of each output channel, or null: all are 0 */
  const int32_t* bias;        /* of each output channel */
  @codes output;
} @window_layer;
)";
inline const SourceKernel window_layer_kernel{"window_layer", window_layer_text, {&taps_kernel}};

inline constexpr const char* dot_text = R"(
/* The sum of (x - zero point) * (w - its zero point). */
static inline int32_t @dot(const uint8_t* x, int32_t x_zero, const int8_t* w, int32_t w_zero, size_t count) {
  int32_t sum = 0;
  if (w_zero == 0)
    for (size_t i = 0; i < count; ++i) sum += (x[i] - x_zero) * w[i];
  else
    for (size_t i = 0; i < count; ++i) sum += (x[i] - x_zero) * (w[i] - w_zero);
  return sum;
}
)";
inline const SourceKernel dot_kernel{"dot", dot_text};

inline constexpr const char* conv2d_text = R"(
static inline void @conv2d(const uint8_t* in, uint8_t* out, const @window_layer* l) {
  const size_t group_in = l->channels / l->groups, group_out = l->out_channels / l->groups;
  const int side_by_side = l->groups == 1 && l->dilation_cols == 1; /* the columns of a window's row, as their weights do */
  for (size_t row = 0; row < l->out_rows; ++row) {
    const @taps r = @taps_inside(row * l->stride_rows, l->above, l->dilation_rows, l->kernel_rows, l->rows);
    for (size_t col = 0; col < l->out_cols; ++col) {
      const @taps c = @taps_inside(col * l->stride_cols, l->left, l->dilation_cols, l->kernel_cols, l->cols);
      for (size_t o = 0; o < l->out_channels; ++o) {
        const int32_t w_zero = l->weight_zero ? l->weight_zero[o] : 0;
        int32_t sum = l->bias[o];
        for (size_t kr = r.first; kr < r.end; ++kr) {
          const uint8_t* x = in + ((r.at + (kr - r.first) * l->dilation_rows) * l->cols + c.at) * l->channels + o / group_out * group_in;
          const int8_t* w = l->weight + ((o * l->kernel_rows + kr) * l->kernel_cols + c.first) * group_in;
          if (side_by_side != 0)
            sum += @dot(x, l->zero_point, w, w_zero, (c.end - c.first) * group_in);
          else
            for (size_t kc = c.first; kc < c.end; ++kc, x += l->dilation_cols * l->channels, w += group_in)
              sum += @dot(x, l->zero_point, w, w_zero, group_in);
        }
        *out++ = @code(sum, o, &l->output);
      }
    }
  }
}
)";
inline constexpr const char* depthwise_conv2d_text = R"(
static inline void @depthwise_conv2d(const uint8_t* in, uint8_t* out, const @window_layer* l) {
  const size_t next_col = l->dilation_cols * l->channels, next_row = l->dilation_rows * l->cols * l->channels;
  for (size_t row = 0; row < l->out_rows; ++row) {
    const @taps r = @taps_inside(row * l->stride_rows, l->above, l->dilation_rows, l->kernel_rows, l->rows);
    for (size_t col = 0; col < l->out_cols; ++col) {
      const @taps c = @taps_inside(col * l->stride_cols, l->left, l->dilation_cols, l->kernel_cols, l->cols);
      for (size_t o = 0; o < l->channels; ++o) {
        const uint8_t* x_row = in + (r.at * l->cols + c.at) * l->channels + o;
        const int8_t* w_row = l->weight + (r.first * l->kernel_cols + c.first) * l->channels + o;
        const int32_t x_zero = l->zero_point, w_zero = l->weight_zero ? l->weight_zero[o] : 0;
        int32_t sum = l->bias[o];
        for (size_t kr = r.first; kr < r.end; ++kr, x_row += next_row, w_row += l->kernel_cols * l->channels) {
          const uint8_t* x = x_row;
          const int8_t* w = w_row;
          for (size_t kc = c.first; kc < c.end; ++kc, x += next_col, w += l->channels) sum += (*x - x_zero) * (*w - w_zero);
        }
        *out++ = @code(sum, o, &l->output);
      }
    }
  }
}
)";
inline constexpr const char* conv_transpose2d_text = R"(
/* Each input pixel is spread over a window of the output; `above` and `left` are cut off. An output pixel is reached from those rows r with
   r * stride + kr * dilation = row + above. */
static inline void @conv_transpose2d(const uint8_t* in, uint8_t* out, const @window_layer* l) {
  const size_t group_in = l->channels / l->groups, group_out = l->out_channels / l->groups;
  for (size_t row = 0; row < l->out_rows; ++row)
    for (size_t col = 0; col < l->out_cols; ++col)
      for (size_t o = 0; o < l->out_channels; ++o) {
        const int32_t w_zero = l->weight_zero ? l->weight_zero[o] : 0;
        int32_t sum = l->bias[o];
        for (size_t kr = 0; kr < l->kernel_rows; ++kr) {
          const size_t r = row + l->above - kr * l->dilation_rows; /* before the first row it wraps, and is large */
          if (r % l->stride_rows != 0 || r / l->stride_rows >= l->rows || r > row + l->above) continue;
          for (size_t kc = 0; kc < l->kernel_cols; ++kc) {
            const size_t c = col + l->left - kc * l->dilation_cols;
            if (c % l->stride_cols != 0 || c / l->stride_cols >= l->cols || c > col + l->left) continue;
            sum += @dot(in + (r / l->stride_rows * l->cols + c / l->stride_cols) * l->channels + o / group_out * group_in,
                        l->zero_point, l->weight + ((o * l->kernel_rows + kr) * l->kernel_cols + kc) * group_in, w_zero, group_in);
          }
        }
        *out++ = @code(sum, o, &l->output);
      }
}
)";
inline const SourceKernel conv2d_kernel{"conv2d", conv2d_text, {&window_layer_kernel, &dot_kernel}};
inline const SourceKernel depthwise_conv2d_kernel{"depthwise_conv2d", depthwise_conv2d_text, {&window_layer_kernel}};
inline const SourceKernel conv_transpose2d_kernel{"conv_transpose2d", conv_transpose2d_text, {&window_layer_kernel, &dot_kernel}};

inline constexpr const char* linear_text = R"(
/* Rows of numbers times a matrix. */
typedef struct {
  size_t rows, inputs, outputs;
  int32_t zero_point;         /* of the input */
  const int8_t* weight;       /* output, input */
  const int16_t* weight_zero; /* zero point of each output, or null: all are 0 */
  const int32_t* bias;        /* of each output */
  @codes output;
} @linear_layer;

static inline void @linear(const uint8_t* in, uint8_t* out, const @linear_layer* l) {
  for (size_t row = 0; row < l->rows; ++row, in += l->inputs)
    for (size_t o = 0; o < l->outputs; ++o)
      *out++ = @code(l->bias[o] + @dot(in, l->zero_point, l->weight + o * l->inputs, l->weight_zero ? l->weight_zero[o] : 0,
                                       l->inputs), o, &l->output);
}
)";
inline const SourceKernel linear_kernel{"linear", linear_text, {&dot_kernel}};

/// The numbers of a layer, "weight, zero points, bias, output": biases as large as sums of int32 allow.
inline std::string layer_numbers(SourceWriter& w) {
  const LoweredNode& node = w.node();
  const LoweredLayer& l = *node.layer;
  const std::shared_ptr<void> packed = pack(node);
  std::vector<std::int32_t> bias;
  for (std::size_t o = 0; o < l.bias.size(); ++o) {
    const std::int32_t limit = node.op->weighted()->bias_limit(packed.get(), o);
    bias.push_back(std::clamp(l.bias[o], -limit, limit));
  }
  const std::vector<std::int16_t> zero_point(l.zero_point.begin(), l.zero_point.end());
  const std::string weight = w.array("weight", l.codes), zero = w.array_or_null("weight_zero", zero_point),
                    of_bias = w.array("bias", bias);
  return message(weight, ", ", zero, ", ", of_bias, ",\n    ", w.codes_of_sums());
}

inline void write_window_layer(SourceWriter& w, const SourceKernel& kernel, std::size_t kernel_h, std::size_t kernel_w,
                               const WindowOptions& o, std::size_t groups) {
  const Extents &x = w.extent_in(), &y = w.node().extent;
  const std::string numbers = layer_numbers(w);
  const std::string fields =
      message(x[0], ", ", x[1], ", ", x[2], ", ", y[0], ", ", y[1], ", ", y[2], ", ", kernel_h, ", ", kernel_w, ", ", o.stride_h,
              ", ", o.stride_w, ", ", o.padding.top, ", ", o.padding.left, ", ", o.dilation_h, ", ", o.dilation_w, ", ", groups,
              ", ", w.grid_in().zero_point, ",\n    ", numbers);
  w.call(kernel, w.in(), w.out(), w.parameters("window_layer", fields));
}

}  // namespace detail

template <>
struct SourceRules<Conv2d> {
  static void write(detail::SourceWriter& w, const Conv2d& l) {
    const Extents& weight = w.node().layer->extent;
    detail::write_window_layer(w, detail::conv2d_kernel, weight[1], weight[2], l.window, l.groups);
  }
};
template <>
struct SourceRules<DepthwiseConv2d> {
  static void write(detail::SourceWriter& w, const DepthwiseConv2d& l) {
    const Extents& weight = w.node().layer->extent;
    detail::write_window_layer(w, detail::depthwise_conv2d_kernel, weight[0], weight[1], l.window, weight[2]);
  }
};
template <>
struct SourceRules<ConvTranspose2d> {
  static void write(detail::SourceWriter& w, const ConvTranspose2d& l) {
    const Extents& weight = w.node().layer->extent;
    detail::write_window_layer(w, detail::conv_transpose2d_kernel, weight[1], weight[2], l.window, l.groups);
  }
};
template <>
struct SourceRules<Linear> {
  static void write(detail::SourceWriter& w, const Linear&) {
    const Extents& x = w.extent_in();
    const std::string fields = detail::message(element_count(x) / x.back(), ", ", x.back(), ", ", w.node().extent.back(), ", ",
                                               w.grid_in().zero_point, ",\n    ", detail::layer_numbers(w));
    w.call(detail::linear_kernel, w.in(), w.out(), w.parameters("linear_layer", fields));
  }
};

}  // namespace trimtab
