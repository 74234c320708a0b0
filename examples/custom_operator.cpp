// Operators of one's own in a network: an activation, which is a formula, and Maxout, which picks the larger of two channels. A
// rule that were missing would not compile. They are calibrated, trained and run in int8 like any other, with equal codes.

#include <cmath>
#include <cstdio>
#include <trimtab/trimtab.hpp>
#include <xtensor/xrandom.hpp>
#include <xtensor/xview.hpp>

using namespace trimtab;

/// x + sin(x)^2 (Ziyin et al., arXiv 2006.08195): in int8 a table of 256 codes.
struct Snake {};
template <>
struct trimtab::OperatorRules<Snake> : Elementwise<Snake> {
  static constexpr const char* name = "Snake";
  static SignRule sign(const Snake&) { return SignRule::any; }
  static Clip bounds(const Snake&) { return no_clip; }
  static double value(const Snake&, double x) { return x + std::sin(x) * std::sin(x); }
  static double derivative(const Snake&, double x) { return 1 + std::sin(2 * x); }
};

/// y[.., c] = max(x[.., 2 c], x[.., 2 c + 1]) (Goodfellow et al., arXiv 1302.4389); of codes the larger one.
struct Maxout {};
template <>
struct trimtab::OperatorRules<Maxout> : SimpleRules<Maxout> {
  static constexpr const char* name = "Maxout";
  static constexpr Arity arity{1, 1};
  static constexpr IntegerRule integers = IntegerRule::moves;
  static GridRule grid(const Maxout&, Requantizer) { return GridRule::of_input; }
  static SignRule sign(const Maxout&) { return SignRule::of_inputs; }
  static ScalingRule scaling(const Maxout&) { return ScalingRule::stops; }  // two channels share one output
  static Clip bounds(const Maxout&) { return no_clip; }
  static bool keeps_order(const Maxout&, std::span<const Extents>) { return false; }
  static std::optional<float> fill(const Maxout&, std::span<const Extents>) { return std::nullopt; }
  static void visit(Maxout&, OperatorVisitor&) {}
  static Extents extent(const Maxout&, std::span<const Extents> in, const std::string& node) {
    Extents e = in[0];
    if (e.size() == 0 || e.back() % 2 != 0) throw shape_error(node + ": Maxout takes an even number of channels");
    e[e.size() - 1] /= 2;
    return e;
  }
  static void forward(const Maxout&, FloatInputs x, const TensorView<float>& y) { pick(x[0].data, y.size(), y.data); }
  static void backward(const Maxout&, const FloatBackward& b) { pass(b.x[0].data, b.grad_y, b.grad_x.zeros(0)); }
  static void codes(const Maxout&, CodeInputs x, const Affine<float>&, const TensorView<std::uint8_t>& y) {
    pick(x[0].codes.data, y.size(), y.data);
  }
  static void codes_backward(const Maxout&, CodeInputs x, const Affine<float>&, const TensorView<const float>& grad_y,
                             InputGradients& grad_x) {
    pass(x[0].codes.data, grad_y, grad_x.zeros(0));
  }

 private:
  static void pick(const auto* x, std::size_t count, auto* y) {
    for (std::size_t i = 0; i < count; ++i) y[i] = std::max(x[2 * i], x[2 * i + 1]);
  }
  static void pass(const auto* x, const TensorView<const float>& grad_y, const TensorView<float>& grad_x) {
    for (std::size_t i = 0; i < grad_y.size(); ++i) grad_x.data[2 * i + (x[2 * i] >= x[2 * i + 1] ? 0 : 1)] += grad_y.data[i];
  }
};

int main() {
  const Array x = 2 * xt::random::randn<float>({64, 16}), w1 = xt::random::randn<float>({32, 16}),
              w2 = xt::random::randn<float>({4, 16});
  Network network;
  NodeId at = network.add(Input{{16}}, {});
  at = network.add(Linear{w1, xt::zeros<float>({32})}, {at});
  at = network.add(Maxout{}, {network.add(Snake{}, {at})});
  network.add(Linear{w2, xt::zeros<float>({4})}, {at});
  const auto rows = [&](std::span<const std::size_t> some) -> Array {
    return xt::view(x, xt::keep(std::vector(some.begin(), some.end())), xt::all());
  };
  QuantizedNetwork q = quantize(network, calibrate(network, rows, 64, MinMaxObserver<float>{}), {.weight_bits = 4});
  const FineTuneReport report = fine_tune(q, teacher_outputs(network, rows, 64), rows, {.epochs = 20});
  const bool equal = !verify(q, x).has_value();
  std::printf("RMSE %.4f before training, %.4f after; codes of training and deployment %s\n", report.loss_before,
              report.loss_after, equal ? "equal" : "DIFFER");
  return equal && report.loss_after < report.loss_before ? 0 : 1;
}
