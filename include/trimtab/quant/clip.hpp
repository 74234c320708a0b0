#pragma once
/// \file
/// The interval that an activation leaves: ReLU, ReLU6 and every clip.

#include <algorithm>
#include <limits>

namespace trimtab {

/// min(max(x, lo), hi). ReLU is {0, infinity}, ReLU6 {0, 6}. As an operator it stands by itself; in a Node it is fused into
/// another one.
struct Clip {
  float lo = -std::numeric_limits<float>::infinity();  ///< smaller values become lo
  float hi = std::numeric_limits<float>::infinity();   ///< larger ones hi
  friend bool operator==(const Clip&, const Clip&) = default;
};
/// Everything.
inline constexpr Clip no_clip{};
/// 0 and above.
inline constexpr Clip relu{0.0F, std::numeric_limits<float>::infinity()};
/// 0 to 6.
inline constexpr Clip relu6{0.0F, 6.0F};

/// clip(clip(x, first), second) as one clip: `first` moved into `second`.
constexpr Clip clip_after(const Clip& first, const Clip& second) {
  return {std::clamp(first.lo, second.lo, second.hi), std::clamp(first.hi, second.lo, second.hi)};
}

}  // namespace trimtab
