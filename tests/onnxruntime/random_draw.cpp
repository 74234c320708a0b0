// Networks of operators on reals with QuantizeLinear and DequantizeLinear in every legal place.

#include "random_codes.hpp"
#include "random_reals.hpp"

namespace random_networks {
namespace {

class QdqDrawer : public RealDrawer {
 public:
  QdqDrawer(std::uint64_t seed, std::int64_t opset)
      : RealDrawer(seed, opset),
        every_(r.pick({1, 1, 1, 2, 4})),
        weights_in_codes_(r.pick({1, 1, 1, 1, 2})),
        signed_(static_cast<int>(r.below(3))),
        skips_(r.one_in(2)) {
    g.quantized = true;
  }

 private:
  int code_type(const std::string& zero) {
    for (const auto& t : g.graph().initializer())
      if (t.name() == zero) return t.data_type();
    return uint8_type;
  }

  std::optional<Value> feed_codes(const std::string& name, const Dims& dims) override {
    if (!r.one_in(5)) return RealDrawer::feed_codes(name, dims);
    const bool is_signed = r.one_in(2);
    const std::int64_t least = is_signed ? -128 : 0;
    std::vector<float> codes;
    for (std::int64_t k = product(dims); k > 0; --k) codes.push_back(static_cast<float>(least + r.below(256)));
    g.feed(name, dims, is_signed ? int8_type : uint8_type, std::move(codes));
    const double scale = r.real(0.005, 0.02);
    const std::string s = scale_constant(scale), z = zero_constant(is_signed, least + r.below(256));
    Value y{g.node("DequantizeLinear", {name, s, z}).output(0), dims, 128 * scale, false, true, scale, s, z};
    return y;
  }

  Value finish(const Value& x, bool any_extents) override {
    if (!r.one_in(every_) || (skips_ && r.one_in(5))) return x;
    Value y = quantize(x, any_extents);
    if (r.one_in(10)) keep(x);                           // the reals are read, too
    return r.one_in(10) ? quantize(y, any_extents) : y;  // now and then straight onto another grid
  }
  /// To codes of 16 bits and back, which came with opset 21. What is watched is the reals, for trimtab has no such codes.
  Value quantize_wide(const Value& x) {
    const bool is_signed = r.one_in(2);
    const std::int64_t least = is_signed ? -32768 : 0, zero = least + r.pick({0, 32768, 32768, 40000});
    const double scale = static_cast<float>(x.spread * r.pick({1.0, 2.0, 3.0}) / 32768);
    const int type = is_signed ? onnx::TensorProto::INT16 : onnx::TensorProto::UINT16;
    const std::string s = scale_constant(scale), z = g.initializer(Dims{}, Dims{zero}, type);
    const std::string codes = g.node("QuantizeLinear", {x.name, s, z}).output(0);
    Value y{g.node("DequantizeLinear", {codes, s, z}).output(0), x.dims, x.spread, x.positive, true};
    y.behind = x.behind;
    y.behind.insert(static_cast<int>(g.quantizers.size()));
    g.quantizers.push_back({y.name, x.name, scale, x.behind, float_type});
    return y;
  }
  Value quantize(const Value& x, bool any_extents) {
    if (g.opset >= 21 && r.one_in(4)) return quantize_wide(x);
    const bool is_signed = signed_ == 2 ? r.one_in(2) : signed_ == 1;
    const std::int64_t least = is_signed ? -128 : 0;
    std::int64_t zero = least + 128 + r.between(-40, 40);
    if (x.positive && !r.one_in(5)) zero = least;
    if (is_signed && !x.positive && r.one_in(2)) zero = 0;
    if (r.one_in(20)) zero = least + r.pick({0, 255});
    double scale = static_cast<float>(x.spread * r.pick({1.0, 1.5, 2.0, 2.0, 3.0}) / (zero == least ? 255 : 128));
    std::string s, z;
    if (x.scale > 0 && r.one_in(3)) {  // the grid of what is read
      s = x.scale_name, z = x.zero_name, scale = x.scale;
    } else {
      s = scale_constant(scale);
      if (is_signed || zero != 0 || !r.one_in(3)) z = zero_constant(is_signed, zero);
    }
    const Value from = r.one_in(12) ? keep_values(x, any_extents) : x;
    const std::string codes = g.node("QuantizeLinear", {from.name, s, z}).output(0);
    const int id = static_cast<int>(g.quantizers.size());
    g.quantizers.push_back({codes, from.name, scale, from.behind, code_type(z)});
    if (r.one_in(25)) {
      g.give(codes, g.quantizers.back().type);
      g.outputs.push_back(g.quantizers.back());
    }
    Value read = from;
    read.name = codes;
    if (any_extents && r.one_in(10) && g.opset >= 13) read = moved_somehow(read);  // a movement of codes
    Value y{g.node("DequantizeLinear", {read.name, s, z}).output(0), read.dims, std::min(x.spread, scale * 128), from.positive,
            true};
    y.scale = scale, y.scale_name = s, y.zero_name = z;
    y.behind = from.behind;
    y.behind.insert(id);
    if (r.one_in(8)) {  // read twice
      Value other = y;
      other.name = g.node("DequantizeLinear", {read.name, s, z}).output(0);
      keep(other);
    }
    return y;
  }
  /// By what hands on numbers, or one of two.
  Value keep_values(const Value& x, bool any_extents) {
    if (any_extents && r.one_in(3)) return moved_somehow(x);
    return r.one_in(2) ? clipped(x) : node_of("Relu", x, x.spread, true);
  }

  std::string weights(const Dims& dims, std::int64_t axis, double size, std::vector<float>& scales) override {
    scales.clear();
    if (!r.one_in(weights_in_codes_)) return RealDrawer::weights(dims, axis, size, scales);
    const bool is_signed = !r.one_in(3), several = g.opset >= 13 && axis >= 0 && r.one_in(2);
    const std::int64_t count = several ? dims[static_cast<std::size_t>(axis)] : 1, zero_kind = r.below(3);
    std::vector<std::int32_t> zeros;
    for (std::int64_t i = 0; i < count; ++i) {
      scales.push_back(static_cast<float>(1.7 * size / 120 * r.real(0.6, 1.2)));
      zeros.push_back(static_cast<std::int32_t>((is_signed ? 0 : 128) + (zero_kind == 2 ? r.between(-9, 9) : 0)));
    }
    if (several && r.one_in(20)) scales[0] *= 1e-3F;
    const Dims row = several ? Dims{count} : Dims{};
    const std::string s = g.initializer(row, scales, float_type),
                      z = is_signed && zero_kind == 0 ? "" : g.initializer(row, zeros, is_signed ? int8_type : uint8_type);
    std::string codes;
    if (r.one_in(4) && !z.empty()) {
      auto& q = g.node("QuantizeLinear", {g.floats(dims, r.numbers(product(dims), -1.7 * size, 1.7 * size)), s, z});
      if (several) Graph::set(q, "axis", axis);
      codes = q.output(0);
    } else {
      std::vector<std::int32_t> all;
      for (std::int64_t i = product(dims); i > 0; --i)
        all.push_back(static_cast<std::int32_t>(r.between(-127, 127) + (is_signed ? 0 : 128)));
      codes = g.initializer(dims, all, is_signed ? int8_type : uint8_type);
    }
    auto& d = g.node("DequantizeLinear", {codes, s, z});
    if (several) Graph::set(d, "axis", axis);
    return d.output(0);
  }
  std::string bias(std::int64_t count, const Value& x, const std::vector<float>& scales) override {
    const std::int64_t kind = r.below(5);
    if (kind == 0) return "";
    if (scales.empty() || kind == 1) return g.floats({count}, r.numbers(count, -0.5, 0.5));
    std::vector<std::int32_t> codes;
    if (kind == 2) {
      for (std::int64_t i = 0; i < count; ++i) codes.push_back(static_cast<std::int32_t>(r.between(-127, 127)));
      return g.node("DequantizeLinear", {g.initializer({count}, codes, int8_type), scale_constant(0.004), zero_constant(true, 0)})
          .output(0);
    }
    std::vector<float> grid;  // that of the layer's sums
    for (const float s : scales) grid.push_back(static_cast<float>(x.scale > 0 ? x.scale : 0.01) * s);
    for (std::int64_t i = 0; i < count; ++i) {
      const auto step = double(grid[grid.size() == 1 ? 0 : static_cast<std::size_t>(i)]);
      codes.push_back(static_cast<std::int32_t>(std::nearbyint(r.real(-0.5, 0.5) / step)));
    }
    const Dims row = scales.size() == 1 ? Dims{} : Dims{std::ssize(grid)};
    const std::string z = r.one_in(2) ? "" : g.initializer(row, std::vector<std::int32_t>(grid.size(), 0), int32_type);
    auto& d = g.node("DequantizeLinear", {g.initializer({count}, codes, int32_type), g.initializer(row, grid, float_type), z});
    if (!row.empty()) Graph::set(d, "axis", std::int64_t{0});
    return d.output(0);
  }
  std::string operand(const Dims& dims, double lo, double hi) override {
    if (!r.one_in(2)) return RealDrawer::operand(dims, lo, hi);
    const bool is_signed = r.one_in(2);
    const auto least = static_cast<std::int64_t>(std::ceil(std::max(-1.0, lo / hi) * 127));
    std::vector<std::int32_t> codes;
    for (std::int64_t i = product(dims); i > 0; --i)
      codes.push_back(static_cast<std::int32_t>(r.between(least, 127) + (is_signed ? 0 : 128)));
    return g
        .node("DequantizeLinear", {g.initializer(dims, codes, is_signed ? int8_type : uint8_type), scale_constant(hi / 127),
                                   zero_constant(is_signed, is_signed ? 0 : 128)})
        .output(0);
  }

  int every_, weights_in_codes_, signed_;
  bool skips_;
};

}  // namespace

Graph draw_float(std::uint64_t seed) {
  Random first(seed);
  return RealDrawer(3 * seed, first.pick({7, 9, 10, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21})).draw();
}
Graph draw_qdq(std::uint64_t seed) {
  Random first(seed);
  return QdqDrawer(3 * seed + 1, first.pick({10, 12, 13, 13, 15, 17, 19, 21})).draw();
}
Graph draw_qoperator(std::uint64_t seed) {
  Random first(seed);
  return CodesDrawer(3 * seed + 2, first.pick({10, 12, 13, 13, 15, 17, 19, 21})).draw();
}

}  // namespace random_networks
