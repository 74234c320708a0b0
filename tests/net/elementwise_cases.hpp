#pragma once
// Every operator whose codes are a table of one number, with its formula written once more.

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <trimtab/net/operators.hpp>
#include <vector>

namespace trimtab::test::elementwise {

inline constexpr double infinity = std::numeric_limits<double>::infinity();

/// An operator and its formula, written once more.
struct FormulaCase {
  Operator op;
  std::function<double(double)> f;
  std::vector<double> kinks = {};                ///< where it has two derivatives, or none
  double domain = -infinity;                     ///< no number, or infinite, at and below
  std::function<double(double)> surrogate = {};  ///< whose derivative counts, where it is not f's
};

inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
inline double clamp01(double x) { return std::min(std::max(x, 0.0), 1.0); }

inline const std::vector<FormulaCase>& cases() {
  static const double root2 = std::sqrt(2.0), pi = std::acos(-1.0);
  static const std::vector<double> halves = [] {
    std::vector<double> all;
    for (int i = -100; i <= 100; ++i) all.push_back(i * 0.5);
    return all;
  }();
  static const std::vector<FormulaCase> all{
      {Sigmoid{}, sigmoid},
      {HardSigmoid{}, [](double x) { return clamp01(double(0.2F) * x + 0.5); }, {-2.5, 2.5}},
      {HardSigmoid{1.0F / 6, 0.5F}, [](double x) { return clamp01(double(1.0F / 6) * x + 0.5); }, {-3, 3}},
      {HardSwish{}, [](double x) { return x * clamp01(x / 6 + 0.5); }, {-3, 3}},
      {Silu{}, [](double x) { return x * sigmoid(x); }},
      {Tanh{}, [](double x) { return std::tanh(x); }},
      {LeakyRelu{0.25F}, [](double x) { return std::max(x, 0.25 * x); }, {0}},
      {Elu{0.5F}, [](double x) { return x < 0 ? 0.5 * std::expm1(x) : x; }, {0}},
      {Selu{1.5F, 1.25F}, [](double x) { return 1.25 * (x < 0 ? 1.5 * std::expm1(x) : x); }, {0}},
      {Celu{2.0F}, [](double x) { return std::max(0.0, x) + std::min(0.0, 2 * std::expm1(x / 2)); }},
      {Gelu{}, [](double x) { return 0.5 * x * std::erfc(-x / root2); }},
      // (1 + tanh u) / 2 = 1 / (1 + e^-2u), which keeps its digits where tanh is near -1.
      {Gelu{true}, [](double x) { return x * sigmoid(2 * std::sqrt(2 / pi) * (x + 0.044715 * x * x * x)); }},
      {Mish{}, [](double x) { return x * std::tanh(x > 30 ? x : std::log1p(std::exp(x))); }},
      {Softplus{}, [](double x) { return x > 30 ? x : std::log1p(std::exp(x)); }},
      {Softsign{}, [](double x) { return x / (1 + std::abs(x)); }},
      {Exp{}, [](double x) { return std::exp(x); }},
      {Log{}, [](double x) { return std::log(x); }, {}, 0},
      {Sqrt{}, [](double x) { return std::sqrt(x); }, {}, 0},
      {Abs{}, [](double x) { return std::abs(x); }, {0}},
      {Neg{}, [](double x) { return -x; }},
      {Reciprocal{}, [](double x) { return 1 / x; }, {0}},
      {Pow{2.0F}, [](double x) { return x * x; }},
      {Pow{3.0F}, [](double x) { return x * x * x; }},
      {Pow{0.0F}, [](double) { return 1.0; }},
      {Pow{1.5F}, [](double x) { return std::sqrt(x) * x; }, {}, 0},
      {Pow{-1.0F}, [](double x) { return 1 / x; }, {0}},
      {Erf{}, [](double x) { return std::erf(x); }},
      {Floor{}, [](double x) { return std::floor(x); }, halves},
      {Ceil{}, [](double x) { return std::ceil(x); }, halves},
      {Round{}, [](double x) { return std::rint(x); }, halves},
      {Sin{}, [](double x) { return std::sin(x); }},
      {Cos{}, [](double x) { return std::cos(x); }},
      {Sign{}, [](double x) { return x > 0   ? 1.0
                                     : x < 0 ? -1.0
                                             : 0.0; }, {0}},
      {PRelu{{0.25F}}, [](double x) { return x < 0 ? 0.25 * x : x; }, {0}},
      {ChannelAffine{{-1.5F}, {0.25F}}, [](double x) { return -1.5 * x + 0.25; }},
      {FakeQuantize{{0.25F, 3, {-20, 40}}},
       [](double x) { return 0.25 * (std::min(std::max(std::rint(x / 0.25) + 3, -20.0), 40.0) - 3); },
       {-5.75, 9.25},
       -infinity,
       [](double x) { return std::min(std::max(x, -5.75), 9.25); }},
  };
  return all;
}

/// Its name and settings.
inline std::string label(const Operator& op) {
  struct Printer final : OperatorVisitor {
    std::string text;
    void tensor(std::string_view name, const TensorView<float>&, ParameterKind) override { text += " " + std::string(name); }
    void number(std::string_view name, double value) override { text += " " + std::string(name) + " " + std::to_string(value); }
  } printer;
  Operator copy = op;
  copy->visit(printer);
  return op->name() + printer.text;
}

}  // namespace trimtab::test::elementwise
