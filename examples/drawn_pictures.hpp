#pragma once
// Pictures of ten shapes, drawn by a seeded generator: the quickstart's data set, which needs no download.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <trimtab/core/random_source.hpp>
#include <trimtab/io/image_file.hpp>

namespace drawn {

inline constexpr std::size_t extent = 32;
inline constexpr std::array<const char*, 10> class_names{"disc",  "ring", "square",   "frame",     "triangle",
                                                         "cross", "star", "crescent", "half disc", "bars"};

struct Point {
  float x, y;
};

/// Negative inside the shape and positive outside, about as far as the border is; the shapes fill the unit disc.
inline float border_distance(std::size_t shape, Point p) {
  const float r = std::hypot(p.x, p.y), ax = std::abs(p.x), ay = std::abs(p.y);
  // A regular polygon or star: the angle is folded into half a corner, where the border is a straight line.
  const auto corners = [&](float count, float outer, float inner) {
    const float half = std::numbers::pi_v<float> / count;
    const float angle = std::abs(std::remainder(std::atan2(p.y, p.x), 2 * half));
    const Point a{outer, 0}, b{inner * std::cos(half), inner * std::sin(half)}, q{r * std::cos(angle), r * std::sin(angle)};
    return ((q.y - a.y) * (b.x - a.x) - (q.x - a.x) * (b.y - a.y)) * -1.0F / std::hypot(b.x - a.x, b.y - a.y);
  };
  switch (shape) {
    case 0:
      return r - 0.9F;
    case 1:
      return std::abs(r - 0.75F) - 0.2F;
    case 2:
      return std::max(ax, ay) - 0.78F;
    case 3:
      return std::abs(std::max(ax, ay) - 0.66F) - 0.18F;
    case 4:
      return corners(3, 1.1F, 0.55F);
    case 5:
      return std::max(std::min(ax, ay) - 0.28F, std::max(ax, ay) - 0.95F);
    case 6:
      return corners(5, 1.05F, 0.45F);
    case 7:
      return std::max(r - 0.95F, 0.75F - std::hypot(p.x - 0.5F, p.y));
    case 8:
      return std::max(r - 0.95F, -0.2F - p.x);
    default:
      return std::max(std::abs(ax - 0.5F) - 0.22F, ay - 0.9F);
  }
}

/// A shape of the class drawn on a shaded ground among small blots and lines that partly hide it, with noise. Colours, place,
/// size, turn and contrast vary.
class Painter {
 public:
  explicit Painter(std::uint64_t seed) : random_(seed) {}

  trimtab::Picture paint(std::size_t shape) {
    ground();
    const float size = random_.uniform(8, 13);
    const float room = static_cast<float>(extent) / 2 - size;
    const Point centre{half + random_.uniform(-room, room), half + random_.uniform(-room, room)};
    stamp(shape, centre, size, random_.uniform(0.85F, 1.18F), random_.uniform(-0.4F, 0.4F), light_colour(),
          random_.uniform(0, 0.2F));
    for (std::size_t blots = 1 + random_.below(4); blots > 0; --blots)
      stamp(random_.below(class_names.size()), anywhere(), random_.uniform(1.2F, 3), 1, any_turn(), any_colour(), 0);
    for (std::size_t lines = random_.below(3); lines > 0; --lines) line();
    return with_noise(random_.uniform(3, 16));
  }

 private:
  using Colour = std::array<float, 3>;
  static constexpr float half = static_cast<float>(extent) / 2;

  Colour any_colour() { return {random_.uniform(20, 235), random_.uniform(20, 235), random_.uniform(20, 235)}; }
  Point anywhere() {
    const float side = static_cast<float>(extent);
    return {random_.uniform(0, side), random_.uniform(0, side)};
  }
  float any_turn() { return random_.uniform(0, 2 * std::numbers::pi_v<float>); }
  /// The ground's colour, lighter by 50 to 130.
  Colour light_colour() {
    Colour c = ground_;
    for (float& part : c) part += random_.uniform(50, 130);
    return c;
  }

  void ground() {
    ground_ = {random_.uniform(20, 130), random_.uniform(20, 130), random_.uniform(20, 130)};
    const Colour slope_x{random_.uniform(-30, 30), random_.uniform(-30, 30), random_.uniform(-30, 30)};
    const Colour slope_y{random_.uniform(-30, 30), random_.uniform(-30, 30), random_.uniform(-30, 30)};
    const float stripes = random_.uniform(0, 10), wave_x = random_.uniform(-0.8F, 0.8F), wave_y = random_.uniform(-0.8F, 0.8F);
    for_each_pixel([&](Point p, Colour& c) {
      const float wave = stripes * std::sin(wave_x * p.x + wave_y * p.y);
      for (std::size_t i = 0; i < 3; ++i)
        c[i] = ground_[i] + slope_x[i] * (p.x / half - 1) + slope_y[i] * (p.y / half - 1) + wave;
    });
  }

  /// Covers the pixels of a shape, softly over one pixel at its border; `clear` of the ground shines through.
  void stamp(std::size_t shape, Point centre, float size, float stretch, float turn, const Colour& colour, float clear) {
    const float c = std::cos(turn), s = std::sin(turn);
    for_each_pixel([&](Point p, Colour& pixel) {
      const float dx = p.x - centre.x, dy = p.y - centre.y;
      const Point local{(c * dx + s * dy) / size * stretch, (c * dy - s * dx) / size / stretch};
      const float cover = std::clamp(0.5F - border_distance(shape, local) * size, 0.0F, 1.0F) * (1 - clear);
      for (std::size_t i = 0; i < 3; ++i) pixel[i] += cover * (colour[i] - pixel[i]);
    });
  }

  void line() {
    const Colour colour = any_colour();
    const Point through = anywhere();
    const float turn = random_.uniform(0, std::numbers::pi_v<float>), c = std::cos(turn), s = std::sin(turn);
    const float width = random_.uniform(0.5F, 1.6F);
    for_each_pixel([&](Point p, Colour& pixel) {
      const float distance = std::abs(c * (p.x - through.x) + s * (p.y - through.y));
      const float cover = std::clamp(width - distance + 0.5F, 0.0F, 1.0F);
      for (std::size_t i = 0; i < 3; ++i) pixel[i] += cover * (colour[i] - pixel[i]);
    });
  }

  trimtab::Picture with_noise(float deviation) {
    trimtab::Picture picture = trimtab::Picture::from_shape({extent, extent, 3});
    std::uint8_t* out = picture.data();
    for (const Colour& c : pixels_)
      for (std::size_t i = 0; i < 3; ++i)
        *out++ = static_cast<std::uint8_t>(std::clamp(c[i] + deviation * random_.normal() + 0.5F, 0.0F, 255.0F));
    return picture;
  }

  template <class Body>
  void for_each_pixel(const Body& body) {
    for (std::size_t i = 0; i < pixels_.size(); ++i)
      body(Point{static_cast<float>(i % extent) + 0.5F, static_cast<float>(i / extent) + 0.5F}, pixels_[i]);
  }

  trimtab::RandomSource random_;
  Colour ground_{};
  std::array<Colour, extent * extent> pixels_{};
};

/// The class of picture `index`: all classes come equally often.
inline std::size_t label(std::size_t index) { return index % class_names.size(); }

/// Picture `index` of the set with this seed; it depends on nothing else.
inline trimtab::Picture picture(std::uint64_t seed, std::size_t index) {
  return Painter((seed << 32) + index).paint(label(index));
}

}  // namespace drawn
