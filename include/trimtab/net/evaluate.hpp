#pragma once
/// \file
/// How near a quantized network's outputs are to the float network's, and how many pictures either gets right.

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include <trimtab/core/error.hpp>
#include <trimtab/net/network.hpp>

namespace trimtab {

/// Index of the largest of `count` numbers; the first of equals.
inline std::size_t arg_max(const float* values, std::size_t count) {
  return static_cast<std::size_t>(std::max_element(values, values + count) - values);
}

/// Percent of pictures whose largest logit (N C) is the labelled class. Throws shape_error unless there is a label for each.
inline double top1_percent(const Array& logits, std::span<const std::size_t> labels) {
  const std::size_t n = logits.shape(0), classes = logits.shape(1);
  if (labels.size() != n) throw shape_error(detail::message("top1_percent: ", labels.size(), " labels for ", n, " pictures"));
  std::size_t right = 0;
  for (std::size_t i = 0; i < n; ++i) right += std::size_t{arg_max(logits.data() + i * classes, classes) == labels[i]};
  return 100.0 * double(right) / double(n);
}

/// How near a network's outputs come to the float network's.
struct Fidelity {
  double agreement = 0;  ///< percent of pictures with the same largest logit
  double rmse = 0;       ///< root mean square difference over all pictures and logits
  double sqnr_db = 0;    ///< 10 log10(signal power / power of the difference)
};

/// Compares outputs N C with the float network's. Throws shape_error when extents differ or there is no picture.
inline Fidelity compare_outputs(const Array& teacher, const Array& student) {
  detail::require_extents(view(student).extent, view(teacher).extent, "compare_outputs: student");
  if (teacher.dimension() != 2 || teacher.size() == 0) throw shape_error("compare_outputs: expected N C with at least one picture");
  const std::size_t n = teacher.shape(0), classes = teacher.shape(1);
  double signal = 0, noise = 0;
  std::size_t same = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const float* t = teacher.data() + i * classes;
    const float* s = student.data() + i * classes;
    for (std::size_t c = 0; c < classes; ++c) {
      const double d = double(t[c]) - double(s[c]);
      signal += double(t[c]) * double(t[c]);
      noise += d * d;
    }
    same += std::size_t{arg_max(t, classes) == arg_max(s, classes)};
  }
  return {100.0 * double(same) / double(n), std::sqrt(noise / double(teacher.size())),
          noise > 0 ? 10 * std::log10(signal / noise) : std::numeric_limits<double>::infinity()};
}

}  // namespace trimtab
