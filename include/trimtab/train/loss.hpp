#pragma once
/// \file
/// Losses over a batch of network outputs N C: RMSE distillation without labels, cross-entropy with them.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <trimtab/core/layer_views.hpp>
#include <trimtab/core/parallel.hpp>
#include <utility>

namespace trimtab {

namespace detail {

/// sqrt(sum of (student - teacher)^2 / rows).
template <class Real>
double rmse_loss(const Real* teacher, const Real* student, std::size_t rows, std::size_t count) {
  if (count == 0) return 0;
  const double sum = parallel_sum(count, std::size_t{1} << 14, 0.0, [=](std::size_t begin, std::size_t end) {
    double part = 0;
    for (std::size_t i = begin; i < end; ++i) {
      const double d = static_cast<double>(student[i]) - static_cast<double>(teacher[i]);
      part += d * d;
    }
    return part;
  });
  return std::sqrt(sum / static_cast<double>(rows));
}

/// Cross-entropy of one row, and weight * (softmax - one-hot) added to `grad` unless that is null.
template <class Real>
double cross_entropy_row(const Real* logits, std::size_t classes, std::size_t label, double weight, Real* grad) {
  const double top = static_cast<double>(*std::max_element(logits, logits + classes));
  double sum = 0;
  for (std::size_t c = 0; c < classes; ++c) sum += std::exp(static_cast<double>(logits[c]) - top);
  if (grad)
    for (std::size_t c = 0; c < classes; ++c)
      grad[c] += static_cast<Real>(weight * (std::exp(static_cast<double>(logits[c]) - top) / sum - (c == label ? 1.0 : 0.0)));
  return top + std::log(sum) - static_cast<double>(logits[label]);
}

template <class Real>
double cross_entropy(const TensorView<const Real>& logits, std::span<const int> labels, Real* grad) {
  const std::size_t rows = logits.extent[0], classes = logits.extent[1];
  if (labels.size() != rows)
    throw shape_error(message("cross_entropy: ", labels.size(), " labels for logits of extents ", logits.extent));
  for (const int label : labels)
    if (label < 0 || static_cast<std::size_t>(label) >= classes)
      throw value_error(message("cross_entropy: label ", label, " of ", classes, " classes"));
  if (rows == 0) return 0;
  const double weight = 1 / static_cast<double>(rows);
  return weight * parallel_sum(rows, 1, 0.0, [&](std::size_t n, std::size_t) {
           return cross_entropy_row(logits.data + n * classes, classes, static_cast<std::size_t>(labels[n]), weight,
                                    grad ? grad + n * classes : nullptr);
         });
}

}  // namespace detail

/// The distillation loss of paper eq. (25), H = sqrt(sum over n of |teacher[n] - student[n]|^2 / N), over pre-softmax outputs N
/// C. It divides by the batch N alone, not by the classes. 0 for an empty batch. Throws shape_error when the extents differ.
template <Tensor T, Tensor S>
double rmse_loss(const T& teacher, const S& student) {
  using Real = detail::shared_real<const T, const S>;
  const auto tv = detail::dense_view(teacher, 2, "rmse_loss: teacher");
  const auto sv = detail::dense_view(student, 2, "rmse_loss: student");
  detail::require_extents(sv.extent, tv.extent, "rmse_loss: student");
  return detail::rmse_loss<Real>(tv.data, sv.data, sv.extent[0], sv.size());
}

/// The same, with grad_student += (student - teacher) / (N * H), nothing where H is 0.
template <Tensor T, Tensor S, Tensor GS>
double rmse_loss(const T& teacher, const S& student, GS&& grad_student) {
  using Real = detail::shared_real<const T, const S, GS>;
  const double loss = rmse_loss(teacher, student);
  const auto gv = detail::dense_view(grad_student, 2, "rmse_loss: grad_student");
  detail::require_extents(gv.extent, view(student).extent, "rmse_loss: grad_student");
  if (loss == 0) return loss;
  const Real *t = view(teacher).data, *s = view(student).data;
  const double weight = 1 / (static_cast<double>(gv.extent[0]) * loss);
  for (std::size_t i = 0; i < gv.size(); ++i)
    gv.data[i] += static_cast<Real>((static_cast<double>(s[i]) - static_cast<double>(t[i])) * weight);
  return loss;
}

namespace detail {

/// Over all pairs of numbers: the sum of what term(d) returns for d = student - teacher, a loss and its slope; grad += slopes.
template <Tensor T, Tensor S, Tensor GS, class Term>
double add_differences(const T& teacher, const S& student, GS&& grad_student, const std::string& what, const Term& term) {
  using Real = shared_real<const T, const S, GS>;
  const auto tv = dense_view(teacher, 2, (what + ": teacher").c_str());
  const auto sv = dense_view(student, 2, (what + ": student").c_str());
  const auto gv = dense_view(grad_student, 2, (what + ": grad_student").c_str());
  require_extents(sv.extent, tv.extent, (what + ": student").c_str());
  require_extents(gv.extent, tv.extent, (what + ": grad_student").c_str());
  double sum = 0;
  for (std::size_t i = 0; i < sv.size(); ++i) {
    const auto [loss, slope] = term(double(sv.data[i]) - double(tv.data[i]));
    sum += loss;
    gv.data[i] += static_cast<Real>(slope);
  }
  return sum;
}

}  // namespace detail

/// What a part of a batch adds to the same loss: returns the sum of (student - teacher)^2 and adds student - teacher to grad_student, so
/// that parts can be run one by one. Over all parts of a batch of N, H = sqrt(sum / N), and the gradients are those of H times N * H.
template <Tensor T, Tensor S, Tensor GS>
double squared_error(const T& teacher, const S& student, GS&& grad_student) {
  return detail::add_differences(teacher, student, grad_student, "squared_error", [](double d) { return std::pair(d * d, d); });
}

/// The sum of d^2 / 2 where |d| < 1 and |d| - 1/2 beyond, d = student - teacher (Girshick, "Fast R-CNN", ICCV 2015, eq. 3), and
/// grad_student += its gradient: d, clipped to [-1, 1]. No picture far off outweighs the others. Extents N C; throws as above.
template <Tensor T, Tensor S, Tensor GS>
double smooth_l1(const T& teacher, const S& student, GS&& grad_student) {
  return detail::add_differences(teacher, student, grad_student, "smooth_l1", [](double d) {
    return std::abs(d) < 1 ? std::pair(d * d / 2, d) : std::pair(std::abs(d) - 0.5, d < 0 ? -1.0 : 1.0);
  });
}

/// Mean over n of log(sum over c of exp(logits[n, c])) - logits[n, labels[n]], with the largest logit taken out of the
/// exponentials. 0 for an empty batch. Throws shape_error when extents do not fit, value_error for a label outside [0, C).
template <Tensor L>
double cross_entropy(const L& logits, std::span<const int> labels) {
  using Real = detail::shared_real<const L>;
  return detail::cross_entropy<Real>(detail::dense_view(logits, 2, "cross_entropy: logits"), labels, nullptr);
}

/// The same, with grad_logits[n, c] += (softmax(logits[n])[c] - [c == labels[n]]) / N.
template <Tensor L, Tensor GL>
double cross_entropy(const L& logits, std::span<const int> labels, GL&& grad_logits) {
  using Real = detail::shared_real<const L, GL>;
  const auto lv = detail::dense_view(logits, 2, "cross_entropy: logits");
  const auto gv = detail::dense_view(grad_logits, 2, "cross_entropy: grad_logits");
  detail::require_extents(gv.extent, lv.extent, "cross_entropy: grad_logits");
  return detail::cross_entropy<Real>(lv, labels, gv.data);
}

}  // namespace trimtab
