#pragma once
// What operators that move elements are compared with, and networks of one operator.

#include <catch.hpp>
#include <functional>
#include <operator_check.hpp>
#include <optional>
#include <random>
#include <trimtab/net/execute/verify.hpp>
#include <trimtab/net/operators.hpp>
#include <trimtab/net/passes/calibrate.hpp>
#include <vector>

#include "one_gradient.hpp"

namespace trimtab::test::movement {

/// An operator and where each element of its output comes from, written once more; nothing stands for real 0.
struct MovementCase {
  Operator op;
  Extents in, out;
  std::function<std::optional<std::size_t>(const Extents&)> from;
  bool keeps_order = false;

  std::optional<std::size_t> source(std::size_t at) const { return from(index_of(out, at)); }
};

/// Whole numbers, so that sums in float are exact.
inline std::vector<float> whole_numbers(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> some(-50, 50);
  std::vector<float> v(count);
  for (float& x : v) x = static_cast<float>(some(random));
  return v;
}
inline std::vector<std::uint8_t> some_bytes(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> some(1, 255);
  std::vector<std::uint8_t> v(count);
  for (std::uint8_t& x : v) x = static_cast<std::uint8_t>(some(random));
  return v;
}

template <class T>
std::vector<T> moved(const MovementCase& c, std::span<const T> x, std::size_t batch, T fill) {
  std::vector<T> y;
  for (std::size_t n = 0; n < batch; ++n)
    for (std::size_t i = 0; i < element_count(c.out); ++i) {
      const auto from = c.source(i);
      y.push_back(from ? x[n * element_count(c.in) + *from] : fill);
    }
  return y;
}
inline std::vector<float> moved_back(const MovementCase& c, const std::vector<float>& grad_y, std::size_t batch, float there) {
  std::vector<float> grad_x(batch * element_count(c.in), there);
  for (std::size_t i = 0; i < grad_y.size(); ++i)
    if (const auto to = c.source(i % element_count(c.out)))
      grad_x[i / element_count(c.out) * element_count(c.in) + *to] += grad_y[i];
  return grad_x;
}

inline std::vector<float> float_gradient(const Operator& op, const Extents& in, const std::vector<float>& grad_y,
                                         std::size_t batch, float there, GradientMode mode) {
  const Extents e = detail::with_batch(batch, in), out = detail::with_batch(batch, op->extent(std::span(&in, 1), "op"));
  const std::vector<float> x(element_count(e), 1.0F), y(element_count(out), 1.0F);
  const TensorView<const float> xv(x.data(), e);
  OneGradient to(e, there);
  to.mode = mode;
  op->backward(
      {FloatInputs(&xv, 1), TensorView<const float>(y.data(), out), TensorView<const float>(grad_y.data(), out), {}, to, {}});
  return to.grad;
}

inline std::vector<float> forward(const Operator& op, const Extents& in, const std::vector<float>& x, std::size_t batch) {
  const Extents out = op->extent(std::span(&in, 1), "op");
  std::vector<float> y(batch * element_count(out));
  const TensorView<const float> xv(x.data(), detail::with_batch(batch, in));
  op->forward(FloatInputs(&xv, 1), TensorView<float>(y.data(), detail::with_batch(batch, out)));
  return y;
}

/// Pictures of a network's only input, the same for the same index.
struct Pictures {
  Extents extent;
  float least = -1, most = 1;
  Array operator()(std::span<const std::size_t> indices) const {
    Array x;
    detail::resize_batch(indices.size(), extent, x);
    for (std::size_t n = 0; n < indices.size(); ++n) {
      std::mt19937 random(static_cast<unsigned>(indices[n]) + 1);
      std::uniform_real_distribution<float> some(least, most);
      for (std::size_t i = 0; i < element_count(extent); ++i) x.data()[n * element_count(extent) + i] = some(random);
    }
    return x;
  }
};

struct Setting {
  Scheme scheme;
  Requantizer requantizer;
};
inline const std::vector<Setting> settings{{Scheme::symmetric, Requantizer::float32},
                                           {Scheme::asymmetric, Requantizer::float32},
                                           {Scheme::symmetric, Requantizer::fixed_point},
                                           {Scheme::asymmetric, Requantizer::fixed_point}};

inline QuantizedNetwork quantized(const Network& n, const Setting& s, const Pictures& pictures) {
  QuantizationOptions o;
  o.scheme = s.scheme;
  o.requantizer = s.requantizer;
  return quantize(n, calibrate(n, pictures, 16, MinMaxObserver<float>()), o);
}

/// Input, `op`, a linear layer.
inline Network network_of(const Operator& op, const Extents& in) {
  Network n;
  const NodeId x = n.add(Input{in}, {}), y = n.add(op, {x}, "op"), row = n.add(Flatten{}, {y}, "row");
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  auto weight = xt::xtensor<float, 2>::from_shape({3, n[row].extent[0]});
  for (float& w : weight) w = normal(random);
  n.add(Linear{weight, {0.5F, -0.25F, 0}}, {row}, "logits");
  return n;
}

/// The trained network against the deployed one, on every instruction set, by one thread and by three.
inline void check_verified(const QuantizedNetwork& q, const Array& x) {
  std::vector<std::vector<std::uint8_t>> results;
  for (const int8::Isa isa : int8::available_isas())
    for (const int count : {1, 3}) {
      const int8::ScopedIsa scope(isa);
      const ScopedThreads threads(count);
      const auto difference = verify(q, x);
      CHECK(!difference);
      if (difference) FAIL_CHECK(difference->name << " at " << difference->position);
      const Int8Network deployed(q);
      Int8Network::Workspace workspace;
      const auto bytes = deployed.run(x, workspace);
      results.emplace_back(bytes.begin(), bytes.end());
    }
  for (const auto& r : results) CHECK(r == results[0]);
}

inline Array batch_of(const Pictures& pictures, std::size_t n) { return pictures(detail::first_indices(n)); }

}  // namespace trimtab::test::movement
