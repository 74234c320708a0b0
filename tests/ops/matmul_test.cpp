#include <catch.hpp>
#include <cmath>
#include <gradient_check.hpp>
#include <ostream>
#include <trimtab/ops/matmul.hpp>
#include <tuple>
#include <vector>

using namespace trimtab;
using gradient::random_values;

namespace {

enum class Form { nn, nt, tn };

struct Shape {
  std::size_t m, n, k;
  friend std::ostream& operator<<(std::ostream& out, const Shape& s) { return out << s.m << " x " << s.n << " x " << s.k; }
};

// One, a tile less one, a tile, a tile and one for both instruction sets (6 x 16, 12 x 32), depths around the block of 384, and a
// long depth that is split.
const Shape shapes[] = {{1, 1, 1},      {1, 33, 7},     {5, 15, 8},     {6, 16, 9},     {7, 17, 10},
                        {11, 31, 3},    {12, 32, 40},   {13, 33, 41},   {23, 8, 20},    {3, 1, 500},
                        {25, 65, 383},  {26, 70, 385},  {9, 40, 1021},  {500, 3, 27},   {301, 129, 2},
                        {16, 24, 5003}, {130, 9, 2048}, {40, 300, 400}, {16, 1000, 130}};

/// Operands that lie in wider, unaligned matrices: rows are `gap` apart beyond their length, data starts at an odd float.
template <class Real>
struct Operands {
  Operands(Form form, const Shape& s, std::size_t gap)
      : a_rows(form == Form::tn ? s.k : s.m),
        a_cols(form == Form::tn ? s.m : s.k),
        b_rows(form == Form::nt ? s.n : s.k),
        b_cols(form == Form::nt ? s.k : s.n),
        a(random_values<Real>(a_rows * (a_cols + gap) + 1, 1)),
        b(random_values<Real>(b_rows * (b_cols + gap) + 1, 2)),
        stride_gap(gap) {}

  detail::Matrix<const Real> left() const { return {a.data() + 1, a_rows, a_cols, a_cols + stride_gap}; }
  detail::Matrix<const Real> right() const { return {b.data() + 1, b_rows, b_cols, b_cols + stride_gap}; }

  std::size_t a_rows, a_cols, b_rows, b_cols;
  std::vector<Real> a, b;
  std::size_t stride_gap;
};

template <class Real>
void run(Form form, const Operands<Real>& o, const detail::Matrix<Real>& c, const detail::ProductStart<Real>& start) {
  switch (form) {
    case Form::nn:
      return detail::matmul<Real>(o.left(), o.right(), c, start);
    case Form::nt:
      return detail::matmul_nt<Real>(o.left(), o.right(), c, start);
    case Form::tn:
      return detail::matmul_tn<Real>(o.left(), o.right(), c, start);
  }
}

enum class Start { zero, columns, add };

/// c in a frame of sevens, which stays.
template <class Real>
struct Result {
  Result(const Shape& s, std::size_t gap) : shape(s), stride(s.n + gap), data(s.m * stride + 1, Real(7)) {}
  detail::Matrix<Real> matrix() { return {data.data() + 1, shape.m, shape.n, stride}; }
  Real at(std::size_t m, std::size_t n) const { return data[1 + m * stride + n]; }
  Shape shape;
  std::size_t stride;
  std::vector<Real> data;
};

template <class Real>
Result<Real> product(Form form, const Shape& s, std::size_t gap, Start start) {
  const Operands<Real> o(form, s, gap);
  const std::vector<Real> columns = random_values<Real>(s.n, 3);
  Result<Real> c(s, gap);
  run<Real>(form, o, c.matrix(), {start == Start::add, start == Start::columns ? columns.data() : nullptr});
  return c;
}

/// Each entry against a sum in double. The error of a float sum of k products is at most (k + 2) * 2^-24 times the sum of their
/// sizes.
template <class Real>
void check_against_naive(Form form, const Shape& s, std::size_t gap, Start start) {
  const Operands<Real> o(form, s, gap);
  const std::vector<Real> columns = random_values<Real>(s.n, 3);
  const Result<Real> c = product<Real>(form, s, gap, start);
  const auto a = o.left(), b = o.right();
  double worst = 0;
  for (std::size_t m = 0; m < s.m; ++m)
    for (std::size_t n = 0; n < s.n; ++n) {
      double sum = start == Start::add ? 7.0 : start == Start::columns ? double(columns[n]) : 0.0, size = std::abs(sum);
      for (std::size_t k = 0; k < s.k; ++k) {
        const Real left = form == Form::tn ? a.data[k * a.stride + m] : a.data[m * a.stride + k];
        const Real right = form == Form::nt ? b.data[n * b.stride + k] : b.data[k * b.stride + n];
        sum += double(left) * double(right);
        size += std::abs(double(left) * double(right));
      }
      const double epsilon = double(std::numeric_limits<Real>::epsilon()) / 2;
      worst = std::max(worst, std::abs(double(c.at(m, n)) - sum) / (double(s.k + 2) * epsilon * size + 1e-300));
    }
  CHECK(worst <= 1.0);
  bool frame = c.data[0] == Real(7);
  for (std::size_t m = 0; m < s.m; ++m)
    for (std::size_t n = s.n; n < c.stride; ++n) frame = frame && c.at(m, n) == Real(7);
  CHECK(frame);
}

}  // namespace

TEST_CASE("matmul: every form on every ISA is the sum of products, and nothing beside c is written", "[ops][matmul]") {
  const Form form = GENERATE(Form::nn, Form::nt, Form::tn);
  const Start start = GENERATE(Start::zero, Start::columns, Start::add);
  for (const Isa isa : available_isas()) {
    const ScopedIsa scope(isa);
    for (const Shape& s : shapes)
      for (const std::size_t gap : {std::size_t{0}, std::size_t{3}}) {
        CAPTURE(name(isa), int(form), int(start), s, gap);
        check_against_naive<float>(form, s, gap, start);
      }
  }
}

TEST_CASE("matmul: double gives the sum of products", "[ops][matmul]") {
  const Form form = GENERATE(Form::nn, Form::nt, Form::tn);
  const Start start = GENERATE(Start::zero, Start::columns, Start::add);
  for (const Shape& s : shapes) {
    CAPTURE(int(form), int(start), s);
    check_against_naive<double>(form, s, 2, start);
  }
}

TEST_CASE("matmul: any number of threads gives the same bits", "[ops][matmul]") {
  const Form form = GENERATE(Form::nn, Form::nt, Form::tn);
  for (const Isa isa : available_isas()) {
    const ScopedIsa scope(isa);
    for (const Shape& s : shapes) {
      CAPTURE(name(isa), int(form), s);
      std::vector<std::vector<float>> results;
      for (const int count : {1, 2, 3}) {
        const ScopedThreads threads(count);
        results.push_back(product<float>(form, s, 0, Start::add).data);
      }
      CHECK(results[0] == results[1]);
      CHECK(results[0] == results[2]);
    }
  }
}

TEST_CASE("matmul: without depth c is its start", "[ops][matmul]") {
  const Form form = GENERATE(Form::nn, Form::nt, Form::tn);
  for (const Isa isa : available_isas()) {
    const ScopedIsa scope(isa);
    const Shape s{3, 5, 0};
    const std::vector<float> columns = random_values<float>(s.n, 3);
    const auto zero = product<float>(form, s, 0, Start::zero), start = product<float>(form, s, 0, Start::columns),
               add = product<float>(form, s, 0, Start::add);
    for (std::size_t m = 0; m < s.m; ++m)
      for (std::size_t n = 0; n < s.n; ++n) {
        CHECK(zero.at(m, n) == 0.0F);
        CHECK(start.at(m, n) == columns[n]);
        CHECK(add.at(m, n) == 7.0F);
      }
  }
}

TEST_CASE("matmul: an empty c is left alone", "[ops][matmul]") {
  const Form form = GENERATE(Form::nn, Form::nt, Form::tn);
  for (const Isa isa : available_isas()) {
    const ScopedIsa scope(isa);
    CHECK(product<float>(form, {0, 5, 4}, 0, Start::zero).data == std::vector<float>{7.0F});
    CHECK(product<float>(form, {4, 0, 5}, 0, Start::zero).data == std::vector<float>{7.0F});
  }
}

TEST_CASE("matmul: infinities and NaN stay in the rows and columns they came from", "[ops][matmul]") {
  for (const Isa isa : available_isas()) {
    const ScopedIsa scope(isa);
    CAPTURE(name(isa));
    const Shape s{13, 33, 20};
    Operands<float> o(Form::nn, s, 0);
    o.a[1 + 4 * s.k + 2] = std::numeric_limits<float>::quiet_NaN();
    o.b[1 + 5 * s.n + 32] = std::numeric_limits<float>::infinity();
    Result<float> c(s, 0);
    run<float>(Form::nn, o, c.matrix(), {false});
    for (std::size_t m = 0; m < s.m; ++m)
      for (std::size_t n = 0; n < s.n; ++n) CHECK(std::isfinite(c.at(m, n)) == (m != 4 && n != 32));
  }
}
