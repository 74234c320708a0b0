#include <catch.hpp>
#include <cstdint>
#include <limits>
#include <trimtab/io/onnx/input_sizes.hpp>

#include "known_node.hpp"

using namespace trimtab;
using namespace trimtab::detail;

namespace {

constexpr BatchInteger batch_n = batch_extent;
BatchInteger number(std::int64_t value) { return {value, 0}; }

/// What Shape gives of a batch of pictures of 3 x 224 x 160.
KnownTensor shape_of_pictures() {
  FoldContext context{13};
  return fold_extents(KnownNode("Shape").proto, {batch_n, number(3), number(224), number(160)}, context);
}
KnownTensor cast(const KnownTensor& x, OnnxType to) { return KnownNode("Cast").with("to", static_cast<std::int64_t>(to))(x); }
BatchDims dims_in(const KnownTensor& x) { return known_integers<BatchInteger>(x); }

onnx::ValueInfoProto input(const std::string& name, const std::vector<std::string>& extents) {
  onnx::ValueInfoProto value;
  value.set_name(name);
  auto& shape = *value.mutable_type()->mutable_tensor_type()->mutable_shape();
  for (const std::string& e : extents) {
    auto& dim = *shape.add_dim();
    if (!e.empty() && (e[0] == '-' || (e[0] >= '0' && e[0] <= '9')))
      dim.set_dim_value(std::stoll(e));
    else
      dim.set_dim_param(e);
  }
  return value;
}

}  // namespace

TEST_CASE("batch: view(x.size(0), -1) as exporters write it", "[io]") {
  const KnownTensor batch = KnownNode("Gather")(shape_of_pictures(), scalar(0));
  CHECK(batch.depends_on_batch());
  const KnownTensor wanted = KnownNode("Concat").with("axis", 0)(KnownNode("Unsqueeze")(batch, row({0})), row({-1}));
  CHECK(reshaped({batch_n, number(3), number(224), number(160)}, dims_in(wanted), false) == BatchDims{batch_n, number(107520)});
  // Channel shuffle: batch, groups, channels / groups, height, width; then back.
  const KnownTensor shape = shape_of_pictures();
  const KnownTensor channels = KnownNode("Gather")(shape, scalar(1));
  CHECK_FALSE(channels.depends_on_batch());
  const KnownTensor per_group = KnownNode("Div")(channels, scalar(3));
  CHECK(elements<std::int64_t>(per_group) == Integers{1});
  const KnownTensor rows = KnownNode("Mul")(batch, scalar(16));
  CHECK(dims_in(rows) == BatchDims{{0, 16}});
  CHECK(dims_in(KnownNode("Div")(rows, scalar(8))) == BatchDims{{0, 2}});
  CHECK(dims_in(KnownNode("Div")(rows, batch)) == BatchDims{number(16)});
  CHECK(dims_in(KnownNode("Mod")(KnownNode("Add")(rows, scalar(5)), scalar(4))) == BatchDims{number(1)});
  CHECK(dims_in(KnownNode("ReduceProd").with("keepdims", 0)(shape)) == BatchDims{{0, 107520}});
  CHECK(dims_in(KnownNode("Slice")(shape, row({0}), row({2}))) == BatchDims{batch_n, number(3)});
  CHECK(dims_in(KnownNode("Split", 13, 2).all({shape, row({1, 3})})[1]) == BatchDims{number(3), number(224), number(160)});
  CHECK_FALSE(KnownNode("Split", 13, 2).all({shape, row({1, 3})})[1].depends_on_batch());
  CHECK(dims_in(KnownNode("Squeeze")(KnownNode("Slice")(shape, row({0}), row({1})), row({0}))) == BatchDims{batch_n});
}

TEST_CASE("batch: Reshape's rules", "[io]") {
  const BatchDims in{batch_n, number(4), number(6)};
  CHECK(reshaped(in, {number(0), number(-1)}, false) == BatchDims{batch_n, number(24)});
  CHECK(reshaped(in, {number(-1), number(24)}, false) == BatchDims{batch_n, number(24)});
  CHECK(reshaped(in, {number(-1), number(12)}, false) == BatchDims{{0, 2}, number(12)});
  CHECK(reshaped(in, {batch_n, number(2), number(12)}, false) == BatchDims{batch_n, number(2), number(12)});
  CHECK(reshaped(in, {{0, 2}, number(-1)}, false) == BatchDims{{0, 2}, number(12)});
  CHECK(reshaped(in, {number(1), number(-1)}, false) == BatchDims{number(1), {0, 24}});
  CHECK_THROWS_AS(reshaped(in, {number(-1), number(7)}, false), shape_error);
  CHECK_THROWS_AS(reshaped(in, {batch_n, number(7)}, false), shape_error);
  CHECK_THROWS_AS(reshaped(in, {batch_n, batch_n, number(-1)}, false), unsupported_error);
  CHECK_THROWS_AS(reshaped(in, {number(0), number(-1)}, true), shape_error);
  CHECK(flattened(in, 1) == BatchDims{batch_n, number(24)});
  CHECK(flattened(in, 2) == BatchDims{{0, 4}, number(6)});
  CHECK(squeezed({batch_n, number(1), number(6)}, std::nullopt) == BatchDims{batch_n, number(6)});
  CHECK_THROWS_AS(squeezed({batch_n, number(6)}, Integers{0}), shape_error);
  CHECK(unsqueezed({batch_n, number(6)}, {-1}) == BatchDims{batch_n, number(6), number(1)});
}

TEST_CASE("batch: sizes of Resize by way of floats", "[io]") {
  const KnownTensor shape = shape_of_pictures();
  const KnownTensor real = cast(shape, OnnxType::float32);
  const KnownTensor scaled = KnownNode("Floor")(KnownNode("Mul")(real, reals({4}, {1, 1, 0.5, 1.5})));
  CHECK(dims_in(cast(scaled, OnnxType::int64)) == BatchDims{batch_n, number(3), number(112), number(240)});
  const KnownTensor half = KnownNode("Mul")(real, reals({}, {0.5}));
  CHECK_THROWS_WITH(cast(half, OnnxType::int64), ContainsSubstring("number of pictures"));
  CHECK_THROWS_AS(KnownNode("Floor")(half), unsupported_error);
  CHECK(dims_in(cast(KnownNode("Mul")(half, reals({}, {2})), OnnxType::int64)) ==
        BatchDims{batch_n, number(3), number(224), number(160)});
  // 0.1 is no binary fraction: how it rounds would depend on N.
  CHECK_THROWS_AS(KnownNode("Div")(real, reals({}, {3})), unsupported_error);
  CHECK(dims_in(cast(KnownNode("Div")(KnownNode("Mul")(real, reals({}, {6})), reals({}, {3})), OnnxType::int64))[0] ==
        BatchInteger{0, 2});
}

TEST_CASE("batch: questions with one answer for every number of pictures are answered", "[io]") {
  const KnownTensor shape = shape_of_pictures();
  CHECK(elements<std::int64_t>(KnownNode("Equal")(shape, scalar(-1))) == Integers{0, 0, 0, 0});
  CHECK(elements<std::int64_t>(KnownNode("Greater")(shape, scalar(0))) == Integers{1, 1, 1, 1});
  CHECK(elements<std::int64_t>(KnownNode("Less")(shape, scalar(1))) == Integers{0, 0, 0, 0});
  CHECK(dims_in(KnownNode("Max")(shape, scalar(1))) == BatchDims{batch_n, number(3), number(224), number(160)});
  CHECK(elements<std::int64_t>(KnownNode("GreaterOrEqual")(shape, scalar(1))) == Integers{1, 1, 1, 1});
  CHECK(dims_in(KnownNode("Min")(shape, scalar(1)))[0] == number(1));
  const KnownTensor ones = KnownNode("ConstantOfShape")(row({4}));
  const KnownTensor chosen = KnownNode("Where")(KnownNode("Equal")(shape, scalar(-1)), cast(ones, OnnxType::int64), shape);
  CHECK(dims_in(chosen) == BatchDims{batch_n, number(3), number(224), number(160)});
  const KnownTensor batch = KnownNode("Gather")(shape, scalar(0));
  CHECK_THROWS_WITH(KnownNode("Equal")(batch, scalar(1)),
                    "node 'it' (Equal): the result depends on the number of pictures in a way that is not supported");
  CHECK_THROWS_AS(KnownNode("Less")(batch, scalar(5)), unsupported_error);
  CHECK_THROWS_AS(KnownNode("Max")(batch, scalar(2)), unsupported_error);
  CHECK_THROWS_AS(KnownNode("Mul")(batch, batch), unsupported_error);
  CHECK_THROWS_AS(KnownNode("Div")(batch, scalar(2)), unsupported_error);
  CHECK_THROWS_AS(KnownNode("Pow", 15)(batch, scalar(2)), unsupported_error);
  CHECK_THROWS_AS(KnownNode("Range")(scalar(0), batch, scalar(1)), unsupported_error);
  CHECK_THROWS_AS(KnownNode("ConstantOfShape")(shape), unsupported_error);
  const KnownTensor many = KnownNode("Mul")(batch, scalar(std::numeric_limits<std::int64_t>::max()));
  CHECK_THROWS_AS(KnownNode("Mul")(many, scalar(2)), unsupported_error);
}

TEST_CASE("parse_input_size: a name and its extents", "[io]") {
  CHECK(parse_input_size("data=1,3,320,320") == std::pair<std::string, Integers>{"data", {1, 3, 320, 320}});
  CHECK(parse_input_size("a=b:0=7") == std::pair<std::string, Integers>{"a=b:0", {7}});
  for (const char* bad : {"", "data", "=1", "data=", "data=1,", "data=,1", "data=0", "data=-1", "data=1x", "data= 1",
                          "data=1,1,1,1,1,1,1,1,1", "data=99999999999999999999", "data=16777217"})
    CHECK_THROWS_AS(parse_input_size(bad), value_error);
}

TEST_CASE("input_extents: the batch may stay open, nothing else", "[io]") {
  std::vector<std::string> notes;
  const auto extents = [&](const onnx::ValueInfoProto& i, const OnnxInputSizes& sizes = {},
                           std::optional<std::int64_t> picture_size = {}) {
    return input_extents(i, sizes, picture_size, "--input-size", notes);
  };
  for (const char* open : {"batch", "-1", "0", ""})
    CHECK(extents(input("x", {open, "3", "8", "6"})) == BatchDims{batch_n, number(3), number(8), number(6)});
  CHECK(extents(input("x", {"1", "3", "8", "6"})) == BatchDims{number(1), number(3), number(8), number(6)});
  CHECK(notes.empty());
  CHECK_THROWS_WITH(
      extents(input("x", {"batch", "3", "height", ""})),
      "input 'x' (batch,3,height,?) leaves open: height, axis 3. Say how large, in place of each ?: --input-size x=1,3,?,?");
  CHECK(extents(input("x", {"batch", "3", "height", ""}), {{"x", {1, 3, 8, 6}}}) ==
        BatchDims{batch_n, number(3), number(8), number(6)});
  CHECK(notes == std::vector<std::string>{"input 'x' (batch,3,height,?) is read with height = 8, axis 3 = 6"});
  CHECK_THROWS_AS(extents(input("x", {"1", "3", "h", "w"}), {{"x", {1, 4, 8, 6}}}), shape_error);
  CHECK_THROWS_AS(extents(input("x", {"1", "3", "h", "w"}), {{"x", {1, 3, 8}}}), shape_error);
  CHECK_THROWS_AS(extents(input("x", {"1", "99999999"})), unsupported_error);
  onnx::ValueInfoProto shapeless;
  shapeless.set_name("x");
  shapeless.mutable_type()->mutable_tensor_type()->set_elem_type(1);
  CHECK_THROWS_AS(extents(shapeless), parse_error);
  CHECK(extents(shapeless, {{"x", {1, 3}}}) == BatchDims{batch_n, number(3)});
}

TEST_CASE("input_extents: pictures of a usual size, where the caller says one, and nothing else", "[io]") {
  std::vector<std::string> notes;
  const auto extents = [&](const std::vector<std::string>& declared, const OnnxInputSizes& sizes = {}) {
    return input_extents(input("x", declared), sizes, 224, "--input-size", notes);
  };
  CHECK(extents({"", "3", "h", "w"}) == BatchDims{batch_n, number(3), number(224), number(224)});
  CHECK(notes == std::vector<std::string>{"input 'x' (?,3,h,w) leaves its size open: 224 x 224 is taken; --input-size x=1,3,?,? "
                                          "sets another in place of each ?"});
  CHECK(extents({"1", "-1", "-1", "1"}) == BatchDims{number(1), number(224), number(224), number(1)});
  CHECK(extents({"", "3", "h", "w"}, {{"x", {1, 3, 8, 6}}}) == BatchDims{batch_n, number(3), number(8), number(6)});
  for (const std::vector<std::string>& other : {std::vector<std::string>{"", "3", "48", "w"},
                                                {"", "c", "h", "w"},
                                                {"", "t"},
                                                {"", "16", "h", "w"},
                                                {"", "3", "t", "h", "w"},
                                                {"", "h", "3", "w"}})
    CHECK_THROWS_AS(extents(other), unsupported_error);
}

TEST_CASE("real_inputs: an initializer keeps its value, a size needs its input", "[io]") {
  onnx::ModelProto model;
  model.set_ir_version(4);
  *model.mutable_graph()->add_input() = input("x", {"1", "3"});
  *model.mutable_graph()->add_input() = input("w", {"3"});
  model.mutable_graph()->add_initializer()->set_name("w");
  std::vector<std::string> notes;
  CHECK(real_inputs(model, {}, notes).size() == 1);
  CHECK(notes == std::vector<std::string>{"input 'w' keeps the value that the file has for it"});
  CHECK_THROWS_WITH(real_inputs(model, {{"y", {1}}}, notes), "a size is given for input 'y'; the inputs are 'x'");
}
