#pragma once
/// \file
/// Smallest and largest value of each channel of a tensor: what every observer begins with.

#include <algorithm>
#include <cmath>
#include <limits>
#include <trimtab/core/channel_runs.hpp>
#include <trimtab/core/config.hpp>
#include <trimtab/quant/threshold.hpp>
#include <vector>

namespace trimtab::detail {

/// The ends of the values seen so far; lo > hi where there were none.
template <class Real>
struct Extremes {
  Real lo = std::numeric_limits<Real>::infinity(), hi = -std::numeric_limits<Real>::infinity();

  bool empty() const { return lo > hi; }
  Extremes& operator+=(const Extremes& o) {
    lo = o.lo < lo ? o.lo : lo;
    hi = o.hi > hi ? o.hi : hi;
    return *this;
  }
  /// The values' range widened to hold 0; never -0, whose sign would tell the order of the values.
  Range<Real> range() const { return {lo < 0 ? lo : Real(0), hi > 0 ? hi : Real(0)}; }
};

/// Extremes side by side. `unusable` is 0 while every value was finite, else NaN: x - x is 0 or NaN.
template <class Real>
void extremes_row(const Real* TRIMTAB_RESTRICT x, std::size_t n, Real* TRIMTAB_RESTRICT lo, Real* TRIMTAB_RESTRICT hi,
                  Real* TRIMTAB_RESTRICT unusable) {
  for (std::size_t i = 0; i < n; ++i) {
    lo[i] = x[i] < lo[i] ? x[i] : lo[i];
    hi[i] = x[i] > hi[i] ? x[i] : hi[i];
    unusable[i] += x[i] - x[i];
  }
}

/// Makes extremes with NaN at both ends of values that hold NaN or an infinity.
template <class Real>
Extremes<Real> checked_extremes(Real lo, Real hi, Real unusable) {
  if (unusable == 0) return {lo, hi};
  constexpr Real nan = std::numeric_limits<Real>::quiet_NaN();
  return {nan, nan};
}

template <class Real>
Extremes<Real> extremes_of(const Real* x, std::size_t n) {
  constexpr std::size_t lanes = 64 / sizeof(Real);
  Real lo[lanes], hi[lanes], unusable[lanes] = {};
  std::fill_n(lo, lanes, Extremes<Real>{}.lo);
  std::fill_n(hi, lanes, Extremes<Real>{}.hi);
  const auto add = [&](Real value, std::size_t l) {
    lo[l] = value < lo[l] ? value : lo[l];
    hi[l] = value > hi[l] ? value : hi[l];
    unusable[l] += value - value;
  };
  const std::size_t whole = n / lanes * lanes;
  for (std::size_t i = 0; i < whole; i += lanes)
    for (std::size_t l = 0; l < lanes; ++l) add(x[i + l], l);
  for (std::size_t i = whole; i < n; ++i) add(x[i], i - whole);
  Extremes<Real> all;
  Real bad = 0;
  for (std::size_t l = 0; l < lanes; ++l) {
    all += {lo[l], hi[l]};
    bad += unusable[l];
  }
  return checked_extremes(all.lo, all.hi, bad);
}

/// Keeps NaN where either holds it.
template <class Real>
void merge_checked(Extremes<Real>& into, const Extremes<Real>& e) {
  if (std::isnan(e.lo))
    into = e;
  else if (!std::isnan(into.lo))
    into += e;
}

/// The extremes of every channel of a dense tensor. Throws quantization_range_error, naming `what`, the element's offset and
/// its value, when one is NaN, infinite or beyond 2^40; shape_error as channel_runs does.
template <class T>
std::vector<Extremes<std::remove_const_t<T>>> channel_extremes(const TensorView<T>& v, std::size_t axis, const char* what) {
  using Real = std::remove_const_t<T>;
  const ChannelRuns runs = channel_runs(v, axis, what);
  const Real* const x = v.data;
  std::vector<Extremes<Real>> channel(runs.channels);
  if (has_short_runs(runs)) {
    const Rows rows(runs);
    std::vector<Real> lo(rows.blocks() * rows.width, Extremes<Real>{}.lo), hi(lo.size(), Extremes<Real>{}.hi), bad(lo.size());
    rows.for_each([&](std::size_t block, std::size_t begin, std::size_t n) {
      const std::size_t at = block * rows.width;
      extremes_row(x + begin, n, lo.data() + at, hi.data() + at, bad.data() + at);
    });
    rows.for_each_place([&](std::size_t place, std::size_t c) {
      for (std::size_t i = place; i < lo.size(); i += rows.width)
        merge_checked(channel[c], checked_extremes(lo[i], hi[i], bad[i]));
    });
  } else {
    const Fragments fragments(runs);
    std::vector<Extremes<Real>> part(fragments.count());
    fragments.for_each(
        [&](std::size_t f, std::size_t, std::size_t begin, std::size_t end) { part[f] = extremes_of(x + begin, end - begin); });
    for (std::size_t f = 0; f < part.size(); ++f) merge_checked(channel[fragments.channel(f)], part[f]);
  }
  constexpr Real limit = static_cast<Real>(max_threshold);
  for (const Extremes<Real>& e : channel)
    if (!e.empty() && !(e.lo >= -limit && e.hi <= limit)) {
      const Real* const bad = std::find_if(x, x + runs.size(), [](Real value) { return !(std::abs(value) <= limit); });
      throw quantization_range_error(
          message(what, ": value ", *bad, " at offset ", bad - x, " of extents ", v.extent, "; expected finite, at most 2^40"));
    }
  return channel;
}

}  // namespace trimtab::detail
