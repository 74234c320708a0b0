#pragma once
/// \file
/// How near a quantized network's outputs are to the float network's, and how many pictures either gets right.

#include <algorithm>
#include <cmath>
#include <span>
#include <trimtab/core/error.hpp>
#include <trimtab/net/graph/network.hpp>
#include <trimtab/quant/sqnr.hpp>

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

/// Gathers a Fidelity batch by batch.
class FidelityMeter {
 public:
  /// Outputs N C of both networks for the same pictures. Throws shape_error when extents differ.
  void add(const Array& teacher, const Array& student) {
    detail::require_extents(view(student).extent, view(teacher).extent, "FidelityMeter::add: student");
    if (teacher.dimension() != 2 || teacher.shape(1) == 0) throw shape_error("FidelityMeter::add: expected N C");
    const std::size_t n = teacher.shape(0), classes = teacher.shape(1);
    for (std::size_t i = 0; i < n; ++i) {
      const float* t = teacher.data() + i * classes;
      const float* s = student.data() + i * classes;
      for (std::size_t c = 0; c < classes; ++c) {
        const double d = double(t[c]) - double(s[c]);
        signal_ += double(t[c]) * double(t[c]);
        noise_ += d * d;
      }
      same_ += std::size_t{arg_max(t, classes) == arg_max(s, classes)};
    }
    pictures_ += n;
    logits_ += teacher.size();
  }

  /// Of all pictures so far. Throws value_error when there were none.
  Fidelity result() const {
    if (pictures_ == 0) throw value_error("FidelityMeter: no picture was compared");
    return {100.0 * double(same_) / double(pictures_), std::sqrt(noise_ / double(logits_)), sqnr_db(signal_, noise_)};
  }

 private:
  double signal_ = 0, noise_ = 0;
  std::size_t same_ = 0, pictures_ = 0, logits_ = 0;
};

/// Compares outputs N C with the float network's. Throws shape_error when extents differ or there is no picture.
inline Fidelity compare_outputs(const Array& teacher, const Array& student) {
  detail::require_extents(view(student).extent, view(teacher).extent, "compare_outputs: student");
  if (teacher.dimension() != 2 || teacher.size() == 0)
    throw shape_error("compare_outputs: expected N C with at least one picture");
  FidelityMeter meter;
  meter.add(teacher, student);
  return meter.result();
}

}  // namespace trimtab
