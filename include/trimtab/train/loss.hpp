#pragma once
/// \file
/// Losses over a batch of network outputs: distances between teacher and student without labels, cross-entropy with them.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <trimtab/core/aliasing.hpp>
#include <trimtab/core/layer_views.hpp>
#include <trimtab/core/parallel.hpp>
#include <utility>

namespace trimtab {

namespace detail {

/// A dense row-major tensor of rank 1 or more, whose first axis is the batch.
template <Tensor C>
auto batch_view(C& c, const char* what) {
  const std::size_t rank = view(c).rank();
  if (rank == 0) throw shape_error(message(what, ": expected a first axis of the batch, got rank 0"));
  return dense_view(c, rank, what);
}

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

/// Softmax of one row, with the largest logit taken out of the exponentials.
template <class Real>
class RowSoftmax {
 public:
  RowSoftmax(const Real* logits, std::size_t classes)
      : logits_(logits), top_(double(*std::max_element(logits, logits + classes))) {
    for (std::size_t c = 0; c < classes; ++c) sum_ += std::exp(double(logits[c]) - top_);
  }
  double operator()(std::size_t c) const { return std::exp(double(logits_[c]) - top_) / sum_; }
  /// -log of the same.
  double minus_log(std::size_t c) const { return top_ + std::log(sum_) - double(logits_[c]); }

 private:
  const Real* logits_;
  double top_, sum_ = 0;
};

/// Cross-entropy of one row, and weight * (softmax - one-hot) added to `grad` unless that is null.
template <class Real>
double cross_entropy_row(const Real* logits, std::size_t classes, std::size_t label, double weight, Real* grad) {
  const RowSoftmax<Real> p(logits, classes);
  if (grad)
    for (std::size_t c = 0; c < classes; ++c) grad[c] += static_cast<Real>(weight * (p(c) - (c == label ? 1.0 : 0.0)));
  return p.minus_log(label);
}

/// What one picture of a batch counts in a mean; 0 for an empty batch.
inline double share_of_a_picture(std::size_t rows) { return rows == 0 ? 0 : 1 / static_cast<double>(rows); }

/// weight * sum over the rows, and its gradient added to `grad` unless that is null.
template <class Real>
double cross_entropy(const TensorView<const Real>& logits, std::span<const int> labels, double weight, Real* grad) {
  const std::size_t rows = logits.extent[0], classes = logits.extent[1];
  if (labels.size() != rows)
    throw shape_error(message("cross_entropy: ", labels.size(), " labels for logits of extents ", logits.extent));
  for (const int label : labels)
    if (label < 0 || static_cast<std::size_t>(label) >= classes)
      throw value_error(message("cross_entropy: label ", label, " of ", classes, " classes"));
  if (rows == 0) return 0;
  return weight * parallel_sum(rows, 1, 0.0, [&](std::size_t n, std::size_t) {
           return cross_entropy_row(logits.data + n * classes, classes, static_cast<std::size_t>(labels[n]), weight,
                                    grad ? grad + n * classes : nullptr);
         });
}

/// grad += weight * dH/dstudent, where H is rmse_loss, `loss`; nothing where it is 0.
template <class Real>
void add_rmse_gradient(const Real* teacher, const TensorView<const Real>& student, double loss, double weight, Real* grad) {
  if (loss == 0) return;
  const double factor = weight / (static_cast<double>(student.extent[0]) * loss);
  for (std::size_t i = 0; i < student.size(); ++i)
    grad[i] += static_cast<Real>((static_cast<double>(student.data[i]) - static_cast<double>(teacher[i])) * factor);
}

}  // namespace detail

/// The distillation loss of paper eq. (25), H = sqrt(sum over n of |teacher[n] - student[n]|^2 / N), over outputs of whatever
/// extents, the batch N first: N C, N H W C, N. It divides by the batch alone, not by the classes or pixels. 0 for an empty
/// batch. Throws shape_error when the extents differ.
template <Tensor T, Tensor S>
double rmse_loss(const T& teacher, const S& student) {
  using Real = detail::shared_real<const T, const S>;
  const auto tv = detail::batch_view(teacher, "rmse_loss: teacher");
  const auto sv = detail::batch_view(student, "rmse_loss: student");
  detail::require_extents(sv.extent, tv.extent, "rmse_loss: student");
  return detail::rmse_loss<Real>(tv.data, sv.data, sv.extent[0], sv.size());
}

/// The same, with grad_student += (student - teacher) / (N * H), nothing where H is 0.
template <Tensor T, Tensor S, Tensor GS>
double rmse_loss(const T& teacher, const S& student, GS&& grad_student) {
  using Real = detail::shared_real<const T, const S, GS>;
  const double loss = rmse_loss(teacher, student);
  const auto gv = detail::batch_view(grad_student, "rmse_loss: grad_student");
  detail::require_extents(gv.extent, view(student).extent, "rmse_loss: grad_student");
  detail::require_apart("rmse_loss", gv, view(teacher), view(student));
  detail::add_rmse_gradient<Real>(view(teacher).data, view(student), loss, 1, gv.data);
  return loss;
}

namespace detail {

/// f of teacher, student and gradient as views of one shape N C.
template <Tensor T, Tensor S, Tensor GS, class F>
double with_outputs(const T& teacher, const S& student, GS&& grad_student, const std::string& what, const F& f) {
  const auto tv = dense_view(teacher, 2, (what + ": teacher").c_str());
  const auto sv = dense_view(student, 2, (what + ": student").c_str());
  const auto gv = dense_view(grad_student, 2, (what + ": grad_student").c_str());
  require_extents(sv.extent, tv.extent, (what + ": student").c_str());
  require_extents(gv.extent, tv.extent, (what + ": grad_student").c_str());
  require_apart(what.c_str(), gv, tv, sv);
  return f(tv, sv, gv);
}

/// Over all pairs of numbers: weight * the sum of what term(d) returns for d = student - teacher, a loss and its slope; grad +=
/// weight * slopes.
template <Tensor T, Tensor S, Tensor GS, class Term>
double add_differences(const T& teacher, const S& student, GS&& grad_student, const std::string& what, const Term& term,
                       double weight = 1) {
  using Real = shared_real<const T, const S, GS>;
  const auto t = batch_view(teacher, (what + ": teacher").c_str());
  const auto s = batch_view(student, (what + ": student").c_str());
  const auto g = batch_view(grad_student, (what + ": grad_student").c_str());
  require_extents(s.extent, t.extent, (what + ": student").c_str());
  require_extents(g.extent, t.extent, (what + ": grad_student").c_str());
  require_apart(what.c_str(), g, t, s);
  double sum = 0;
  for (std::size_t i = 0; i < s.size(); ++i) {
    const auto [loss, slope] = term(double(s.data[i]) - double(t.data[i]));
    sum += loss;
    g.data[i] += static_cast<Real>(weight * slope);
  }
  return weight * sum;
}

/// sqrt(d^2 + 1e-5) and its slope.
inline std::pair<double, double> charbonnier_term(double d) {
  const double value = std::sqrt(d * d + 1e-5);
  return {value, d / value};
}

}  // namespace detail

/// What a part of a batch adds to the same loss: returns the sum of (student - teacher)^2 and adds student - teacher to
/// grad_student, so that parts can be run one by one. Over all parts of a batch of N, H = sqrt(sum / N), and the gradients are
/// those of H times N * H.
template <Tensor T, Tensor S, Tensor GS>
double squared_error(const T& teacher, const S& student, GS&& grad_student) {
  return detail::add_differences(teacher, student, grad_student, "squared_error", [](double d) { return std::pair(d * d, d); });
}

/// The sum of d^2 / 2 where |d| < 1 and |d| - 1/2 beyond, d = student - teacher (Girshick, "Fast R-CNN", ICCV 2015, eq. 3), and
/// grad_student += its gradient: d, clipped to [-1, 1]. Outputs that differ by less than 1 weigh as in squared_error. Extents as
/// in rmse_loss; throws as above.
template <Tensor T, Tensor S, Tensor GS>
double smooth_l1(const T& teacher, const S& student, GS&& grad_student) {
  return detail::add_differences(teacher, student, grad_student, "smooth_l1", [](double d) {
    return std::abs(d) < 1 ? std::pair(d * d / 2, d) : std::pair(std::abs(d) - 0.5, d < 0 ? -1.0 : 1.0);
  });
}

/// The sum of sqrt(d^2 + 1e-5), d = student - teacher, and grad_student += its gradient, d / sqrt(d^2 + 1e-5): what a part of a
/// batch adds to N times charbonnier_loss. Extents as in rmse_loss; throws as above.
template <Tensor T, Tensor S, Tensor GS>
double charbonnier(const T& teacher, const S& student, GS&& grad_student) {
  return detail::add_differences(teacher, student, grad_student, "charbonnier", detail::charbonnier_term);
}

/// The loss that the paper's authors train with in their program, in place of eq. (25): the mean over the N pictures of the sum
/// over their outputs of sqrt(d^2 + 1e-5), d = student - teacher (the form is Charbonnier et al.'s, ICIP 1994). Beyond
/// differences of 0.01 it is |d|: every output that is off weighs the same. grad_student += d / sqrt(d^2 + 1e-5) / N. 0 for an
/// empty batch. Throws as above.
template <Tensor T, Tensor S, Tensor GS>
double charbonnier_loss(const T& teacher, const S& student, GS&& grad_student) {
  const double weight = detail::share_of_a_picture(detail::batch_view(student, "charbonnier_loss: student").extent[0]);
  return detail::add_differences(teacher, student, grad_student, "charbonnier_loss", detail::charbonnier_term, weight);
}

/// Mean over n of log(sum over c of exp(logits[n, c])) - logits[n, labels[n]], with the largest logit taken out of the
/// exponentials. 0 for an empty batch. Throws shape_error when extents do not fit, value_error for a label outside [0, C).
template <Tensor L>
double cross_entropy(const L& logits, std::span<const int> labels) {
  using Real = detail::shared_real<const L>;
  const auto lv = detail::dense_view(logits, 2, "cross_entropy: logits");
  return detail::cross_entropy<Real>(lv, labels, detail::share_of_a_picture(lv.extent[0]), nullptr);
}

/// The same, with grad_logits[n, c] += (softmax(logits[n])[c] - [c == labels[n]]) / N.
template <Tensor L, Tensor GL>
double cross_entropy(const L& logits, std::span<const int> labels, GL&& grad_logits) {
  using Real = detail::shared_real<const L, GL>;
  const auto lv = detail::dense_view(logits, 2, "cross_entropy: logits");
  const auto gv = detail::dense_view(grad_logits, 2, "cross_entropy: grad_logits");
  detail::require_extents(gv.extent, lv.extent, "cross_entropy: grad_logits");
  detail::require_apart("cross_entropy", gv, lv);
  return detail::cross_entropy<Real>(lv, labels, detail::share_of_a_picture(lv.extent[0]), gv.data);
}

}  // namespace trimtab
