#pragma once
// Draws networks of operators on reals: every operator of ONNX that trimtab reads.

#include "random_moves.hpp"

namespace random_networks {

class RealDrawer : public MoveDrawer {
 public:
  using MoveDrawer::MoveDrawer;

  Graph draw() {
    draw_inputs();
    const std::int64_t steps = r.between(2, 9);
    for (std::int64_t done = 0, tried = 0; done < steps && tried < 400; ++tried) {
      std::optional<Value> y = step();
      if (!y || product(y->dims) > 20000) continue;
      if (y->spread > 8 && r.one_in(2))
        y = merged(g.node("Mul", {y->name, g.number(2 / y->spread)}), y->dims, 2, y->positive, {&*y});
      keep(finish(*y, true));
      ++done;
    }
    // What nothing reads is an output, and now and then what something reads.
    std::set<std::string> read;
    for (const auto& n : g.graph().node()) read.insert(n.input().begin(), n.input().end());
    for (const Value& v : values_)
      if (!is_input(v.name) && (!read.count(v.name) || r.one_in(10))) {
        g.give(v.name, float_type);
        g.outputs.push_back({v.name, "", 0, v.behind, float_type});
      }
    return std::move(g);
  }

 protected:
  std::optional<Value> step() {
    using Step = std::optional<Value> (RealDrawer::*)();
    static const std::vector<Step> all{&RealDrawer::function,      &RealDrawer::function,   &RealDrawer::function,
                                       &RealDrawer::activation,    &RealDrawer::activation, &RealDrawer::clip,
                                       &RealDrawer::binary,        &RealDrawer::binary,     &RealDrawer::binary,
                                       &RealDrawer::with_constant, &RealDrawer::conv,       &RealDrawer::conv,
                                       &RealDrawer::conv,          &RealDrawer::conv,       &RealDrawer::conv_transpose,
                                       &RealDrawer::pool,          &RealDrawer::pool,       &RealDrawer::global,
                                       &RealDrawer::linear,        &RealDrawer::linear,     &RealDrawer::matmul,
                                       &RealDrawer::norm,          &RealDrawer::norm,       &RealDrawer::softmax,
                                       &RealDrawer::reduce,        &RealDrawer::reduce,     &RealDrawer::view,
                                       &RealDrawer::view,          &RealDrawer::view,       &RealDrawer::slice,
                                       &RealDrawer::split,         &RealDrawer::gather,     &RealDrawer::concat,
                                       &RealDrawer::concat,        &RealDrawer::pad,        &RealDrawer::depth,
                                       &RealDrawer::resize,        &RealDrawer::resize,     &RealDrawer::repeat,
                                       &RealDrawer::attention,     &RealDrawer::shuffle,    &RealDrawer::shape_math,
                                       &RealDrawer::gate,          &RealDrawer::variadic,   &RealDrawer::steps_of_numbers,
                                       &RealDrawer::detour};
    return (this->*r.pick(all))();
  }

  // ---- functions of one number
  std::optional<Value> function() {
    const Value x = any();
    switch (r.below(24)) {
      case 0:
        return node_of("Sigmoid", x, 0.5, true);
      case 1:
        return node_of("Tanh", x, 0.6, false);
      case 2:
        return node_of("Softplus", x, x.spread + 0.7, true);
      case 3:
        return node_of("Softsign", x, 0.5, false);
      case 4:
        return node_of("Exp", small(x), 1.5, true);
      case 5:
        return node_of("Log", away_from_zero(x), 0.6, false);
      case 6:
        return node_of("Sqrt", away_from_zero(x), std::sqrt(x.spread + 0.5), true);
      case 7:
        return node_of("Reciprocal", away_from_zero(x), 1, true);
      case 8:
        return exact_of(node_of("Abs", x, x.spread, true), x);
      case 9:
        return exact_of(node_of("Neg", x, x.spread, false), x);
      case 10:
        return g.opset < 9 ? std::nullopt : std::optional(node_of("Erf", x, 0.6, false));
      case 11:
        return node_of("Sin", x, 0.7, false);
      case 12:
        return node_of("Cos", x, 0.7, false);
      case 13:
        return g.opset < 14 ? std::nullopt : std::optional(node_of("HardSwish", x, x.spread, false));
      case 14:
        return g.opset < 18 ? std::nullopt : std::optional(node_of("Mish", x, x.spread, false));
      case 15:
        return of_one(g.node("Pow", {x.name, g.number(2)}), x, x.spread * x.spread, true);
      case 16:
        return of_one(g.node("Pow", {small(x).name, g.number(3)}), x, 1, false);
      case 17: {
        const Value a = away_from_zero(x);
        return of_one(g.node("Pow", {a.name, g.number(r.pick({0.5, -1.0, -0.5, 1.5}))}), a, 1, true);
      }
      case 18: {
        if (g.opset < 20) return std::nullopt;
        auto& n = g.node("Gelu", {x.name});
        if (r.one_in(2)) Graph::set(n, "approximate", r.pick({"tanh", "none"}));
        return of_one(n, x, x.spread, false);
      }
      case 19:
        return exact_of(moved(g.node("Identity", {x.name}), x.dims, x), x);
      case 20:
        return exact_of(moved(g.node("Dropout", {x.name}), x.dims, x), x);
      case 21: {  // Silu
        const Value gate = node_of("Sigmoid", x, 0.5, true);
        return of_one(g.node("Mul", {x.name, gate.name}), x, x.spread, false);
      }
      case 22: {  // Gelu of many nodes
        if (g.opset < 9) return std::nullopt;
        const Value a = node_of("Erf", of_one(g.node("Div", {x.name, g.number(std::sqrt(2.0))}), x, 1, false), 1, false);
        const Value b =
            of_one(g.node("Mul", {x.name, of_one(g.node("Add", {a.name, g.number(1)}), a, 1, true).name}), x, 1, false);
        return of_one(g.node("Mul", {b.name, g.number(0.5)}), b, x.spread, false);
      }
      default: {
        if (g.opset < 13) return std::nullopt;
        auto& n = g.node("Cast", {x.name});
        Graph::set(n, "to", std::int64_t{float_type});
        return moved(n, x.dims, x);
      }
    }
  }
  static Value exact_of(Value y, const Value& x) {
    y.exact = x.exact;
    return y;
  }
  std::optional<Value> activation() {
    const Value x = any();
    switch (r.below(10)) {
      case 0:
      case 1:
      case 2:
        return exact_of(node_of("Relu", x, x.spread, true), x);
      case 3:
        return with_real("LeakyRelu", x, "alpha", r.real(0.01, 0.3), false);
      case 4:
        return with_real("Elu", small(x), "alpha", r.real(0.5, 1.5), false);
      case 5:
        return g.opset < 12 ? std::nullopt : std::optional(with_real("Celu", small(x), "alpha", r.real(0.5, 1.5), false));
      case 6:
        return node_of("Selu", small(x), 1, false);
      case 7: {
        auto& n = g.node("HardSigmoid", {x.name});
        if (r.one_in(2)) Graph::set_real(n, "alpha", 1.0 / 6), Graph::set_real(n, "beta", 0.5);
        return of_one(n, x, 0.5, true);
      }
      default: {
        Dims d = r.one_in(3) ? Dims{1} : Dims{};
        if (std::ssize(x.dims) >= 3 && r.one_in(2)) d = Dims(x.dims.size() - 1, 1), d[0] = x.dims[1];
        if (d.empty()) d = Dims{x.dims.back()};
        return of_one(g.node("PRelu", {x.name, operand(d, -0.2, 0.6)}), x, x.spread, false);
      }
    }
  }
  Value with_real(const std::string& op, const Value& x, const char* name, double v, bool positive) {
    auto& n = g.node(op, {x.name});
    if (!r.one_in(3)) Graph::set_real(n, name, v);
    return of_one(n, x, x.spread, positive);
  }
  Value clipped(const Value& x) {
    const double lo = r.pick({0.0, -1.0, -0.4, -x.spread}), hi = r.pick({6.0, 1.0, 0.7, 2 * x.spread}) + (r.one_in(20) ? -8 : 0);
    const bool has_lo = !r.one_in(4), has_hi = !r.one_in(4);
    if (g.opset < 11) {
      auto& n = g.node("Clip", {x.name});
      if (has_lo) Graph::set_real(n, "min", lo);
      if (has_hi) Graph::set_real(n, "max", hi);
      return exact_of(of_one(n, x, x.spread, has_lo && lo >= 0 && (!has_hi || hi >= 0)), x);
    }
    const std::string a = has_lo ? g.number(lo) : "", b = has_hi ? g.number(hi) : "";
    return exact_of(of_one(g.node("Clip", {x.name, a, b}), x, x.spread, has_lo && lo >= 0 && (!has_hi || hi >= 0)), x);
  }
  std::optional<Value> clip() { return clipped(any()); }
  /// Floor and its like, of numbers that every runtime has to the bit.
  std::optional<Value> steps_of_numbers() {
    const auto x = any_of([](const Value& v) { return v.exact; });
    if (!x) return std::nullopt;
    switch (r.below(5)) {
      case 0:
        return exact_of(node_of("Floor", *x, x->spread + 0.5, x->positive), *x);
      case 1:
        return exact_of(node_of("Ceil", *x, x->spread + 0.5, x->positive), *x);
      case 2:
        return g.opset < 11 ? std::nullopt : std::optional(exact_of(node_of("Round", *x, x->spread + 0.3, x->positive), *x));
      case 3:
        return g.opset < 9 ? std::nullopt : std::optional(exact_of(node_of("Sign", *x, 1, x->positive), *x));
      default: {
        if (std::ssize(x->dims) < 2) return std::nullopt;
        auto& n = g.node("ArgMax", {x->name});
        const std::int64_t axis = r.between(1, std::ssize(x->dims) - 1), keep_axis = r.below(2);
        Graph::set(n, "axis", axis), Graph::set(n, "keepdims", keep_axis);
        Dims d = x->dims;
        if (keep_axis)
          d[static_cast<std::size_t>(axis)] = 1;
        else
          d.erase(d.begin() + axis);
        auto& c = g.node("Cast", {n.output(0)});
        Graph::set(c, "to", std::int64_t{float_type});
        return merged(c, d, 3, true, {&*x});
      }
    }
  }

  // ---- two numbers
  /// Dims that broadcast to d: ones in places, axes in front left out.
  Dims narrower(Dims d, bool may_drop = true) {
    for (std::size_t i = 0; i < d.size(); ++i)
      if (i == 0 || r.one_in(2)) d[i] = 1;
    if (may_drop)
      while (!d.empty() && d[0] == 1 && r.one_in(2)) d.erase(d.begin());
    return d;
  }
  std::optional<Value> with_constant() {
    const Value x = any();
    Dims d = r.one_in(3) ? Dims{} : narrower(x.dims);
    if (std::ssize(x.dims) >= 3 && r.one_in(2)) d = Dims(x.dims.size() - 1, 1), d[0] = x.dims[1];
    const bool first = r.one_in(3);
    const auto order = [&](const std::string& a, const std::string& c) {
      return first ? std::vector<std::string>{c, a} : std::vector<std::string>{a, c};
    };
    switch (r.below(g.opset < 8 ? 5 : 7)) {  // Max and Min broadcast since opset 8
      case 0:
      case 1:
        return of_one(g.node("Add", order(x.name, operand(d, -1, 1))), x, x.spread + 0.5, false);
      case 2:
        return of_one(g.node("Sub", order(x.name, operand(d, -1, 1))), x, x.spread + 0.5, false);
      case 3:
        return of_one(g.node("Mul", order(x.name, operand(d, -1.5, 1.5))), x, x.spread, false);
      case 4:
        if (first) return of_one(g.node("Div", {operand(d, -1, 1), away_from_zero(x).name}), x, 0.6, false);
        return of_one(g.node("Div", {x.name, operand(d, 0.4, 2)}), x, x.spread, x.positive);
      case 5:
        return exact_of(of_one(g.node("Max", order(x.name, operand(d, -1, 1))), x, x.spread, x.positive), x);
      default:
        return exact_of(of_one(g.node("Min", order(x.name, operand(d, -1, 1))), x, x.spread, false), x);
    }
  }
  /// Another value that broadcasts with x, to x's extents.
  std::optional<Value> partner(const Value& x) {
    const auto fits = [&](const Value& v) {
      if (v.dims.size() > x.dims.size() || v.name == x.name) return false;
      const std::size_t less = x.dims.size() - v.dims.size();
      if (less > 0 && !(v.dims[0] == 1 && !g.free_batch)) return false;
      for (std::size_t i = 0; i < v.dims.size(); ++i)
        if (v.dims[i] != x.dims[i + less] && v.dims[i] != 1) return false;
      return true;
    };
    std::vector<Value> all;
    for (const Value& v : values_)
      if (fits(v)) all.push_back(v);
    if (!all.empty() && !r.one_in(4)) return r.pick(all);
    if (r.one_in(3)) return std::nullopt;
    if (std::ssize(x.dims) >= 3 && r.one_in(2))
      return finish(reduced("ReduceMean", x, {r.between(1, std::ssize(x.dims) - 1)}, 1));
    return finish(node_of(r.pick({"Sigmoid", "Tanh", "Relu", "Abs"}), x, std::min(1.0, x.spread), false));
  }
  std::optional<Value> binary() {
    const Value a = any();
    const auto b = partner(a);
    if (!b) return std::nullopt;
    const bool swap = r.one_in(2);
    const auto both = [&](const char* op, double spread, bool positive) {
      return merged(g.node(op, {swap ? b->name : a.name, swap ? a.name : b->name}), a.dims, spread, positive, {&a, &*b});
    };
    switch (r.below(g.opset < 8 ? 6 : 8)) {
      case 0:
      case 1:
      case 2:
        return both("Add", a.spread + b->spread, a.positive && b->positive);
      case 3:
        return both("Sub", a.spread + b->spread, false);
      case 4:
        return both("Mul", a.spread * b->spread, a.positive && b->positive);
      case 5: {
        const Value d = finish(away_from_zero(*b));
        return merged(g.node("Div", {a.name, d.name}), a.dims, a.spread, a.positive && d.scale == 0, {&a, &d});
      }
      case 6:
        return both("Max", a.spread + b->spread, a.positive || b->positive);
      default:
        return both("Min", a.spread + b->spread, a.positive && b->positive);
    }
  }
  std::optional<Value> variadic() {
    if (g.opset < 8) return std::nullopt;
    const Value a = any();
    const auto b = partner(a), c = partner(a);
    if (!b || !c) return std::nullopt;
    const char* op = r.pick({"Sum", "Mean", "Max", "Min"});
    std::vector<std::string> all{a.name, b->name, c->name};
    if (r.one_in(4)) all.pop_back();
    if (r.one_in(3)) all.push_back(operand(narrower(a.dims), -1, 1));
    return merged(g.node(op, all), a.dims, a.spread + b->spread + c->spread, false, {&a, &*b, &*c});
  }
  /// Squeeze and excite.
  std::optional<Value> gate() {
    const auto x = of_rank(4, 4);
    if (!x) return std::nullopt;
    const Value p =
        finish(merged(g.node("GlobalAveragePool", {x->name}), {x->dims[0], x->dims[1], 1, 1}, x->spread / 2, x->positive, {&*x}));
    std::vector<float> scales;
    const std::string w = weights({x->dims[1], x->dims[1], 1, 1}, 0, 0.6, scales), b = bias(x->dims[1], p, scales);
    const Value y = finish(merged(g.node("Conv", {p.name, w, b}), p.dims, 1, false, {&p}));
    const Value s = finish(node_of(r.pick({"Sigmoid", "HardSigmoid"}), y, 0.5, true));
    return merged(g.node("Mul", {x->name, s.name}), x->dims, x->spread, x->positive, {&*x, &s});
  }

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
