// Operators along axes: sums, means, norms, maxima, minima; softmax, its logarithm, the place of the largest element.
#include <numeric>
#include <operator_check.hpp>

using namespace trimtab;
using namespace trimtab::test;

namespace {

/// f of the elements along some axes of each picture.
Formula along(const Extents& in, const std::vector<std::size_t>& axes,
              const std::function<double(const std::vector<double>&)>& f) {
  return [=](const Values& x, const Values&, std::size_t batch) {
    Extents kept = in;
    for (const std::size_t axis : axes) kept[axis] = 1;
    std::vector<std::vector<double>> parts(batch * element_count(kept));
    for (std::size_t i = 0; i < x[0].size(); ++i) {
      Extents at = index_of(in, i % element_count(in));
      for (const std::size_t axis : axes) at[axis] = 0;
      parts[i / element_count(in) * element_count(kept) + flat(kept, at)].push_back(x[0][i]);
    }
    std::vector<double> y;
    for (const auto& part : parts) y.push_back(f(part));
    return y;
  };
}

using Axes = std::vector<std::size_t>;
using Part = std::vector<double>;

struct Kind {
  std::function<Operator(Axes, bool)> make;
  std::function<double(const Part&)> f;
};
const std::vector<Kind>& kinds() {
  static const auto sum = [](const Part& p) { return std::accumulate(p.begin(), p.end(), 0.0); };
  static const std::vector<Kind> all{
      {[](Axes a, bool k) {
         return ReduceSum{a, k};
       },
       sum},
      {[](Axes a, bool k) {
         return ReduceMean{a, k};
       },
       [](const Part& p) { return sum(p) / double(p.size()); }},
      {[](Axes a, bool k) {
         return ReduceL2{a, k};
       },
       [](const Part& p) { return std::sqrt(std::inner_product(p.begin(), p.end(), p.begin(), 0.0)); }},
      {[](Axes a, bool k) {
         return ReduceMax{a, k};
       },
       [](const Part& p) { return *std::max_element(p.begin(), p.end()); }},
      {[](Axes a, bool k) {
         return ReduceMin{a, k};
       },
       [](const Part& p) { return *std::min_element(p.begin(), p.end()); }},
  };
  return all;
}

std::vector<OperatorCase> reductions() {
  std::vector<OperatorCase> all;
  const auto add = [&](const Extents& in, const Axes& axes, bool keep) {
    for (const Kind& k : kinds()) all.push_back({k.make(axes, keep), {in}, along(in, axes, k.f)});
  };
  add({3, 5, 4}, {0, 1}, true);
  add({3, 5, 4}, {1, 0}, false);
  add({3, 5, 7}, {2}, true);
  add({3, 5, 7}, {1}, false);
  add({3, 5, 7}, {0, 2}, true);
  add({9}, {0}, true);
  add({9}, {0}, false);  // a number a picture
  add({1, 1, 3}, {0, 1}, true);
  add({4}, {}, true);
  return all;
}

/// Lines of x along an axis through f, which changes them in place.
Formula lines(const Extents& in, std::size_t axis, const std::function<void(Part&)>& f) {
  return [=](const Values& x, const Values&, std::size_t) {
    std::size_t inner = 1;
    for (std::size_t a = axis + 1; a < in.size(); ++a) inner *= in[a];
    std::vector<double> y = x[0];
    for (std::size_t first = 0; first < y.size(); ++first) {
      if (first / inner % in[axis] != 0) continue;
      Part line;
      for (std::size_t k = 0; k < in[axis]; ++k) line.push_back(x[0][first + k * inner]);
      f(line);
      for (std::size_t k = 0; k < in[axis]; ++k) y[first + k * inner] = line[k];
    }
    return y;
  };
}

std::vector<OperatorCase> softmaxes(bool log) {
  const auto f = [log](Part& line) {
    double sum = 0;
    for (const double v : line) sum += std::exp(v);
    for (double& v : line) v = log ? v - std::log(sum) : std::exp(v) / sum;
  };
  std::vector<OperatorCase> all;
  for (const auto& [in, axis] :
       std::vector<std::pair<Extents, std::size_t>>{{{3, 5, 7}, 2}, {{3, 5, 7}, 0}, {{2, 6}, 1}, {{10}, 0}, {{2, 1}, 1}})
    all.push_back({log ? Operator(LogSoftmax{axis}) : Operator(Softmax{axis}), {in}, lines(in, axis, f), -4, 4});
  return all;
}

}  // namespace

TEST_CASE(
    "Reductions: values and gradients are the formula's, codes are rounded once, deployed networks compute what trained ones did",
    "[reduction_operators]") {
  check_operators(reductions());
  check_operators(softmaxes(false));
  check_operators(softmaxes(true));
}

TEST_CASE("Reductions: extents, signs, factors on channels, what does not fit", "[reduction_operators]") {
  const std::vector<Extents> in{{3, 5, 4}};
  for (const Kind& k : kinds()) {
    const Operator kept = k.make({0, 1}, true), dropped = k.make({0, 1}, false), channels = k.make({1, 2}, true);
    INFO(kept->name());
    CHECK(kept->extent(in, "op") == Extents{1, 1, 4});
    CHECK(dropped->extent(in, "op") == Extents{4});
    CHECK(k.make({0}, false)->extent(std::vector<Extents>{{9}}, "op") == Extents{});
    CHECK(kept->sign() == (kept.is<ReduceL2>() ? SignRule::never_negative : SignRule::of_inputs));
    CHECK(kept->scaling(in) == ScalingRule::commutes);
    CHECK(dropped->scaling(in) == ScalingRule::commutes);
    CHECK(channels->scaling(in) == ScalingRule::stops);
    CHECK((kept->integers() == IntegerRule::moves) == (kept.is<ReduceMax>() || kept.is<ReduceMin>()));
    CHECK_THAT(refusal(k.make({3}, true), in), ContainsSubstring("axis 3 of extents [3, 5, 4]"));
    CHECK_THAT(refusal(k.make({1, 1}, true), in), ContainsSubstring("axis 1 twice"));
    CHECK_THAT(refusal(k.make({0}, true), {{0, 2}}), ContainsSubstring("nothing to reduce"));
  }
  CHECK_THAT(refusal(Softmax{3}, in), ContainsSubstring("axis 3"));
  CHECK_THAT(refusal(LogSoftmax{3}, in), ContainsSubstring("axis 3"));
  CHECK_THAT(refusal(SoftmaxTable{0, {1, 0.5F}}, in), ContainsSubstring("2 numbers"));
  CHECK_THAT(refusal(ArgMax{3, true}, in), ContainsSubstring("axis 3"));
}

TEST_CASE("ReduceMax, ReduceMin: of equal ones the first has the gradient, none where the node's clip cuts",
          "[reduction_operators]") {
  const std::vector<std::uint8_t> bytes{130, 140, 140, 120, 120, 125};
  const OperatorCase c{ReduceMax{{0}, true}, {{3}}, {}};
  const CodeInput x{{bytes.data(), {2, 3}}, {0.5F, 128, unsigned_codes()}};
  const std::vector<float> g{1, 2};
  const auto gradient = [&](const Operator& op, const CodeRange& codes) {
    Places to(c, 2, false);
    op->codes_backward({&x, 1}, {0.5F, 128, codes}, {g.data(), {2, 1}}, to);
    return to.grad[0];
  };
  CHECK(gradient(ReduceMax{{0}, true}, unsigned_codes()) == std::vector<float>{0, 1, 0, 0, 0, 2});
  CHECK(gradient(ReduceMin{{0}, true}, unsigned_codes()) == std::vector<float>{1, 0, 0, 2, 0, 0});
  CHECK(gradient(ReduceMax{{0}, true}, {128, 255}) == std::vector<float>{0, 1, 0, 0, 0, 0});
  std::vector<std::uint8_t> y(2);
  Operator(ReduceMax{{0}, true})->codes({&x, 1}, {0.5F, 128, {128, 255}}, {y.data(), {2, 1}});
  CHECK(y == std::vector<std::uint8_t>{140, 128});
}

TEST_CASE("Softmax: its table travels with the deployed network", "[reduction_operators]") {
  const Affine<float> grid{0.25F, 100, unsigned_codes()}, grid_y{1.0F / 255, 0, unsigned_codes()};
  const Operator lowered = Operator(Softmax{1})->lowered({&grid, 1}, grid_y);
  REQUIRE(lowered.is<SoftmaxTable>());
  const auto& [axis, table] = lowered.get<SoftmaxTable>();
  CHECK(axis == 1);
  REQUIRE(table.size() == 256);
  CHECK(table[0] == 1);
  CHECK(table[4] == Approx(std::exp(-1.0)));
  // Whatever the grid of what reads it, the table decides.
  const std::vector<std::uint8_t> bytes{0, 4};
  const CodeInput other{{bytes.data(), {1, 1, 2}}, {7.0F, 3, unsigned_codes()}};
  std::vector<std::uint8_t> y(2);
  lowered->codes({&other, 1}, grid_y, {y.data(), {1, 1, 2}});
  CHECK(y == std::vector<std::uint8_t>{69, 186});  // 255 / (1 + e) = 68.58
  CHECK(lowered->lowered({&grid, 1}, grid_y).is<SoftmaxTable>());
  CHECK_THROWS_WITH(lowered->forward({}, {}), ContainsSubstring("no float counterpart"));
  CHECK(Operator(Softmax{1})->bounds() == Clip{0, 1});
  CHECK(Operator(LogSoftmax{1})->bounds().hi == 0);
}

TEST_CASE("ArgMax: the first of the largest, as a real number, in float in every network", "[reduction_operators]") {
  const auto index = [](const Part& p) { return double(std::max_element(p.begin(), p.end()) - p.begin()); };
  for (const bool keep : {true, false}) {
    OperatorCase c{ArgMax{1, keep}, {{3, 5, 4}}, along({3, 5, 4}, {1}, index)};
    c.kinks_everywhere = true;
    check_operators({c});
  }
  CHECK(Operator(ArgMax{0, false})->sign() == SignRule::never_negative);

  Network n;
  const NodeId x = n.add(Input{{2, 3}}, {});
  n.add(ArgMax{1, false}, {x}, "class");
  Array scores = Array::from_shape({1, 2, 3});
  std::copy_n(std::array<float, 6>{1, 3, 3, 2, 0, -1}.begin(), 6, scores.data());
  const QuantizedNetwork q = quantize(n, std::vector<Range<float>>(2, Range<float>{-4, 4}), {});
  CHECK(!verify(q, scores));
  Int8Network::Workspace workspace;
  const Array y = Int8Network(q).run_outputs(scores, workspace)[0];
  CHECK((y(0, 0) == 1 && y(0, 1) == 0));  // reals: no codes, no scale
}
