#include <algorithm>
#include <catch.hpp>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <string>
#include <trimtab/io/onnx/initializers.hpp>

#include "known_node.hpp"
#include "scratch_folder.hpp"

using namespace trimtab;
using namespace trimtab::detail;

namespace {

onnx::TensorProto tensor(OnnxType type, const Dims& dims) {
  onnx::TensorProto t;
  t.set_name("t");
  t.set_data_type(static_cast<std::int32_t>(type));
  for (const std::int64_t d : dims) t.add_dims(d);
  return t;
}
onnx::TensorProto raw(OnnxType type, const Dims& dims, const std::string& bytes) {
  onnx::TensorProto t = tensor(type, dims);
  t.set_raw_data(bytes);
  return t;
}
KnownTensor read(const onnx::TensorProto& t) {
  ExternalData none;
  return read_known(t, none);
}
std::string bytes(std::initializer_list<int> values) {
  std::string result;
  for (const int v : values) result.push_back(static_cast<char>(v));
  return result;
}
void refer(onnx::TensorProto& t, const std::string& key, const std::string& value) {
  t.set_data_location(onnx::TensorProto::EXTERNAL);
  auto& entry = *t.add_external_data();
  entry.set_key(key);
  entry.set_value(value);
}

}  // namespace

TEST_CASE("read_known: every type from bytes", "[io]") {
  using T = OnnxType;
  CHECK(elements<double>(read(raw(T::float32, {2}, bytes({0, 0, 0x80, 0x3F, 0, 0, 0x20, 0xC1})))) == Reals{1, -10});
  CHECK(elements<double>(read(raw(T::float64, {1}, bytes({0, 0, 0, 0, 0, 0, 0xF8, 0xBF})))) == Reals{-1.5});
  CHECK(elements<double>(read(raw(T::float16, {4}, bytes({0, 0x3C, 1, 0, 0xFF, 0x7B, 0, 0xFC})))) ==
        Reals{1, 0x1p-24, 65504, -std::numeric_limits<double>::infinity()});
  CHECK(elements<double>(read(raw(T::bfloat16, {2}, bytes({0x80, 0x3F, 0xC0, 0xBF})))) == Reals{1, -1.5});
  CHECK(elements<std::int64_t>(read(raw(T::uint8, {2}, bytes({0, 255})))) == Integers{0, 255});
  CHECK(elements<std::int64_t>(read(raw(T::int8, {2}, bytes({128, 127})))) == Integers{-128, 127});
  CHECK(elements<std::int64_t>(read(raw(T::uint16, {1}, bytes({1, 255})))) == Integers{65281});
  CHECK(elements<std::int64_t>(read(raw(T::int16, {1}, bytes({1, 255})))) == Integers{-255});
  CHECK(elements<std::int64_t>(read(raw(T::int32, {1}, bytes({254, 255, 255, 255})))) == Integers{-2});
  CHECK(elements<std::int64_t>(read(raw(T::uint32, {1}, bytes({254, 255, 255, 255})))) == Integers{4294967294});
  CHECK(elements<std::int64_t>(read(raw(T::int64, {}, bytes({0, 0, 0, 0, 0, 0, 0, 128})))) ==
        Integers{std::numeric_limits<std::int64_t>::min()});
  CHECK(elements<std::int64_t>(read(raw(T::uint64, {}, bytes({1, 0, 0, 0, 0, 0, 0, 0})))) == Integers{1});
  CHECK_THROWS_AS(read(raw(T::uint64, {}, bytes({0, 0, 0, 0, 0, 0, 0, 128}))), unsupported_error);
  CHECK(elements<std::int64_t>(read(raw(T::boolean, {3}, bytes({0, 1, 2})))) == Integers{0, 1, 1});
  CHECK(elements<std::int64_t>(read(raw(T::int4, {3}, bytes({0x8F, 0x07})))) == Integers{-1, -8, 7});
  CHECK(elements<std::int64_t>(read(raw(T::uint4, {3}, bytes({0x8F, 0x07})))) == Integers{15, 8, 7});
  CHECK(read(raw(T::float32, {0, 3}, "")).dims == Dims{0, 3});
  CHECK(read(raw(T::int8, {2}, bytes({1, 2}))).codes()[1] == 2);
  CHECK(read(raw(T::float32, {1}, bytes({0, 0, 0x80, 0x3F}))).floats()[0] == 1);
  CHECK_THROWS_AS(read(raw(T::int8, {2}, bytes({1, 2}))).floats(), unsupported_error);
}

TEST_CASE("read_known: every typed field", "[io]") {
  onnx::TensorProto f = tensor(OnnxType::float32, {1}), d = tensor(OnnxType::float64, {1}), i = tensor(OnnxType::int64, {1}),
                    u = tensor(OnnxType::uint32, {1}), h = tensor(OnnxType::float16, {1}), c = tensor(OnnxType::int8, {1}),
                    n = tensor(OnnxType::int4, {3});
  f.add_float_data(0.5F);
  d.add_double_data(0.1);
  i.add_int64_data(-5);
  u.add_uint64_data(4294967295);
  h.add_int32_data(0x3C00);
  c.add_int32_data(-128);
  n.add_int32_data(0x8F);
  n.add_int32_data(0x07);
  CHECK(elements<double>(read(f)) == Reals{0.5});
  CHECK(elements<double>(read(d)) == Reals{0.1});
  CHECK(elements<std::int64_t>(read(i)) == Integers{-5});
  CHECK(elements<std::int64_t>(read(u)) == Integers{4294967295});
  CHECK(elements<double>(read(h)) == Reals{1});
  CHECK(elements<std::int64_t>(read(c)) == Integers{-128});
  CHECK(elements<std::int64_t>(read(n)) == Integers{-1, -8, 7});
  c.set_int32_data(0, 128);
  CHECK_THROWS_WITH(read(c), "tensor 't': int8 numbers hold 128");
  u.set_uint64_data(0, std::uint64_t{1} << 32);
  CHECK_THROWS_AS(read(u), unsupported_error);
  f.add_float_data(1);
  CHECK_THROWS_WITH(read(f), "tensor 't': declares 1 numbers and holds 2");
}

TEST_CASE("read_known: declared numbers are held against those that are there, before memory is asked for", "[io]") {
  CHECK_THROWS_AS(read(raw(OnnxType::float32, {-1}, "")), parse_error);
  CHECK_THROWS_AS(read(raw(OnnxType::float32, {1 << 16, 1 << 16, 1 << 16, 1 << 16}, "")), parse_error);
  CHECK_THROWS_AS(read(raw(OnnxType::float32, {1 << 30}, "abcd")), parse_error);
  CHECK_THROWS_AS(read(raw(OnnxType::float32, {1}, "abcde")), parse_error);
  CHECK_THROWS_AS(read(raw(OnnxType::int4, {3}, "a")), parse_error);
  CHECK_THROWS_AS(read(tensor(OnnxType::float32, {1 << 30})), parse_error);
  CHECK_THROWS_AS(read(raw(static_cast<OnnxType>(8), {1}, "a")), unsupported_error);
  CHECK_THROWS_AS(read(raw(static_cast<OnnxType>(17), {1}, "a")), unsupported_error);
  CHECK_THROWS_AS(read(raw(OnnxType::int8, {1, 1, 1, 1, 1, 1, 1, 1, 1}, "a")), unsupported_error);
  onnx::TensorProto pieces = raw(OnnxType::int8, {1}, "a");
  pieces.mutable_segment()->set_begin(0);
  CHECK_THROWS_AS(read(pieces), unsupported_error);
}

TEST_CASE("read_known: numbers in a file beside the model", "[io]") {
  const ScratchFolder scratch;
  const std::filesystem::path folder = scratch.path() / "model";
  std::filesystem::create_directories(folder / "sub");
  std::ofstream(folder / "sub/w.bin", std::ios::binary) << "..\1\2\3\4";
  std::ofstream(scratch.path() / "secret", std::ios::binary) << "\1\2\3\4";
  std::filesystem::create_symlink(scratch.path() / "secret", folder / "link");
  ExternalData external(folder);

  onnx::TensorProto t = tensor(OnnxType::int8, {4});
  refer(t, "location", "sub/w.bin");
  refer(t, "offset", "2");
  CHECK(elements<std::int64_t>(read_known(t, external)) == Integers{1, 2, 3, 4});
  refer(t, "length", "4");
  refer(t, "checksum", "0");
  CHECK(elements<std::int64_t>(read_known(t, external)) == Integers{1, 2, 3, 4});
  CHECK_THROWS_AS(read(t), unsupported_error);
  read_known(t, external);
  CHECK_THROWS_WITH(read_known(t, external), ContainsSubstring("shared too many times"));

  ExternalData fresh(folder);
  const auto refused = [&](const std::string& key, const std::string& value) {
    onnx::TensorProto bad = tensor(OnnxType::int8, {4});
    refer(bad, "location", "sub/w.bin");
    refer(bad, key, value);
    return bad;
  };
  CHECK_THROWS_AS(read_known(refused("offset", "3"), fresh), parse_error);
  CHECK_THROWS_AS(read_known(refused("offset", "18446744073709551615"), fresh), parse_error);
  CHECK_THROWS_AS(read_known(refused("offset", "-1"), fresh), parse_error);
  CHECK_THROWS_AS(read_known(refused("length", "5"), fresh), parse_error);
  CHECK_THROWS_AS(read_known(refused("location", ""), fresh), parse_error);
  CHECK_THROWS_AS(read_known(refused("location", "../secret"), fresh), parse_error);
  CHECK_THROWS_AS(read_known(refused("location", (scratch.path() / "secret").string()), fresh), parse_error);
  CHECK_THROWS_AS(read_known(refused("location", "link"), fresh), parse_error);
  CHECK_THROWS_AS(read_known(refused("location", "sub"), fresh), io_error);
  CHECK_THROWS_AS(read_known(refused("location", "missing"), fresh), io_error);
}

TEST_CASE("fold: Constant in every spelling", "[io]") {
  CHECK(elements<std::int64_t>(KnownNode("Constant").with("value_int", 5)()) == Integers{5});
  CHECK(elements<std::int64_t>(KnownNode("Constant").with("value_ints", Integers{5, 6})()) == Integers{5, 6});
  CHECK(elements<double>(KnownNode("Constant").with_real("value_float", 0.5F)()) == Reals{0.5});
  KnownNode reals("Constant"), whole("Constant"), sparse("Constant");
  auto& floats = *reals.proto.add_attribute();
  floats.set_name("value_floats");
  floats.set_type(onnx::AttributeProto::FLOATS);
  floats.add_floats(0.5F);
  CHECK(elements<double>(reals()) == Reals{0.5});
  whole.tensor("value") = raw(OnnxType::int8, {1, 2}, "\1\2");
  CHECK(whole().dims == Dims{1, 2});
  CHECK_THROWS_AS(KnownNode("Constant").with_text("value_string", "a")(), unsupported_error);
  auto& attribute = *sparse.proto.add_attribute();
  attribute.set_name("sparse_value");
  attribute.set_type(onnx::AttributeProto::SPARSE_TENSOR);
  CHECK_THROWS_AS(sparse(), unsupported_error);
  CHECK_THROWS_AS(KnownNode("Constant")(), parse_error);
  CHECK_THROWS_AS(KnownNode("Constant").with("value_int", 5).with("value_int", 6)(), parse_error);
}

TEST_CASE("OnnxInitializers: each is read once, whoever reads it", "[io]") {
  onnx::GraphProto graph;
  *graph.add_initializer() = raw(OnnxType::float32, {1}, std::string("\0\0\x80\x3F", 4));
  OnnxInitializers initializers(graph);
  ExternalData none;
  CHECK(initializers.has("t"));
  CHECK_FALSE(initializers.has("u"));
  const float* first = initializers.read("t", none).floats().data();
  for (int i = 0; i < 5; ++i) CHECK(initializers.read("t", none).floats().data() == first);
  // What only looks at it otherwise shares it, too.
  CHECK(KnownNode("Reshape")(initializers.read("t", none), row({1, 1})).floats().data() == first);
  *graph.add_initializer() = graph.initializer(0);
  CHECK_THROWS_AS(OnnxInitializers(graph), parse_error);
  graph.mutable_initializer(1)->set_name("");
  CHECK_THROWS_AS(OnnxInitializers(graph), parse_error);
}

TEST_CASE("fold: nodes and tensors of random numbers give constants or typed errors", "[io]") {
  std::mt19937 generator(5);
  const auto small = [&](int below) { return static_cast<std::int64_t>(generator() % static_cast<unsigned>(below)); };
  const std::vector<std::string> operators{"Abs",
                                           "Add",
                                           "And",
                                           "Cast",
                                           "Ceil",
                                           "Clip",
                                           "Concat",
                                           "ConstantOfShape",
                                           "CumSum",
                                           "Div",
                                           "Dropout",
                                           "Equal",
                                           "Exp",
                                           "Expand",
                                           "Flatten",
                                           "Gather",
                                           "Greater",
                                           "Identity",
                                           "GatherElements",
                                           "Less",
                                           "Max",
                                           "Min",
                                           "Mod",
                                           "Mul",
                                           "Neg",
                                           "Not",
                                           "Or",
                                           "Pad",
                                           "Pow",
                                           "Range",
                                           "Shape",
                                           "Sigmoid",
                                           "ReduceMax",
                                           "Floor",
                                           "Round",
                                           "Reshape",
                                           "ReduceSum",
                                           "ReduceMean",
                                           "ReduceProd",
                                           "ReduceMin",
                                           "Slice",
                                           "Split",
                                           "Sqrt",
                                           "Squeeze",
                                           "Sub",
                                           "Tile",
                                           "Size",
                                           "Transpose",
                                           "Unsqueeze",
                                           "Where",
                                           "Log",
                                           "Reciprocal"};
  const char* names[] = {"axis", "axes",     "perm",  "starts", "ends",      "pads",     "split",
                         "to",   "keepdims", "start", "end",    "allowzero", "exclusive"};
  const std::int64_t odd[] = {std::numeric_limits<std::int64_t>::min(),
                              -(std::int64_t{1} << 31),
                              -3,
                              -2,
                              -1,
                              0,
                              1,
                              2,
                              3,
                              4,
                              7,
                              1 << 20,
                              std::int64_t{1} << 31,
                              std::numeric_limits<std::int64_t>::max()};
  const auto any = [&] { return odd[static_cast<std::size_t>(small(14))]; };
  std::size_t folded = 0;
  for (int round = 0; round < 60000; ++round) {
    KnownNode node(operators[static_cast<std::size_t>(small(static_cast<int>(operators.size())))], 7 + small(17),
                   1 + static_cast<int>(small(8) == 0));
    std::vector<KnownTensor> inputs;
    const OnnxType common = small(2) == 0 ? OnnxType::int64 : onnx_types[static_cast<std::size_t>(small(15))].type;
    for (std::int64_t k = small(4); k > 0; --k) {
      Dims dims;
      for (std::int64_t rank = small(4); rank > 0; --rank) dims.push_back(small(4));
      const OnnxType type = small(3) != 0 ? common : onnx_types[static_cast<std::size_t>(small(15))].type;
      const auto number = [&]() -> std::int64_t { return small(3) == 0 ? any() : small(5) - 1; };
      if (small(12) == 0)
        inputs.push_back(left_out);
      else if (small(8) == 0)
        inputs.push_back(make_known(OnnxType::int64, dims, [&] { return BatchInteger{number(), small(2) == 0 ? 1 : any()}; }));
      else if (is_real(type))
        inputs.push_back(make_known(type, dims, [&] { return static_cast<double>(number()) / 2; }));
      else
        inputs.push_back(
            make_known(type, dims, [&] { return wrap_integer(number() & std::numeric_limits<std::int64_t>::max(), type); }));
    }
    for (std::int64_t k = std::max<std::int64_t>(small(6) - 3, 0); k > 0; --k) {
      const char* name = names[small(13)];
      if (small(2) == 0)
        node.with(name, any());
      else
        node.with(name, small(2) == 0 ? Integers{any()} : Integers{any(), any()});
    }
    FoldContext context{7 + small(17)};
    context.budget.bytes = 1 << 20;
    try {
      for (const KnownTensor& y : node.all(inputs, context))
        CHECK(std::visit([](const auto& held) { return held.size(); }, *y.numbers) == y.count());
      ++folded;
    } catch (const parse_error&) {
    } catch (const shape_error&) {
    } catch (const unsupported_error&) {
    }
  }
  CHECK(folded > 3000);
}
