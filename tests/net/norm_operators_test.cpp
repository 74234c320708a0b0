// Norms by a picture's own statistics, division by lengths, local response normalization.
#include <operator_check.hpp>

using namespace trimtab;
using namespace trimtab::test;

namespace {

/// gamma * (x - mean) / sqrt(variance + epsilon) + beta; group(i) of element i of a picture, channel(i) of its gamma and beta.
Formula norm(const Extents& in, std::size_t groups, const std::function<std::size_t(std::size_t)>& group,
             const std::function<std::size_t(std::size_t)>& channel, double epsilon) {
  return [=](const Values& x, const Values& parameters, std::size_t batch) {
    const std::size_t count = element_count(in);
    std::vector<double> sum(batch * groups), square(batch * groups), n(batch * groups), y;
    const auto of = [&](std::size_t i) { return i / count * groups + group(i % count); };
    for (std::size_t i = 0; i < x[0].size(); ++i) sum[of(i)] += x[0][i], n[of(i)] += 1;
    for (std::size_t i = 0; i < x[0].size(); ++i) square[of(i)] += std::pow(x[0][i] - sum[of(i)] / n[of(i)], 2);
    for (std::size_t i = 0; i < x[0].size(); ++i) {
      const double normal = (x[0][i] - sum[of(i)] / n[of(i)]) / std::sqrt(square[of(i)] / n[of(i)] + epsilon);
      y.push_back(parameters[0][channel(i % count)] * normal + parameters[1][channel(i % count)]);
    }
    return y;
  };
}

xt::xtensor<float, 1> numbers(std::size_t count, unsigned seed) {
  auto v = xt::xtensor<float, 1>::from_shape({count});
  const auto some = random_floats(count, 0.5, 1.5, seed);
  std::copy(some.begin(), some.end(), v.begin());
  return v;
}
xt::xarray<float> numbers_of(const std::vector<std::size_t>& shape, unsigned seed) {
  auto v = xt::xarray<float>::from_shape(shape);
  const auto some = random_floats(v.size(), -1, 1, seed);
  std::copy(some.begin(), some.end(), v.data());
  return v;
}

std::vector<OperatorCase> norms() {
  std::vector<OperatorCase> all;
  constexpr float epsilon = 1e-2F;
  for (const Extents& in : {Extents{3, 5, 6}, Extents{7, 3}}) {
    const std::size_t c = in.back();
    const auto channel = [c](std::size_t i) { return i % c; };
    all.push_back({InstanceNorm{numbers(c, 1), numbers(c, 2), epsilon}, {in}, norm(in, c, channel, channel, double(epsilon))});
    for (const std::size_t groups : {std::size_t{1}, std::size_t{3}})
      all.push_back({GroupNorm{numbers(c, 3), numbers(c, 4), epsilon, groups},
                     {in},
                     norm(
                         in, groups, [=](std::size_t i) { return i % c / (c / groups); }, channel, double(epsilon))});
  }
  const Extents in{2, 4, 5};
  all.push_back({LayerNorm{numbers_of({5}, 5), numbers_of({5}, 6), epsilon},
                 {in},
                 norm(
                     in, 8, [](std::size_t i) { return i / 5; }, [](std::size_t i) { return i % 5; }, double(epsilon))});
  all.push_back({LayerNorm{numbers_of({4, 5}, 7), numbers_of({4, 5}, 8), epsilon},
                 {in},
                 norm(
                     in, 2, [](std::size_t i) { return i / 20; }, [](std::size_t i) { return i % 20; }, double(epsilon))});
  all.push_back({LayerNorm{numbers_of({9}, 9), numbers_of({9}, 10), epsilon},
                 {{9}},
                 norm(
                     {9}, 1, [](std::size_t) { return 0; }, [](std::size_t i) { return i; }, double(epsilon))});
  return all;
}

std::vector<OperatorCase> lengths() {
  std::vector<OperatorCase> all;
  for (const auto& [in, axis] :
       std::vector<std::pair<Extents, std::size_t>>{{{3, 5, 7}, 2}, {{3, 5, 7}, 0}, {{10}, 0}, {{2, 1}, 1}})
    for (const L2Epsilon rule : {L2Epsilon::at_least, L2Epsilon::added})
      for (const float epsilon : {0.01F, 2.0F})
        all.push_back({L2Norm{axis, epsilon, rule},
                       {in},
                       [in = in, axis = axis, rule, e = double(epsilon)](const Values& x, const Values&, std::size_t) {
                         std::size_t inner = 1;
                         for (std::size_t a = axis + 1; a < in.size(); ++a) inner *= in[a];
                         const std::size_t line = inner * in[axis];
                         std::vector<double> y;
                         for (std::size_t i = 0; i < x[0].size(); ++i) {
                           double sum = 0;
                           for (std::size_t k = 0; k < in[axis]; ++k)
                             sum += std::pow(x[0][i / line * line + k * inner + i % inner], 2);
                           y.push_back(x[0][i] / (rule == L2Epsilon::added ? std::sqrt(sum + e) : std::max(std::sqrt(sum), e)));
                         }
                         return y;
                       }});
  return all;
}

OperatorCase response(const LocalResponseNorm& l, const Extents& in) {
  return {l, {in}, [l, in](const Values& x, const Values&, std::size_t) {
            std::vector<double> y;
            const std::size_t channels = in.back();
            for (std::size_t i = 0; i < x[0].size(); ++i) {
              double sum = 0;
              const std::size_t c = i % channels;
              for (std::size_t j = 0; j < channels; ++j)
                if (j + (l.size - 1) / 2 >= c && j <= c + l.size / 2) sum += x[0][i - c + j] * x[0][i - c + j];
              y.push_back(x[0][i] / std::pow(double(l.bias) + double(l.alpha) / double(l.size) * sum, double(l.beta)));
            }
            return y;
          }};
}
std::vector<OperatorCase> responses() {
  return {response({5, 0.5F, 0.75F, 1}, {2, 3, 7}), response({2, 1, 0.5F, 2}, {9}), response({1, 1, 1, 0.5F}, {1, 1})};
}

}  // namespace

TEST_CASE(
    "Norms: values and gradients are the formula's, codes are rounded once, deployed networks compute what trained ones did",
    "[norm_operators]") {
  check_operators(norms());
  check_operators(lengths());
  check_operators(responses());
}

TEST_CASE("Norms: gamma and beta are parameters, without weight decay; statistics are nobody's", "[norm_operators]") {
  for (const OperatorCase& c : norms()) {
    INFO(c);
    std::vector<std::string> names;
    detail::for_each_parameter(c.op, [&](std::string_view name, const TensorView<const float>&, ParameterKind kind) {
      names.emplace_back(name);
      CHECK(kind == ParameterKind::bias);
    });
    CHECK(names == std::vector<std::string>{"gamma", "beta"});
    CHECK(c.op->sign() == SignRule::any);
  }
  CHECK(Operator(L2Norm{})->sign() == SignRule::of_inputs);
  CHECK(Operator(LocalResponseNorm{})->sign() == SignRule::of_inputs);
}

TEST_CASE("L2Norm: 0 where the length is 0, and no element is longer than the whole", "[norm_operators]") {
  const Operator op = L2Norm{0, 0, L2Epsilon::at_least};
  const std::vector<float> x{0, 0, 3, 4, 1e-30F, 0, 7.1F, 1e-7F};
  std::vector<float> y(8);
  const TensorView<const float> in(x.data(), {4, 2});
  op->forward({&in, 1}, {y.data(), {4, 2}});
  CHECK(std::vector<float>(y.begin(), y.begin() + 6) == std::vector<float>{0, 0, 0.6F, 0.8F, 1, 0});
  CHECK(y[6] == 1);
}

TEST_CASE("Norms: what does not fit is refused with the node's name", "[norm_operators]") {
  const std::vector<Extents> in{{2, 3, 4}};
  CHECK_THAT(refusal(InstanceNorm{numbers(3, 1), numbers(4, 1), 1}, in),
             ContainsSubstring("gamma has 3 numbers and beta 4, expected 4"));
  CHECK_THAT(refusal(InstanceNorm{numbers(4, 1), numbers(4, 1), 0}, in), ContainsSubstring("epsilon is 0"));
  CHECK_THAT(refusal(GroupNorm{numbers(4, 1), numbers(4, 1), 1, 3}, in), ContainsSubstring("3 groups"));
  CHECK_THAT(refusal(LayerNorm{numbers_of({2, 4}, 1), numbers_of({2, 4}, 1), 1}, in), ContainsSubstring("[2, 4]"));
  CHECK_THAT(refusal(LayerNorm{numbers_of({4}, 1), numbers_of({3}, 1), 1}, in), ContainsSubstring("beta of [3]"));
  CHECK_THAT(refusal(L2Norm{3, 0, L2Epsilon::added}, in), ContainsSubstring("axis 3"));
  CHECK_THAT(refusal(L2Norm{0, -1, L2Epsilon::added}, in), ContainsSubstring("epsilon"));
  CHECK_THAT(refusal(LocalResponseNorm{0, 1, 1, 1}, in), ContainsSubstring("size"));
  CHECK_THAT(refusal(LocalResponseNorm{1, 1, 1, 0}, in), ContainsSubstring("bias"));
}
