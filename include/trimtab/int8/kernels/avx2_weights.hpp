#pragma once
/// \file
/// Convolution weights in a form for which vpmaddubsw never saturates, even where the sums of two steps are added in 16 bits.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <trimtab/core/isa.hpp>
#include <trimtab/int8/kernels/tasks.hpp>
#include <vector>

#if TRIMTAB_X86_KERNELS
namespace trimtab::int8::avx2 {

/// A block of 16 channels, prepared from steps of [16][4] bytes, 4 values of K each.
///
/// vpmaddubsw adds two products of a uint8 and an int8 in 16 bits. Such sums stay there for all activations if and only if the
/// positive weights in them add up to at most 128 and the negative ones to at least -128: 255 * 128 = 32640. Two things lead
/// there:
///   complement  an activation is taken as 255 - x and its weight as the opposite: x w = 255 w - (255 - x) w;
///   order       steps may come in any, since they are sums of integers, so a step of large weights finds one of small weights.
/// A block is: [16] int32, the sums of 255 w over all complemented weights; a cache line with the number of pairs; pairs of steps
/// whose sums may be added in 16 bits: 64 bytes of weights of the first, whose activations are taken as they are, 64 of the
/// second, 64 of what the second's activations are xor'ed with; then the steps left over: 64 bytes of weights, 64 of what their
/// activations are xor'ed with; then [steps] ptrdiff_t, where in a row each step of this order has its activations if all steps
/// of a row are neighbours.
struct MaddubsBlock {
  static constexpr std::size_t step_bytes = 4 * block_channels, head_bytes = 128;
  /// Instead of a number of pairs where a block has no such form: a pair of weights that is -128 twice, and +128 is no weight.
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  const std::byte* data;

  static std::size_t offsets_at(std::size_t steps) { return head_bytes + 2 * step_bytes * steps; }
  static std::size_t offsets_bytes(std::size_t steps) { return (steps * sizeof(std::ptrdiff_t) + 63) / 64 * 64; }
  static std::size_t bytes(std::size_t steps) { return offsets_at(steps) + offsets_bytes(steps); }

  std::uint32_t pairs() const { return *reinterpret_cast<const std::uint32_t*>(data + sizeof(std::int32_t) * block_channels); }
  const std::ptrdiff_t* offsets(std::size_t steps) const {
    return reinterpret_cast<const std::ptrdiff_t*>(data + offsets_at(steps));
  }

  /// GemmForm::prepare.
  static void prepare(const std::int8_t* w, std::size_t steps, std::byte* form);
  /// GemmForm::place: [steps] ptrdiff_t, the offsets where segments begin at segment[0], segment[1] ...
  static void place(const std::byte* form, const std::ptrdiff_t* segment, std::size_t segments, std::size_t steps,
                    std::byte* place) {
    const std::ptrdiff_t* at = MaddubsBlock{form}.offsets(segments * steps);
    auto* to = reinterpret_cast<std::ptrdiff_t*>(place);
    const auto run = static_cast<std::ptrdiff_t>(4 * steps);
    for (std::size_t i = 0; i < segments * steps; ++i) to[i] = segment[at[i] / run] + at[i] % run;
  }

 private:
  static constexpr std::size_t lanes = step_bytes / 2;
  static constexpr int most = 128;
  /// Steps make pairs within so many, so that packing takes a time linear in their number.
  static constexpr std::size_t window = 64;

  /// What decides which steps make a pair, per lane of 16 bits.
  struct Step {
    std::array<std::uint8_t, lanes> large, small;          // the two magnitudes
    std::array<std::uint8_t, lanes> more_room, less_room;  // what its positive and its negative weights leave of `most`
    bool fits;                                             // without a complement
    bool minimum;                                          // has a -128, whose opposite is no weight
    int worst;                                             // the largest sum of magnitudes
    std::uint32_t index;

    Step(std::uint32_t s, const std::int8_t* w) : index(s) {
      std::int16_t largest = 0, highest = 0, sum_of_both = 0;
      for (std::size_t l = 0; l < lanes; ++l) {  // narrow and without branches, so that compilers make vectors of it
        const auto w0 = static_cast<std::int16_t>(w[2 * l]), w1 = static_cast<std::int16_t>(w[2 * l + 1]);
        const auto a = static_cast<std::int16_t>(w0 < 0 ? -w0 : w0), b = static_cast<std::int16_t>(w1 < 0 ? -w1 : w1);
        const auto sum = static_cast<std::int16_t>(a + b),
                   difference = static_cast<std::int16_t>(w0 + w1 < 0 ? -(w0 + w1) : w0 + w1);
        // The higher and the lower of the two sums, of positive magnitudes and of negative ones.
        const auto high = static_cast<std::int16_t>((sum + difference) >> 1),
                   low = static_cast<std::int16_t>((sum - difference) >> 1);
        large[l] = static_cast<std::uint8_t>(a > b ? a : b);
        small[l] = static_cast<std::uint8_t>(a > b ? b : a);
        more_room[l] = static_cast<std::uint8_t>(most - low);
        less_room[l] = static_cast<std::uint8_t>(high > most ? 0 : most - high);
        largest = std::max(largest, std::max(a, b));
        highest = std::max(highest, high);
        sum_of_both = std::max(sum_of_both, sum);
      }
      fits = highest <= most;
      minimum = largest == most;
      worst = sum_of_both;
    }

    /// Whether `second`, with complements where needed, fits in beside this one.
    bool takes(const Step& second) const {
      if (!fits || second.minimum) return false;
      unsigned misfits = 0;
      for (std::size_t l = 0; l < lanes; ++l) {  // no && and ||, so that compilers make vectors of it; sums are below 256
        const auto sum = static_cast<std::uint8_t>(second.large[l] + second.small[l]);
        const auto both_out = static_cast<std::uint8_t>(sum > more_room[l]);
        const auto large_out = static_cast<std::uint8_t>(second.large[l] > more_room[l]);
        const auto small_out = static_cast<std::uint8_t>(second.small[l] > less_room[l]);
        misfits |= static_cast<std::uint8_t>(both_out & (large_out | small_out));
      }
      return misfits == 0;
    }
  };

  /// Writes the weights and masks of a step that is added to `first`, another one or zeros, and adds 255 w of what it complements
  /// to `sum`. False where that would be a -128.
  static bool put_complemented(const std::int8_t* w, const std::int8_t* first, std::int8_t* weight, std::int8_t* mask,
                               std::int32_t* sum);
};

inline bool MaddubsBlock::put_complemented(const std::int8_t* w, const std::int8_t* first, std::int8_t* weight, std::int8_t* mask,
                                           std::int32_t* sum) {
  std::memcpy(weight, w, step_bytes);
  std::memset(mask, 0, step_bytes);
  std::array<std::uint8_t, lanes> fits;
  for (std::size_t l = 0; l < lanes; ++l) {  // without branches, as above
    std::int16_t positive = 0, negative = 0;
    for (const std::int8_t v : {first[2 * l], first[2 * l + 1], w[2 * l], w[2 * l + 1]}) {
      positive = static_cast<std::int16_t>(positive + (v > 0 ? v : 0));
      negative = static_cast<std::int16_t>(negative - (v < 0 ? v : 0));
    }
    fits[l] = static_cast<std::uint8_t>(std::max(positive, negative) <= most);
  }
  for (std::size_t l = 0; l < lanes; ++l) {
    if (fits[l] != 0) continue;
    int flips = 1;  // of the first, the second, both
    for (; flips < 4; ++flips) {
      const int w0 = (flips & 1) != 0 ? -w[2 * l] : w[2 * l], w1 = (flips & 2) != 0 ? -w[2 * l + 1] : w[2 * l + 1];
      int positive = 0, negative = 0;
      for (const int v : {int{first[2 * l]}, int{first[2 * l + 1]}, w0, w1}) (v > 0 ? positive : negative) += std::abs(v);
      if (positive <= most && negative <= most && w0 < most && w1 < most) break;
    }
    if (flips == 4) return false;
    for (std::size_t i = 2 * l; i < 2 * l + 2; ++i)
      if ((flips >> (i - 2 * l) & 1) != 0) {
        weight[i] = static_cast<std::int8_t>(-w[i]);
        mask[i] = -1;
        sum[l / 2] += 255 * w[i];
      }
  }
  return true;
}

inline void MaddubsBlock::prepare(const std::int8_t* w, std::size_t count, std::byte* form) {
  auto* sum = reinterpret_cast<std::int32_t*>(form);
  auto& pairs = *reinterpret_cast<std::uint32_t*>(form + sizeof(std::int32_t) * block_channels);
  auto* to = reinterpret_cast<std::int8_t*>(form + head_bytes);
  auto* offset = reinterpret_cast<std::ptrdiff_t*>(form + offsets_at(count));
  std::memset(form, 0, bytes(count));
  std::vector<std::uint32_t> alone;
  for (std::size_t begin = 0; begin < count; begin += window) {
    std::vector<Step> steps;
    for (std::size_t s = begin; s < std::min(count, begin + window); ++s)
      steps.emplace_back(static_cast<std::uint32_t>(s), w + s * step_bytes);
    std::stable_sort(steps.begin(), steps.end(), [](const Step& x, const Step& y) { return x.worst > y.worst; });
    // The hardest goes with the hardest that it fits with.
    std::vector<bool> taken(steps.size());
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (taken[i]) continue;
      std::size_t j = i + 1;
      while (j < steps.size() && (taken[j] || !(steps[i].takes(steps[j]) || steps[j].takes(steps[i])))) ++j;
      if (j == steps.size()) {
        alone.push_back(steps[i].index);
        continue;
      }
      taken[j] = true;
      const bool in_order = steps[i].takes(steps[j]);
      const std::uint32_t first = steps[in_order ? i : j].index, second = steps[in_order ? j : i].index;
      std::memcpy(to, w + first * step_bytes, step_bytes);
      put_complemented(w + second * step_bytes, to, to + step_bytes, to + 2 * step_bytes, sum);
      to += 3 * step_bytes;
      *offset++ = 4 * static_cast<std::ptrdiff_t>(first);
      *offset++ = 4 * static_cast<std::ptrdiff_t>(second);
      ++pairs;
    }
  }
  constexpr std::array<std::int8_t, step_bytes> nothing{};
  for (const std::uint32_t s : alone) {
    if (!put_complemented(w + s * step_bytes, nothing.data(), to, to + step_bytes, sum)) {
      pairs = none;
      return;
    }
    to += 2 * step_bytes;
    *offset++ = 4 * static_cast<std::ptrdiff_t>(s);
  }
}

/// What the kernel wants of weights, see GemmForm.
inline constexpr GemmForm maddubs_form{MaddubsBlock::bytes, MaddubsBlock::prepare, MaddubsBlock::offsets_bytes,
                                       MaddubsBlock::place};

}  // namespace trimtab::int8::avx2
#endif  // TRIMTAB_X86_KERNELS
