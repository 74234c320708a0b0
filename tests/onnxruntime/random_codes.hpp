#pragma once
// Draws networks of operators on codes: those of ONNX, and those of ONNX Runtime's domain com.microsoft.

#include "random_moves.hpp"

namespace random_networks {

/// Its values are codes. What each is made of is computed beside it from DequantizeLinear and float operators, for ONNX Runtime
/// alone.
class CodesDrawer : public MoveDrawer {
 public:
  CodesDrawer(std::uint64_t seed, std::int64_t opset) : MoveDrawer(seed, opset), signed_(r.one_in(2)) {
    g.quantized = true;
    auto& microsoft = *g.model.add_opset_import();
    microsoft.set_domain("com.microsoft");
    microsoft.set_version(1);
  }

  Graph draw() {
    draw_inputs();
    const std::int64_t steps = r.between(2, 8);
    for (std::int64_t done = 0, tried = 0; done < steps && tried < 400; ++tried) {
      const std::optional<Value> y = step();
      if (!y || product(y->dims) > 20000) continue;
      keep(*y);
      ++done;
    }
    std::set<std::string> read;
    for (const auto& n : g.graph().node()) read.insert(n.input().begin(), n.input().end());
    for (const Value& v : values_) {
      if (is_input(v.name) || (read.count(v.name) && !r.one_in(10))) continue;
      if (r.one_in(3)) {
        give(v.name, v, v.is_signed ? int8_type : uint8_type);
        continue;
      }
      give(g.node("DequantizeLinear", {v.name, v.scale_name, v.zero_name}).output(0), v, float_type);
    }
    return std::move(g);
  }

 private:
  struct Grid {
    double scale;
    std::int64_t zero;
    std::string scale_name, zero_name;
  };
  void give(const std::string& name, const Value& v, int type) {
    g.give(name, type);
    g.outputs.push_back({name, "", 0, v.behind, type});
  }
  std::int64_t least() const { return signed_ ? -128 : 0; }
  int type() const { return signed_ ? int8_type : uint8_type; }
  Grid grid(double spread, bool positive) {
    std::int64_t zero = positive ? least() : least() + 128 + r.between(-40, 40);
    if (!positive && signed_ && r.one_in(2)) zero = 0;
    if (r.one_in(20)) zero = least() + r.pick({0, 255});
    const double scale = static_cast<float>(spread * r.pick({1.0, 1.5, 2.0, 3.0}) / (zero == least() ? 255 : 128));
    return {scale, zero, scale_constant(scale), zero_constant(signed_, zero)};
  }
  std::optional<Value> feed_codes(const std::string& name, const Dims& dims) override {
    if (!r.one_in(4)) return std::nullopt;
    std::vector<float> codes;
    for (std::int64_t k = product(dims); k > 0; --k) codes.push_back(static_cast<float>(least() + r.below(256)));
    g.feed(name, dims, type(), std::move(codes));
    const Grid q = grid(1.5, false);
    return coded(name, dims, q, 128 * q.scale, false, {});
  }
  Value coded(const std::string& name, const Dims& dims, const Grid& q, double spread, bool positive,
              std::set<int> behind) const {
    Value y{name, dims, spread, positive};
    y.scale = q.scale, y.scale_name = q.scale_name, y.zero_name = q.zero_name, y.behind = std::move(behind),
    y.is_signed = signed_;
    return y;
  }
  /// Inputs that are reals become codes.
  Value finish(const Value& x, bool) override {
    if (x.scale > 0) return x;
    const Grid q = grid(x.spread, x.positive);
    return made(g.node("QuantizeLinear", {x.name, q.scale_name, q.zero_name}), x.dims, q, x.spread, x.positive, {}, x.name);
  }
  /// Codes that a node makes of `real`.
  Value made(const onnx::NodeProto& n, const Dims& dims, const Grid& q, double spread, bool positive,
             std::initializer_list<const Value*> from, const std::string& real) {
    std::set<int> behind;
    for (const Value* x : from) behind.insert(x->behind.begin(), x->behind.end());
    g.quantizers.push_back({n.output(0), real, q.scale, behind, type()});
    behind.insert(static_cast<int>(std::ssize(g.quantizers)) - 1);
    return coded(n.output(0), dims, q, std::min(spread, 128 * q.scale), positive, std::move(behind));
  }
  onnx::NodeProto& of_microsoft(const std::string& op, const std::vector<std::string>& inputs) {
    auto& n = g.node(op, inputs);
    n.set_domain("com.microsoft");
    return n;
  }
  // ---- the same in reals, for ONNX Runtime alone
  std::string beside(const std::string& op, const std::vector<std::string>& inputs, const onnx::NodeProto* attributes = nullptr) {
    onnx::NodeProto n;
    g.describe(n, op, inputs, g.fresh("beside"));
    if (attributes != nullptr)
      for (const auto& a : attributes->attribute())
        if (a.name() != "channels_last") *n.add_attribute() = a;
    g.watching.push_back(n);
    return n.output(0);
  }
  std::string real(const std::string& name, const std::string& scale, const std::string& zero, std::int64_t axis = 1) {
    const std::string y = beside("DequantizeLinear", {name, scale, zero});
    if (g.opset >= 13) Graph::set(g.watching.back(), "axis", axis);
    return y;
  }
  std::string real(const Value& x) { return real(x.name, x.scale_name, x.zero_name); }

  std::optional<Value> step() {
    using Step = std::optional<Value> (CodesDrawer::*)();
    static const std::vector<Step> all{
        &CodesDrawer::conv,    &CodesDrawer::conv,    &CodesDrawer::conv,   &CodesDrawer::matmul,        &CodesDrawer::matmul,
        &CodesDrawer::gemm,    &CodesDrawer::gemm,    &CodesDrawer::binary, &CodesDrawer::binary,        &CodesDrawer::join,
        &CodesDrawer::pool,    &CodesDrawer::pool,    &CodesDrawer::global, &CodesDrawer::integers,      &CodesDrawer::integers,
        &CodesDrawer::view,    &CodesDrawer::view,    &CodesDrawer::slice,  &CodesDrawer::split,         &CodesDrawer::gather,
        &CodesDrawer::repeat,  &CodesDrawer::shuffle, &CodesDrawer::bounds, &CodesDrawer::through_reals, &CodesDrawer::around,
        &CodesDrawer::function};
    return (this->*r.pick(all))();
  }

  /// Weights in codes: name, scales, zero points, and the same as reals.
  struct Weights {
    std::string codes, scale, zero, reals;
    std::vector<float> scales;
  };
  Weights weights_of(const Dims& dims, std::int64_t axis, double size, bool may_be_several = true) {
    Weights w;
    const bool is_signed = signed_ || r.one_in(2), several = may_be_several && g.opset >= 13 && r.one_in(2);
    const std::int64_t count = several ? dims[static_cast<std::size_t>(axis)] : 1,
                       zero = (is_signed ? 0 : 128) + (r.one_in(3) ? r.between(-9, 9) : 0);
    for (std::int64_t i = 0; i < count; ++i) w.scales.push_back(static_cast<float>(1.7 * size / 120 * r.real(0.6, 1.2)));
    std::vector<std::int32_t> all;
    for (std::int64_t i = product(dims); i > 0; --i)
      all.push_back(static_cast<std::int32_t>(r.between(-127, 127) + (is_signed ? 0 : 128)));
    const Dims row = several ? Dims{count} : Dims{};
    const int type_of = is_signed ? int8_type : uint8_type;
    w.codes = g.initializer(dims, all, type_of);
    w.scale = g.initializer(row, w.scales, float_type);
    w.zero = g.initializer(row, Dims(static_cast<std::size_t>(count), zero), type_of);
    w.reals = real(w.codes, w.scale, w.zero, axis);
    return w;
  }
  /// Biases on the grid of the sums; the same as reals.
  std::pair<std::string, std::string> bias_of(std::int64_t count, const Value& x, const Weights& w) {
    if (r.one_in(4)) return {"", ""};
    std::vector<std::int32_t> codes;
    std::vector<float> reals;
    for (std::int64_t i = 0; i < count; ++i) {
      const double step = x.scale * double(w.scales[w.scales.size() == 1 ? 0 : static_cast<std::size_t>(i)]);
      codes.push_back(static_cast<std::int32_t>(std::nearbyint(r.real(-0.5, 0.5) / step)));
      reals.push_back(static_cast<float>(codes.back() * step));
    }
    return {g.initializer({count}, codes, int32_type), g.initializer({count}, reals, float_type)};
  }
  std::optional<Value> conv() {
    const auto x = of_rank(4, 4);
    if (!x) return std::nullopt;
    const auto w = windows(x->dims, true, false);
    if (!w) return std::nullopt;
    const std::int64_t c = x->dims[1], groups = r.one_in(3) ? c : 1,
                       out = groups == 1 ? r.pick({1, 2, 3, 4, 8}) : c * r.pick({1, 1, 2});
    Dims dims{out, c / groups};
    dims.insert(dims.end(), w->kernel.begin(), w->kernel.end());
    const Weights f = weights_of(dims, 0, 1 / std::sqrt(static_cast<double>(product(dims, 1))));
    const auto [codes, reals] = bias_of(out, *x, f);
    const Grid q = grid(x->spread + 0.2, false);
    auto& n =
        g.node("QLinearConv", {x->name, x->scale_name, x->zero_name, f.codes, f.scale, f.zero, q.scale_name, q.zero_name, codes});
    describe(n, *w, true);
    if (groups != 1) Graph::set(n, "group", groups);
    Dims y{x->dims[0], out};
    y.insert(y.end(), w->out.begin(), w->out.end());
    return made(n, y, q, x->spread + 0.2, false, {&*x}, beside("Conv", {real(*x), f.reals, reals}, &n));
  }
  std::optional<Value> matmul() {
    const auto x = any_of([](const Value& v) { return v.dims.size() >= 2 && v.dims.back() <= 200; });
    if (!x) return std::nullopt;
    Dims y = x->dims;
    if (y.size() >= 3 && r.one_in(3)) {  // of two values
      const Value b = transposed(*x);
      y.back() = y[y.size() - 2];
      const double spread = x->spread * x->spread * std::sqrt(double(x->dims.back()));
      const Grid q = grid(spread, false);
      auto& n = g.node("QLinearMatMul",
                       {x->name, x->scale_name, x->zero_name, b.name, b.scale_name, b.zero_name, q.scale_name, q.zero_name});
      return made(n, y, q, spread, false, {&*x}, beside("MatMul", {real(*x), real(b)}));
    }
    const std::int64_t in = y.back(), out = r.pick({1, 2, 3, 5, 8});
    y.back() = out;
    const Weights w = weights_of({in, out}, 1, 1 / std::sqrt(double(in)));
    const Grid q = grid(x->spread, false);
    auto& n =
        g.node("QLinearMatMul", {x->name, x->scale_name, x->zero_name, w.codes, w.scale, w.zero, q.scale_name, q.zero_name});
    return made(n, y, q, x->spread, false, {&*x}, beside("MatMul", {real(*x), w.reals}));
  }
  std::optional<Value> gemm() {
    auto x = any_of([](const Value& v) { return v.dims.size() >= 2 && product(v.dims, 1) <= 200; });
    if (!x) return std::nullopt;
    if (x->dims.size() > 2) x = moved(g.node("Flatten", {x->name}), {x->dims[0], product(x->dims, 1)}, *x);
    const std::int64_t in = x->dims[1], out = r.pick({1, 2, 3, 5, 8}), turned = r.below(2);
    const Weights w = weights_of(turned ? Dims{out, in} : Dims{in, out}, turned ? 0 : 1, 1 / std::sqrt(double(in)));
    const auto [codes, reals] = bias_of(out, *x, w);
    const Grid q = grid(x->spread + 0.2, false);
    auto& n =
        of_microsoft("QGemm", {x->name, x->scale_name, x->zero_name, w.codes, w.scale, w.zero, codes, q.scale_name, q.zero_name});
    Graph::set(n, "transB", turned);
    const std::string added =
        !reals.empty() ? reals : g.initializer({out}, std::vector<float>(static_cast<std::size_t>(out)), float_type);
    return made(n, {x->dims[0], out}, q, x->spread + 0.2, false, {&*x}, beside("Gemm", {real(*x), w.reals, added}, &n));
  }
  std::optional<Value> binary() {
    const Value a = any();
    const bool multiply = r.one_in(2);
    std::vector<Value> fits;
    for (const Value& v : values_) {
      bool same = v.dims.size() == a.dims.size();
      for (std::size_t i = 0; i < a.dims.size() && same; ++i) same = v.dims[i] == a.dims[i] || v.dims[i] == 1;
      if (same) fits.push_back(v);
    }
    Value b = r.pick(fits);
    if (r.one_in(4)) {  // a constant
      Dims d = r.one_in(2) ? Dims{} : Dims(a.dims.size() - 1, 1);
      if (!d.empty()) d[0] = a.dims[1];
      std::vector<std::int32_t> all;
      for (std::int64_t i = product(d); i > 0; --i) all.push_back(static_cast<std::int32_t>(least() + r.below(256)));
      const Grid q = grid(1, false);
      b = coded(g.initializer(d, all, type()), d, q, 1, false, {});
    }
    const double spread = multiply ? a.spread * b.spread : a.spread + b.spread;
    const Grid q = grid(spread, false);
    const bool swap = r.one_in(2);
    const Value &one = swap ? b : a, &two = swap ? a : b;
    auto& n = of_microsoft(multiply ? "QLinearMul" : "QLinearAdd", {one.name, one.scale_name, one.zero_name, two.name,
                                                                    two.scale_name, two.zero_name, q.scale_name, q.zero_name});
    return made(n, a.dims, q, spread, false, {&a, &b}, beside(multiply ? "Mul" : "Add", {real(one), real(two)}));
  }
  std::optional<Value> join() {
    const Value x = any();
    if (x.dims.size() < 2) return std::nullopt;
    const std::int64_t axis = r.between(1, std::ssize(x.dims) - 1);
    const auto at = static_cast<std::size_t>(axis);
    const std::vector<Value> fits = joinable(x, at);
    const std::vector<Value> parts{x, r.pick(fits)};
    Dims y = x.dims;
    y[at] += parts[1].dims[at];
    if (parts[1].scale_name == x.scale_name && parts[1].zero_name == x.zero_name && r.one_in(2)) {  // codes on one grid
      auto& n = g.node("Concat", {x.name, parts[1].name});
      Graph::set(n, "axis", axis);
      Value v = moved(n, y, x);
      v.behind.insert(parts[1].behind.begin(), parts[1].behind.end());
      return v;
    }
    const double spread = std::max(x.spread, parts[1].spread);
    const Grid q = r.one_in(3) ? Grid{x.scale, 0, x.scale_name, x.zero_name} : grid(spread, x.positive && parts[1].positive);
    std::vector<std::string> inputs{q.scale_name, q.zero_name}, reals;
    for (const Value& v : parts) {
      inputs.insert(inputs.end(), {v.name, v.scale_name, v.zero_name});
      reals.push_back(real(v));
    }
    auto& n = of_microsoft("QLinearConcat", inputs);
    Graph::set(n, "axis", axis);
    return made(n, y, q, spread, false, {&parts[0], &parts[1]}, beside("Concat", reals, &n));
  }
  std::optional<Value> pool() {
    const auto x = of_rank(4, 4);
    if (!x) return std::nullopt;
    const bool max = r.one_in(2) && g.opset >= 12;
    const auto w = windows(x->dims, false, true);
    if (!w) return std::nullopt;
    Dims y{x->dims[0], x->dims[1]};
    y.insert(y.end(), w->out.begin(), w->out.end());
    if (max) {
      auto& n = g.node("MaxPool", {x->name});
      describe(n, *w, true);
      return moved(n, y, *x);
    }
    const Grid q = r.one_in(2) ? Grid{x->scale, 0, x->scale_name, x->zero_name} : grid(x->spread, x->positive);
    auto& n = of_microsoft("QLinearAveragePool", {x->name, x->scale_name, x->zero_name, q.scale_name, q.zero_name});
    describe(n, *w, true);
    if (r.one_in(2)) Graph::set(n, "count_include_pad", r.below(2));
    return made(n, y, q, x->spread, x->positive, {&*x}, beside("AveragePool", {real(*x)}, &n));
  }
  std::optional<Value> global() {
    const auto x = of_rank(4, 4);
    if (!x) return std::nullopt;
    const Grid q = grid(x->spread, x->positive);
    auto& n = of_microsoft("QLinearGlobalAveragePool", {x->name, x->scale_name, x->zero_name, q.scale_name, q.zero_name});
    if (r.one_in(2)) Graph::set(n, "channels_last", std::int64_t{0});
    return made(n, {x->dims[0], x->dims[1], 1, 1}, q, x->spread, x->positive, {&*x}, beside("GlobalAveragePool", {real(*x)}));
  }
  /// Sums in int32 that the graph brings onto a grid.
  std::optional<Value> integers() {
    const auto x = any_of([](const Value& v) { return v.dims.size() == 4 || (v.dims.size() == 2 && v.dims[1] <= 200); });
    if (!x) return std::nullopt;
    const bool conv = x->dims.size() == 4;
    const auto w = conv ? windows(x->dims, false, false) : Windows{};
    if (!w) return std::nullopt;
    const std::int64_t c = x->dims[1], out = r.pick({1, 2, 4});
    Dims dims = conv ? Dims{out, c, w->kernel[0], w->kernel[1]} : Dims{c, out}, y{x->dims[0], out};
    if (conv) y.insert(y.end(), w->out.begin(), w->out.end());
    const Weights f = weights_of(dims, conv ? 0 : 1, 1 / std::sqrt(static_cast<double>(product(dims) / out)), false);
    auto& sum = g.node(conv ? "ConvInteger" : "MatMulInteger", {x->name, f.codes, x->zero_name, f.zero});
    if (conv) describe(sum, *w, true);
    std::string sums = sum.output(0), reals = beside(conv ? "Conv" : "MatMul", {real(*x), f.reals}, &sum);
    if (r.one_in(3)) {
      const auto [codes, real_bias] = bias_of(1, *x, f);
      if (!codes.empty()) {
        sums = g.node("Add", {sums, codes}).output(0);
        reals = beside("Add", {reals, real_bias});
      }
    }
    auto& cast = g.node("Cast", {sums});
    Graph::set(cast, "to", std::int64_t{float_type});
    const Value product{cast.output(0), y, x->spread, false};
    const float step = static_cast<float>(x->scale) * f.scales[0];
    std::string scaled = g.node("Mul", {cast.output(0), g.floats({}, {step})}).output(0);
    const Grid q = grid(x->spread, false);
    return made(g.node("QuantizeLinear", {scaled, q.scale_name, q.zero_name}), y, q, x->spread, false, {&*x}, reals);
  }
  std::optional<Value> bounds() {
    const Value x = any();
    if (g.opset < 12) return std::nullopt;
    const std::int64_t lo = least() + r.below(128), hi = lo + r.below(128);
    const std::string a = r.one_in(3) ? "" : g.initializer(Dims{}, Dims{lo}, type()),
                      b = r.one_in(3) ? "" : g.initializer(Dims{}, Dims{hi}, type());
    return moved(g.node("Clip", {x.name, a, b}), x.dims, x);
  }
  /// Zero points, or other codes, around.
  std::optional<Value> around() {
    const Value x = any();
    if (g.opset < 13) return std::nullopt;
    const std::int64_t rank = std::ssize(x.dims);
    Dims pads(static_cast<std::size_t>(2 * rank), 0), y = x.dims;
    for (std::int64_t i = std::max<std::int64_t>(1, rank - 2); i < rank; ++i) {
      pads[static_cast<std::size_t>(i)] = r.below(3), pads[static_cast<std::size_t>(i + rank)] = r.below(3);
      y[static_cast<std::size_t>(i)] += pads[static_cast<std::size_t>(i)] + pads[static_cast<std::size_t>(i + rank)];
    }
    const std::string value = r.one_in(2)   ? x.zero_name
                              : r.one_in(2) ? ""
                                            : g.initializer(Dims{}, Dims{least() + r.below(256)}, type());
    return moved(g.node("Pad", {x.name, g.integers(pads), value}), y, x);
  }
  /// A float operator between DequantizeLinear and QuantizeLinear.
  std::optional<Value> through_reals() {
    const Value x = any();
    const std::string reals = g.node("DequantizeLinear", {x.name, x.scale_name, x.zero_name}).output(0);
    const bool positive = r.one_in(2);
    const std::string y = g.node(positive ? "Sigmoid" : "Tanh", {reals}).output(0);
    const Grid q = grid(1, positive);
    return made(g.node("QuantizeLinear", {y, q.scale_name, q.zero_name}), x.dims, q, 0.5, positive, {&x}, y);
  }
  std::optional<Value> function() {
    const Value x = any();
    if (!r.one_in(4)) return std::nullopt;
    const bool sigmoid = r.one_in(2);
    const Grid q = grid(sigmoid ? 1 : x.spread, sigmoid);
    auto& n = of_microsoft(sigmoid ? "QLinearSigmoid" : "QLinearLeakyRelu",
                           {x.name, x.scale_name, x.zero_name, q.scale_name, q.zero_name});
    if (!sigmoid) Graph::set_real(n, "alpha", 0.1);
    return made(n, x.dims, q, x.spread, sigmoid, {&x}, beside(sigmoid ? "Sigmoid" : "LeakyRelu", {real(x)}, &n));
  }

  bool signed_;
};

}  // namespace random_networks
