#pragma once
// Draws networks of operators on reals: every operator of ONNX that trimtab reads.

#include "random_layers.hpp"

namespace random_networks {

class RealDrawer : public LayerDrawer {
 public:
  using LayerDrawer::LayerDrawer;

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
};

}  // namespace random_networks
