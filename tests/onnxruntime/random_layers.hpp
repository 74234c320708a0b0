#pragma once
// The part of a drawn network that sums: layers, pools, products, norms and reductions.

#include "random_moves.hpp"

namespace random_networks {

class LayerDrawer : public MoveDrawer {
 protected:
  using MoveDrawer::MoveDrawer;

  // ---- layers
  std::optional<Value> conv() {
    auto x = r.one_in(5) ? of_rank(3, 3) : of_rank(4, r.one_in(20) ? 5 : 4);
    if (!x) return std::nullopt;
    const auto w = windows(x->dims, true, false);
    if (!w) return std::nullopt;
    const std::int64_t c = x->dims[1];
    std::vector<std::int64_t> divisors;
    for (std::int64_t d = 1; d <= c; ++d)
      if (c % d == 0) divisors.push_back(d);
    const std::int64_t groups = r.one_in(2) ? 1 : r.one_in(2) ? c : r.pick(divisors);
    std::int64_t out = groups * r.pick({1, 1, 2, 3});
    if (groups == 1) out = r.pick({1, 2, 3, 4, 6, 8});
    if (groups == 1 && r.one_in(3)) out = c;
    Dims dims{out, c / groups};
    dims.insert(dims.end(), w->kernel.begin(), w->kernel.end());
    const double taps = static_cast<double>(product(dims, 1));
    std::vector<float> scales;
    const std::string weight = weights(dims, 0, 1 / std::sqrt(taps), scales), b = bias(out, *x, scales);
    auto& n = g.node("Conv", {x->name, weight, b});
    describe(n, *w, false);
    if (groups != 1 || r.one_in(2)) Graph::set(n, "group", groups);
    Dims y{x->dims[0], out};
    y.insert(y.end(), w->out.begin(), w->out.end());
    return merged(n, y, x->spread + 0.2, false, {&*x});
  }
  std::optional<Value> conv_transpose() {
    auto x = of_rank(4, 4);
    if (!x) return std::nullopt;
    const std::int64_t c = x->dims[1], groups = r.one_in(3) ? c : 1, out = groups * r.pick({1, 2, 3});
    Dims kernel, stride, pads(4), more(2), y{x->dims[0], out};
    for (std::size_t i = 0; i < 2; ++i) {
      kernel.push_back(r.pick({1, 2, 3, 4}));
      stride.push_back(r.pick({1, 2, 2, 3}));
      if (r.one_in(2)) pads[i] = r.between(0, kernel[i] - 1), pads[i + 2] = r.between(0, kernel[i] - 1);
      if (r.one_in(4)) more[i] = r.below(stride[i]);
      y.push_back((x->dims[i + 2] - 1) * stride[i] + kernel[i] - pads[i] - pads[i + 2] + more[i]);
      if (y.back() < 1) return std::nullopt;
    }
    const Dims dims{c, out / groups, kernel[0], kernel[1]};
    std::vector<float> scales;
    const double taps = static_cast<double>(c / groups * kernel[0] * kernel[1]);
    const std::string weight = weights(dims, groups == 1 ? 1 : -1, 1 / std::sqrt(taps), scales), b = bias(out, *x, scales);
    auto& n = g.node("ConvTranspose", {x->name, weight, b});
    Graph::set(n, "strides", stride);
    Graph::set(n, "pads", pads);
    if (more[0] != 0 || more[1] != 0) Graph::set(n, "output_padding", more);
    if (groups != 1) Graph::set(n, "group", groups);
    return merged(n, y, x->spread + 0.2, false, {&*x});
  }
  std::optional<Value> pool() {
    auto x = r.one_in(6) ? of_rank(3, 3) : of_rank(4, 4);
    if (!x) return std::nullopt;
    const bool max = r.one_in(2), ceil = g.opset >= 10 && r.one_in(5);
    const auto w = windows(x->dims, max && g.opset >= 10, true, ceil);
    if (!w) return std::nullopt;
    auto& n = g.node(max ? "MaxPool" : "AveragePool", {x->name});
    describe(n, *w, true);
    if (ceil) Graph::set(n, "ceil_mode", std::int64_t{1});
    if (!max && g.opset >= 7 && r.one_in(2)) Graph::set(n, "count_include_pad", r.below(2));
    Dims y{x->dims[0], x->dims[1]};
    y.insert(y.end(), w->out.begin(), w->out.end());
    Value v = merged(n, y, x->spread, x->positive, {&*x});
    v.exact = max && x->exact;
    return v;
  }
  std::optional<Value> global() {
    auto x = of_rank(3, 4);
    if (!x) return std::nullopt;
    Dims y{x->dims[0], x->dims[1], 1};
    if (x->dims.size() == 4) y.push_back(1);
    if (r.one_in(3)) return exact_of(merged(g.node("GlobalMaxPool", {x->name}), y, x->spread, x->positive, {&*x}), *x);
    return merged(g.node("GlobalAveragePool", {x->name}), y, x->spread / 2, x->positive, {&*x});
  }

  // ---- products
  std::optional<Value> linear() {
    auto x = any_of([](const Value& v) { return v.dims.size() >= 2 && product(v.dims, 1) <= 200; });
    if (!x) return std::nullopt;
    const std::int64_t out = r.pick({1, 2, 3, 5, 8, 10});
    std::vector<float> scales;
    if (r.one_in(3) && x->dims.size() != 2) x = moved(g.node("Flatten", {x->name}), {x->dims[0], product(x->dims, 1)}, *x);
    const std::int64_t in = x->dims.back();
    const double size = 1 / std::sqrt(static_cast<double>(in));
    if (x->dims.size() == 2 && !r.one_in(3)) {
      const std::int64_t transposed = r.below(2);
      const std::string w = weights(transposed ? Dims{out, in} : Dims{in, out}, transposed ? 0 : 1, size, scales);
      std::string b = bias(out, *x, scales);
      if (b.empty() && g.opset < 11) b = g.floats({out}, r.numbers(out, -0.5, 0.5));
      auto& n = g.node("Gemm", {x->name, w, b});
      if (transposed || r.one_in(2)) Graph::set(n, "transB", transposed);
      if (r.one_in(8)) Graph::set_real(n, "alpha", 0.5);
      if (r.one_in(8)) Graph::set_real(n, "beta", 2);
      return merged(n, {x->dims[0], out}, x->spread + 0.2, false, {&*x});
    }
    Dims y = x->dims;
    y.back() = out;
    const std::string w = weights({in, out}, 1, size, scales);
    const Value product = merged(g.node("MatMul", {x->name, w}), y, x->spread, false, {&*x});
    if (r.one_in(2)) return product;
    return of_one(g.node("Add", {product.name, operand({out}, -0.5, 0.5)}), product, x->spread + 0.2, false);
  }
  /// Of two computed values.
  std::optional<Value> matmul() {
    auto a = of_rank(3, 4);
    if (!a) return std::nullopt;
    const Value t = transposed(*a);
    Value b = r.one_in(2) ? t : finish(node_of("Tanh", t, 0.6, false));
    Dims y = a->dims;
    y.back() = y[y.size() - 2];
    return merged(g.node("MatMul", {a->name, b.name}), y, a->spread * b.spread * std::sqrt(double(a->dims.back())), false,
                  {&*a, &b});
  }
  std::optional<Value> attention() {
    auto x = of_rank(3, 3);
    if (!x || x->dims[2] < 2) return std::nullopt;
    const std::int64_t n = x->dims[0], l = x->dims[1], d = x->dims[2], heads = d % 2 == 0 ? 2 : 1;
    const auto projected = [&](const Dims& perm, const Dims& dims) {
      std::vector<float> scales;
      const std::string w = weights({d, d}, 1, 1 / std::sqrt(double(d)), scales);
      Value p = finish(merged(g.node("MatMul", {x->name, w}), x->dims, x->spread, false, {&*x}));
      p = moved(g.node("Reshape", {p.name, g.integers({r.one_in(2) || g.free_batch ? 0 : n, l, heads, d / heads})}),
                {n, l, heads, d / heads}, p);
      auto& t = g.node("Transpose", {p.name});
      Graph::set(t, "perm", perm);
      return moved(t, dims, p);
    };
    const Dims split{n, heads, l, d / heads}, turned{n, heads, d / heads, l};
    const Value q = projected({0, 2, 1, 3}, split), k = projected({0, 2, 3, 1}, turned), v = projected({0, 2, 1, 3}, split);
    Value s = finish(merged(g.node("MatMul", {q.name, k.name}), {n, heads, l, l}, x->spread * x->spread, false, {&q, &k}));
    s = of_one(g.node(r.pick({"Mul", "Div"}), {s.name, g.number(0.7)}), s, s.spread, false);
    auto& soft = g.node("Softmax", {s.name});
    Graph::set(soft, "axis", g.opset < 13 ? std::int64_t{3} : r.pick({std::int64_t{-1}, std::int64_t{3}}));
    s = finish(of_one(soft, s, 0.4, true));
    Value y = finish(merged(g.node("MatMul", {s.name, v.name}), split, x->spread, false, {&s, &v}));
    auto& back = g.node("Transpose", {y.name});
    Graph::set(back, "perm", Dims{0, 2, 1, 3});
    y = moved(back, {n, l, heads, d / heads}, y);
    return moved(g.node("Reshape", {y.name, g.integers({0, 0, d})}), x->dims, y);
  }

  // ---- norms
  std::optional<Value> norm() {
    const std::int64_t kind = r.below(7);
    auto x = kind == 0 || kind == 1 || kind == 2 ? of_rank(3, 4) : kind == 4 ? of_rank(4, 4) : of_rank(2, 4);
    if (!x || x->dims[1] > 64) return std::nullopt;
    const std::int64_t c = x->dims[1], pixels = product(x->dims, 2);
    const auto row = [&](std::int64_t n, double lo, double hi) { return g.floats({n}, r.numbers(n, lo, hi)); };
    switch (kind) {
      case 0:
      case 1: {
        auto& n = g.node("BatchNormalization", {x->name, row(c, -1.5, 1.5), row(c, -1, 1), row(c, -0.5, 0.5), row(c, 0.3, 2)});
        if (r.one_in(2)) Graph::set_real(n, "epsilon", 1e-3);
        return of_one(n, *x, x->spread + 0.5, false);
      }
      case 2: {
        if (pixels < 4) return std::nullopt;
        auto& n = g.node("InstanceNormalization", {x->name, row(c, -1.5, 1.5), row(c, -1, 1)});
        Graph::set_real(n, "epsilon", r.pick({1e-3, 1e-2}));  // of equal numbers less would show what rounding leaves of them
        return of_one(n, *x, 1, false);
      }
      case 3: {
        if (x->dims.back() < 3) return std::nullopt;
        auto& n = g.node("LpNormalization", {away_from_zero(*x).name});
        const std::int64_t axis = r.between(1, std::ssize(x->dims) - 1);
        Graph::set(n, "axis", r.one_in(2) ? axis : axis - std::ssize(x->dims));
        if (r.one_in(4)) Graph::set(n, "p", r.between(1, 2));
        return of_one(n, *x, 0.4, true);
      }
      case 4: {
        auto& n = g.node("LRN", {x->name});
        Graph::set(n, "size", r.pick({1, 3, 5}));
        if (r.one_in(2)) Graph::set_real(n, "alpha", 0.3), Graph::set_real(n, "beta", 0.6), Graph::set_real(n, "bias", 1.5);
        return of_one(n, *x, x->spread, x->positive);
      }
      case 5: {
        if (g.opset < 17) return std::nullopt;
        const std::int64_t rank = std::ssize(x->dims), axis = r.between(1, rank - 1);
        const Dims own(x->dims.begin() + axis, x->dims.end());
        if (product(own) < 4) return std::nullopt;
        const std::string beta = r.one_in(3) ? "" : g.floats(own, r.numbers(product(own), -1, 1));
        auto& n = g.node("LayerNormalization", {x->name, g.floats(own, r.numbers(product(own), -1.5, 1.5)), beta});
        if (axis != rank - 1 || r.one_in(2)) Graph::set(n, "axis", r.one_in(2) ? axis : axis - rank);
        return of_one(n, *x, 1, false);
      }
      default: {
        if (g.opset < 21 || std::ssize(x->dims) < 3 || c % 2 != 0 || c / 2 * pixels < 4) return std::nullopt;
        auto& n = g.node("GroupNormalization", {x->name, row(c, -1.5, 1.5), row(c, -1, 1)});
        Graph::set(n, "num_groups", std::int64_t{2});
        Graph::set_real(n, "epsilon", 1e-3);
        return of_one(n, *x, 1, false);
      }
    }
  }
  std::optional<Value> softmax() {
    const Value x = any();
    const std::int64_t rank = std::ssize(x.dims);
    if (rank < 2 || x.spread > 20) return std::nullopt;
    const bool log = r.one_in(4);
    auto& n = g.node(log ? "LogSoftmax" : "Softmax", {x.name});
    const std::int64_t axis = r.one_in(2) ? rank - 1 : r.between(1, rank - 1);
    if (axis != (g.opset < 13 ? 1 : rank - 1) || r.one_in(2))
      Graph::set(n, "axis", g.opset < 11 || r.one_in(2) ? axis : axis - rank);
    return of_one(n, x, log ? x.spread + 1 : 0.4, !log);
  }
  Value reduced(const std::string& op, const Value& x, const Dims& axes, std::int64_t keep_axes) {
    std::vector<std::string> inputs{x.name};
    const bool as_input = g.opset >= (op == "ReduceSum" ? 13 : 18);
    Dims given = axes;
    if (g.opset >= 11)
      for (std::int64_t& a : given)
        if (r.one_in(3)) a -= std::ssize(x.dims);
    if (as_input) inputs.push_back(g.integers(given));
    auto& n = g.node(op, inputs);
    if (!as_input) Graph::set(n, "axes", given);
    if (keep_axes != 1 || r.one_in(2)) Graph::set(n, "keepdims", keep_axes);
    Dims y;
    double count = 1;
    for (std::size_t i = 0; i < x.dims.size(); ++i)
      if (std::find(axes.begin(), axes.end(), static_cast<std::int64_t>(i)) == axes.end())
        y.push_back(x.dims[i]);
      else if (count *= static_cast<double>(x.dims[i]); keep_axes)
        y.push_back(1);
    const bool sum = op == "ReduceSum" || op == "ReduceL1" || op == "ReduceSumSquare";
    return merged(n, y,
                  x.spread * (sum                ? count / 2
                              : op == "ReduceL2" ? std::sqrt(count)
                                                 : 1),
                  x.positive || op == "ReduceL2", {&x});
  }
  std::optional<Value> reduce() {
    const Value x = any();
    if (x.dims.size() < 2) return std::nullopt;
    Dims axes;
    for (std::int64_t i = 1; i < std::ssize(x.dims); ++i)
      if (r.one_in(2)) axes.push_back(i);
    if (axes.empty()) axes.push_back(std::ssize(x.dims) - 1);
    const char* op = r.pick({"ReduceMean", "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2",
                             "ReduceSumSquare", "ReduceLogSum"});
    const std::string name = op;
    Value y = reduced(op, name == "ReduceLogSum" ? away_from_zero(x) : x, axes, r.below(2));
    y.exact = x.exact && (name == "ReduceMax" || name == "ReduceMin");
    return y;
  }
};

}  // namespace random_networks
