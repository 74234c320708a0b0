#pragma once
/// \file
/// Pools in C: AveragePool, GlobalAveragePool, MaxPool.

#include <cstdint>
#include <string>
#include <trimtab/int8/pool.hpp>
#include <trimtab/io/source/rules.hpp>
#include <trimtab/io/source/taps.hpp>
#include <trimtab/net/operators/average_pool.hpp>
#include <trimtab/net/operators/global_average_pool.hpp>
#include <trimtab/net/operators/max_pool.hpp>
#include <vector>

namespace trimtab {
namespace detail {

inline constexpr const char* pool_text = R"(
/* Windows that walk over a picture, channel by channel. Pixels outside the picture are left out. */
typedef struct {
  size_t rows, cols, channels, out_rows, out_cols; /* of the input, and of the output */
  size_t kernel_rows, kernel_cols, stride_rows, stride_cols, above, left, dilation_rows, dilation_cols; /* above, left: padding */
  int32_t least, most; /* codes of the output */
} @pool;
)";
inline const SourceKernel pool_kernel{"pool", pool_text, {&taps_kernel}};

inline constexpr const char* window_sum_text = R"(
/* The sum of a window's codes of channel c, less `zero` each. */
static inline int32_t @window_sum(const uint8_t* in, const @pool* p, @taps r, @taps k, size_t c, int32_t zero) {
  int32_t sum = 0;
  for (size_t kr = r.first; kr < r.end; ++kr) {
    const uint8_t* x = in + ((r.at + (kr - r.first) * p->dilation_rows) * p->cols + k.at) * p->channels + c;
    for (size_t kc = k.first; kc < k.end; ++kc, x += p->dilation_cols * p->channels) sum += *x - zero;
  }
  return sum;
}
)";
inline const SourceKernel window_sum_kernel{"window_sum", window_sum_text, {&pool_kernel}};

inline constexpr const char* average_pool_text = R"(
/* multiplier: of windows of 1, 2, .. pixels; or of `same` pixels alone, which is not 0 where all windows count as so many. */
static inline void @average_pool(const uint8_t* in, uint8_t* out, const @pool* p, int32_t zero, int32_t out_zero,
                                 const uint32_t* multiplier, int32_t same) {
  for (size_t row = 0; row < p->out_rows; ++row) {
    const @taps r = @taps_inside(row * p->stride_rows, p->above, p->dilation_rows, p->kernel_rows, p->rows);
    for (size_t col = 0; col < p->out_cols; ++col) {
      const @taps k = @taps_inside(col * p->stride_cols, p->left, p->dilation_cols, p->kernel_cols, p->cols);
      const size_t which = same != 0 ? 0 : (r.end - r.first) * (k.end - k.first) - 1;
      for (size_t c = 0; c < p->channels; ++c)
        *out++ = @held(out_zero + @times(@window_sum(in, p, r, k, c, zero), multiplier[which]), p->least, p->most);
    }
  }
}
)";
inline const SourceKernel average_pool_kernel{"average_pool", average_pool_text, {&float32_kernel, &window_sum_kernel}};

inline constexpr const char* average_pool_fixed_point_text = R"(
/* The mean on the input's grid, ties away from the code `origin`. same: not 0 where pixels outside the picture count, as the zero point. */
static inline void @average_pool(const uint8_t* in, uint8_t* out, const @pool* p, int32_t zero, int32_t origin, int32_t same) {
  for (size_t row = 0; row < p->out_rows; ++row) {
    const @taps r = @taps_inside(row * p->stride_rows, p->above, p->dilation_rows, p->kernel_rows, p->rows);
    for (size_t col = 0; col < p->out_cols; ++col) {
      const @taps k = @taps_inside(col * p->stride_cols, p->left, p->dilation_cols, p->kernel_cols, p->cols);
      const int32_t inside = (int32_t)((r.end - r.first) * (k.end - k.first)), n = same != 0 ? same : inside;
      for (size_t c = 0; c < p->channels; ++c) {
        const int32_t total = @window_sum(in, p, r, k, c, origin) + (n - inside) * (zero - origin);
        *out++ = @held(origin + (total > 0 ? total + n / 2 : total - n / 2) / n, p->least, p->most);
      }
    }
  }
}
)";
inline const SourceKernel average_pool_fixed_point_kernel{
    "average_pool", average_pool_fixed_point_text, {&clamp_kernel, &window_sum_kernel}};

inline constexpr const char* max_pool_text = R"(
static inline void @max_pool(const uint8_t* in, uint8_t* out, const @pool* p) {
  for (size_t row = 0; row < p->out_rows; ++row) {
    const @taps r = @taps_inside(row * p->stride_rows, p->above, p->dilation_rows, p->kernel_rows, p->rows);
    for (size_t col = 0; col < p->out_cols; ++col) {
      const @taps k = @taps_inside(col * p->stride_cols, p->left, p->dilation_cols, p->kernel_cols, p->cols);
      for (size_t c = 0; c < p->channels; ++c) {
        uint8_t largest = 0;
        for (size_t kr = r.first; kr < r.end; ++kr) {
          const uint8_t* x = in + ((r.at + (kr - r.first) * p->dilation_rows) * p->cols + k.at) * p->channels + c;
          for (size_t kc = k.first; kc < k.end; ++kc, x += p->dilation_cols * p->channels)
            if (*x > largest) largest = *x;
        }
        *out++ = @held(largest, p->least, p->most);
      }
    }
  }
}
)";
inline const SourceKernel max_pool_kernel{"max_pool", max_pool_text, {&clamp_kernel, &pool_kernel}};

inline std::string pool_parameters(SourceWriter& w, std::size_t kernel_h, std::size_t kernel_w, const WindowOptions& o) {
  const Extents &x = w.extent_in(), &y = w.node().extent;
  return w.parameters("pool", message(x[0], ", ", x[1], ", ", x[2], ", ", y[0], ", ", y[1], ", ", kernel_h, ", ", kernel_w, ", ",
                                      o.stride_h, ", ", o.stride_w, ", ", o.padding.top, ", ", o.padding.left, ", ", o.dilation_h,
                                      ", ", o.dilation_w, ", ", w.grid().codes.qmin, ", ", w.grid().codes.qmax));
}

inline void write_average_pool(SourceWriter& w, std::size_t kernel_h, std::size_t kernel_w, const WindowOptions& window,
                               bool count_include_pad) {
  const auto all = static_cast<std::int32_t>(kernel_h * kernel_w);
  const std::string pool = pool_parameters(w, kernel_h, kernel_w, window);
  const std::int32_t zero = w.grid_in().zero_point;
  if (w.fixed_point()) {
    w.call(average_pool_fixed_point_kernel, w.in(), w.out(), pool, zero, w.network().code_origin, count_include_pad ? all : 0);
    return;
  }
  const Extents &x = w.extent_in(), &y = w.node().extent;
  const auto leaves = [](std::size_t in, std::size_t out, std::size_t kernel, std::size_t stride, std::size_t dilation) {
    return (out - 1) * stride + (kernel - 1) * dilation + 1 > in;
  };
  const bool whole = window.padding == Padding{} && !leaves(x[0], y[0], kernel_h, window.stride_h, window.dilation_h) &&
                     !leaves(x[1], y[1], kernel_w, window.stride_w, window.dilation_w);
  const std::int32_t same = count_include_pad || whole ? all : 0;
  std::vector<std::uint32_t> multiplier;
  for (std::int32_t count = same != 0 ? same : 1; count <= all; ++count)
    multiplier.push_back(multiplier_bits(int8::detail::mean_multiplier(w.grid_in().scale, w.grid().scale, count)));
  w.call(average_pool_kernel, w.in(), w.out(), pool, zero, w.grid().zero_point, w.array("multiplier", multiplier), same);
}

}  // namespace detail

template <>
struct SourceRules<AveragePool> {
  static void write(detail::SourceWriter& w, const AveragePool& l) {
    detail::write_average_pool(w, l.kernel_h, l.kernel_w, l.window, l.count_include_pad);
  }
};
template <>
struct SourceRules<GlobalAveragePool> {
  static void write(detail::SourceWriter& w, const GlobalAveragePool&) {
    detail::write_average_pool(w, w.extent_in()[0], w.extent_in()[1], {}, true);
  }
};
template <>
struct SourceRules<MaxPool> {
  static void write(detail::SourceWriter& w, const MaxPool& l) {
    w.call(detail::max_pool_kernel, w.in(), w.out(), detail::pool_parameters(w, l.kernel_h, l.kernel_w, l.window));
  }
};

}  // namespace trimtab
