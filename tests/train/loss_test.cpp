#include <catch.hpp>
#include <cmath>
#include <gradient_check.hpp>
#include <trimtab/core/parallel.hpp>
#include <trimtab/train/loss.hpp>

using namespace trimtab;
using gradient::random_values;

TEST_CASE("rmse_loss: divides by the batch alone, as eq. 25 has it", "[train]") {
  const std::vector<double> teacher{1, 2, 3, 4, 5, 6}, student{1, 2, 5, 4, 5, 2};  // squares 4 + 16
  const TensorView<const double> t(teacher.data(), {2, 3}), s(student.data(), {2, 3});
  CHECK(rmse_loss(t, s) == Approx(std::sqrt(20.0 / 2)));
  std::vector<double> grad(6, 1.0);
  const double loss = rmse_loss(t, s, TensorView<double>(grad.data(), {2, 3}));
  CHECK(loss == rmse_loss(t, s));
  CHECK(grad[0] == 1);
  CHECK(grad[2] == Approx(1 + 2 / (2 * loss)));
  CHECK(grad[5] == Approx(1 - 4 / (2 * loss)));
}

TEST_CASE("rmse_loss: gradient equals central differences", "[train]") {
  const auto [n, c] = GENERATE(table<std::size_t, std::size_t>({{1, 1}, {1, 7}, {3, 5}}));
  CAPTURE(n, c);
  const std::vector<double> teacher = random_values(n * c, 1);
  std::vector<double> student = random_values(n * c, 2), grad(n * c);
  const TensorView<const double> t(teacher.data(), {n, c}), s(student.data(), {n, c});
  rmse_loss(t, s, TensorView<double>(grad.data(), {n, c}));
  gradient::check(student, grad, [&] { return rmse_loss(t, s); });
}

TEST_CASE("rmse_loss: no gradient where the student is the teacher, nothing for an empty batch", "[train]") {
  const std::vector<float> same{1, 2, 3};
  std::vector<float> grad(3);
  const TensorView<const float> v(same.data(), {1, 3});
  CHECK(rmse_loss(v, v, TensorView<float>(grad.data(), {1, 3})) == 0);
  CHECK(grad == std::vector<float>(3));
  CHECK(rmse_loss(TensorView<const float>(nullptr, {0, 3}), TensorView<const float>(nullptr, {0, 3})) == 0);
  CHECK_THROWS_WITH(rmse_loss(v, TensorView<const float>(same.data(), {3, 1})),
                    "rmse_loss: student: expected extents [1, 3], got [3, 1]");
  CHECK_THROWS_AS(rmse_loss(v, v, TensorView<float>(grad.data(), {3, 1})), shape_error);
}

TEST_CASE("losses: the same bits on any number of threads", "[train]") {
  const std::vector<float> a = random_values<float>(100 * 1000, 1), b = random_values<float>(100 * 1000, 2);
  const TensorView<const float> t(a.data(), {100, 1000}), s(b.data(), {100, 1000});
  const std::vector<int> labels(100, 17);
  const ScopedThreads one(1);
  const double rmse = rmse_loss(t, s), entropy = cross_entropy(s, labels);
  for (const int count : {2, 3}) {
    const ScopedThreads several(count);
    CHECK(rmse_loss(t, s) == rmse);
    CHECK(cross_entropy(s, labels) == entropy);
  }
}

TEST_CASE("cross_entropy: by hand, and where exp alone would overflow", "[train]") {
  const std::vector<double> logits{0, 0, 0, 0, 1000, 0, -1000, 0};
  const TensorView<const double> v(logits.data(), {2, 4});
  CHECK(cross_entropy(v, std::vector<int>{3, 0}) == Approx(std::log(4.0) / 2));
  CHECK(cross_entropy(v, std::vector<int>{3, 2}) == Approx((std::log(4.0) + 2000) / 2));
  std::vector<double> grad(8, 1.0);
  cross_entropy(v, std::vector<int>{3, 2}, TensorView<double>(grad.data(), {2, 4}));
  CHECK(grad == std::vector<double>{1.125, 1.125, 1.125, 0.625, 1.5, 1, 0.5, 1});
}

TEST_CASE("cross_entropy: gradient equals central differences", "[train]") {
  const auto [n, c] = GENERATE(table<std::size_t, std::size_t>({{1, 1}, {1, 5}, {3, 4}}));
  CAPTURE(n, c);
  std::vector<double> logits = random_values(n * c, 1), grad(n * c);
  std::vector<int> labels;
  for (std::size_t i = 0; i < n; ++i) labels.push_back(static_cast<int>(i * 3 % c));
  const TensorView<const double> v(logits.data(), {n, c});
  cross_entropy(v, labels, TensorView<double>(grad.data(), {n, c}));
  gradient::check(logits, grad, [&] { return cross_entropy(v, labels); });
}

TEST_CASE("cross_entropy: labels are checked", "[train]") {
  const std::vector<float> logits(6);
  const TensorView<const float> v(logits.data(), {2, 3});
  CHECK_THROWS_WITH(cross_entropy(v, std::vector<int>{0, 3}), "cross_entropy: label 3 of 3 classes");
  CHECK_THROWS_AS(cross_entropy(v, std::vector<int>{-1, 0}), value_error);
  CHECK_THROWS_WITH(cross_entropy(v, std::vector<int>{0}), "cross_entropy: 1 labels for logits of extents [2, 3]");
  CHECK(cross_entropy(TensorView<const float>(nullptr, {0, 3}), std::vector<int>()) == 0);
}

TEST_CASE("squared_error: parts of a batch give its RMSE and its gradient", "[train]") {
  const std::vector<double> teacher{1, 2, 3, 4, 5, 6}, student{2, 2, 1, 4, 8, 6};
  const auto rows = [](const std::vector<double>& v, std::size_t begin, std::size_t n) {
    return TensorView<const double>(v.data() + 2 * begin, {n, 2});
  };
  std::vector<double> whole(6), parts(6);
  const double h = rmse_loss(rows(teacher, 0, 3), rows(student, 0, 3), TensorView<double>(whole.data(), {3, 2}));
  const double sum = squared_error(rows(teacher, 0, 1), rows(student, 0, 1), TensorView<double>(parts.data(), {1, 2})) +
                     squared_error(rows(teacher, 1, 2), rows(student, 1, 2), TensorView<double>(parts.data() + 2, {2, 2}));
  CHECK(sum == 14);
  CHECK(std::sqrt(sum / 3) == Approx(h));
  for (std::size_t i = 0; i < 6; ++i) CHECK(parts[i] / (3 * h) == Approx(whole[i]));
  CHECK_THROWS_AS(squared_error(rows(teacher, 0, 3), rows(student, 0, 2), TensorView<double>(parts.data(), {3, 2})), shape_error);
}

TEST_CASE("smooth_l1: a parabola up to 1, a slope of 1 beyond", "[train]") {
  const std::vector<double> teacher{0, 0, 0, 0, 0, 0}, student{0.5, -0.5, 1, -1, 3, -3};
  const TensorView<const double> t(teacher.data(), {2, 3}), s(student.data(), {2, 3});
  std::vector<double> grad(6, 1.0);
  CHECK(smooth_l1(t, s, TensorView<double>(grad.data(), {2, 3})) == 2 * (0.125 + 0.5 + 2.5));
  CHECK(grad == std::vector<double>{1.5, 0.5, 2, 0, 2, 0});
  CHECK_THROWS_WITH(smooth_l1(t, TensorView<const double>(student.data(), {3, 2}), TensorView<double>(grad.data(), {2, 3})),
                    "smooth_l1: student: expected extents [2, 3], got [3, 2]");
}

TEST_CASE("charbonnier_loss: the authors' loss, a mean over pictures of sums, by hand", "[train]") {
  // sqrt(d^2 + 1e-5) of d = 0 is sqrt(1e-5); of 0.003 sqrt(1.9e-5); of 3 it is 3 to 2e-6.
  const std::vector<double> teacher{1, 2, 3, 4, 5, 6}, student{1, 2.003, 6, 4, 5, 2};
  const TensorView<const double> t(teacher.data(), {2, 3}), s(student.data(), {2, 3});
  std::vector<double> grad(6, 1.0), parts(6);
  const double floor = std::sqrt(1e-5), bend = std::sqrt(1.9e-5);
  CHECK(charbonnier_loss(t, s, TensorView<double>(grad.data(), {2, 3})) ==
        Approx((3 * floor + bend + std::sqrt(9.00001) + std::sqrt(16.00001)) / 2).epsilon(1e-12));
  CHECK(grad[0] == 1);
  CHECK(grad[1] == Approx(1 + 0.003 / bend / 2).epsilon(1e-12));
  CHECK(grad[2] == Approx(1 + 3 / std::sqrt(9.00001) / 2).epsilon(1e-12));
  CHECK(grad[5] == Approx(1 - 4 / std::sqrt(16.00001) / 2).epsilon(1e-12));
  CHECK(charbonnier(t, s, TensorView<double>(parts.data(), {2, 3})) ==
        Approx(3 * floor + bend + std::sqrt(9.00001) + std::sqrt(16.00001)));
  for (std::size_t i = 0; i < 6; ++i) CHECK(1 + parts[i] / 2 == Approx(grad[i]));
  CHECK(charbonnier_loss(TensorView<const double>(nullptr, {0, 3}), TensorView<const double>(nullptr, {0, 3}),
                         TensorView<double>(nullptr, {0, 3})) == 0);
  CHECK_THROWS_WITH(
      charbonnier_loss(t, TensorView<const double>(student.data(), {3, 2}), TensorView<double>(grad.data(), {2, 3})),
      "charbonnier_loss: student: expected extents [2, 3], got [3, 2]");
}

TEST_CASE("charbonnier_loss: gradient equals central differences, and is not that of smooth_l1", "[train]") {
  const std::vector<double> teacher = random_values(15, 1);
  std::vector<double> student = random_values(15, 2), grad(15), smooth(15);
  for (std::size_t i = 0; i < 15; ++i) student[i] = teacher[i] + 0.1 * student[i];
  const TensorView<const double> t(teacher.data(), {3, 5}), s(student.data(), {3, 5});
  charbonnier_loss(t, s, TensorView<double>(grad.data(), {3, 5}));
  smooth_l1(t, s, TensorView<double>(smooth.data(), {3, 5}));
  CHECK(gradient::dot(grad, smooth) / std::sqrt(gradient::dot(grad, grad) * gradient::dot(smooth, smooth)) < 0.95);
  gradient::check(student, grad, [&] {
    std::vector<double> ignored(15);
    return charbonnier_loss(t, s, TensorView<double>(ignored.data(), {3, 5}));
  });
}

TEST_CASE("rmse_loss and its kin: any extents, the batch first, as if all other axes were one", "[train]") {
  std::vector<float> teacher(24), student(24), flat(24), grad(24);
  for (std::size_t i = 0; i < 24; ++i) teacher[i] = static_cast<float>(i % 5), student[i] = static_cast<float>(i % 7);
  const Extents image{2, 2, 3, 2}, row{2, 12};
  const auto in = [](const std::vector<float>& v, const Extents& e) { return TensorView<const float>(v.data(), e); };
  const auto out = [](std::vector<float>& v, const Extents& e) { return TensorView<float>(v.data(), e); };
  CHECK(rmse_loss(in(teacher, image), in(student, image)) == rmse_loss(in(teacher, row), in(student, row)));
  CHECK(rmse_loss(in(teacher, image), in(student, image), out(grad, image)) ==
        rmse_loss(in(teacher, row), in(student, row), out(flat, row)));
  CHECK(grad == flat);
  CHECK(charbonnier_loss(in(teacher, image), in(student, image), out(grad, image)) ==
        charbonnier_loss(in(teacher, row), in(student, row), out(flat, row)));
  CHECK(grad == flat);
  CHECK(rmse_loss(std::vector<float>{1, 2}, std::vector<float>{1, 4}) == Approx(std::sqrt(2.0)));
  CHECK_THROWS_AS(rmse_loss(in(teacher, image), in(student, row)), shape_error);
  CHECK_THROWS_AS(rmse_loss(in(teacher, {}), in(student, {})), shape_error);
  CHECK_THROWS_AS(rmse_loss(in(teacher, row), in(student, row), out(student, row)), value_error);
  CHECK_THROWS_AS(cross_entropy(in(student, row), std::vector<int>{0, 1}, out(student, row)), value_error);
}
