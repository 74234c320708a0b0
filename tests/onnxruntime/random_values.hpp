#pragma once
// The values of a drawn network, and what a quantized one does otherwise with them.

#include <functional>
#include <optional>

#include "random_graph.hpp"

namespace random_networks {

constexpr int float_type = onnx::TensorProto::FLOAT, int8_type = onnx::TensorProto::INT8, uint8_type = onnx::TensorProto::UINT8,
              int32_type = onnx::TensorProto::INT32;

class ValueDrawer {
 public:
  ValueDrawer(std::uint64_t seed, std::int64_t opset) : g(seed, opset), r(g.random) {}
  virtual ~ValueDrawer() = default;

 protected:
  // ---- what a quantized network does otherwise
  /// Weights of a layer, output channels along `axis`. `scales` of their codes, if they are that.
  virtual std::string weights(const Dims& dims, std::int64_t /*axis*/, double size, std::vector<float>& /*scales*/) {
    return g.floats(dims, r.numbers(product(dims), -1.7 * size, 1.7 * size));
  }
  /// Biases of a layer that reads x; none now and then.
  virtual std::string bias(std::int64_t count, const Value& /*x*/, const std::vector<float>& /*scales*/) {
    return r.one_in(4) ? "" : g.floats({count}, r.numbers(count, -0.5, 0.5));
  }
  virtual std::string operand(const Dims& dims, double lo, double hi) { return g.floats(dims, r.numbers(product(dims), lo, hi)); }
  /// What becomes of a value that is computed; of other extents, too, where nothing counts on them.
  virtual Value finish(const Value& y, bool /*any_extents*/ = false) { return y; }
  /// An input of codes, if the network has such.
  virtual std::optional<Value> feed_codes(const std::string& name, const Dims& dims) {
    if (!r.one_in(12)) return std::nullopt;
    std::vector<float> bytes;  // a picture
    for (std::int64_t k = product(dims); k > 0; --k) bytes.push_back(static_cast<float>(r.below(256)));
    g.feed(name, dims, uint8_type, std::move(bytes));
    auto& cast = g.node("Cast", {name});
    Graph::set(cast, "to", std::int64_t{float_type});
    const Value x{cast.output(0), dims, 150, true, true};
    return of_one(g.node("Mul", {x.name, g.number(1.0 / 128)}), x, 1.2, true);
  }

  bool is_input(const std::string& name) const {
    return std::any_of(g.feeds.begin(), g.feeds.end(), [&](const Feed& f) { return f.name == name; });
  }
  void draw_inputs() {
    const std::int64_t batch = r.pick({1, 1, 1, 2, 3});
    g.free_batch = r.one_in(3);
    for (std::int64_t i = 0, count = r.pick({1, 1, 1, 2, 3}); i < count; ++i) {
      Dims d{batch};
      const std::int64_t rank = r.pick({2, 3, 4, 4, 4, 4, 4, 5});
      if (rank >= 3) d.push_back(r.pick({1, 2, 3, 4, 6, 8}));
      if (rank == 5) d.push_back(r.between(1, 3));
      while (std::ssize(d) < rank) d.push_back(rank == 4 ? r.between(3, 9) : r.between(2, 12));
      if (i > 0 && r.one_in(2)) d = values_[0].dims;
      const std::string name = std::string("in") + std::to_string(i);
      if (std::optional<Value> codes = feed_codes(name, d)) {
        keep(*codes);
        continue;
      }
      const bool positive = r.one_in(4);
      const double size = r.pick({1.0, 1.0, 0.3, 3.0});
      g.feed(name, d, float_type, r.numbers(product(d), positive ? 0 : -1.7 * size, 1.7 * size));
      keep(finish({name, d, size, positive, true}, true));
    }
  }

  // ---- values
  void keep(Value v) { values_.push_back(std::move(v)); }
  /// One of them; young ones more often.
  Value any() {
    const std::int64_t n = std::ssize(values_), back = std::min(r.below(n), r.below(n));
    return values_[static_cast<std::size_t>(n - 1 - back)];
  }
  std::optional<Value> any_of(const std::function<bool(const Value&)>& fits) {
    for (int tries = 0; tries < 4; ++tries)
      if (Value v = any(); fits(v)) return v;
    return std::nullopt;
  }
  std::optional<Value> of_rank(std::int64_t lo, std::int64_t hi) {
    return any_of([&](const Value& v) { return std::ssize(v.dims) >= lo && std::ssize(v.dims) <= hi; });
  }
  static Value merged(const onnx::NodeProto& n, Dims dims, double spread, bool positive,
                      std::initializer_list<const Value*> from) {
    Value y{n.output(0), std::move(dims), spread, positive};
    for (const Value* x : from) y.behind.insert(x->behind.begin(), x->behind.end());
    return y;
  }
  /// The same numbers, or some of them, in other places.
  static Value moved(const onnx::NodeProto& n, Dims dims, const Value& x, int output = 0) {
    Value y = x;
    y.name = n.output(output);
    y.dims = std::move(dims);
    return y;
  }
  /// A function of one number.
  Value of_one(const onnx::NodeProto& n, const Value& x, double spread, bool positive) {
    return merged(n, x.dims, spread, positive, {&x});
  }
  /// y, with the same bits in every runtime where x has.
  static Value exact_of(Value y, const Value& x) {
    y.exact = x.exact;
    return y;
  }
  Value node_of(const std::string& op, const Value& x, double spread, bool positive) {
    return of_one(g.node(op, {x.name}), x, spread, positive);
  }
  /// Above a half, for what divides or takes logarithms.
  Value away_from_zero(const Value& x) {
    const Value a = x.positive ? x : node_of("Abs", x, x.spread, true);
    return of_one(g.node("Add", {a.name, g.number(0.5)}), a, a.spread + 0.5, true);
  }
  Value small(const Value& x) { return x.spread > 1.5 ? node_of("Tanh", x, 0.7, false) : x; }

  // ---- windows
  struct Windows {
    Dims kernel, stride, dilation, pads;
    const char* automatic = nullptr;
    Dims out;
  };
  /// Draws windows over the pixels of d, N C and one or two axes of pixels. Nothing where none fits.
  std::optional<Windows> windows(const Dims& d, bool dilated, bool pads_below_kernel, bool ceil = false) {
    const std::size_t pixels = d.size() - 2;
    Windows w;
    w.pads.resize(2 * pixels);
    const std::int64_t kind = r.below(6);
    w.automatic = kind == 0                  ? "SAME_UPPER"
                  : kind == 1 && r.one_in(2) ? "SAME_LOWER"
                  : kind == 2 && r.one_in(3) ? "VALID"
                                             : nullptr;
    for (std::size_t i = 0; i < pixels; ++i) {
      w.kernel.push_back(r.pick({1, 2, 3, 3, 3, 4, 5}));
      w.stride.push_back(r.pick({1, 1, 1, 2, 2, 3}));
      w.dilation.push_back(dilated && r.one_in(4) ? 2 : 1);
    }
    if (r.one_in(2) && pixels == 2) w.kernel[1] = w.kernel[0], w.stride[1] = w.stride[0], w.dilation[1] = w.dilation[0];
    const bool same = w.automatic != nullptr && std::string(w.automatic) != "VALID";
    for (std::size_t i = 0; i < pixels; ++i) {
      if (same) w.dilation[i] = 1, w.stride[i] = std::min(w.stride[i], w.kernel[i]);  // ONNX Runtime takes no others
      const std::int64_t reach = (w.kernel[i] - 1) * w.dilation[i] + 1, n = d[i + 2];
      if (w.automatic == nullptr && !r.one_in(3)) {
        const std::int64_t most = pads_below_kernel ? std::min<std::int64_t>(w.kernel[i] - 1, 2) : 3;
        w.pads[i] = r.one_in(2) ? std::min(reach / 2, most) : r.between(0, most);
        w.pads[i + pixels] = r.one_in(2) ? w.pads[i] : r.between(0, most);
      }
      const std::int64_t room = n + w.pads[i] + w.pads[i + pixels] - reach;
      if (!same && room < 0) return std::nullopt;
      std::int64_t out = same ? (n + w.stride[i] - 1) / w.stride[i] : room / w.stride[i] + 1;
      if (ceil && !same) {
        out = (room + w.stride[i] - 1) / w.stride[i] + 1;
        if ((out - 1) * w.stride[i] >= n + w.pads[i]) --out;
      }
      w.out.push_back(out);
    }
    return w;
  }
  void describe(onnx::NodeProto& n, const Windows& w, bool kernel) {
    if (kernel || r.one_in(2)) Graph::set(n, "kernel_shape", w.kernel);
    const auto ones = [](const Dims& d) { return std::all_of(d.begin(), d.end(), [](auto v) { return v == 1; }); };
    if (!ones(w.stride) || r.one_in(2)) Graph::set(n, "strides", w.stride);
    if (!ones(w.dilation)) Graph::set(n, "dilations", w.dilation);
    if (w.automatic != nullptr)
      Graph::set(n, "auto_pad", w.automatic);
    else if (std::any_of(w.pads.begin(), w.pads.end(), [](auto v) { return v != 0; }) || r.one_in(2))
      Graph::set(n, "pads", w.pads);
  }
  std::string scale_constant(double s) { return g.initializer(Dims{}, std::vector<float>{static_cast<float>(s)}, float_type); }
  std::string zero_constant(bool is_signed, std::int64_t z) {
    return g.initializer(Dims{}, Dims{z}, is_signed ? int8_type : uint8_type);
  }

  Graph g;
  Random& r;
  std::vector<Value> values_;
};

}  // namespace random_networks
