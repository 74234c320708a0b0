#include <catch.hpp>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <quantized_small_network.hpp>
#include <tflite_network.hpp>
#include <trimtab/io/tflite/read_quantized.hpp>
#include <trimtab/io/tflite/write.hpp>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/execute/int8_network.hpp>

#include "../io/damage.hpp"

using namespace trimtab;
using tflite::Options, tflite::TensorType;
using Code = tflite::OperatorCode;
using Index = std::int32_t;

namespace {

/// A small file under construction: x is 1 4 4 2, of reals.
struct SmallFile {
  tflite::Model m;

  SmallFile() { m.inputs = {add("x", {1, 4, 4, 2}, TensorType::float32, {})}; }
  Index add(std::string name, std::vector<Index> shape, TensorType type, std::vector<std::uint8_t> data,
            tflite::Quantization quantization = {}) {
    m.tensors.push_back({std::move(name), std::move(shape), type, std::move(quantization), std::move(data)});
    return static_cast<Index>(m.tensors.size() - 1);
  }
  template <class T>
  Index constant(std::string name, std::vector<Index> shape, TensorType type, const std::vector<T>& values,
                 tflite::Quantization quantization = {}) {
    std::vector<std::uint8_t> bytes(values.size() * sizeof(T));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return add(std::move(name), std::move(shape), type, std::move(bytes), std::move(quantization));
  }
  Index floats(std::string name, std::vector<Index> shape, const std::vector<float>& values) {
    return constant(std::move(name), std::move(shape), TensorType::float32, values);
  }
  Index integers(std::string name, const std::vector<Index>& values) {
    return constant(std::move(name), {static_cast<Index>(values.size())}, TensorType::int32, values);
  }
  /// An operator that gives reals of such extents, the file's only output until the next one is added.
  Index apply(Code code, std::vector<Index> inputs, std::string name, std::vector<Index> shape, Options options = {}) {
    const Index to = add(std::move(name), std::move(shape), TensorType::float32, {});
    m.operations.push_back({code, 1, std::move(inputs), {to}, std::move(options)});
    m.outputs = {to};
    return to;
  }
  std::string bytes() const { return tflite::serialize(m); }
};

/// What the network of a small file gives for 1, 2, 3 ...
std::vector<float> result(const SmallFile& file) {
  const TfliteModel model = parse_tflite(file.bytes());
  Array x = Array::from_shape({1, 4, 4, 2});
  for (std::size_t i = 0; i < x.size(); ++i) x.data()[i] = static_cast<float>(i + 1);
  const Array y = run(model.network, x);
  return {y.begin(), y.end()};
}

enum class Outcome { read, refused, wrong };
Outcome outcome(const std::string& bytes) {
  try {
    parse_quantized_tflite(bytes);
    return Outcome::read;
  } catch (const parse_error&) {
  } catch (const unsupported_error&) {
  } catch (const shape_error&) {
  } catch (...) {
    return Outcome::wrong;
  }
  return Outcome::refused;
}

template <class Error>
void check_refused(const SmallFile& file, const std::string& part) {
  CHECK_THROWS_AS(parse_tflite(file.bytes()), Error);
  CHECK_THROWS_WITH(parse_tflite(file.bytes()), ContainsSubstring(part));
}

QuantizedNetwork quantized_in(WeightMode weights, Scheme scheme) {
  QuantizationOptions options{weights, scheme};
  options.requantizer = Requantizer::fixed_point;
  return test::quantized(test::tflite_network(), options);
}

}  // namespace

TEST_CASE("read_quantized_tflite: what write_tflite wrote computes the same codes, and is written the same again", "[tflite]") {
  for (const auto& [weights, scheme] :
       {std::pair(WeightMode::vector, Scheme::symmetric), std::pair(WeightMode::scalar, Scheme::symmetric),
        std::pair(WeightMode::scalar, Scheme::asymmetric)}) {
    const QuantizedNetwork q = quantized_in(weights, scheme);
    const std::string bytes = serialize_tflite(q);
    const QuantizedTfliteModel read = parse_quantized_tflite(bytes);
    REQUIRE(read.inputs.size() == 1);
    CHECK(read.inputs[0].name == "pictures");
    CHECK(read.outputs[0].name == "logits");
    CHECK(read.network.requantizer == Requantizer::fixed_point);
    const Array x = test::random_pictures(q.network, 3, 7);
    const Int8Network written(q), again(read.network);
    Int8Network::Workspace of_written, of_again;
    const auto expected = written.run(x, of_written), codes = again.run(x, of_again);
    CHECK(std::vector<std::uint8_t>(codes.begin(), codes.end()) == std::vector<std::uint8_t>(expected.begin(), expected.end()));
    CHECK(again.output_grid().scale == written.output_grid().scale);
    const QuantizedTfliteModel twice = parse_quantized_tflite(serialize_tflite(read.network));
    const Int8Network third(twice.network);
    Int8Network::Workspace of_third;
    const auto codes_again = third.run(x, of_third);
    CHECK(std::vector<std::uint8_t>(codes_again.begin(), codes_again.end()) ==
          std::vector<std::uint8_t>(expected.begin(), expected.end()));
    CHECK_THROWS_WITH(parse_tflite(bytes), ContainsSubstring("read_quantized_tflite"));
  }
}

TEST_CASE("read_tflite: layers of reals, weights of half precision, fused activations", "[tflite]") {
  SmallFile f;
  // 0.5, -1, 2, 0.25 in half precision.
  const Index half = f.constant<std::uint16_t>("half", {2, 1, 1, 2}, TensorType::float16, {0x3800, 0xBC00, 0x4000, 0x3400});
  const Index weight = f.apply(Code::dequantize, {half}, "weight", {2, 1, 1, 2});
  const Index bias = f.floats("bias", {2}, {1, -1});
  f.apply(Code::conv_2d, {0, weight, bias}, "y", {1, 2, 2, 2},
          Options{1}.byte(0, tflite::Padding::same).number(1, 2).number(2, 2).byte(3, tflite::Activation::relu6));
  // Pixels (1, 2), (5, 6), (17, 18), (21, 22): 0.5 a - b + 1 and 2 a + b / 4 - 1, held within 0 .. 6.
  CHECK(result(f) == std::vector<float>{0, 1.5F, 0, 6, 0, 6, 0, 6});

  SmallFile d;
  const Index filters = d.floats("filters", {1, 1, 1, 4}, {1, 2, 3, 4});
  const Index dw = d.apply(Code::depthwise_conv_2d, {0, filters, -1}, "dw", {1, 4, 4, 4},
                           Options{2}.byte(0, tflite::Padding::valid).number(1, 1).number(2, 1).number(3, 2));
  const Index axes = d.integers("axes", {1, 2});
  const Index mean = d.apply(Code::mean, {dw, axes}, "mean", {1, 4}, Options{27});
  const Index matrix = d.floats("matrix", {1, 4}, {1, 0, 0, 1});
  d.apply(Code::fully_connected, {mean, matrix}, "y", {1, 1}, Options{8});
  CHECK(result(d) == std::vector<float>{16 * 1 + 17 * 4});  // channels 0 0 1 1, times 1 2 3 4
}

TEST_CASE("read_tflite: views, parts, constants", "[tflite]") {
  SmallFile f;
  const Index begin = f.integers("begin", {0, 1, 3, 0}), end = f.integers("end", {0, 2, 0, 0}),
              step = f.integers("step", {1, 1, -2, 1});
  // Row 1, columns 3 and 1; the row's axis goes.
  const Index part = f.apply(Code::strided_slice, {0, begin, end, step}, "part", {1, 2, 2},
                             Options{32}.number(0, 8).number(1, 1 + 8).number(4, 2));
  const Index perm = f.integers("perm", {0, 2, 1});
  const Index turned = f.apply(Code::transpose, {part, perm}, "turned", {1, 2, 2}, Options{26});
  const Index ten = f.floats("ten", {1, 1, 2}, {10, 20});
  const Index scaled = f.apply(Code::mul, {ten, turned}, "scaled", {1, 2, 2}, Options{21});
  f.apply(Code::reshape, {scaled}, "y", {1, 4}, Options{17});
  // Pixel (1, 3) is 15 16, pixel (1, 1) is 11 12.
  CHECK(result(f) == std::vector<float>{150, 220, 160, 240});

  SmallFile s;
  const Index axis = s.constant<Index>("axis", {}, TensorType::int32, {3});
  const Index left = s.add("left", {1, 4, 4, 1}, TensorType::float32, {}),
              right = s.add("right", {1, 4, 4, 1}, TensorType::float32, {});
  s.m.operations.push_back({Code::split, 1, {axis, 0}, {left, right}, Options{35}.number(0, 2)});
  const Index joined =
      s.apply(Code::concatenation, {right, left}, "joined", {1, 4, 4, 2}, Options{10}.number(0, static_cast<std::size_t>(3)));
  const Index pads = s.constant<Index>("pads", {4, 2}, TensorType::int32, {0, 0, 0, 0, 0, 0, 1, 0});
  s.apply(Code::pad, {joined, pads}, "y", {1, 4, 4, 3}, Options{22});
  const std::vector<float> y = result(s);
  CHECK(std::vector<float>(y.begin(), y.begin() + 6) == std::vector<float>{0, 2, 1, 0, 4, 3});
}

TEST_CASE("read_tflite: weights of codes between reals are what they stand for; a quantized input becomes reals", "[tflite]") {
  SmallFile f;
  const Index weight = f.constant<std::int8_t>("weight", {2, 1, 1, 2}, TensorType::int8, {1, 2, 3, 4}, {{0.5F, 2}, {0, 0}, 0});
  f.apply(Code::conv_2d, {0, weight}, "y", {1, 4, 4, 2}, Options{1}.byte(0, tflite::Padding::valid).number(1, 1).number(2, 1));
  const std::vector<float> y = result(f);
  CHECK(y[0] == 2.5F);  // (1 * 1 + 2 * 2) / 2
  CHECK(y[1] == 22);    // (3 * 1 + 4 * 2) * 2
  CHECK_FALSE(parse_quantized_tflite(f.bytes()).network.nodes[1].holds_codes);
}

TEST_CASE("read_tflite: what is not read is named, with a way out", "[tflite]") {
  SmallFile f;
  const Index k = f.integers("k", {1});
  const Index one = f.apply(Code::abs, {0}, "before", {1, 4, 4, 2});
  f.apply(static_cast<Code>(48), {one, k}, "top", {1, 4, 4, 1});
  check_refused<unsupported_error>(f, "node 'top' (TOPK_V2)");
  check_refused<unsupported_error>(f, "cut off before it, at 'before'");
  const TfliteModel cut = parse_tflite(f.bytes(), "model", {{"before"}});
  CHECK(cut.outputs.at(0).name == "before");
  CHECK_THROWS_AS(parse_tflite(f.bytes(), "model", {{"nowhere"}}), value_error);

  SmallFile swish;
  swish.apply(Code::hard_swish, {0}, "y", {1, 4, 4, 2});
  for (tflite::Tensor& t : swish.m.tensors) t.type = TensorType::int8, t.quantization = {{0.5F}, {0}};
  CHECK(outcome(swish.bytes()) == Outcome::read);
  swish.m.tensors[1].quantization.scale[0] = 0x1p-8F;  // 128 of them are x's
  CHECK_THROWS_WITH(parse_quantized_tflite(swish.bytes()), ContainsSubstring("node 'y' (HARD_SWISH): a scale of 0.5 becomes"));

  SmallFile batch;
  const Index perm = batch.integers("perm", {1, 0, 2, 3});
  batch.apply(Code::transpose, {0, perm}, "y", {4, 1, 4, 2}, Options{26});
  check_refused<unsupported_error>(batch, "moves the batch");
}

TEST_CASE("read_tflite: what contradicts itself is refused", "[tflite]") {
  const auto with = [](const auto& change) {
    SmallFile f;
    const Index weight = f.floats("weight", {2, 1, 1, 2}, {1, 2, 3, 4});
    f.apply(Code::conv_2d, {0, weight}, "y", {1, 4, 4, 2}, Options{1}.byte(0, tflite::Padding::valid).number(1, 1).number(2, 1));
    change(f);
    return f;
  };
  REQUIRE(outcome(with([](SmallFile&) {}).bytes()) == Outcome::read);
  check_refused<parse_error>(with([](SmallFile& f) { f.m.tensors[1].shape[0] = -2; }), "extent of -2");
  check_refused<parse_error>(with([](SmallFile& f) { f.m.tensors[1].data.pop_back(); }), "15 bytes for 4 elements");
  check_refused<shape_error>(with([](SmallFile& f) { f.m.tensors[2].shape[1] = 5; }), "the file says");
  check_refused<parse_error>(with([](SmallFile& f) { f.m.operations[0].inputs[1] = 7; }), "tensor 7 of 3");
  check_refused<unsupported_error>(with([](SmallFile& f) { f.m.operations[0].inputs[1] = 2; }), "is computed");
  check_refused<parse_error>(with([](SmallFile& f) { f.m.operations.push_back(f.m.operations[0]); }), "there already");
  check_refused<shape_error>(with([](SmallFile& f) { f.m.tensors[0].shape = {1, 1 << 20, 1 << 20, 1 << 20}; }), "2^40");
  check_refused<parse_error>(with([](SmallFile& f) { f.m.outputs.clear(); }), "no output");
  CHECK_THROWS_AS(parse_tflite("TFL3"), parse_error);
  CHECK_THROWS_AS(read_tflite("/nowhere.tflite"), io_error);
}

TEST_CASE("read_quantized_tflite: a file cut off or changed anywhere gives a network or a typed error", "[tflite]") {
  const std::string bytes = tflite::serialize(to_tflite(quantized_in(WeightMode::vector, Scheme::symmetric)));
  REQUIRE(outcome(bytes) == Outcome::read);
  for (std::size_t length = 0; length < bytes.size(); length += 61) REQUIRE(outcome(bytes.substr(0, length)) != Outcome::wrong);
  std::mt19937 generator(1);
  std::size_t refused = 0;
  for (int i = 0; i < 1500; ++i) {
    CAPTURE(i);
    const Outcome o = outcome(damaged_bytes(bytes, generator));
    REQUIRE(o != Outcome::wrong);
    refused += o == Outcome::refused;
  }
  CHECK(refused > 300);
}

TEST_CASE("read_quantized_tflite: no changed byte of a written file changes its codes unnoticed", "[tflite]") {
  const QuantizedNetwork q = quantized_in(WeightMode::vector, Scheme::symmetric);
  const Array x = test::random_pictures(q.network, 1, 7);
  const auto codes_of = [&](const LoweredNetwork& network) {
    Int8Network::Workspace workspace;
    return Int8Network(network).run_outputs(x, workspace);
  };
  const std::vector<Array> expected = codes_of(lower(q));
  const tflite::Model model = to_tflite(q);
  const std::string bytes = serialize_tflite(q);
  REQUIRE(codes_of(parse_quantized_tflite(bytes).network) == expected);
  std::size_t weights = 0;
  for (const tflite::Tensor& t : model.tensors) {
    const std::string data(t.data.begin(), t.data.end());
    const std::size_t first = data.size() < 16 ? std::string::npos : bytes.find(data);
    for (std::size_t i = 0; first != std::string::npos && i < data.size(); i += 3) {
      std::string changed = bytes;
      changed[first + i] = static_cast<char>(changed[first + i] ^ (1 << (i % 8)));
      CAPTURE(t.name, i);
      REQUIRE_THROWS_WITH(parse_quantized_tflite(changed), ContainsSubstring("checksum: tensor '"));
      ++weights;
    }
  }
  CHECK(weights > 300);
  std::size_t read = 0, refused = 0;
  for (std::size_t at = 0; at < bytes.size(); at += 5) {
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ (1 << (at / 5 % 8)));
    CAPTURE(at);
    try {
      const std::vector<Array> codes = codes_of(parse_quantized_tflite(changed).network);
      REQUIRE(codes == expected);
      ++read;  // padding, versions, the description
    } catch (const parse_error&) {
      ++refused;
    } catch (const unsupported_error&) {
      ++refused;
    }
  }
  CHECK(refused > read);
  // The entry's own key, and a file without the entry.
  const std::size_t key = bytes.find(trimtab::detail::checksum_key);
  for (std::size_t i = 0; i < std::string_view(trimtab::detail::checksum_key).size(); ++i) {
    std::string changed = bytes;
    changed[key + i] = static_cast<char>(changed[key + i] ^ 2);
    CHECK_THROWS_WITH(parse_quantized_tflite(changed), ContainsSubstring("a byte of the metadata entry trimtab.checksum"));
  }
  const std::vector<std::string> unchecked{trimtab::detail::unchecked_note};
  CHECK(parse_quantized_tflite(bytes).notes.empty());
  CHECK(parse_quantized_tflite(tflite::serialize(model)).notes == unchecked);
  // Options of operators are in the graph's sum.
  tflite::Model other = model;
  for (tflite::Operation& o : other.operations)
    if (!o.options.fields.empty()) o.options.fields[0].value += 1;
  other.metadata = {{trimtab::detail::checksum_key, trimtab::detail::checksums(tflite::File(tflite::serialize(model)))}};
  CHECK_THROWS_WITH(parse_quantized_tflite(tflite::serialize(other)),
                    ContainsSubstring("checksum: the graph is not what was written"));
}

TEST_CASE("read_quantized_tflite: public networks open", "[tflite][real]") {
  const std::filesystem::path folder = std::filesystem::path(TRIMTAB_SHARED_DATA) / "wild/tflite";
  if (!std::filesystem::exists(folder)) {
    std::cout << "SKIPPED: no networks in " << folder << "\n";
    return;
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    CAPTURE(name);
    if (name != "coral_movenet_lightning_ptq.tflite") {
      CHECK_NOTHROW(read_quantized_tflite(entry.path()));
      continue;
    }
    // Behind its heads it computes with indices.
    CHECK_THROWS_AS(read_quantized_tflite(entry.path()), unsupported_error);
    CHECK(read_quantized_tflite(entry.path(), {{"truediv_2;add_11", "Sigmoid"}}).outputs.size() == 2);
  }
}
