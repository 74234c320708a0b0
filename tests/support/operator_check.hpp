#pragma once
// An operator against its formula, written once more as a naive loop in double: values, gradients, codes, and a network of it,
// trained and deployed.

#include <algorithm>
#include <any>
#include <catch.hpp>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <trimtab/net/execute/verify.hpp>
#include <trimtab/net/operators.hpp>
#include <trimtab/net/passes/calibrate.hpp>
#include <vector>

namespace trimtab::test {

using Values = std::vector<std::vector<double>>;

/// What an operator computes: of its inputs, batch included, and of the tensors among its parameters, in visit()'s order.
using Formula = std::function<std::vector<double>(const Values& x, const Values& parameters, std::size_t batch)>;

struct OperatorCase {
  Operator op;
  std::vector<Extents> in;  ///< of different nodes, batch excluded
  Formula formula;
  double least = -1, most = 1;    ///< of what it reads
  bool twice = false;             ///< it reads in[0] as both of its inputs
  bool kinks_everywhere = false;  ///< no derivative is to be compared

  std::size_t reads() const { return twice ? 2 : in.size(); }
  std::size_t node(std::size_t input) const { return twice ? 0 : input; }
  std::vector<Extents> read_extents() const { return twice ? std::vector<Extents>{in[0], in[0]} : in; }
  Extents out() const { return op->extent(read_extents(), "op"); }
};

inline std::ostream& operator<<(std::ostream& to, const OperatorCase& c) {
  to << c.op->name();
  for (const Extents& e : c.in) to << ' ' << e;
  return to << (c.twice ? " twice" : "");
}

/// The row-major place of an index, and back.
inline std::size_t flat(const Extents& extent, const Extents& index) {
  std::size_t at = 0;
  for (std::size_t a = 0; a < extent.size(); ++a) at = at * extent[a] + index[a];
  return at;
}
inline Extents index_of(const Extents& extent, std::size_t at) {
  Extents index = extent;
  for (std::size_t a = extent.size(); a-- > 0; at /= extent[a]) index[a] = at % extent[a];
  return index;
}

/// Where a backward puts gradients: a place for each node, with something in it already or not.
class Places final : public InputGradients {
 public:
  Places(const OperatorCase& c, std::size_t batch, bool used) : case_(&c), used_(c.in.size(), used) {
    for (const Extents& e : c.in) {
      extents_.push_back(detail::with_batch(batch, e));
      grad.emplace_back(element_count(extents_.back()), there);
    }
  }
  static constexpr float there = 3;
  std::vector<std::vector<float>> grad;
  bool wants = true;

  bool wanted(std::size_t) const override { return wants; }
  Claim claim(std::size_t i) override {
    if (!wants) FAIL_CHECK("a gradient was put where none is wanted");
    const std::size_t node = case_->node(i);
    const GradientMode mode = used_[node] ? GradientMode::add : GradientMode::assign;
    used_[node] = true;
    return {TensorView<float>(grad[node].data(), extents_[node]), mode};
  }
  /// Of each node, without what was there. One that was never claimed has no gradient.
  Values values(bool used) const {
    Values v;
    for (std::size_t n = 0; n < grad.size(); ++n) {
      v.emplace_back(grad[n].begin(), grad[n].end());
      for (double& g : v.back()) g = !used_[n] ? 0 : used ? g - double(there) : g;
    }
    return v;
  }

 private:
  const OperatorCase* case_;
  std::vector<bool> used_;
  std::vector<Extents> extents_;
};

inline Values parameters_of(const Operator& op) {
  Values all;
  detail::for_each_parameter(op, [&](std::string_view, const TensorView<const float>& v, ParameterKind) {
    all.emplace_back(v.data, v.data + v.size());
  });
  return all;
}

inline std::vector<double> apply(const OperatorCase& c, const Values& x, const Values& parameters, std::size_t batch) {
  return c.formula(c.twice ? Values{x[0], x[0]} : x, parameters, batch);
}

/// d(g . y) / d each number of v, by central differences; NaN where the two sides differ. `loss` reads v.
inline std::vector<double> differences(std::vector<double>& v, const std::function<double()>& loss) {
  constexpr double h = 1e-5;
  const double middle = loss();
  std::vector<double> d;
  for (double& x : v) {
    const double before = x;
    x = before + h;
    const double above = loss();
    x = before - h;
    const double below = loss();
    x = before;
    const bool kink = std::abs((above - middle) - (middle - below)) > 1e-3 * h * std::max(1.0, std::abs(above - below) / h);
    d.push_back(kink ? std::nan("") : (above - below) / (2 * h));
  }
  return d;
}

inline void check_near(const std::vector<double>& got, const std::vector<double>& expected, double tolerance, const char* what) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    if (!std::isnan(expected[i]) && !(std::abs(got[i] - expected[i]) <= tolerance * std::max(1.0, std::abs(expected[i])))) {
      CAPTURE(what, i, got[i], expected[i]);
      FAIL_CHECK("differs from the formula");
      return;
    }
}

inline std::vector<float> random_floats(std::size_t count, double least, double most, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> some(least, most);
  std::vector<float> v(count);
  for (float& x : v) x = static_cast<float>(some(random));
  return v;
}

/// The gradient of the formula for given gradients of y, with respect to inputs and parameters.
inline std::pair<Values, Values> formula_gradients(const OperatorCase& c, Values x, Values parameters,
                                                   const std::vector<float>& g, std::size_t batch) {
  const auto loss = [&] {
    const std::vector<double> y = apply(c, x, parameters, batch);
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += double(g[i]) * y[i];
    return sum;
  };
  std::pair<Values, Values> d;
  for (std::vector<double>& v : x) d.first.push_back(differences(v, loss));
  for (std::vector<double>& v : parameters) d.second.push_back(differences(v, loss));
  return d;
}

/// Float forward and backward, of inputs and of parameters.
inline void check_floats(const OperatorCase& c, std::size_t batch) {
  const Extents out = detail::with_batch(batch, c.out());
  const std::size_t count = element_count(out);
  std::vector<std::vector<float>> memory;
  Values x;
  std::vector<TensorView<const float>> in;
  for (std::size_t n = 0; n < c.in.size(); ++n) {
    memory.push_back(random_floats(batch * element_count(c.in[n]), c.least, c.most, static_cast<unsigned>(n) + 1));
    x.emplace_back(memory[n].begin(), memory[n].end());
  }
  for (std::size_t i = 0; i < c.reads(); ++i)
    in.emplace_back(memory[c.node(i)].data(), detail::with_batch(batch, c.in[c.node(i)]));
  const Values parameters = parameters_of(c.op);

  std::vector<float> y(count), inference(count);
  std::any cache;
  Operator trained = c.op;
  trained->train_forward(in, TensorView<float>(y.data(), out), cache, 0.5F);
  c.op->forward(in, TensorView<float>(inference.data(), out));
  CHECK(std::memcmp(y.data(), inference.data(), count * sizeof(float)) == 0);
  check_near({y.begin(), y.end()}, apply(c, x, parameters, batch), 1e-5, "forward");

  if (c.kinks_everywhere) return;
  const std::vector<float> g = random_floats(count, -1, 1, 17);
  const auto [of_inputs, of_parameters] = formula_gradients(c, x, parameters, g, batch);
  for (const bool used : {false, true})
    for (const bool wants : {true, false}) {
      Places to(c, batch, used);
      to.wants = wants;
      std::vector<std::vector<float>> grads;
      std::vector<TensorView<float>> to_parameters;
      if (used)
        for (const auto& p : parameters) grads.emplace_back(p.size(), 0.0F);
      for (auto& p : grads) to_parameters.emplace_back(p.data(), Extents{p.size()});
      trained->backward({in, {y.data(), out}, {g.data(), out}, cache, to, to_parameters});
      const Values got = to.values(used);
      for (std::size_t n = 0; wants && n < got.size(); ++n) check_near(got[n], of_inputs[n], 2e-4, "gradient of an input");
      for (std::size_t p = 0; p < grads.size(); ++p)
        check_near({grads[p].begin(), grads[p].end()}, of_parameters[p], 2e-4, "gradient of a parameter");
    }
}

/// A grid that holds [least, most] and 0.
inline Affine<float> grid_of(double least, double most) {
  least = std::min(least, 0.0), most = std::max(most, 0.0);
  const double scale = std::max(most - least, 1e-3) / 255;
  return {static_cast<float>(scale), static_cast<std::int32_t>(std::lround(-least / scale)), unsigned_codes()};
}

/// Steps, codes and their backward, on every instruction set and by one thread and three.
inline void check_codes(const OperatorCase& c, std::size_t batch) {
  const Extents out = detail::with_batch(batch, c.out());
  const std::size_t count = element_count(out);
  std::vector<std::vector<std::uint8_t>> memory;
  Values x;
  std::vector<Affine<float>> grids;
  for (std::size_t n = 0; n < c.in.size(); ++n) {
    Affine<float> grid = grid_of(c.least, c.most);
    grid.scale *= n == 0 ? 1.0F : 0.875F;
    memory.emplace_back();
    x.emplace_back();
    for (const float v : random_floats(batch * element_count(c.in[n]), c.least, c.most, static_cast<unsigned>(n) + 5)) {
      memory[n].push_back(static_cast<std::uint8_t>(grid.quantize(v)));
      x[n].push_back(double(grid.dequantize(memory[n].back())));
    }
    grids.push_back(grid);
  }
  std::vector<CodeInput> in;
  std::vector<Affine<float>> grids_read;
  for (std::size_t i = 0; i < c.reads(); ++i) {
    in.push_back({{memory[c.node(i)].data(), detail::with_batch(batch, c.in[c.node(i)])}, grids[c.node(i)]});
    grids_read.push_back(grids[c.node(i)]);
  }
  const Values parameters = parameters_of(c.op);
  const std::vector<double> reals = apply(c, x, parameters, batch);
  const bool moves = c.op->integers() == IntegerRule::moves;
  const Affine<float> grid_y =
      moves ? grids_read[0]
            : grid_of(*std::min_element(reals.begin(), reals.end()), *std::max_element(reals.begin(), reals.end()));

  std::vector<double> expected;
  for (const double r : reals) expected.push_back(r / double(grid_y.scale));
  std::vector<std::uint8_t> first;
  std::vector<float> first_steps;
  const Operator lowered = c.op->lowered(grids_read, grid_y);
  for (const int8::Isa isa : int8::available_isas())
    for (const int threads : {1, 3}) {
      const int8::ScopedIsa scope(isa);
      const ScopedThreads some(threads);
      std::vector<std::uint8_t> codes(count), again(count);
      c.op->codes(in, grid_y, TensorView<std::uint8_t>(codes.data(), out));
      lowered->codes(in, grid_y, TensorView<std::uint8_t>(again.data(), out));
      CHECK(codes == again);
      if (moves) {
        std::vector<double> got;
        for (const std::uint8_t q : codes) got.push_back(q - grid_y.zero_point);
        check_near(got, expected, 1e-6, "codes");
      } else {
        std::vector<float> steps(count);
        c.op->steps(in, grid_y, TensorView<float>(steps.data(), out));
        check_near({steps.begin(), steps.end()}, expected, 2e-3, "steps");
        steps_to_bytes(steps.data(), count, grid_y, again.data());
        CHECK(codes == again);
        if (first_steps.empty()) first_steps = steps;
        CHECK(std::memcmp(steps.data(), first_steps.data(), count * sizeof(float)) == 0);
      }
      if (first.empty()) first = codes;
      CHECK(codes == first);
    }

  if (c.kinks_everywhere) return;
  const std::vector<float> g = random_floats(count, -1, 1, 18);
  const Values of_inputs = formula_gradients(c, x, parameters, g, batch).first;
  for (const bool used : {false, true}) {
    Places to(c, batch, used);
    c.op->codes_backward(in, grid_y, {g.data(), out}, to);
    const Values got = to.values(used);
    for (std::size_t n = 0; n < got.size(); ++n) check_near(got[n], of_inputs[n], 2e-4, "gradient on codes");
  }
}

/// Arrays of a case's inputs, the same for the same index.
struct CaseInputs {
  const OperatorCase* of;
  std::vector<Array> operator()(std::span<const std::size_t> indices) const {
    std::vector<Array> all;
    for (std::size_t n = 0; n < of->in.size(); ++n) {
      Array& x = all.emplace_back();
      detail::resize_batch(indices.size(), of->in[n], x);
      const std::size_t count = element_count(of->in[n]);
      for (std::size_t i = 0; i < indices.size(); ++i) {
        const auto v = random_floats(count, of->least, of->most, static_cast<unsigned>(100 * indices[i] + n));
        std::copy(v.begin(), v.end(), x.data() + i * count);
      }
    }
    return all;
  }
  std::vector<Array> batch(std::size_t count) const { return (*this)(detail::first_indices(count)); }
};

/// Inputs, the operator and, behind it, a linear layer.
inline Network network_of(const OperatorCase& c) {
  Network n;
  std::vector<NodeId> inputs, read;
  for (const Extents& e : c.in) inputs.push_back(n.add(Input{e}, {}));
  for (std::size_t i = 0; i < c.reads(); ++i) read.push_back(inputs[c.node(i)]);
  const NodeId y = n.add(c.op, read, "op"), row = n.add(Flatten{}, {y}, "row");
  auto weight = xt::xtensor<float, 2>::from_shape({3, n[row].extent[0]});
  const auto numbers = random_floats(weight.size(), -1, 1, 19);
  std::copy(numbers.begin(), numbers.end(), weight.data());
  n.add(Linear{weight, {0.5F, -0.25F, 0}}, {row}, "logits");
  return n;
}

/// The network in training and in deployment: equal codes, on every instruction set, by one thread and three; a backward of the
/// same bits by any number of threads. Where the operator has no fixed point quantize() says so.
inline void check_network(const OperatorCase& c) {
  const Network n = network_of(c);
  const CaseInputs inputs{&c};
  const std::vector<Range<float>> ranges = calibrate(n, inputs, 16, MinMaxObserver<float>());
  for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric})
    for (const Requantizer requantizer : {Requantizer::float32, Requantizer::fixed_point}) {
      QuantizationOptions o;
      o.scheme = scheme;
      o.requantizer = requantizer;
      if (requantizer == Requantizer::fixed_point &&
          (c.op->integers() == IntegerRule::none || !c.op->has_fixed_point(c.read_extents()))) {
        CHECK_THROWS_AS(quantize(n, ranges, o), unsupported_error);
        continue;
      }
      const QuantizedNetwork q = quantize(n, ranges, o);
      for (const std::size_t batch : {std::size_t{1}, std::size_t{3}}) {
        const std::vector<Array> x = inputs.batch(batch);
        std::vector<std::vector<std::uint8_t>> results;
        for (const int8::Isa isa : int8::available_isas()) {
          std::vector<std::vector<float>> gradients;
          for (const int threads : {1, 3}) {
            const int8::ScopedIsa scope(isa);
            const ScopedThreads some(threads);
            FakeQuantExecutor trained(q);
            Array g = trained.forward(x);
            Int8Network::Workspace workspace;
            const Int8Network deployed(q);
            const auto difference = compare_codes(trained, deployed, x, workspace);
            if (difference) FAIL_CHECK(difference->name << " differs at " << difference->position);
            const auto bytes = deployed.run(x, workspace);
            results.emplace_back(bytes.begin(), bytes.end());
            gradients.emplace_back(factor_count(q));
            trained.backward(g, gradients.back());
          }
          CHECK(gradients[0] == gradients[1]);
          CHECK(std::all_of(gradients[0].begin(), gradients[0].end(), [](float v) { return std::isfinite(v); }));
        }
        for (const auto& r : results) CHECK(r == results[0]);
      }
    }
}

/// All of that, for batches of 1 and 3.
inline void check_operators(const std::vector<OperatorCase>& cases) {
  for (const OperatorCase& c : cases) {
    for (const std::size_t batch : {std::size_t{1}, std::size_t{3}}) {
      INFO(c << ", batch " << batch);
      check_floats(c, batch);
      if (c.op->integers() != IntegerRule::none) check_codes(c, batch);
    }
    INFO(c);
    check_network(c);
  }
}

/// The message of the shape_error or value_error that says that node "culprit" cannot be.
inline std::string refusal(const Operator& op, const std::vector<Extents>& in) {
  Network n;
  std::vector<NodeId> inputs;
  for (const Extents& e : in) inputs.push_back(n.add(Input{e}, {}));
  try {
    n.add(op, inputs, "culprit");
  } catch (const error& e) {
    CHECK_THAT(e.what(), ContainsSubstring("node culprit"));
    return e.what();
  }
  FAIL_CHECK(op->name() << " took what it should refuse");
  return {};
}

}  // namespace trimtab::test
