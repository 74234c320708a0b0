// Operators of two activations: sums, products and their like, with broadcasting, and matrix products.
#include <operator_check.hpp>

using namespace trimtab;
using namespace trimtab::test;

namespace {

/// y[i] = f(a, b) with numpy's rule for the axes behind the batch.
Formula broadcast(const Extents& a, const Extents& b, const std::function<double(double, double)>& f) {
  return [=](const Values& x, const Values&, std::size_t batch) {
    const Extents out = broadcast_extents(a, b, "formula");
    const auto from = [](const Extents& e, const Extents& i) {
      Extents own;
      for (std::size_t k = 0; k < e.size(); ++k) own.push_back(e[k] == 1 ? 0 : i[i.size() - e.size() + k]);
      return flat(e, own);
    };
    std::vector<double> y;
    for (std::size_t n = 0; n < batch; ++n)
      for (std::size_t at = 0; at < element_count(out); ++at) {
        const Extents i = index_of(out, at);
        y.push_back(f(x[0][n * element_count(a) + from(a, i)], x[1][n * element_count(b) + from(b, i)]));
      }
    return y;
  };
}

struct Binary {
  Operator op;
  std::function<double(double, double)> f;
  double least = -1;
};

const std::vector<Binary>& binaries() {
  static const std::vector<Binary> all{
      {Add{}, [](double a, double b) { return a + b; }},          {Sub{}, [](double a, double b) { return a - b; }},
      {Mul{}, [](double a, double b) { return a * b; }},          {Div{}, [](double a, double b) { return a / b; }, 0.25},
      {Max{}, [](double a, double b) { return std::max(a, b); }}, {Min{}, [](double a, double b) { return std::min(a, b); }},
  };
  return all;
}

std::vector<OperatorCase> broadcast_cases() {
  const std::vector<std::array<Extents, 2>> extents{
      {{{3, 5, 7}, {3, 5, 7}}},  // odd sizes
      {{{3, 4, 6}, {1, 1, 6}}},  // a number a channel
      {{{1, 1, 6}, {3, 4, 6}}},
      {{{3, 4, 6}, {3, 4, 1}}},  // a number a pixel
      {{{3, 4, 6}, {6}}},        // fewer axes
      {{{3, 4, 6}, {1}}},        // one for all
      {{{3, 1, 5}, {1, 4, 1}}},  // each along axes of its own
      {{{1}, {1}}},
      {{{9}, {9}}},
  };
  std::vector<OperatorCase> all;
  for (const Binary& b : binaries()) {
    for (const auto& [first, second] : extents) all.push_back({b.op, {first, second}, broadcast(first, second, b.f), b.least});
    all.push_back({b.op, {{3, 2, 5}}, broadcast({3, 2, 5}, {3, 2, 5}, b.f), b.least, 1, true});
  }
  return all;
}

/// Matrices in the last two axes; leading axes by numpy's rule.
Formula product(const Extents& a, const Extents& b, bool ta, bool tb) {
  return [=](const Values& x, const Values&, std::size_t batch) {
    const std::size_t ra = a.size(), rb = b.size(), rank = std::max(ra, rb);
    const std::size_t m = a[ra - (ta ? 1 : 2)], k = a[ra - (ta ? 2 : 1)], n = b[rb - (tb ? 2 : 1)];
    const Extents lead = broadcast_extents(Extents(a.begin(), a.end() - 2), Extents(b.begin(), b.end() - 2), "formula");
    const auto matrix = [&](const Extents& e, const Extents& i) {
      std::size_t at = 0;
      for (std::size_t axis = 0; axis + 2 < e.size(); ++axis) at = at * e[axis] + (e[axis] == 1 ? 0 : i[rank - e.size() + axis]);
      return at;
    };
    std::vector<double> y;
    for (std::size_t p = 0; p < batch; ++p)
      for (std::size_t at = 0; at < element_count(lead); ++at) {
        const Extents i = index_of(lead, at);
        const double* const pa = x[0].data() + p * element_count(a) + matrix(a, i) * m * k;
        const double* const pb = x[1].data() + p * element_count(b) + matrix(b, i) * k * n;
        for (std::size_t r = 0; r < m; ++r)
          for (std::size_t c = 0; c < n; ++c) {
            double sum = 0;
            for (std::size_t d = 0; d < k; ++d) sum += pa[ta ? d * m + r : r * k + d] * pb[tb ? c * k + d : d * n + c];
            y.push_back(sum);
          }
      }
    return y;
  };
}

std::vector<OperatorCase> products() {
  std::vector<OperatorCase> all;
  const auto add = [&](const Extents& a, const Extents& b, bool ta, bool tb) {
    all.push_back({MatMul{ta, tb}, {a, b}, product(a, b, ta, tb)});
  };
  add({3, 5}, {5, 7}, false, false);
  add({5, 3}, {5, 7}, true, false);
  add({3, 5}, {7, 5}, false, true);
  add({5, 3}, {7, 5}, true, true);
  add({2, 3, 5}, {2, 5, 4}, false, false);
  add({2, 3, 5}, {5, 4}, false, false);  // one matrix for all
  add({1, 3, 5}, {3, 4, 5}, false, true);
  add({1, 1}, {1, 1}, false, false);
  all.push_back({MatMul{false, true}, {{3, 4}}, product({3, 4}, {3, 4}, false, true), -1, 1, true});  // x * transpose(x)
  return all;
}

}  // namespace

TEST_CASE(
    "Operators of two activations: values and gradients are the formula's, codes are rounded once, deployed networks compute "
    "what trained ones did",
    "[broadcast_operators]") {
  check_operators(broadcast_cases());
  check_operators(products());
}

TEST_CASE("Operators of two activations: constants are the other input", "[broadcast_operators]") {
  for (const Binary& b : binaries())
    for (const bool first : {false, true}) {
      INFO(b.op->name() << (first ? ", constant first" : ", constant second"));
      Network n;
      const NodeId x = n.add(Input{{2, 3, 4}}, {}), c = n.add(Constant{{0.5F, 1, 1.5F, 2}}, {});
      n.add(b.op, first ? std::vector<NodeId>{c, x} : std::vector<NodeId>{x, c}, "op");
      Array pictures;
      detail::resize_batch(2, {2, 3, 4}, pictures);
      const auto numbers = random_floats(pictures.size(), 0.5, 2, 3);
      std::copy(numbers.begin(), numbers.end(), pictures.data());
      const Array y = run(n, pictures);
      for (std::size_t i = 0; i < y.size(); ++i) {
        const double k = 0.5 + 0.5 * double(i % 4), v = double(numbers[i]);
        CHECK(double(y.data()[i]) == Approx(first ? b.f(k, v) : b.f(v, k)));
      }
      const QuantizedNetwork q =
          quantize(n,
                   calibrate(
                       n, [&](std::span<const std::size_t>) { return pictures; }, 2, MinMaxObserver<float>()),
                   {});
      CHECK(!verify(q, pictures));
      FakeQuantExecutor trained(q);
      const Array& codes = trained.forward(pictures);
      const double scale = double(trained.grid(2).scale);
      for (std::size_t i = 0; i < y.size(); ++i)
        CHECK(double(codes.data()[i]) == Approx(double(y.data()[i])).margin(scale + 0.05));
    }
}

TEST_CASE("Operators of two activations: values worked by hand", "[broadcast_operators]") {
  const Extents e{1, 4};
  const Affine<float> half{0.5F, 128, unsigned_codes()}, whole{1.0F, 128, unsigned_codes()};
  const auto codes = [&](const Operator& op, const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b) {
    const std::array<CodeInput, 2> x{CodeInput{{a.data(), e}, half}, CodeInput{{b.data(), e}, half}};
    std::vector<std::uint8_t> y(4);
    op->codes(x, whole, TensorView<std::uint8_t>(y.data(), e));
    return std::vector<int>(y.begin(), y.end());
  };
  // Reals a: -1 0 1 2.5 (codes 126 128 130 133), b: 0.5 0 0 -1.
  const std::vector<std::uint8_t> a{126, 128, 130, 133}, b{129, 128, 128, 126};
  CHECK(codes(Add{}, a, b) == std::vector<int>{128, 128, 129, 130});  // -0.5 1.5: ties to even
  CHECK(codes(Sub{}, a, b) == std::vector<int>{126, 128, 129, 132});  // -1.5 3.5
  CHECK(codes(Mul{}, a, b) == std::vector<int>{128, 128, 128, 126});  // -0.5 -2.5
  CHECK(codes(Div{}, a, b) == std::vector<int>{126, 128, 255, 126});  // -2, 0 / 0, 1 / 0, -2.5
  CHECK(codes(Max{}, a, b) == std::vector<int>{128, 128, 129, 130});  // 0.5 2.5
  CHECK(codes(Min{}, a, b) == std::vector<int>{127, 128, 128, 127});

  // Gradients: of equal ones the first has it; none passes a division by 0.
  const OperatorCase pair{Max{}, {{4}, {4}}, {}};
  const auto gradients = [&](const Operator& op) {
    const std::array<CodeInput, 2> x{CodeInput{{a.data(), e}, half}, CodeInput{{b.data(), e}, half}};
    const std::vector<float> g{1, 2, 3, 4};
    Places to(pair, 1, false);
    op->codes_backward(x, whole, {g.data(), e}, to);
    return to.grad;
  };
  using Two = std::vector<std::vector<float>>;
  CHECK(gradients(Add{}) == Two{{1, 2, 3, 4}, {1, 2, 3, 4}});
  CHECK(gradients(Sub{}) == Two{{1, 2, 3, 4}, {-1, -2, -3, -4}});
  CHECK(gradients(Mul{}) == Two{{0.5F, 0, 0, -4}, {-1, 0, 3, 10}});
  CHECK(gradients(Div{}) == Two{{2, 0, 0, -4}, {4, 0, 0, -10}});
  CHECK(gradients(Max{}) == Two{{0, 2, 3, 4}, {1, 0, 0, 0}});
  CHECK(gradients(Min{}) == Two{{1, 2, 0, 0}, {0, 0, 3, 4}});
}

TEST_CASE("Operators of two activations: signs, products counted, what does not fit", "[broadcast_operators]") {
  for (const Binary& b : binaries()) {
    CHECK(b.op->sign() == (b.op.is<Sub>() ? SignRule::any : SignRule::of_inputs));
    CHECK(b.op->macs(std::vector<Extents>{{4}, {4}}, {4}) == 0);
    CHECK_THAT(refusal(b.op, {{2, 3}, {2, 4}}), ContainsSubstring("[2, 3] and [2, 4]"));
    CHECK(b.op->has_fixed_point(std::vector<Extents>{{4}, {1}}) == (b.op.is<Add>() || b.op.is<Sub>() || b.op.is<Mul>()));
  }
  CHECK(Operator(MatMul{})->sign() == SignRule::of_inputs);
  CHECK(Operator(MatMul{true, true})->macs(std::vector<Extents>{{2, 5, 3}, {7, 5}}, {2, 3, 7}) == 2 * 3 * 7 * 5);
  CHECK_THAT(refusal(MatMul{}, {{2, 3}, {2, 4}}), ContainsSubstring("depths 3 and 2"));
  CHECK_THAT(refusal(MatMul{}, {{3}, {3, 4}}), ContainsSubstring("expected matrices"));
}

TEST_CASE("Div: it has no definition in fixed point, and quantize names the node", "[broadcast_operators]") {
  Network n;
  const NodeId x = n.add(Input{{2, 2, 3}}, {}), m = n.add(GlobalAveragePool{}, {x});
  n.add(Div{}, {x, m}, "uneven");
  QuantizationOptions o;
  o.requantizer = Requantizer::fixed_point;
  CHECK_THROWS_WITH(quantize(n, std::vector<Range<float>>(3, Range<float>{-1, 1}), o), ContainsSubstring("node uneven (Div)"));
}
