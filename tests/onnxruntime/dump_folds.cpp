// Writes small ONNX files of one node on random constants, each beside what the library folds it to, for compare_folds.cjs.

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "../io/known_node.hpp"

using namespace trimtab::detail;

namespace {

class Dumper {
 public:
  Dumper(std::filesystem::path folder, unsigned seed) : folder_(std::move(folder)), generator_(seed) {}

  std::int64_t below(std::int64_t n) { return static_cast<std::int64_t>(generator_() % static_cast<std::uint64_t>(n)); }
  std::int64_t between(std::int64_t lo, std::int64_t hi) { return lo + below(hi - lo + 1); }
  Dims dims(std::int64_t least, std::int64_t most) {
    Dims d;
    for (std::int64_t rank = between(least, most); rank > 0; --rank) d.push_back(between(1, 4));
    return d;
  }
  /// Extents that broadcast to d.
  Dims narrower(Dims d) {
    for (std::int64_t& e : d)
      if (below(3) == 0) e = 1;
    d.erase(d.begin(), d.begin() + below(static_cast<std::int64_t>(d.size()) + 1));
    return d;
  }
  KnownTensor some(OnnxType type, const Dims& d, std::int64_t lo = -9, std::int64_t hi = 9) {
    if (is_real(type)) return make_known(type, d, [&] { return static_cast<double>(between(lo * 1024, hi * 1024)) / 1024; });
    return make_known(type, d, [&] { return std::clamp(between(lo, hi), type_info(type).lo, type_info(type).hi); });
  }
  std::int64_t axis(const Dims& d) {
    return below(static_cast<std::int64_t>(d.size())) - (below(2) == 0 ? static_cast<std::int64_t>(d.size()) : 0);
  }

  void write(KnownNode& node, std::int64_t opset, const std::vector<KnownTensor>& inputs) {
    FoldContext context{opset};
    const std::vector<KnownTensor> outputs = node.all(inputs, context);
    onnx::ModelProto model;
    model.set_ir_version(8);
    model.add_opset_import()->set_version(opset);
    auto& graph = *model.mutable_graph();
    graph.set_name("fold");
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const std::string name = inputs[i].numbers ? std::string("x") + std::to_string(i) : std::string();
      node.proto.add_input(name);
      if (inputs[i].numbers) initializer(*graph.add_initializer(), name, inputs[i]);
    }
    *graph.add_node() = node.proto;
    const std::string stem = std::to_string(1000000 + count_++).substr(1) + "_" + node.proto.op_type();
    std::ofstream text(folder_ / (stem + ".txt"));
    for (int i = 0; i < node.proto.output_size(); ++i) {
      const KnownTensor& y = outputs.at(static_cast<std::size_t>(i));
      auto& output = *graph.add_output();
      output.set_name(node.proto.output(i));
      output.mutable_type()->mutable_tensor_type()->set_elem_type(static_cast<std::int32_t>(y.type));
      text << node.proto.output(i) << ' ' << type_name(y.type) << ' ' << y.dims.size();
      for (const std::int64_t d : y.dims) text << ' ' << d;
      text << std::setprecision(17);
      if (is_real(y.type))
        for (const double v : elements<double>(y)) text << ' ' << v;
      else
        for (const std::int64_t v : elements<std::int64_t>(y)) text << ' ' << v;
      text << '\n';
    }
    std::ofstream(folder_ / (stem + ".onnx"), std::ios::binary) << model.SerializeAsString();
  }

 private:
  static void initializer(onnx::TensorProto& t, const std::string& name, const KnownTensor& x) {
    t.set_name(name);
    t.set_data_type(static_cast<std::int32_t>(x.type));
    for (const std::int64_t d : x.dims) t.add_dims(d);
    if (x.type == OnnxType::float32)
      for (const double v : elements<double>(x)) t.add_float_data(static_cast<float>(v));
    else if (x.type == OnnxType::float64)
      for (const double v : elements<double>(x)) t.add_double_data(v);
    else if (x.type == OnnxType::int64)
      for (const std::int64_t v : elements<std::int64_t>(x)) t.add_int64_data(v);
    else
      for (const std::int64_t v : elements<std::int64_t>(x)) t.add_int32_data(static_cast<std::int32_t>(v));
  }
  std::filesystem::path folder_;
  std::mt19937_64 generator_;
  int count_ = 0;
};

void dump_round(Dumper& d) {
  const OnnxType number[] = {OnnxType::float32, OnnxType::int64, OnnxType::int32, OnnxType::float64};
  const auto one_of = [&](const auto& list) {
    return list[static_cast<std::size_t>(d.below(static_cast<std::int64_t>(std::size(list))))];
  };
  const auto any = [&] { return one_of(number); };
  const auto real = [&] { return d.below(4) == 0 ? OnnxType::float64 : OnnxType::float32; };
  const auto write = [&](KnownNode node, std::int64_t opset, const std::vector<KnownTensor>& inputs) {
    d.write(node, opset, inputs);
  };
  const std::int64_t opsets[] = {7, 9, 11, 13, 15, 18, 21};

  for (const char* op : {"Add", "Sub", "Mul", "Div", "Min", "Max"}) {
    const std::int64_t opset = one_of(std::vector<std::int64_t>{13, 14, 18});
    const Dims wide = d.dims(0, 4);
    const OnnxType t = any();
    KnownTensor b = d.some(t, d.narrower(wide), 1, 9);
    if (d.below(2) == 0) b = KnownNode("Neg")(b);
    write(KnownNode(op, opset), opset, {d.some(t, d.below(2) == 0 ? wide : d.narrower(wide)), b});
  }
  {
    const Dims wide = d.dims(0, 3);
    const OnnxType t = any();
    KnownTensor b = d.some(t, d.narrower(wide), 1, 9);
    if (d.below(2) == 0) b = KnownNode("Neg")(b);
    const bool fmod = is_real(t) || d.below(2) == 0;
    write(KnownNode("Mod").with("fmod", fmod ? 1 : 0), 13, {d.some(t, wide), b});
    write(KnownNode("Pow"), 13, {d.some(OnnxType::float32, wide, 1, 5), d.some(any(), d.narrower(wide), 0, 3)});
    write(KnownNode("Pow"), 13, {d.some(OnnxType::int64, wide, -5, 5), d.some(OnnxType::int64, d.narrower(wide), 0, 5)});
    for (const char* op : {"Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual"})
      write(KnownNode(op), 13, {d.some(t, wide, -2, 2), d.some(t, d.narrower(wide), -2, 2)});
    const OnnxType boolean = OnnxType::boolean;
    for (const char* op : {"And", "Or"})
      write(KnownNode(op), 13, {d.some(boolean, wide, 0, 1), d.some(boolean, d.narrower(wide), 0, 1)});
    write(KnownNode("Not"), 13, {d.some(boolean, wide, 0, 1)});
    write(KnownNode("Where"), 13,
          {d.some(boolean, d.narrower(wide), 0, 1), d.some(OnnxType::int64, wide), d.some(OnnxType::int64, d.narrower(wide))});
  }
  for (const char* op : {"Sqrt", "Exp", "Log", "Reciprocal", "Sigmoid"})
    write(KnownNode(op), 13, {d.some(real(), d.dims(0, 3), 1, 5)});
  for (const char* op : {"Floor", "Ceil", "Round", "Neg", "Abs"}) {
    const KnownTensor x = d.some(OnnxType::float32, d.dims(0, 3));
    write(KnownNode(op), 13, {x});
    write(KnownNode(op), 13, {KnownNode("Div")(KnownNode("Floor")(x), reals({}, {2}))});
  }
  write(KnownNode("Clip"), 13,
        {d.some(any() == OnnxType::int64 ? OnnxType::int64 : OnnxType::int64, d.dims(0, 3)), scalar(d.between(-5, 0)),
         scalar(d.between(-5, 5))});
  write(KnownNode("Clip", 7).with_real("min", -2).with_real("max", 3), 7, {d.some(OnnxType::float32, d.dims(1, 3))});
  {
    const OnnxType all[] = {OnnxType::float32, OnnxType::int64, OnnxType::int32, OnnxType::float64,
                            OnnxType::boolean, OnnxType::uint8, OnnxType::int8};
    const OnnxType from = one_of(all), to = one_of(all);
    const bool wraps = !is_real(from);
    write(KnownNode("Cast").with("to", static_cast<std::int64_t>(to)), 13,
          {d.some(from, d.dims(0, 3), wraps ? -400 : 0, wraps ? 400 : 100)});
  }
  {
    const std::int64_t opset = one_of(opsets);
    const Dims e = d.dims(1, 4);
    const KnownTensor x = d.some(OnnxType::int64, e);
    const KnownTensor f = d.some(OnnxType::float32, e);
    std::vector<std::int64_t> perm;
    for (std::size_t k = 0; k < e.size(); ++k)
      perm.insert(perm.begin() + d.below(static_cast<std::int64_t>(k) + 1), static_cast<std::int64_t>(k));
    write(KnownNode("Transpose", opset).with("perm", perm), opset, {x});
    write(KnownNode("Transpose", opset), opset, {x});
    write(KnownNode("Flatten", 13)
              .with("axis", d.between(-static_cast<std::int64_t>(e.size()), static_cast<std::int64_t>(e.size()))),
          13, {x});
    write(KnownNode("Reshape", opset), opset, {x, row({0, -1})});
    write(KnownNode("Shape", 15).with("start", d.between(-5, 5)).with("end", d.between(-5, 5)), 15, {x});
    write(KnownNode("Size", opset), opset, {x});
    Dims with_one = e;
    with_one.insert(with_one.begin() + d.below(static_cast<std::int64_t>(e.size()) + 1), 1);
    write(KnownNode("Squeeze", opset), opset, {d.some(OnnxType::int64, with_one)});
    if (opset < 13)
      write(KnownNode("Unsqueeze", opset).with("axes", Integers{0, 2}), opset, {x});
    else
      write(KnownNode("Unsqueeze", opset), opset, {x, row({-1, 1})});
    // Slice: any ends, all axes or some.
    Integers starts, ends, axes, steps;
    for (std::size_t k = 0; k < e.size(); ++k) {
      if (d.below(3) == 0) continue;
      axes.push_back(static_cast<std::int64_t>(k) - (opset >= 11 && d.below(2) == 0 ? static_cast<std::int64_t>(e.size()) : 0));
      starts.push_back(d.between(-6, 6));
      ends.push_back(d.below(5) == 0 ? std::numeric_limits<std::int64_t>::max() : d.between(-6, 6));
      const std::int64_t step = ends.back() > 6 ? 1 : d.between(-3, 3);
      steps.push_back(step == 0 ? 1 : step);
    }
    if (opset < 10)
      write(KnownNode("Slice", opset).with("starts", starts).with("ends", ends).with("axes", axes), opset, {x});
    else
      write(KnownNode("Slice", opset), opset, {x, row(starts), row(ends), row(axes), row(steps)});
    const std::int64_t at = d.axis(e), extent = e[axis_of(at, e.size())];
    if (opset >= 11) {
      write(KnownNode("Gather", opset).with("axis", at), opset, {f, d.some(OnnxType::int64, d.dims(0, 2), -extent, extent - 1)});
      write(KnownNode("GatherElements", opset).with("axis", at), opset, {x, d.some(OnnxType::int64, e, -extent, extent - 1)});
      Dims other = e;
      other[axis_of(at, e.size())] = d.between(1, 3);
      write(KnownNode("Concat", opset).with("axis", at), opset, {x, d.some(OnnxType::int64, other), x});
      write(KnownNode("CumSum", opset).with("exclusive", d.below(2)).with("reverse", d.below(2)), opset, {x, scalar(at)});
      const int parts = static_cast<int>(d.between(1, 3));
      Integers lengths(static_cast<std::size_t>(parts), 0);
      for (std::int64_t k = 0; k < extent; ++k) ++lengths[static_cast<std::size_t>(d.below(parts))];
      if (opset < 13)
        write(KnownNode("Split", opset, parts).with("axis", at).with("split", lengths), opset, {x});
      else
        write(KnownNode("Split", opset, parts).with("axis", at), opset, {x, row(lengths)});
    }
    Integers repeats, pads;
    for (std::size_t k = 0; k < e.size(); ++k) repeats.push_back(d.between(0, 3));
    for (std::size_t k = 0; k < 2 * e.size(); ++k) pads.push_back(d.between(0, 2));
    write(KnownNode("Tile", opset), opset, {x, row(repeats)});
    if (opset < 11)
      write(KnownNode("Pad", opset).with("pads", pads).with_real("value", 1.5F), opset, {f});
    else
      write(KnownNode("Pad", opset), opset, {f, row(pads), reals({}, {1.5})});
    if (opset >= 9) {
      write(KnownNode("Expand", opset), opset, {d.some(OnnxType::float32, d.narrower(e)), row(e)});
      write(KnownNode("ConstantOfShape", opset), opset, {row(e)});
    }
    if (opset >= 11) {
      const std::int64_t delta = d.between(1, 3) * (d.below(2) == 0 ? 1 : -1);
      write(KnownNode("Range", opset), opset, {scalar(d.between(-9, 9)), scalar(d.between(-9, 9)), scalar(delta)});
      write(KnownNode("Range", opset), opset,
            {d.some(OnnxType::float32, {}), d.some(OnnxType::float32, {}), reals({}, {static_cast<double>(delta) * 0.375})});
    }
    Integers gone;
    for (std::size_t k = 0; k < e.size(); ++k)
      if (d.below(2) == 0) gone.push_back(static_cast<std::int64_t>(k));
    for (const char* op : {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd"}) {
      const bool as_input = opset >= (std::string(op) == "ReduceSum" ? 13 : 18);
      KnownNode node(op, opset);
      node.with("keepdims", d.below(2));
      if (!as_input && !gone.empty()) node.with("axes", gone);
      const KnownTensor& y = d.below(2) == 0 ? f : x;
      if (as_input)
        write(node, opset, {y, row(gone)});
      else
        write(node, opset, {y});
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  Dumper d(argv[1], static_cast<unsigned>(std::stoul(argv[3])));
  for (int round = std::stoi(argv[2]); round > 0; --round) dump_round(d);
}
