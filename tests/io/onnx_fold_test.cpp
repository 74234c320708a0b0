#include <catch.hpp>
#include <cmath>
#include <cstdint>
#include <limits>

#include "known_node.hpp"

using namespace trimtab;
using namespace trimtab::detail;

namespace {

constexpr std::int64_t last = std::numeric_limits<std::int64_t>::max(), least = std::numeric_limits<std::int64_t>::min();

void check(const KnownTensor& y, const Dims& dims, const Integers& values) {
  CHECK(y.dims == dims);
  CHECK(!is_real(y.type));
  CHECK(elements<std::int64_t>(y) == values);
}
void check_reals(const KnownTensor& y, const Dims& dims, const Reals& values) {
  CHECK(y.dims == dims);
  CHECK(is_real(y.type));
  CHECK(elements<double>(y) == values);
}
KnownTensor booleans(const Dims& dims, const Integers& values) { return integers(dims, values, OnnxType::boolean); }

const KnownTensor two_rows = integers({2, 3}, {1, 2, 3, 4, 5, 6});

}  // namespace

TEST_CASE("fold: extents change and elements stay", "[io]") {
  const Integers same{1, 2, 3, 4, 5, 6};
  check(KnownNode("Reshape")(two_rows, row({3, -1})), {3, 2}, same);
  check(KnownNode("Reshape")(two_rows, row({0, -1, 1})), {2, 3, 1}, same);
  check(KnownNode("Reshape", 14).with("allowzero", 1)(integers({0, 3}, {}), row({3, 0})), {3, 0}, {});
  CHECK_THROWS_AS(KnownNode("Reshape")(integers({0, 3}, {}), row({3, 0})), shape_error);  // 0 is the 3 at its place: 9 numbers
  CHECK_THROWS_AS(KnownNode("Reshape")(two_rows, row({4, -1})), shape_error);
  CHECK_THROWS_AS(KnownNode("Reshape")(two_rows, row({-1, -1})), shape_error);
  CHECK_THROWS_AS(KnownNode("Reshape")(two_rows, row({-2, -3})), shape_error);
  CHECK_THROWS_AS(KnownNode("Reshape")(two_rows, row({2, 3, 0})), shape_error);
  check(KnownNode("Flatten")(integers({1, 2, 3}, same)), {1, 6}, same);
  check(KnownNode("Flatten").with("axis", 0)(two_rows), {1, 6}, same);
  check(KnownNode("Flatten").with("axis", 2)(two_rows), {6, 1}, same);
  check(KnownNode("Flatten").with("axis", -1)(two_rows), {2, 3}, same);
  check(KnownNode("Squeeze", 12)(integers({1, 6, 1}, same)), {6}, same);
  check(KnownNode("Squeeze", 12).with("axes", Integers{-1})(integers({1, 6, 1}, same)), {1, 6}, same);
  check(KnownNode("Squeeze")(integers({1, 6, 1}, same), row({0})), {6, 1}, same);
  CHECK_THROWS_AS(KnownNode("Squeeze")(two_rows, row({0})), shape_error);
  check(KnownNode("Unsqueeze", 12).with("axes", Integers{0, 3})(two_rows), {1, 2, 3, 1}, same);
  check(KnownNode("Unsqueeze")(two_rows, row({-1})), {2, 3, 1}, same);
  check(KnownNode("Unsqueeze")(scalar(7), row({0})), {1}, {7});
  CHECK_THROWS_AS(KnownNode("Unsqueeze").with("axes", Integers{0})(two_rows), unsupported_error);
  check(KnownNode("Identity")(two_rows), {2, 3}, same);
  const auto dropped = KnownNode("Dropout", 12, 2).all({two_rows});
  check(dropped[0], {2, 3}, same);
  check(dropped[1], {2, 3}, {1, 1, 1, 1, 1, 1});
  CHECK_THROWS_AS(KnownNode("Dropout")(two_rows, reals({}, {0.5}), booleans({}, {1})), unsupported_error);
}

TEST_CASE("fold: Shape and Size of constants", "[io]") {
  const KnownTensor x = reals({2, 3, 4}, Reals(24));
  check(KnownNode("Shape")(x), {3}, {2, 3, 4});
  check(KnownNode("Shape", 15).with("start", 1)(x), {2}, {3, 4});
  check(KnownNode("Shape", 15).with("start", -2).with("end", -1)(x), {1}, {3});
  check(KnownNode("Shape", 15).with("start", 2).with("end", 1)(x), {0}, {});
  check(KnownNode("Shape", 15).with("start", -9).with("end", 99)(x), {3}, {2, 3, 4});
  check(KnownNode("Shape", 13).with("start", 0)(x), {3}, {2, 3, 4});  // the default of a later opset
  CHECK_THROWS_AS(KnownNode("Shape", 13).with("start", 1)(x), unsupported_error);
  check(KnownNode("Shape")(scalar(1)), {0}, {});
  check(KnownNode("Size")(x), {}, {24});
}

TEST_CASE("fold: Slice as attributes and as inputs", "[io]") {
  const KnownTensor x = row({0, 1, 2, 3, 4});
  check(KnownNode("Slice", 9).with("starts", Integers{1}).with("ends", Integers{-1})(x), {3}, {1, 2, 3});
  check(KnownNode("Slice", 9).with("starts", Integers{0, 1}).with("ends", Integers{1, 9}).with("axes", Integers{0, 1})(two_rows),
        {1, 2}, {2, 3});
  check(KnownNode("Slice")(x, row({1}), row({last})), {4}, {1, 2, 3, 4});
  check(KnownNode("Slice")(x, row({-1}), row({least}), row({0}), row({-1})), {5}, {4, 3, 2, 1, 0});
  check(KnownNode("Slice")(x, row({9}), row({0}), row({0}), row({-2})), {2}, {4, 2});
  check(KnownNode("Slice")(x, row({0}), row({5}), row({-1}), row({2})), {3}, {0, 2, 4});
  check(KnownNode("Slice")(x, row({3}), row({1})), {0}, {});
  check(KnownNode("Slice")(x, row({0}), row({5}), row({0}), row({last})), {1}, {0});
  check(KnownNode("Slice")(x, row({4}), row({-9}), row({0}), row({least})), {1}, {4});
  check(KnownNode("Slice")(two_rows, row({-1}), row({last}), row({1})), {2, 1}, {3, 6});
  CHECK_THROWS_AS(KnownNode("Slice")(x, row({0}), row({5}), row({0}), row({0})), shape_error);
  CHECK_THROWS_AS(KnownNode("Slice")(x, row({4}), row({last}), row({0}), row({-1})), unsupported_error);
  CHECK_THROWS_AS(KnownNode("Slice")(x, row({0, 0}), row({5, 5}), row({0, 0})), shape_error);
  CHECK_THROWS_AS(KnownNode("Slice")(two_rows, row({0, 0}), row({5, 5}), row({1, -1})), parse_error);
  CHECK_THROWS_AS(KnownNode("Slice")(x, row({0}), row({5, 6})), parse_error);
}

TEST_CASE("fold: elements are picked, joined and permuted", "[io]") {
  check(KnownNode("Gather")(row({7, 8, 9}), scalar(-1)), {}, {9});
  check(KnownNode("Gather")(row({7, 8, 9}), row({2, 0})), {2}, {9, 7});
  check(KnownNode("Gather").with("axis", 1)(two_rows, integers({1, 2}, {0, 2})), {2, 1, 2}, {1, 3, 4, 6});
  CHECK_THROWS_AS(KnownNode("Gather")(row({7, 8, 9}), scalar(3)), shape_error);
  CHECK_THROWS_AS(KnownNode("Gather")(row({7, 8, 9}), reals({}, {1})), parse_error);
  CHECK_THROWS_AS(KnownNode("Gather")(scalar(7), scalar(0)), shape_error);
  check(KnownNode("GatherElements").with("axis", 1)(two_rows, integers({2, 1}, {2, -3})), {2, 1}, {3, 4});
  check(KnownNode("Concat").with("axis", 0)(row({1}), row({2, 3}), row({})), {3}, {1, 2, 3});
  check(KnownNode("Concat").with("axis", -1)(two_rows, integers({2, 1}, {7, 8})), {2, 4}, {1, 2, 3, 7, 4, 5, 6, 8});
  CHECK_THROWS_AS(KnownNode("Concat").with("axis", 0)(two_rows, row({1})), shape_error);
  CHECK_THROWS_AS(KnownNode("Concat").with("axis", 0)(row({1}), reals({1}, {1})), parse_error);
  CHECK_THROWS_AS(KnownNode("Concat").with("axis", 0)(scalar(1)), shape_error);
  check(KnownNode("Transpose")(two_rows), {3, 2}, {1, 4, 2, 5, 3, 6});
  check(KnownNode("Transpose").with("perm", Integers{1, 0, 2})(integers({1, 2, 3}, {1, 2, 3, 4, 5, 6})), {2, 1, 3},
        {1, 2, 3, 4, 5, 6});
  check(KnownNode("Transpose").with("perm", Integers{2, 0, 1})(integers({1, 2, 3}, {1, 2, 3, 4, 5, 6})), {3, 1, 2},
        {1, 4, 2, 5, 3, 6});
  CHECK_THROWS_AS(KnownNode("Transpose").with("perm", Integers{0, 0})(two_rows), parse_error);
  CHECK_THROWS_AS(KnownNode("Transpose").with("perm", Integers{0})(two_rows), shape_error);
  const auto parts = KnownNode("Split", 13, 2).with("axis", 1).all({two_rows, row({1, 2})});
  check(parts[0], {2, 1}, {1, 4});
  check(parts[1], {2, 2}, {2, 3, 5, 6});
  check(KnownNode("Split", 11, 2).with("split", Integers{1, 1}).all({two_rows})[1], {1, 3}, {4, 5, 6});
  check(KnownNode("Split", 11, 3).with("axis", -1).all({two_rows})[2], {2, 1}, {3, 6});
  check(KnownNode("Split", 18, 2).with("num_outputs", 2).all({row({1, 2, 3})})[1], {1}, {3});
  CHECK_THROWS_AS(KnownNode("Split", 13, 2).all({row({1, 2, 3})}), shape_error);
  CHECK_THROWS_AS(KnownNode("Split", 13, 2).all({row({1, 2, 3}), row({last, last})}), shape_error);
}

TEST_CASE("fold: elements are repeated and made", "[io]") {
  check(KnownNode("Expand")(integers({2, 1}, {1, 2}), row({3})), {2, 3}, {1, 1, 1, 2, 2, 2});
  check(KnownNode("Expand")(row({1, 2}), row({2, 1})), {2, 2}, {1, 2, 1, 2});
  CHECK_THROWS_AS(KnownNode("Expand")(row({1, 2}), row({3})), shape_error);
  check(KnownNode("Tile")(integers({1, 2}, {1, 2}), row({2, 2})), {2, 4}, {1, 2, 1, 2, 1, 2, 1, 2});
  check(KnownNode("Tile")(two_rows, row({1, 0})), {2, 0}, {});
  check_reals(KnownNode("ConstantOfShape")(row({2})), {2}, {0, 0});
  check_reals(KnownNode("ConstantOfShape")(row({})), {}, {0});
  KnownNode sevens("ConstantOfShape");
  auto& value = sevens.tensor("value");
  value.set_data_type(onnx::TensorProto::INT32);
  value.add_dims(1);
  value.add_int32_data(7);
  check(sevens(row({1, 2})), {1, 2}, {7, 7});
  check(KnownNode("Range")(scalar(2), scalar(9), scalar(3)), {3}, {2, 5, 8});
  check(KnownNode("Range")(scalar(5), scalar(0), scalar(-2)), {3}, {5, 3, 1});
  check(KnownNode("Range")(scalar(5), scalar(0), scalar(2)), {0}, {});
  check(KnownNode("Range")(scalar(least), scalar(-last), scalar(1)), {1}, {least});
  CHECK_THROWS_AS(KnownNode("Range")(scalar(0), scalar(9), scalar(0)), unsupported_error);
  CHECK_THROWS_AS(KnownNode("Range")(scalar(least), scalar(last), scalar(1)), unsupported_error);
  check_reals(KnownNode("Range")(reals({}, {0}), reals({}, {1}), reals({}, {0.25})), {4}, {0, 0.25, 0.5, 0.75});
  CHECK_THROWS_AS(KnownNode("Range")(reals({}, {0}), reals({}, {1}), reals({}, {0})), shape_error);
  check(KnownNode("Pad")(row({1, 2}), row({1, 2}), scalar(9)), {5}, {9, 1, 2, 9, 9});
  check(KnownNode("Pad")(two_rows, row({0, -1, 1, 0})), {3, 2}, {2, 3, 5, 6, 0, 0});
  check(KnownNode("Pad", 18)(two_rows, row({1, 0}), left_out, row({-1})), {2, 4}, {0, 1, 2, 3, 0, 4, 5, 6});
  check_reals(KnownNode("Pad", 9).with("pads", Integers{0, 1}).with_real("value", 2)(reals({1}, {5})), {2}, {5, 2});
  CHECK_THROWS_AS(KnownNode("Pad")(row({1, 2}), row({-3, 2})), shape_error);
  CHECK_THROWS_AS(KnownNode("Pad").with_text("mode", "edge")(row({1, 2}), row({0, 1})), unsupported_error);
}

TEST_CASE("fold: integer arithmetic truncates and never wraps around", "[io]") {
  const KnownTensor x = row({7, -7, 7, -7}), y = row({2, 2, -2, -2});
  check(KnownNode("Add")(x, y), {4}, {9, -5, 5, -9});
  check(KnownNode("Sub")(x, scalar(1)), {4}, {6, -8, 6, -8});
  check(KnownNode("Mul")(integers({2, 1}, {2, 3}), row({10, 20})), {2, 2}, {20, 40, 30, 60});
  check(KnownNode("Div")(x, y), {4}, {3, -3, -3, 3});
  check(KnownNode("Mod")(x, y), {4}, {1, 1, -1, -1});
  check(KnownNode("Mod").with("fmod", 1)(x, y), {4}, {1, -1, 1, -1});
  check(KnownNode("Min")(x, y, scalar(0)), {4}, {0, -7, -2, -7});
  check(KnownNode("Max")(x, y, scalar(0)), {4}, {7, 2, 7, 0});
  check(KnownNode("Pow", 15)(row({2, -3, 5}), row({10, 3, 0})), {3}, {1024, -27, 1});
  check(KnownNode("Neg")(x), {4}, {-7, 7, -7, 7});
  check(KnownNode("Abs")(x), {4}, {7, 7, 7, 7});
  check(KnownNode("Clip")(x, scalar(-1), scalar(3)), {4}, {3, -1, 3, -1});
  CHECK_THROWS_WITH(KnownNode("Div")(x, scalar(0)), "node 'it' (Div): an integer is divided by zero");
  CHECK_THROWS_AS(KnownNode("Div")(scalar(least), scalar(-1)), unsupported_error);
  check(KnownNode("Mod")(scalar(least), scalar(-1)), {}, {0});
  CHECK_THROWS_AS(KnownNode("Add")(scalar(last), scalar(1)), unsupported_error);
  CHECK_THROWS_AS(KnownNode("Sub")(scalar(least), scalar(1)), unsupported_error);
  CHECK_THROWS_AS(KnownNode("Mul")(scalar(std::int64_t{1} << 32), scalar(std::int64_t{1} << 31)), unsupported_error);
  check(KnownNode("Mul")(scalar(-(std::int64_t{1} << 32)), scalar(std::int64_t{1} << 31)), {}, {least});
  CHECK_THROWS_AS(KnownNode("Add")(integers({}, {127}, OnnxType::int8), integers({}, {1}, OnnxType::int8)), unsupported_error);
  CHECK_THROWS_AS(KnownNode("Add")(scalar(1), reals({}, {1})), parse_error);
  CHECK_THROWS_AS(KnownNode("Pow", 15)(scalar(2), scalar(-1)), unsupported_error);
  CHECK_THROWS_AS(KnownNode("Pow", 15)(scalar(2), scalar(64)), unsupported_error);
  CHECK_THROWS_AS(KnownNode("Sqrt")(x), unsupported_error);
}

TEST_CASE("fold: reals are rounded to their type, ties to even", "[io]") {
  const double inf = std::numeric_limits<double>::infinity();
  check_reals(KnownNode("Div")(reals({2}, {7, -7}), reals({}, {2})), {2}, {3.5, -3.5});
  check_reals(KnownNode("Div")(reals({1}, {1}), reals({}, {3})), {1}, {static_cast<double>(1.0F / 3.0F)});
  check_reals(KnownNode("Add")(reals({1}, {1}, OnnxType::float16), reals({1}, {0x1p-11}, OnnxType::float16)), {1}, {1});
  check_reals(KnownNode("Add")(reals({1}, {1 + 0x1p-10}, OnnxType::float16), reals({1}, {0x1p-11}, OnnxType::float16)), {1},
              {1 + 0x1p-9});
  check_reals(KnownNode("Mul")(reals({1}, {300}, OnnxType::float16), reals({1}, {300}, OnnxType::float16)), {1}, {inf});
  check_reals(KnownNode("Div")(reals({1}, {1}, OnnxType::float64), reals({1}, {3}, OnnxType::float64)), {1}, {1.0 / 3.0});
  check_reals(KnownNode("Mod").with("fmod", 1)(reals({2}, {5.5, -5.5}), reals({}, {2})), {2}, {1.5, -1.5});
  CHECK_THROWS_AS(KnownNode("Mod")(reals({}, {5.5}), reals({}, {2})), unsupported_error);
  check_reals(KnownNode("Pow")(reals({2}, {2, 9}), reals({2}, {-1, 0.5})), {2}, {0.5, 3});
  check_reals(KnownNode("Pow")(reals({1}, {3}), scalar(2)), {1}, {9});
  check_reals(KnownNode("Sqrt")(reals({2}, {4, 2})), {2}, {2, static_cast<double>(std::sqrt(2.0F))});
  check_reals(KnownNode("Exp")(reals({1}, {0})), {1}, {1});
  check_reals(KnownNode("Log")(reals({2}, {1, 0})), {2}, {0, -inf});
  check_reals(KnownNode("Reciprocal")(reals({2}, {4, 0})), {2}, {0.25, inf});
  check_reals(KnownNode("Floor")(reals({2}, {1.5, -1.5})), {2}, {1, -2});
  check_reals(KnownNode("Ceil")(reals({2}, {1.5, -1.5})), {2}, {2, -1});
  check_reals(KnownNode("Round")(reals({4}, {0.5, 1.5, 2.5, -0.5})), {4}, {0, 2, 2, 0});
  check_reals(KnownNode("Sigmoid")(reals({3}, {0, 100, -200})), {3}, {0.5, 1, 0});
  check_reals(KnownNode("Abs")(reals({2}, {-0.5, 2})), {2}, {0.5, 2});
  check_reals(KnownNode("Clip", 6).with_real("min", 0).with_real("max", 6)(reals({3}, {-1, 3, 7})), {3}, {0, 3, 6});
  check_reals(KnownNode("Clip")(reals({3}, {-1, 3, 7}), left_out, reals({}, {6})), {3}, {-1, 3, 6});
  CHECK(std::isnan(elements<double>(KnownNode("Max")(reals({}, {std::nan("")}), reals({}, {1})))[0]));
  CHECK(std::isnan(elements<double>(KnownNode("Max")(reals({}, {1}), reals({}, {std::nan("")})))[0]));
}

TEST_CASE("fold: comparisons, logic and choices", "[io]") {
  const KnownTensor x = row({1, 2, 3});
  check(KnownNode("Equal")(x, scalar(2)), {3}, {0, 1, 0});
  check(KnownNode("Greater")(x, scalar(2)), {3}, {0, 0, 1});
  check(KnownNode("Less")(x, scalar(2)), {3}, {1, 0, 0});
  check(KnownNode("GreaterOrEqual")(x, scalar(2)), {3}, {0, 1, 1});
  check(KnownNode("LessOrEqual")(x, scalar(2)), {3}, {1, 1, 0});
  check(KnownNode("LessOrEqual")(reals({1}, {std::nan("")}), reals({1}, {2})), {1}, {0});
  check(KnownNode("Equal")(booleans({2}, {1, 0}), booleans({}, {0})), {2}, {0, 1});
  const KnownTensor a = booleans({4}, {0, 0, 1, 1}), b = booleans({4}, {0, 1, 0, 1});
  check(KnownNode("And")(a, b), {4}, {0, 0, 0, 1});
  check(KnownNode("Or")(a, b), {4}, {0, 1, 1, 1});
  check(KnownNode("Not")(a), {4}, {1, 1, 0, 0});
  CHECK_THROWS_AS(KnownNode("And")(a, x), parse_error);
  check(KnownNode("Where")(booleans({2, 1}, {1, 0}), x, scalar(9)), {2, 3}, {1, 2, 3, 9, 9, 9});
  CHECK_THROWS_AS(KnownNode("Where")(x, x, x), parse_error);
}

TEST_CASE("fold: Cast between all types", "[io]") {
  const auto cast = [](const KnownTensor& x, OnnxType to) {
    return KnownNode("Cast").with("to", static_cast<std::int64_t>(to))(x);
  };
  check(cast(reals({4}, {1.9, -1.9, 0.5, 300}), OnnxType::int32), {4}, {1, -1, 0, 300});
  check(cast(reals({3}, {0, -0.1, 2}), OnnxType::boolean), {3}, {0, 1, 1});
  CHECK_THROWS_AS(cast(reals({1}, {300}), OnnxType::uint8), unsupported_error);
  CHECK_THROWS_AS(cast(reals({1}, {std::nan("")}), OnnxType::int64), unsupported_error);
  CHECK_THROWS_AS(cast(reals({1}, {0x1p63}), OnnxType::int64), unsupported_error);
  check(cast(row({300, -1, 256}), OnnxType::uint8), {3}, {44, 255, 0});
  check(cast(row({200, -129, 7}), OnnxType::int8), {3}, {-56, 127, 7});
  check(cast(row({8, -9, 7}), OnnxType::int4), {3}, {-8, 7, 7});
  check(cast(row({last}), OnnxType::int32), {1}, {-1});
  check(cast(row({0, 5, 256}), OnnxType::boolean), {3}, {0, 1, 1});
  check_reals(cast(booleans({2}, {0, 1}), OnnxType::float32), {2}, {0, 1});
  check_reals(cast(row({(1 << 24) + 1, (1 << 24) + 3}), OnnxType::float32), {2}, {1 << 24, (1 << 24) + 4});
  // Halfway between two floats but for the last bit, which a double would lose first.
  check_reals(cast(row({(std::int64_t{1} << 60) + (std::int64_t{1} << 36) + 1}), OnnxType::float32), {1}, {0x1p60 + 0x1p37});
  check_reals(cast(reals({4}, {65504, 65519, 65520, 0x1p-25}), OnnxType::float16), {4},
              {65504, 65504, std::numeric_limits<double>::infinity(), 0});
  check_reals(cast(reals({2}, {1 + 0x1p-8, 1 + 3 * 0x1p-8}), OnnxType::bfloat16), {2}, {1, 1 + 0x1p-6});
  check_reals(cast(reals({1}, {1e300}, OnnxType::float64), OnnxType::float32), {1}, {std::numeric_limits<double>::infinity()});
  CHECK_THROWS_AS(cast(row({1}), static_cast<OnnxType>(8)), unsupported_error);   // string
  CHECK_THROWS_AS(cast(row({1}), static_cast<OnnxType>(17)), unsupported_error);  // float8
  check(KnownNode("Cast", 19).with("to", 7).with("saturate", 0)(reals({1}, {2})), {1}, {2});
}

TEST_CASE("fold: reductions and running sums", "[io]") {
  check(KnownNode("ReduceSum", 11).with("axes", Integers{1})(two_rows), {2, 1}, {6, 15});
  check(KnownNode("ReduceSum")(two_rows, row({0})), {1, 3}, {5, 7, 9});
  check(KnownNode("ReduceSum").with("keepdims", 0)(two_rows), {}, {21});
  check(KnownNode("ReduceSum").with("noop_with_empty_axes", 1)(two_rows), {2, 3}, {1, 2, 3, 4, 5, 6});
  check(KnownNode("ReduceProd").with("keepdims", 0)(two_rows), {}, {720});
  check(KnownNode("ReduceMax").with("axes", Integers{-1}).with("keepdims", 0)(two_rows), {2}, {3, 6});
  check(KnownNode("ReduceMin", 18).with("keepdims", 0)(two_rows, row({0})), {3}, {1, 2, 3});
  check_reals(KnownNode("ReduceMean").with("axes", Integers{0, 1})(reals({2, 2}, {1, 2, 3, 5})), {1, 1}, {2.75});
  check(KnownNode("ReduceProd").with("keepdims", 0)(row({})), {}, {1});
  CHECK_THROWS_AS(KnownNode("ReduceMax").with("keepdims", 0)(row({})), shape_error);
  CHECK_THROWS_AS(KnownNode("ReduceMax", 13)(two_rows, row({0})), parse_error);
  CHECK_THROWS_AS(KnownNode("ReduceMax", 18).with("axes", Integers{0})(two_rows), unsupported_error);
  const KnownTensor x = row({1, 2, 3});
  check(KnownNode("CumSum")(x, scalar(0)), {3}, {1, 3, 6});
  check(KnownNode("CumSum").with("exclusive", 1)(x, scalar(0)), {3}, {0, 1, 3});
  check(KnownNode("CumSum").with("reverse", 1)(x, scalar(0)), {3}, {6, 5, 3});
  check(KnownNode("CumSum").with("reverse", 1).with("exclusive", 1)(x, scalar(0)), {3}, {5, 3, 0});
  check(KnownNode("CumSum")(two_rows, scalar(-2)), {2, 3}, {1, 2, 3, 5, 7, 9});
}

TEST_CASE("fold: what is not known is not folded, or refused by name", "[io]") {
  CHECK(KnownNode("Conv").all({two_rows}).empty());
  KnownNode foreign("Add");
  foreign.proto.set_domain("com.microsoft");
  CHECK(foreign.all({two_rows, two_rows}).empty());
  CHECK_THROWS_WITH(KnownNode("Add").with("alpha", 1)(two_rows, two_rows), "node 'it' (Add): attribute 'alpha' is not supported");
  CHECK_THROWS_WITH(KnownNode("Add")(two_rows), "node 'it' (Add): has 1 inputs");
  CHECK_THROWS_WITH(KnownNode("Add")(two_rows, left_out), "node 'it' (Add): lacks input 1");
  CHECK_THROWS_AS(KnownNode("Add", 13, 2).all({two_rows, two_rows}), unsupported_error);
  CHECK_THROWS_AS(KnownNode("Transpose").with("perm", 1)(two_rows), parse_error);
}

TEST_CASE("fold: a small file cannot ask for much memory or time", "[io]") {
  const KnownNode zeros("ConstantOfShape");
  CHECK_THROWS_AS(zeros(row({1 << 16, 1 << 16})), shape_error);
  CHECK_THROWS_AS(zeros(row({last, last})), shape_error);
  CHECK_THROWS_AS(zeros(row({-1})), shape_error);
  CHECK_THROWS_AS(zeros(row({1 << 27})), unsupported_error);
  CHECK_THROWS_AS(zeros(row({1, 1, 1, 1, 1, 1, 1, 1, 1})), unsupported_error);
  CHECK_THROWS_AS(KnownNode("Expand")(row({1}), row({1 << 30})), unsupported_error);
  CHECK_THROWS_AS(KnownNode("Tile")(row({1}), row({1 << 30})), unsupported_error);
  CHECK_THROWS_AS(KnownNode("Range")(scalar(0), scalar(1 << 30), scalar(1)), unsupported_error);
  CHECK_THROWS_AS(KnownNode("Pad")(row({1}), row({1 << 30, 0})), unsupported_error);
  CHECK_THROWS_AS(KnownNode("Pad")(row({1}), row({last, last})), shape_error);
  CHECK_THROWS_AS(KnownNode("Add")(integers({1 << 14, 1}, Integers(1 << 14)), integers({1, 1 << 14}, Integers(1 << 14))),
                  unsupported_error);

  // A row that doubles; one that is read again and again.
  FoldContext context{13};
  KnownTensor x = row({1, 2});
  const auto doubling = [&] {
    for (int i = 0; i < 60; ++i) x = KnownNode("Concat").with("axis", 0).all({x, x}, context)[0];
  };
  CHECK_THROWS_AS(doubling(), unsupported_error);
  FoldContext work{13, FoldBudget(0)};
  work.budget.elements = 1000000;
  const KnownTensor wide = reals({1000}, Reals(1000));
  const auto again = [&] {
    for (int i = 0; i < 2000; ++i) KnownNode("ReduceMean").all({wide}, work);
  };
  CHECK_THROWS_WITH(again(), ContainsSubstring("too long"));
}
