#pragma once
/// \file
/// Functions of one code as tables of 256 codes.

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/core/short_copy.hpp>
#include <trimtab/core/tensor_view.hpp>
#include <trimtab/core/wide_loop.hpp>
#include <trimtab/int8/kernel_table.hpp>

namespace trimtab::int8 {
namespace detail {

/// Bytes per piece of work: one takes less than a nanosecond.
inline constexpr std::size_t look_up_grain = 16384;

/// y[p, c] = tables[256 c + x[p, c]].
struct LookUpByChannel {
  TRIMTAB_LOOP void run(const std::uint8_t* tables, const std::uint8_t* x, std::size_t pixels, std::size_t channels,
                        std::uint8_t* y) {
    for (std::size_t p = 0; p < pixels; ++p, x += channels, y += channels)
      for (std::size_t c = 0; c < channels; ++c) y[c] = tables[256 * c + x[c]];
  }
};

/// to[r, i] = table[from[r, i]] of `rows` rows of `width` bytes, which lie `step` bytes apart in `to`. Rows of a few bytes are
/// looked up together.
inline void look_up_rows(const std::array<std::uint8_t, 256>& table, const std::uint8_t* from, std::size_t rows,
                         std::size_t width, std::uint8_t* to, std::size_t step) {
  bool identity = true;
  for (std::size_t code = 0; code < 256; ++code) identity = identity && table[code] == code;
  const KernelTable& kernel = kernels();
  parallel_ranges(rows, look_up_grain / std::max<std::size_t>(width, 1) + 1, [&](std::size_t begin, std::size_t end) {
    constexpr std::size_t together = 4096;
    std::uint8_t codes[together];
    const std::size_t rows_at_once = width < 256 ? together / std::max<std::size_t>(width, 1) : 1;
    for (std::size_t row = begin; row < end; row += rows_at_once) {
      const std::size_t count = std::min(rows_at_once, end - row);
      const std::uint8_t* source = from + row * width;
      if (!identity && count == 1) {
        kernel.look_up(table.data(), source, width, to + row * step);
        continue;
      }
      if (!identity) {
        kernel.look_up(table.data(), source, count * width, codes);
        source = codes;
      }
      for (std::size_t i = 0; i < count; ++i) ::trimtab::detail::copy_short(source + i * width, width, to + (row + i) * step);
    }
  });
}

}  // namespace detail

/// y[.., c] = tables[256 * c + x[.., c]], with one table of 256 codes for each channel, which is the last axis, or one for all.
/// x and y have the same extents, and may be one tensor. Throws shape_error when extents or the tables do not fit.
inline void look_up(std::span<const std::uint8_t> tables, const TensorView<const std::uint8_t>& x,
                    const TensorView<std::uint8_t>& y) {
  ::trimtab::detail::require_extents(y.extent, x.extent, "look_up");
  const std::size_t channels = tables.size() / 256;
  if (tables.empty() || tables.size() % 256 != 0 || (channels != 1 && (x.rank() == 0 || x.extent.back() != channels)))
    throw shape_error(::trimtab::detail::message("look_up: ", tables.size(), " bytes of tables for extents ", x.extent));
  ::trimtab::detail::require_apart_or_same("look_up", y, x);
  if (channels == 1) {
    const KernelTable& kernel = kernels();
    parallel_ranges(y.size(), detail::look_up_grain, [&](std::size_t begin, std::size_t end) {
      kernel.look_up(tables.data(), x.data + begin, end - begin, y.data + begin);
    });
    return;
  }
  parallel_ranges(y.size() / channels, detail::look_up_grain / channels + 1, [&](std::size_t begin, std::size_t end) {
    ::trimtab::detail::run_loop<detail::LookUpByChannel>(tables.data(), x.data + begin * channels, end - begin, channels,
                                                         y.data + begin * channels);
  });
}

}  // namespace trimtab::int8
