#pragma once
/// \file
/// The total loss of paper eq. (24): labels, the teacher's softmax, and the distance between both networks' outputs, weighted.

#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <trimtab/core/error.hpp>
#include <trimtab/core/layer_views.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/train/loss.hpp>

namespace trimtab {

/// Weights of the terms of eq. (24), L = alpha H(y, z_T) + beta H(y, z_A) + gamma H(z_T, z_A), with y the labels, z_T the
/// teacher's outputs and z_A the student's. Each is finite and not negative. As they are, L is the RMSE of eq. (25), which needs
/// no labels.
struct DistillationWeights {
  double teacher_labels =
      0;               ///< alpha: cross-entropy of the labels and the teacher; without gradient, since the teacher stays as it is
  double labels = 0;   ///< beta: cross-entropy of the labels and the student
  double outputs = 1;  ///< gamma, H(z_T, z_A) being the RMSE of eq. (25)
  double soft_targets = 0;  ///< gamma, H(z_T, z_A) being the cross-entropy of the teacher's softmax and the student
};

/// Whether any term asks for labels.
inline bool wants_labels(const DistillationWeights& w) { return w.teacher_labels > 0 || w.labels > 0; }
/// Whether any term is a cross-entropy.
inline bool has_cross_entropies(const DistillationWeights& w) { return wants_labels(w) || w.soft_targets > 0; }

namespace detail {

/// weight * sum over the rows of -sum over c of softmax(teacher)[c] log softmax(student)[c], and its gradient added to `grad`
/// unless that is null.
template <class Real>
double soft_cross_entropy(const Real* teacher, const TensorView<const Real>& student, double weight, Real* grad) {
  const std::size_t classes = student.extent[1];
  if (student.size() == 0) return 0;
  return weight * parallel_sum(student.extent[0], 1, 0.0, [&](std::size_t n, std::size_t) {
           const RowSoftmax<Real> wanted(teacher + n * classes, classes), is(student.data + n * classes, classes);
           double row = 0;
           for (std::size_t c = 0; c < classes; ++c) {
             row += wanted(c) * is.minus_log(c);
             if (grad != nullptr) grad[n * classes + c] += static_cast<Real>(weight * (is(c) - wanted(c)));
           }
           return row;
         });
}

inline void require_weights(const DistillationWeights& w, const char* what) {
  for (const double one : {w.teacher_labels, w.labels, w.outputs, w.soft_targets})
    if (!(one >= 0) || !std::isfinite(one))
      throw value_error(message(what, ": weights of labels and teacher ", w.teacher_labels, ", labels ", w.labels, ", outputs ",
                                w.outputs, ", soft targets ", w.soft_targets, "; expected finite and not negative"));
}

/// share * (sum over the pictures of the terms that are cross-entropies), and its gradient.
template <class Real>
double cross_entropies(const TensorView<const Real>& teacher, const TensorView<const Real>& student, std::span<const int> labels,
                       const DistillationWeights& w, double share, Real* grad) {
  double sum = 0;
  if (w.teacher_labels > 0) sum += cross_entropy<Real>(teacher, labels, share * w.teacher_labels, nullptr);
  if (w.labels > 0) sum += cross_entropy<Real>(student, labels, share * w.labels, grad);
  if (w.soft_targets > 0) sum += soft_cross_entropy<Real>(teacher.data, student, share * w.soft_targets, grad);
  return sum;
}

}  // namespace detail

/// Cross-entropy with the teacher's softmax for a label (Hinton et al., "Distilling the Knowledge in a Neural Network", 2015, at
/// temperature 1): the mean over n of -sum over c of softmax(teacher[n])[c] * log(softmax(student[n])[c]), and
/// grad_student[n, c] += (softmax(student[n])[c] - softmax(teacher[n])[c]) / N. 0 for an empty batch. Throws shape_error when the
/// extents differ or are not N C.
template <Tensor T, Tensor S, Tensor GS>
double soft_cross_entropy(const T& teacher, const S& student, GS&& grad_student) {
  using Real = detail::shared_real<const T, const S, GS>;
  return detail::with_outputs(
      teacher, student, grad_student, "soft_cross_entropy", [](const auto& t, const auto& s, const auto& g) {
        return detail::soft_cross_entropy<Real>(t.data, s, detail::share_of_a_picture(s.extent[0]), g.data);
      });
}

/// L of eq. (24), every term a mean over the N pictures but the RMSE, and grad_student += its gradient. `labels`: one a picture;
/// none where no weight asks for them. 0 for an empty batch. Throws shape_error when extents or the number of labels do not fit,
/// value_error for a label outside [0, C) or weights that cannot be.
template <Tensor T, Tensor S, Tensor GS>
double distillation_loss(const T& teacher, const S& student, std::span<const int> labels, const DistillationWeights& weights,
                         GS&& grad_student) {
  using Real = detail::shared_real<const T, const S, GS>;
  detail::require_weights(weights, "distillation_loss");
  return detail::with_outputs(
      teacher, student, grad_student, "distillation_loss", [&](const auto& t, const auto& s, const auto& g) {
        double loss = detail::cross_entropies<Real>(t, s, labels, weights, detail::share_of_a_picture(s.extent[0]), g.data);
        if (weights.outputs > 0) {
          const double rmse = detail::rmse_loss<Real>(t.data, s.data, s.extent[0], s.size());
          detail::add_rmse_gradient<Real>(t.data, s, rmse, weights.outputs, g.data);
          loss += weights.outputs * rmse;
        }
        return loss;
      });
}

/// What a part of a batch adds to N times the cross-entropies of distillation_loss, weighted, and their gradient: parts can be
/// run one by one, as with squared_error, which is the same for the RMSE and is left out here. Throws as distillation_loss does.
template <Tensor T, Tensor S, Tensor GS>
double cross_entropy_terms(const T& teacher, const S& student, std::span<const int> labels, const DistillationWeights& weights,
                           GS&& grad_student) {
  using Real = detail::shared_real<const T, const S, GS>;
  detail::require_weights(weights, "cross_entropy_terms");
  return detail::with_outputs(teacher, student, grad_student, "cross_entropy_terms",
                              [&](const auto& t, const auto& s, const auto& g) {
                                return detail::cross_entropies<Real>(t, s, labels, weights, 1, g.data);
                              });
}

}  // namespace trimtab
