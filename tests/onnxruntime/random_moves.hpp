#pragma once
// The part of a drawn network that moves numbers and computes shapes.

#include "random_values.hpp"

namespace random_networks {

class MoveDrawer : public ValueDrawer {
 protected:
  using ValueDrawer::ValueDrawer;

  Value transposed(const Value& x, const Dims& perm) {
    auto& n = g.node("Transpose", {x.name});
    Graph::set(n, "perm", perm);
    Dims y;
    for (const std::int64_t i : perm) y.push_back(x.dims[static_cast<std::size_t>(i)]);
    return moved(n, y, x);
  }
  static Dims axes_of(const Value& x) {
    Dims all;
    for (std::int64_t i = 0; i < std::ssize(x.dims); ++i) all.push_back(i);
    return all;
  }
  /// With the last two axes changed for one another.
  Value transposed(const Value& x) {
    Dims perm = axes_of(x);
    std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
    return transposed(x, perm);
  }
  Dims shuffled(Dims list, std::size_t from) {
    for (std::size_t i = list.size(); i > from + 1; --i)
      std::swap(list[i - 1], list[from + static_cast<std::size_t>(r.below(static_cast<std::int64_t>(i - from)))]);
    return list;
  }
  Value moved_somehow(const Value& x) {
    if (x.dims.size() >= 3 && r.one_in(2)) return transposed(x);
    if (r.one_in(2)) return moved(g.node("Flatten", {x.name}), {x.dims[0], product(x.dims, 1)}, x);
    return moved(g.node("Reshape", {x.name, g.integers({0, -1})}), {x.dims[0], product(x.dims, 1)}, x);
  }
  std::optional<Value> view() {
    const Value x = any();
    const std::int64_t rank = std::ssize(x.dims);
    switch (r.below(6)) {
      case 0: {
        auto& n = g.node("Flatten", {x.name});
        if (r.one_in(2)) Graph::set(n, "axis", g.opset >= 11 && r.one_in(2) ? 1 - rank : std::int64_t{1});
        return moved(n, {x.dims[0], product(x.dims, 1)}, x);
      }
      case 1:
        if (rank < 3) return std::nullopt;
        return transposed(x, shuffled(axes_of(x), 1));
      case 2: {  // axes joined or parted
        Dims y = x.dims;
        const auto at = static_cast<std::size_t>(r.between(1, std::max<std::int64_t>(1, rank - 1)));
        if (at >= y.size()) return std::nullopt;
        if (at + 1 < y.size() && r.one_in(2)) {
          y[at] *= y[at + 1];
          y.erase(y.begin() + static_cast<std::ptrdiff_t>(at) + 1);
        } else {
          const std::int64_t by = y[at] % 3 == 0 ? 3 : y[at] % 2 == 0 ? 2 : 1;
          if (y.size() > 5) return std::nullopt;
          y[at] /= by;
          y.insert(y.begin() + static_cast<std::ptrdiff_t>(at) + r.below(2), by);
        }
        Dims to = y;
        to[0] = g.free_batch || r.one_in(2) ? (r.one_in(2) ? 0 : -1) : y[0];
        if (to[0] == 0 && r.one_in(3)) to[static_cast<std::size_t>(r.between(1, std::ssize(to) - 1))] = -1;
        return moved(g.node("Reshape", {x.name, g.integers(to)}), y, x);
      }
      case 3: {
        if (rank > 4) return std::nullopt;
        const std::int64_t at = r.between(1, rank);
        Dims y = x.dims;
        y.insert(y.begin() + at, 1);
        if (g.opset >= 13) return moved(g.node("Unsqueeze", {x.name, g.integers({r.one_in(2) ? at : at - rank - 1})}), y, x);
        auto& n = g.node("Unsqueeze", {x.name});
        Graph::set(n, "axes", Dims{at});
        return moved(n, y, x);
      }
      default: {
        std::vector<std::int64_t> ones;
        for (std::int64_t i = 1; i < rank; ++i)
          if (x.dims[static_cast<std::size_t>(i)] == 1) ones.push_back(i);
        if (ones.empty() || rank < 3) return std::nullopt;
        const std::int64_t at = r.pick(ones);
        Dims y = x.dims;
        y.erase(y.begin() + at);
        if (g.opset >= 13) return moved(g.node("Squeeze", {x.name, g.integers({r.one_in(2) ? at : at - rank})}), y, x);
        auto& n = g.node("Squeeze", {x.name});
        Graph::set(n, "axes", Dims{at});
        return moved(n, y, x);
      }
    }
  }
  std::optional<Value> slice() {
    const Value x = any();
    Dims axes, starts, ends, steps, y = x.dims;
    for (std::int64_t i = 1; i < std::ssize(x.dims); ++i) {
      if (r.one_in(2)) continue;
      auto& n = y[static_cast<std::size_t>(i)];
      std::int64_t from = r.below(n), to = r.between(from + 1, n), step = g.opset >= 10 ? r.pick({1, 1, 2, 3, -1, -2}) : 1;
      axes.push_back(g.opset >= 10 && r.one_in(3) ? i - std::ssize(x.dims) : i);
      if (step > 0) {
        starts.push_back(r.one_in(3) ? from - n : from);
        ends.push_back(to == n && r.one_in(2) ? std::numeric_limits<std::int64_t>::max() : to == n || r.one_in(2) ? to : to - n);
      } else {
        starts.push_back(r.one_in(3) ? to - 1 - n : to - 1);
        ends.push_back(from == 0 ? std::numeric_limits<std::int64_t>::min() : from - 1);
      }
      steps.push_back(step);
      n = (to - from + std::abs(step) - 1) / std::abs(step);
    }
    if (axes.empty()) return std::nullopt;
    if (g.opset < 10) {
      auto& n = g.node("Slice", {x.name});
      Graph::set(n, "axes", axes), Graph::set(n, "starts", starts), Graph::set(n, "ends", ends);
      return moved(n, y, x);
    }
    const std::string s = g.integers(starts), e = g.integers(ends), a = g.integers(axes), p = g.integers(steps);
    return moved(g.node("Slice", {x.name, s, e, a, p}), y, x);
  }
  std::optional<Value> split() {
    const Value x = any();
    const std::int64_t axis = r.between(1, std::max<std::int64_t>(1, std::ssize(x.dims) - 1));
    if (axis >= std::ssize(x.dims)) return std::nullopt;
    const std::int64_t n = x.dims[static_cast<std::size_t>(axis)];
    if (n < 2) return std::nullopt;
    const bool equal = n % 2 == 0 && r.one_in(2);
    const std::int64_t first = equal ? n / 2 : r.between(1, n - 1);
    const Dims lengths{first, n - first};
    std::vector<std::string> inputs{x.name};
    if (g.opset >= 13 && !equal) inputs.push_back(g.integers(lengths));
    auto& node = g.node("Split", inputs, 2);
    Graph::set(node, "axis", g.opset >= 11 && r.one_in(2) ? axis - std::ssize(x.dims) : axis);
    if (g.opset < 13 && !equal) Graph::set(node, "split", lengths);
    if (g.opset >= 18 && equal) Graph::set(node, "num_outputs", std::int64_t{2});
    Dims a = x.dims, b = x.dims;
    a[static_cast<std::size_t>(axis)] = first, b[static_cast<std::size_t>(axis)] = n - first;
    const Value one = moved(node, a, x), two = moved(node, b, x, 1);
    if (!r.one_in(3)) keep(finish(two, true));
    return one;
  }
  std::optional<Value> gather() {
    const Value x = any();
    if (x.dims.size() < 2) return std::nullopt;
    const std::int64_t axis = r.between(1, std::ssize(x.dims) - 1), n = x.dims[static_cast<std::size_t>(axis)];
    Dims y = x.dims;
    std::string indices;
    const std::int64_t least = g.opset >= 11 ? -n : 0;
    if (r.one_in(6) && x.dims.size() < 4) {  // a matrix of places
      Dims list;
      for (int k = 0; k < 6; ++k) list.push_back(r.between(least, n - 1));
      indices = g.initializer(Dims{2, 3}, list, onnx::TensorProto::INT64);
      y[static_cast<std::size_t>(axis)] = 3;
      y.insert(y.begin() + axis, 2);
    } else if (r.one_in(3) && x.dims.size() > 2) {
      indices = g.integer(r.between(least, n - 1));
      y.erase(y.begin() + axis);
    } else {
      Dims list;
      for (std::int64_t k = r.between(1, n + 1); k > 0; --k) list.push_back(r.between(least, n - 1));
      indices = g.integers(list);
      y[static_cast<std::size_t>(axis)] = std::ssize(list);
    }
    auto& node = g.node("Gather", {x.name, indices});
    Graph::set(node, "axis", axis);
    return moved(node, y, x);
  }
  /// The values that can be joined with x along an axis, x among them.
  std::vector<Value> joinable(const Value& x, std::size_t axis) const {
    std::vector<Value> fits;
    for (const Value& v : values_) {
      bool same = v.dims.size() == x.dims.size();
      for (std::size_t i = 0; i < x.dims.size() && same; ++i) same = i == axis || v.dims[i] == x.dims[i];
      if (same) fits.push_back(v);
    }
    return fits;
  }
  std::optional<Value> concat() {
    const Value x = any();
    if (x.dims.size() < 2) return std::nullopt;
    const std::int64_t axis = r.between(1, std::ssize(x.dims) - 1);
    const auto at = static_cast<std::size_t>(axis);
    const std::vector<Value> fits = joinable(x, at);
    std::vector<Value> parts{x};
    for (std::int64_t k = r.between(1, 2); k > 0; --k) parts.push_back(r.pick(fits));
    if (std::all_of(parts.begin(), parts.end(), [&](const Value& v) { return v.name == x.name; }))
      parts.back() = finish(of_one(g.node("Tanh", {x.name}), x, 0.6, false));
    parts = r.one_in(2) ? std::vector<Value>(parts.rbegin(), parts.rend()) : parts;
    Value y = x;
    std::vector<std::string> names;
    y.exact = true, y.positive = true, y.dims[at] = 0, y.scale = 0;
    for (const Value& v : parts) {
      names.push_back(v.name);
      y.dims[at] += v.dims[at];
      y.exact = y.exact && v.exact;
      y.positive = y.positive && v.positive;
      y.spread = std::max(y.spread, v.spread);
      y.behind.insert(v.behind.begin(), v.behind.end());
    }
    auto& n = g.node("Concat", names);
    Graph::set(n, "axis", g.opset >= 11 && r.one_in(2) ? axis - std::ssize(x.dims) : axis);
    y.name = n.output(0);
    return y;
  }
  std::optional<Value> pad() {
    const Value x = any();
    const std::int64_t rank = std::ssize(x.dims);
    const std::string mode = r.pick({"constant", "constant", "constant", "reflect", "edge"});
    Dims pads(static_cast<std::size_t>(2 * rank), 0), y = x.dims;
    for (std::int64_t i = r.one_in(3) ? 1 : std::max<std::int64_t>(1, rank - 2); i < rank; ++i) {
      const std::int64_t most = mode == "reflect" ? std::min<std::int64_t>(x.dims[static_cast<std::size_t>(i)] - 1, 2) : 2;
      const std::int64_t a = r.between(0, most), b = r.between(0, most);
      pads[static_cast<std::size_t>(i)] = a, pads[static_cast<std::size_t>(i + rank)] = b;
      y[static_cast<std::size_t>(i)] += a + b;
    }
    const double value = r.pick({0.0, 0.0, 0.5, -1.0});
    std::vector<std::string> inputs{x.name};
    if (g.opset >= 11) {
      inputs.push_back(g.integers(pads));
      if (mode == "constant" && (value != 0 || r.one_in(2))) inputs.push_back(g.number(value));
    }
    auto& n = g.node("Pad", inputs);
    if (mode != "constant" || r.one_in(2)) Graph::set(n, "mode", mode.c_str());
    if (g.opset < 11) {
      Graph::set(n, "pads", pads);
      if (mode == "constant" && value != 0) Graph::set_real(n, "value", value);
    }
    Value v = moved(n, y, x);
    v.positive = x.positive && value >= 0;
    v.spread = std::max(x.spread, std::abs(value));
    v.scale = 0;
    return v;
  }
  std::optional<Value> depth() {
    const auto x = of_rank(4, 4);
    if (!x) return std::nullopt;
    Dims y = x->dims;
    if (y[1] % 4 == 0 && r.one_in(2)) {
      auto& n = g.node("DepthToSpace", {x->name});
      Graph::set(n, "blocksize", std::int64_t{2});
      if (g.opset >= 11 && r.one_in(2)) Graph::set(n, "mode", r.pick({"DCR", "CRD"}));
      return moved(n, {y[0], y[1] / 4, y[2] * 2, y[3] * 2}, *x);
    }
    const std::int64_t b = y[2] % 2 == 0 && y[3] % 2 == 0 ? 2 : y[2] % 3 == 0 && y[3] % 3 == 0 ? 3 : 0;
    if (b == 0) return std::nullopt;
    auto& n = g.node("SpaceToDepth", {x->name});
    Graph::set(n, "blocksize", b);
    return moved(n, {y[0], y[1] * b * b, y[2] / b, y[3] / b}, *x);
  }
  std::optional<Value> resize() {
    const auto x = of_rank(4, 4);
    if (!x || x->dims[2] > 20 || x->dims[3] > 20) return std::nullopt;
    const bool linear = r.one_in(2);
    const std::int64_t up_h = r.pick({1, 2, 2, 3}), up_w = r.one_in(2) ? up_h : r.pick({1, 2, 3});
    Dims y{x->dims[0], x->dims[1], x->dims[2] * up_h, x->dims[3] * up_w};
    const std::vector<float> factors{1, 1, static_cast<float>(up_h), static_cast<float>(up_w)};
    const auto result = [&](const onnx::NodeProto& n) {
      Value v = moved(n, y, *x);
      if (linear) v.exact = false, v.scale = 0;
      return v;
    };
    if (g.opset == 7) {
      auto& n = g.node("Upsample", {x->name});
      Graph::set(n, "mode", linear ? "linear" : "nearest");
      auto& a = Graph::attribute(n, "scales", onnx::AttributeProto::FLOATS);
      for (const float f : factors) a.add_floats(f);
      return result(n);
    }
    if (g.opset < 11) {
      auto& n = g.node(g.opset == 9 ? "Upsample" : "Resize", {x->name, g.floats({4}, factors)});
      Graph::set(n, "mode", linear ? "linear" : "nearest");
      return result(n);
    }
    const std::string empty = g.opset < 13 ? g.initializer(Dims{0}, std::vector<float>{}, onnx::TensorProto::FLOAT) : "";
    if (r.one_in(5) && !g.free_batch) return cropped(*x, linear, empty);
    const bool sizes = r.one_in(2) && !g.free_batch;
    if (sizes) y[2] = r.between(1, 2 * y[2]), y[3] = r.between(1, 2 * y[3]);
    const std::string s = sizes ? empty : g.floats({4}, factors), to = sizes ? g.integers(y) : "";
    auto& n = g.node("Resize", {x->name, empty, s, to});
    Graph::set(n, "mode", linear ? "linear" : "nearest");
    if (!r.one_in(3))
      Graph::set(n, "coordinate_transformation_mode",
                 r.pick({"half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"}));
    if (!linear && r.one_in(2))
      Graph::set(n, "nearest_mode", r.pick({"floor", "ceil", "round_prefer_floor", "round_prefer_ceil"}));
    return result(n);
  }
  /// tf_crop_and_resize: of each axis one end of the crop lies on it, and the other perhaps beside it.
  Value cropped(const Value& x, bool linear, const std::string& empty) {
    Dims y = x.dims;
    std::vector<float> roi{0, 0, 0, 0, 1, 1, 1, 1};
    for (const std::size_t i : {2U, 3U}) {
      y[i] = r.between(1, 2 * y[i]);
      if (y[i] == x.dims[i]) continue;  // which ONNX Runtime copies, and trimtab refuses to crop
      roi[i] = r.number(0, 0.45);
      roi[i + 4] = r.number(0.55, 1.4);
      if (r.one_in(3)) std::swap(roi[i], roi[i + 4]);
    }
    const double beside = r.pick({0.0, 0.5, -1.0});
    auto& n = g.node("Resize", {x.name, g.floats({8}, roi), empty, g.integers(y)});
    Graph::set(n, "mode", linear ? "linear" : "nearest");
    Graph::set(n, "coordinate_transformation_mode", "tf_crop_and_resize");
    if (beside != 0) Graph::set_real(n, "extrapolation_value", beside);
    Value v = moved(n, y, x);
    v.exact = v.exact && !linear;
    v.positive = x.positive && beside >= 0;
    v.spread = std::max(x.spread, std::abs(beside));
    v.scale = 0;
    return v;
  }
  std::optional<Value> repeat() {
    const Value x = any();
    const std::int64_t rank = std::ssize(x.dims);
    Dims y = x.dims, by(x.dims.size(), 1);
    if (g.opset >= 8 && r.one_in(2)) {
      Dims to(x.dims.size(), 1);
      for (std::int64_t i = 1; i < rank; ++i)
        if (auto& n = y[static_cast<std::size_t>(i)]; n == 1) to[static_cast<std::size_t>(i)] = n = r.between(1, 4);
      return moved(g.node("Expand", {x.name, g.integers(to)}), y, x);
    }
    for (std::int64_t i = 1; i < rank; ++i)
      if (r.one_in(2)) y[static_cast<std::size_t>(i)] *= by[static_cast<std::size_t>(i)] = r.between(1, 3);
    if (product(y) > 6000) return std::nullopt;
    return moved(g.node("Tile", {x.name, g.integers(by)}), y, x);
  }
  /// Channels of ShuffleNet.
  std::optional<Value> shuffle() {
    const auto x = of_rank(4, 4);
    if (!x || x->dims[1] % 2 != 0) return std::nullopt;
    const Dims& d = x->dims;
    const std::int64_t batch = g.free_batch ? -1 : d[0];
    Value y =
        moved(g.node("Reshape", {x->name, g.integers({batch, 2, d[1] / 2, d[2], d[3]})}), {d[0], 2, d[1] / 2, d[2], d[3]}, *x);
    y = transposed(y, {0, 2, 1, 3, 4});
    return moved(g.node("Reshape", {y.name, g.integers({batch, d[1], d[2], d[3]})}), d, y);
  }
  /// A shape that the graph computes from that of a value.
  std::optional<Value> shape_math() {
    const Value x = any();
    const std::int64_t rank = std::ssize(x.dims);
    if (rank < 3) return std::nullopt;
    const std::string shape = g.node("Shape", {x.name}).output(0);
    const auto length = [&](std::int64_t i) {
      auto& n = g.node("Gather", {shape, r.one_in(2) ? g.integer(i) : g.integers({i})});
      Graph::set(n, "axis", std::int64_t{0});
      if (n.input(1)[0] == 'c' && is_scalar(n.input(1))) return unsqueezed(n.output(0));
      return n.output(0);
    };
    const auto joined = [&](const std::vector<std::string>& parts) {
      auto& n = g.node("Concat", parts);
      Graph::set(n, "axis", std::int64_t{0});
      return n.output(0);
    };
    switch (r.below(4)) {
      case 0:
        return moved(g.node("Reshape", {x.name, joined({length(0), g.integers({-1})})}), {x.dims[0], product(x.dims, 1)}, x);
      case 1: {
        const Dims y{x.dims[0], x.dims[1], product(x.dims, 2)};
        return moved(g.node("Reshape", {x.name, joined({length(0), length(1), g.integers({-1})})}), y, x);
      }
      case 2: {  // the middle of an axis
        if (g.opset < 10) return std::nullopt;
        const std::int64_t n = x.dims[2];
        if (n < 2) return std::nullopt;
        const std::string half = g.node("Div", {length(2), g.integers({2})}).output(0);
        Dims y = x.dims;
        y[2] = n / 2;
        return moved(g.node("Slice", {x.name, g.integers({0}), half, g.integers({2})}), y, x);
      }
      default: {
        if (g.opset < 9) return std::nullopt;
        Value small{"", {}, 0.5, false, true};
        small.name = g.floats({1, x.dims[1]}, r.numbers(x.dims[1], -1, 1));
        std::string to = joined({length(0), g.integers({x.dims[1]})});
        if (r.one_in(2)) {
          auto& cast = g.node("Cast", {g.node("Mul", {to, g.integers({1})}).output(0)});
          Graph::set(cast, "to", std::int64_t{onnx::TensorProto::INT64});
          to = cast.output(0);
        }
        if (x.dims.size() != 4 || !r.one_in(2)) {
          const Value y = moved_somehow(x);
          if (y.dims.size() != 2) return std::nullopt;
          small.name = g.floats({1, y.dims[1]}, r.numbers(y.dims[1], -1, 1));
          const std::string expanded = g.node("Expand", {small.name, g.node("Shape", {y.name}).output(0)}).output(0);
          return of_one(g.node("Add", {y.name, expanded}), y, y.spread + 0.5, false);
        }
        return std::nullopt;
      }
    }
  }
  bool is_scalar(const std::string& name) {
    for (const auto& t : g.graph().initializer())
      if (t.name() == name) return t.dims_size() == 0;
    return false;
  }
  std::string unsqueezed(const std::string& name) {
    if (g.opset >= 13) return g.node("Unsqueeze", {name, g.integers({0})}).output(0);
    auto& n = g.node("Unsqueeze", {name});
    Graph::set(n, "axes", Dims{0});
    return n.output(0);
  }
  /// Without the batch, where it is 1, and back.
  std::optional<Value> without_batch(const Value& x) {
    const auto views = [&](const char* op, const Value& v, const Dims& to) {
      if (g.opset >= 13) return moved(g.node(op, {v.name, g.integers({0})}), to, v);
      auto& n = g.node(op, {v.name});
      Graph::set(n, "axes", Dims{0});
      return moved(n, to, v);
    };
    Dims less(x.dims.begin() + 1, x.dims.end());
    Value y = r.one_in(2) ? views("Squeeze", x, less) : moved(g.node("Reshape", {x.name, g.integers(less)}), less, x);
    switch (r.below(4)) {
      case 0:
        y = of_one(g.node("Sigmoid", {y.name}), y, 0.5, true);
        break;
      case 1:
        y = of_one(g.node("Mul", {y.name, g.floats({less.back()}, r.numbers(less.back(), -1, 1))}), y, y.spread, false);
        break;
      case 2: {
        const std::int64_t out = r.between(1, 5);
        const double size = 1.7 / std::sqrt(double(less.back()));
        const std::string w = g.floats({less.back(), out}, r.numbers(less.back() * out, -size, size));
        less.back() = out;
        y = merged(g.node("MatMul", {y.name, w}), less, y.spread, false, {&y});
        break;
      }
      default:
        y = transposed(y);
    }
    Dims more = y.dims;
    more.insert(more.begin(), 1);
    return r.one_in(2) ? views("Unsqueeze", y, more) : moved(g.node("Reshape", {y.name, g.integers(more)}), more, y);
  }
  /// Through another order of axes, the batch among them, and back.
  std::optional<Value> detour() {
    const auto x = of_rank(3, 4);
    if (!x) return std::nullopt;
    if (x->dims[0] == 1 && !g.free_batch && r.one_in(2)) return without_batch(*x);
    const Dims perm = shuffled(axes_of(*x), 0);
    Dims back(perm.size());
    for (std::size_t i = 0; i < perm.size(); ++i) back[static_cast<std::size_t>(perm[i])] = static_cast<std::int64_t>(i);
    Value y = transposed(*x, perm);
    switch (r.below(3)) {
      case 0:
        y = of_one(g.node("Relu", {y.name}), y, y.spread, true);
        break;
      case 1:
        y = of_one(g.node("Mul", {y.name, g.number(0.5)}), y, y.spread / 2, false);
        break;
      default:
        if (perm.back() == 0) return std::nullopt;
        y = of_one(g.node("Add", {y.name, g.floats({y.dims.back()}, r.numbers(y.dims.back(), -1, 1))}), y, y.spread + 0.5, false);
    }
    return transposed(y, back);
  }
};

}  // namespace random_networks
