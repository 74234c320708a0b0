#include <catch.hpp>
#include <cmath>
#include <gradient_check.hpp>
#include <limits>
#include <trimtab/core/parallel.hpp>
#include <trimtab/train/distillation_loss.hpp>
#include <vector>

using namespace trimtab;
using gradient::random_values;

namespace {

const std::vector<int> no_labels;

/// Rows [begin, begin + n) of a batch of C outputs.
template <class T>
TensorView<T> rows(std::vector<std::remove_const_t<T>>& v, std::size_t classes, std::size_t begin, std::size_t n) {
  return {v.data() + classes * begin, {n, classes}};
}

}  // namespace

TEST_CASE("soft_cross_entropy: by hand, and where exp alone would overflow", "[train]") {
  // softmax(log 3, 0) is 3/4, 1/4; softmax(0, 0) is 1/2, 1/2. The second row is certain: -log softmax(0, 1000)[0] is 1000.
  std::vector<double> teacher{std::log(3.0), 0, 2000, 0}, student{0, 0, 0, 1000}, grad(4, 1.0);
  const double loss =
      soft_cross_entropy(rows<const double>(teacher, 2, 0, 2), rows<const double>(student, 2, 0, 2), rows<double>(grad, 2, 0, 2));
  CHECK(loss == Approx((std::log(2.0) + 1000) / 2));
  CHECK(grad[0] == Approx(1 + (0.5 - 0.75) / 2));
  CHECK(grad[1] == Approx(1 + (0.5 - 0.25) / 2));
  CHECK(grad[2] == Approx(1 - 0.5));
  CHECK(grad[3] == Approx(1 + 0.5));
  std::vector<double> same(4);
  soft_cross_entropy(rows<const double>(student, 2, 0, 2), rows<const double>(student, 2, 0, 2), rows<double>(same, 2, 0, 2));
  CHECK(same == std::vector<double>(4));
  CHECK(soft_cross_entropy(rows<const double>(teacher, 2, 0, 0), rows<const double>(student, 2, 0, 0),
                           rows<double>(grad, 2, 0, 0)) == 0);
  CHECK_THROWS_WITH(
      soft_cross_entropy(rows<const double>(teacher, 2, 0, 2), rows<const double>(student, 2, 0, 1), rows<double>(grad, 2, 0, 2)),
      "soft_cross_entropy: student: expected extents [2, 2], got [1, 2]");
}

TEST_CASE("distillation_loss: eq. 24 by hand, term by term", "[train]") {
  std::vector<double> teacher{std::log(3.0), 0}, student{0, 0};
  const auto loss = [&](const DistillationWeights& w) {
    std::vector<double> grad(2);
    const double value = distillation_loss(rows<const double>(teacher, 2, 0, 1), rows<const double>(student, 2, 0, 1),
                                           std::vector<int>{1}, w, rows<double>(grad, 2, 0, 1));
    return std::vector<double>{value, grad[0], grad[1]};
  };
  const auto near = [](const std::vector<double>& is, const std::vector<double>& wanted) {
    for (std::size_t i = 0; i < 3; ++i) CHECK(is[i] == Approx(wanted[i]).margin(1e-15));
  };
  near(loss({.outputs = 0}), {0, 0, 0});
  near(loss({.teacher_labels = 2, .outputs = 0}), {2 * std::log(4.0), 0, 0});
  near(loss({.labels = 2, .outputs = 0}), {2 * std::log(2.0), 1, -1});
  near(loss({}), {std::log(3.0), -1, 0});
  near(loss({.outputs = 3}), {3 * std::log(3.0), -3, 0});
  near(loss({.outputs = 0, .soft_targets = 4}), {4 * std::log(2.0), -1, 1});
  near(loss({1, 2, 3, 4}), {std::log(4.0) + 2 * std::log(2.0) + 3 * std::log(3.0) + 4 * std::log(2.0), 1 - 3 - 1, -1 + 1});
}

TEST_CASE("distillation_loss: gradient equals central differences, and parts of a batch add up", "[train]") {
  const DistillationWeights w{0.5, 0.7, 1.3, 2};
  std::vector<double> teacher = random_values(20, 1), student = random_values(20, 2), grad(20), parts(20), outputs(20);
  const std::vector<int> labels{3, 0, 1, 4};
  const auto loss = [&](std::vector<double>& into) {
    return distillation_loss(rows<const double>(teacher, 5, 0, 4), rows<const double>(student, 5, 0, 4), labels, w,
                             rows<double>(into, 5, 0, 4));
  };
  const double whole = loss(grad);
  double sum = 0;
  for (const std::size_t begin : {0U, 1U}) {
    const std::size_t n = begin == 0 ? 1 : 3;
    sum += cross_entropy_terms(rows<const double>(teacher, 5, begin, n), rows<const double>(student, 5, begin, n),
                               std::span(labels).subspan(begin, n), w, rows<double>(parts, 5, begin, n));
  }
  const double rmse =
      rmse_loss(rows<const double>(teacher, 5, 0, 4), rows<const double>(student, 5, 0, 4), rows<double>(outputs, 5, 0, 4));
  CHECK(sum / 4 + w.outputs * rmse == Approx(whole));
  for (std::size_t i = 0; i < 20; ++i) CHECK(parts[i] / 4 + w.outputs * outputs[i] == Approx(grad[i]));
  gradient::check(student, grad, [&] {
    std::vector<double> ignored(20);
    return loss(ignored);
  });
}

TEST_CASE("distillation_loss: labels only where a weight asks for them; what cannot be is refused", "[train]") {
  std::vector<float> teacher{1, 2, 3}, student{3, 2, 1}, grad(3);
  const auto loss = [&](const std::vector<int>& labels, const DistillationWeights& w) {
    return distillation_loss(rows<const float>(teacher, 3, 0, 1), rows<const float>(student, 3, 0, 1), labels, w,
                             rows<float>(grad, 3, 0, 1));
  };
  CHECK(loss(no_labels, {}) == Approx(std::sqrt(8.0)));
  CHECK(loss(no_labels, {.soft_targets = 1}) > std::sqrt(8.0));
  CHECK_THROWS_AS(loss(no_labels, {.labels = 1}), shape_error);
  CHECK_THROWS_AS(loss(no_labels, {.teacher_labels = 1}), shape_error);
  CHECK_THROWS_AS(loss({3}, {.labels = 1}), value_error);
  const double wrong = GENERATE(-1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity());
  CHECK_THROWS_AS(loss({0}, {.labels = wrong}), value_error);
  CHECK_THROWS_AS(loss({0}, {.outputs = wrong}), value_error);
}

TEST_CASE("distillation_loss: the same bits on any number of threads", "[train]") {
  std::vector<float> teacher = random_values<float>(100 * 100, 1), student = random_values<float>(100 * 100, 2);
  const std::vector<int> labels(100, 17);
  const auto run = [&](int threads) {
    const ScopedThreads scope(threads);
    std::vector<float> grad(100 * 100);
    const double loss = distillation_loss(rows<const float>(teacher, 100, 0, 100), rows<const float>(student, 100, 0, 100),
                                          labels, {1, 1, 1, 1}, rows<float>(grad, 100, 0, 100));
    return std::pair(loss, grad);
  };
  CHECK(run(1) == run(2));
  CHECK(run(1) == run(3));
}
