#pragma once
/// \file
/// One picture as bytes: reading JPEG and PNG, resizing and cropping it to a network's input.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/core/error.hpp>
#include <trimtab/io/file_bytes.hpp>
#include <trimtab/io/stb_image.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// Bytes 0 to 255, extents H W C, red first: 1 channel (grey), 3, or 4 (the last is opacity).
using Picture = xt::xtensor<std::uint8_t, 3>;

/// Larger pictures are refused before anything is allocated for them: 67 million pixels, 201 MB.
inline constexpr std::size_t max_image_pixels = std::size_t{1} << 26;

namespace detail {

/// False where a Huffman table of a JPEG, met as decoders go from marker to marker, counts more than 256 symbols: stb_image
/// before 2.28 trusts that number and writes past its arrays.
inline bool has_sound_huffman_tables(std::span<const unsigned char> bytes) {
  const auto at = [&](std::size_t i) { return i < bytes.size() ? int{bytes[i]} : 0; };
  for (std::size_t i = 0; i < bytes.size();) {
    if (bytes[i++] != 0xFF) continue;  // coded data or padding
    while (at(i) == 0xFF) ++i;
    const int marker = at(i++);
    if (marker <= 0x01 || (marker >= 0xD0 && marker <= 0xD9)) continue;  // no segment follows
    const int length = at(i) * 256 + at(i + 1);
    std::size_t table = i + 2;
    for (int left = length - 2; marker == 0xC4 && left > 0;) {
      int symbols = 0;
      for (std::size_t k = 1; k <= 16; ++k) symbols += at(table + k);
      if (symbols > 256) return false;
      table += static_cast<std::size_t>(17 + symbols);
      left -= 17 + symbols;
    }
    i += static_cast<std::size_t>(length);
  }
  return true;
}

/// Whether a PNG lacks its last chunk, or a JPEG its last marker.
inline bool ends_early(std::span<const unsigned char> bytes) {
  const bool jpeg = !bytes.empty() && bytes[0] == 0xFF;
  const std::string_view end = jpeg ? "\xFF\xD9" : "IEND";
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()).find(end) == std::string_view::npos;
}

/// Whether the first bytes are those of a JPEG or PNG.
inline bool begins_as_picture(std::span<const unsigned char> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return text.starts_with("\xFF\xD8\xFF") || text.starts_with("\x89PNG");
}

/// Which inputs make one output of a resized axis, and how much each: a triangle as wide as two outputs where the axis shrinks.
/// Products and sums are one std::fma, as some compilers make them anyway, so that pictures have the same bytes on every machine.
struct ResampledAxis {
  struct Tap {
    std::size_t first;
    std::vector<std::int32_t> weight;  // in units of 2^-22
  };
  std::vector<Tap> taps;

  ResampledAxis(std::size_t in, std::size_t out) {
    const double scale = static_cast<double>(in) / static_cast<double>(out), radius = std::max(1.0, scale);
    for (std::size_t i = 0; i < out; ++i) {
      const double at = static_cast<double>(i) + 0.5;  // in outputs; the centre is at * scale
      const auto first = static_cast<std::size_t>(std::max(0.0, std::floor(std::fma(at, scale, 0.5 - radius))));
      const auto last = std::min(in, static_cast<std::size_t>(std::fma(at, scale, radius + 0.5)));
      std::vector<double> triangle;
      double sum = 0.0;
      for (std::size_t j = first; j < last; ++j) {
        triangle.push_back(std::max(0.0, 1.0 - std::abs(std::fma(-at, scale, static_cast<double>(j) + 0.5) / radius)));
        sum += triangle.back();
      }
      Tap tap{first, {}};
      for (const double t : triangle) tap.weight.push_back(static_cast<std::int32_t>(std::floor(t / sum * (1 << 22) + 0.5)));
      taps.push_back(std::move(tap));
    }
  }
};

/// One pass of a resize: out(o, i, k) = sum of in(o, j, k) over the taps j of i, rounded to a byte.
inline void resize_axis(const std::uint8_t* in, std::size_t outer, std::size_t in_length, std::size_t inner,
                        const ResampledAxis& axis, std::uint8_t* out) {
  std::vector<std::int32_t> sum(inner);
  for (std::size_t o = 0; o < outer; ++o)
    for (const ResampledAxis::Tap& tap : axis.taps) {
      std::fill(sum.begin(), sum.end(), 1 << 21);
      for (std::size_t t = 0; t < tap.weight.size(); ++t) {
        const std::uint8_t* row = in + (o * in_length + tap.first + t) * inner;
        for (std::size_t k = 0; k < inner; ++k) sum[k] += tap.weight[t] * row[k];
      }
      for (std::size_t k = 0; k < inner; ++k) *out++ = static_cast<std::uint8_t>(std::clamp(sum[k] >> 22, 0, 255));
    }
}

}  // namespace detail

/// No picture holds more than this many pixels in a byte of its file: deflate writes at most 1032 bytes for one, of 8 grey pixels
/// each; a block of 64 pixels takes a JPEG a bit or more. What claims more is refused before anything is allocated for it.
inline constexpr std::size_t max_pixels_per_byte = 1032 * 8;

/// Decodes a JPEG or PNG to 1, 3 or 4 channels. Grey becomes equal red, green and blue, and colours become the grey (77 R + 150 G
/// + 29 B) / 256, rounded down; transparency is dropped, not blended, where there is no channel for it; of 16 bits the upper 8
/// stay; EXIF rotation is not applied. Throws value_error for another number of channels; parse_error, with `name`, for what is
/// no picture, is cut short, larger than max_image_pixels or claims more than max_pixels_per_byte.
inline Picture decode_image(std::span<const unsigned char> bytes, const std::string& name, std::size_t channels = 3) {
  const auto refuse = [&](const std::string& why) { throw parse_error("load_image: " + name + ": " + why); };
  if (channels != 1 && channels != 3 && channels != 4)
    throw value_error(detail::message("load_image: ", channels, " channels; expected 1, 3 or 4"));
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) refuse("beyond 2 GiB");
  if (!bytes.empty() && bytes[0] == 0xFF && !detail::has_sound_huffman_tables(bytes))
    refuse("a Huffman table of more than 256 symbols");
  if (bytes.empty()) refuse("is empty");
  const int length = static_cast<int>(bytes.size());
  int w = 0, h = 0, own = 0;
  const bool known = stbi_info_from_memory(bytes.data(), length, &w, &h, &own) != 0;
  if (!known && detail::begins_as_picture(bytes) && detail::ends_early(bytes))
    refuse(detail::message("ends early, after ", length, " bytes"));
  if (!known) refuse("neither JPEG nor PNG (" + std::string(stbi_failure_reason()) + ")");
  const std::size_t limit = std::min(max_image_pixels, bytes.size() * max_pixels_per_byte);
  if (w < 1 || h < 1 || static_cast<std::size_t>(w) * static_cast<std::size_t>(h) > limit)
    refuse(detail::message(w, " x ", h, " pixels, expected 1 to ", limit, " in ", length, " bytes"));
  unsigned char* pixels = stbi_load_from_memory(bytes.data(), length, &w, &h, &own, static_cast<int>(channels));
  if (pixels == nullptr && detail::ends_early(bytes)) refuse(detail::message("ends early, after ", length, " bytes"));
  if (pixels == nullptr) refuse("cannot be decoded (" + std::string(stbi_failure_reason()) + ")");
  Picture picture = Picture::from_shape({static_cast<std::size_t>(h), static_cast<std::size_t>(w), channels});
  std::copy_n(pixels, picture.size(), picture.data());
  stbi_image_free(pixels);
  return picture;
}

/// The picture in a file. Throws io_error when it cannot be read, else as decode_image.
inline Picture load_image(const std::filesystem::path& path, std::size_t channels = 3) {
  return decode_image(detail::read_bytes(path, std::uintmax_t{1} << 29, "load_image"), path.string(), channels);
}

/// Bilinear, with the triangle widened to the scale where the picture shrinks, so that nothing is skipped. The steps are those of
/// Pillow's BILINEAR: first along the width, then along the height, weights of 22 bits, bytes between the passes.
/// Throws value_error for an empty picture or extent.
inline Picture resize_bilinear(const Picture& x, std::size_t h, std::size_t w) {
  if (x.size() == 0 || h < 1 || w < 1 || h * w > max_image_pixels)
    throw value_error(detail::message("resize_bilinear: cannot make ", h, " x ", w, " pixels of ", view(x).extent));
  const std::size_t in_h = x.shape(0), in_w = x.shape(1), channels = x.shape(2);
  Picture wide = Picture::from_shape({in_h, w, channels});
  detail::resize_axis(x.data(), in_h, in_w, channels, detail::ResampledAxis(in_w, w), wide.data());
  Picture y = Picture::from_shape({h, w, channels});
  detail::resize_axis(wide.data(), 1, in_h, w * channels, detail::ResampledAxis(in_h, h), y.data());
  return y;
}

/// The middle h x w pixels; of an odd margin, halves go to the even side, as torchvision rounds. Throws value_error when x is
/// smaller.
inline Picture centre_crop(const Picture& x, std::size_t h, std::size_t w) {
  if (x.shape(0) < h || x.shape(1) < w)
    throw value_error(detail::message("centre_crop: cannot cut ", h, " x ", w, " pixels out of ", view(x).extent));
  const auto before = [](std::size_t margin) { return margin / 2 + (margin % 4 == 3 ? 1 : 0); };
  const std::size_t top = before(x.shape(0) - h), left = before(x.shape(1) - w);
  const std::size_t channels = x.shape(2);
  Picture y = Picture::from_shape({h, w, channels});
  for (std::size_t row = 0; row < h; ++row)
    std::copy_n(x.data() + ((top + row) * x.shape(1) + left) * channels, w * channels, y.data() + row * w * channels);
  return y;
}

/// How a picture becomes a network's input: its short side is resized to short_side, and the middle h x w is cut out.
/// A picture that has h x w pixels already stays as it is.
struct Fit {
  std::size_t h = 224, w = 224;  ///< pixels
  std::size_t short_side = 256;  ///< pixels; 0: nothing is cut off, both sides are resized to h x w
};

/// The usual proportion of 256 to 224 for other extents.
inline Fit fit_to(std::size_t h, std::size_t w) { return {h, w, (std::max(h, w) * 256 + 112) / 224}; }

/// Throws value_error when the crop is larger than the short side.
inline Picture fit_image(const Picture& x, const Fit& fit) {
  if (x.shape(0) == fit.h && x.shape(1) == fit.w) return x;
  if (fit.short_side == 0) return resize_bilinear(x, fit.h, fit.w);
  const std::size_t shorter = std::min(x.shape(0), x.shape(1));
  if (shorter == 0) throw value_error("fit_image: the picture is empty");
  // The long side is rounded down, as torchvision does it.
  return centre_crop(resize_bilinear(x, x.shape(0) * fit.short_side / shorter, x.shape(1) * fit.short_side / shorter), fit.h,
                     fit.w);
}

}  // namespace trimtab
