#include <subset_generated.h>

#include <algorithm>
#include <catch.hpp>
#include <quantized_small_network.hpp>
#include <tflite_network.hpp>
#include <trimtab/io/tflite/read_quantized.hpp>
#include <trimtab/io/tflite/write.hpp>
#include <trimtab/net/execute/int8_network.hpp>

#include "typed_layers.hpp"

using namespace trimtab;
namespace file = trimtab_test::tflite;
using file::BuiltinOperator;

namespace {

/// A written file, verified and read back by the tests' own schema.
class Written {
 public:
  explicit Written(std::string bytes) : bytes_(std::move(bytes)) {
    flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(bytes_.data()), bytes_.size());
    REQUIRE(file::VerifyModelBuffer(verifier));
    REQUIRE(file::ModelBufferHasIdentifier(bytes_.data()));
  }
  const file::Model& model() const { return *file::GetModel(bytes_.data()); }
  const file::SubGraph& graph() const { return *model().subgraphs()->Get(0); }
  const file::Tensor& tensor(int i) const { return *graph().tensors()->Get(static_cast<unsigned>(i)); }
  /// The operator whose output has this name, the last of several.
  const file::Operator& producer(const std::string& name) const {
    const file::Operator* found = nullptr;
    for (const file::Operator* o : *graph().operators())
      if (tensor(o->outputs()->Get(0)).name()->str() == name) found = o;
    REQUIRE(found != nullptr);
    return *found;
  }
  const file::OperatorCode& code(const file::Operator& o) const { return *model().operator_codes()->Get(o.opcode_index()); }
  std::size_t count(BuiltinOperator wanted) const {
    std::size_t n = 0;
    for (const file::Operator* o : *graph().operators()) n += code(*o).builtin_code() == wanted;
    return n;
  }
  const file::Tensor& input(const std::string& name, unsigned i) const { return tensor(producer(name).inputs()->Get(i)); }
  std::vector<std::uint8_t> data(const file::Tensor& t) const {
    const auto* bytes = model().buffers()->Get(t.buffer())->data();
    return {bytes->begin(), bytes->end()};
  }
  std::vector<std::int32_t> integers(const file::Tensor& t) const {
    std::vector<std::int32_t> result;
    const std::vector<std::uint8_t> bytes = data(t);
    for (std::size_t i = 0; i < bytes.size(); i += 4)
      result.push_back(static_cast<std::int32_t>(bytes[i] | std::uint32_t{bytes[i + 1]} << 8 | std::uint32_t{bytes[i + 2]} << 16 |
                                                 std::uint32_t{bytes[i + 3]} << 24));
    return result;
  }

 private:
  std::string bytes_;
};

std::vector<std::int32_t> shape(const file::Tensor& t) { return {t.shape()->begin(), t.shape()->end()}; }

QuantizedNetwork quantized_for(Requantizer requantizer, Scheme scheme = Scheme::symmetric,
                               WeightMode weights = WeightMode::vector, int bits = 8) {
  QuantizationOptions options{weights, scheme, bits, bits};
  options.requantizer = requantizer;
  return test::quantized(test::tflite_network(), options);
}

std::vector<std::uint8_t> codes_of(const Int8Network& network, const Array& x) {
  Int8Network::Workspace workspace;
  const auto codes = network.run(x, workspace);
  return {codes.begin(), codes.end()};
}

}  // namespace

TEST_CASE("write_tflite: every operator with its options, int8 and per channel", "[tflite]") {
  const QuantizedNetwork q = quantized_for(Requantizer::fixed_point);
  const Written w(serialize_tflite(q));
  CHECK(w.model().version() == 3);
  CHECK(w.model().buffers()->Get(0)->data() == nullptr);
  for (const file::OperatorCode* c : *w.model().operator_codes()) CHECK(int(c->small_builtin_code()) == int(c->builtin_code()));

  const auto& stem = *w.producer("stem").builtin_options_as_Conv2DOptions();
  CHECK(w.code(w.producer("stem")).builtin_code() == BuiltinOperator::CONV_2D);
  CHECK(w.code(w.producer("stem")).version() == 3);
  CHECK(stem.padding() == file::Padding::SAME);  // 0 before, 1 after: half of the missing one, rounded down, comes first
  CHECK(stem.stride_w() == 2);
  CHECK(stem.stride_h() == 2);
  CHECK(stem.activation() == file::Activation::RELU6);
  CHECK(stem.dilation_w() == 1);
  const auto& dw = *w.producer("dw").builtin_options_as_DepthwiseConv2DOptions();
  CHECK(w.code(w.producer("dw")).builtin_code() == BuiltinOperator::DEPTHWISE_CONV_2D);
  CHECK(dw.padding() == file::Padding::SAME);
  CHECK(dw.depth_multiplier() == 1);
  CHECK(dw.activation() == file::Activation::RELU6);
  CHECK(w.producer("project").builtin_options_as_Conv2DOptions()->padding() == file::Padding::VALID);
  CHECK(w.producer("project").builtin_options_as_Conv2DOptions()->activation() == file::Activation::NONE);
  CHECK(w.code(w.producer("sum")).builtin_code() == BuiltinOperator::ADD);
  CHECK(w.producer("sum").builtin_options_as_AddOptions() != nullptr);
  for (const char* pool : {"average", "max"}) {
    const auto& o = *w.producer(pool).builtin_options_as_Pool2DOptions();
    CHECK(o.padding() == file::Padding::VALID);
    CHECK(o.filter_height() == 2);
    CHECK(o.filter_width() == 2);
    CHECK(o.stride_h() == 2);
  }
  CHECK(w.code(w.producer("average")).builtin_code() == BuiltinOperator::AVERAGE_POOL_2D);
  CHECK(w.code(w.producer("max")).builtin_code() == BuiltinOperator::MAX_POOL_2D);
  CHECK(w.producer("concat").builtin_options_as_ConcatenationOptions()->axis() == 3);
  // 1 before and after at stride 2 is neither SAME, which puts 0 before, nor VALID.
  CHECK(w.producer("odd").builtin_options_as_Conv2DOptions()->padding() == file::Padding::VALID);
  CHECK(w.producer("odd").builtin_options_as_Conv2DOptions()->activation() == file::Activation::RELU);
  CHECK(w.code(w.producer("odd/padded")).builtin_code() == BuiltinOperator::PAD);
  CHECK(w.integers(w.input("odd/padded", 1)) == std::vector<std::int32_t>{0, 0, 1, 1, 1, 1, 0, 0});
  CHECK(shape(w.input("odd", 0)) == std::vector<std::int32_t>{1, 6, 6, 12});
  const auto& pool = *w.producer("pool").builtin_options_as_Pool2DOptions();
  CHECK(pool.filter_height() == 2);
  CHECK(w.code(w.producer("flatten")).builtin_code() == BuiltinOperator::RESHAPE);
  CHECK(w.integers(w.input("flatten", 1)) == std::vector<std::int32_t>{1, 8});
  CHECK(w.code(w.producer("logits")).builtin_code() == BuiltinOperator::FULLY_CONNECTED);
  CHECK(w.code(w.producer("logits")).version() == 4);
  CHECK(w.count(BuiltinOperator::MAXIMUM) + w.count(BuiltinOperator::MINIMUM) == 0);

  REQUIRE(w.graph().inputs()->size() == 1);
  REQUIRE(w.graph().outputs()->size() == 1);
  CHECK(w.tensor(w.graph().inputs()->Get(0)).name()->str() == "pictures");
  CHECK(w.tensor(w.graph().outputs()->Get(0)).name()->str() == "logits");
  CHECK(serialize_tflite(q) == serialize_tflite(q));
}

TEST_CASE("write_tflite: weights, biases and grids are those of the int8 network, 128 lower", "[tflite]") {
  for (const WeightMode weights : {WeightMode::vector, WeightMode::scalar}) {
    const QuantizedNetwork q = quantized_for(Requantizer::fixed_point, Scheme::symmetric, weights);
    const Written w(serialize_tflite(q));
    for (NodeId id = 0; id < q.network.size(); ++id) {
      const Node& node = q.network[id];
      const auto* t = *std::find_if(w.graph().tensors()->begin(), w.graph().tensors()->end(),
                                    [&](const auto* one) { return one->name()->str() == node.name; });
      const Affine<float> grid = byte_grid(q, id);
      CHECK(t->type() == file::TensorType::INT8);
      CHECK(t->quantization()->scale()->Get(0) == grid.scale);
      CHECK(t->quantization()->zero_point()->Get(0) == grid.zero_point - 128);
      test::with_layer(node.op, [&](const auto& layer) {
        const float scale_x = q.output_grid(node.inputs[0]).scale;
        const LoweredLayer l = lower_layer(layer, *q.weight[id], scale_x, grid.scale);
        const file::Tensor &weight = w.input(node.name, 1), &bias = w.input(node.name, 2);
        const std::vector<std::uint8_t> bytes = w.data(weight);
        CHECK(std::equal(bytes.begin(), bytes.end(), l.codes.begin(), l.codes.end(),
                         [](auto a, auto b) { return static_cast<std::int8_t>(a) == b; }));
        CHECK(w.integers(bias) == l.bias);
        const auto& scale = *weight.quantization()->scale();
        REQUIRE(scale.size() == (weights == WeightMode::vector ? l.bias.size() : 1));
        REQUIRE(bias.quantization()->scale()->size() == scale.size());
        for (unsigned c = 0; c < scale.size(); ++c) {
          CHECK(scale[c] == l.scale[c]);
          CHECK(weight.quantization()->zero_point()->Get(c) == 0);
          CHECK(bias.quantization()->scale()->Get(c) == scale_x * l.scale[c]);
        }
        const bool depthwise = node.op.is<DepthwiseConv2d>();
        CHECK(weight.quantization()->quantized_dimension() == (depthwise ? 3 : 0));
        if (depthwise) CHECK(shape(weight) == std::vector<std::int32_t>{1, 3, 3, 8});
      });
    }
  }
}

TEST_CASE("write_tflite: asymmetric scalar weights as uint8", "[tflite]") {
  const QuantizedNetwork q = quantized_for(Requantizer::fixed_point, Scheme::asymmetric, WeightMode::scalar);
  const Written w(serialize_tflite(q));
  for (const char* name : {"stem", "dw", "logits"}) {
    CAPTURE(name);
    const file::Tensor& weight = w.input(name, 1);
    CHECK(weight.type() == file::TensorType::UINT8);
    CHECK(w.tensor(w.producer(name).outputs()->Get(0)).type() == file::TensorType::UINT8);
    const NodeId id = name[0] == 's' ? 1 : name[0] == 'd' ? 2 : q.network.output();
    CHECK(weight.quantization()->zero_point()->Get(0) == q.weight[id]->grid(0).zero_point + 128);
    CHECK(w.code(w.producer(name)).version() == (name[0] == 'l' ? 1 : w.code(w.producer(name)).version()));
  }
  CHECK(w.producer("project").builtin_options_as_Conv2DOptions()->activation() == file::Activation::NONE);
}

TEST_CASE("write_tflite: codes that no activation gives are held by MAXIMUM and MINIMUM", "[tflite]") {
  const Written narrow(serialize_tflite(quantized_for(Requantizer::fixed_point, Scheme::symmetric, WeightMode::vector, 4)));
  // Signed 4-bit codes -8 .. 7 lie at byte 120 .. 135.
  CHECK(narrow.count(BuiltinOperator::MAXIMUM) > 0);
  CHECK(narrow.count(BuiltinOperator::MINIMUM) > 0);
  const auto& project = narrow.producer("project");
  CHECK(narrow.code(project).builtin_code() == BuiltinOperator::MINIMUM);
  CHECK(narrow.data(narrow.input("project", 1)) == std::vector<std::uint8_t>{7});
  CHECK(shape(narrow.input("project", 1)) == std::vector<std::int32_t>{1});
  // Symmetric int8 codes of float32 requantization have no -128.
  const Network linear_only = [] {
    std::mt19937 random(1);
    Network n;
    const NodeId x = n.add(Input{{2, 2, 3}}, {}, "x");
    n.add(Conv2d{test::random_tensor<4>({4, 1, 1, 3}, random), test::random_tensor<1>({4}, random), {}}, {x}, "conv");
    return n;
  }();
  const Written w(serialize_tflite(test::quantized(linear_only, {})));
  CHECK(w.count(BuiltinOperator::MAXIMUM) == 1);
  CHECK(w.count(BuiltinOperator::MINIMUM) == 0);
  CHECK(w.data(w.input("conv", 1)) == std::vector<std::uint8_t>{static_cast<std::uint8_t>(-127)});
}

TEST_CASE("write_tflite: a global pool with a grid of its own is MEAN", "[tflite]") {
  std::mt19937 random(1);
  Network n;
  const NodeId x = n.add(Input{{4, 4, 3}}, {}, "x");
  const NodeId c =
      n.add(Conv2d{test::random_tensor<4>({4, 1, 1, 3}, random), test::random_tensor<1>({4}, random), {}}, {x}, "conv", relu);
  n.add(GlobalAveragePool{}, {c}, "pool");
  const Written w(serialize_tflite(test::quantized(n, {})));
  CHECK(w.code(w.producer("pool")).builtin_code() == BuiltinOperator::MEAN);
  CHECK(w.producer("pool").builtin_options_as_ReducerOptions()->keep_dims());
  CHECK(w.integers(w.input("pool", 1)) == std::vector<std::int32_t>{1, 2});
}

TEST_CASE("write_tflite: all nodes as outputs; a file on disk", "[tflite]") {
  const QuantizedNetwork q = quantized_for(Requantizer::fixed_point);
  const Written w(serialize_tflite(q, {true}));
  CHECK(w.graph().outputs()->size() == q.network.size());
  CHECK(w.tensor(w.graph().outputs()->Get(5)).name()->str() == "sum");
}

TEST_CASE("write_tflite: transposed convolutions, pixels in channels and spreading, read back with equal codes", "[tflite]") {
  for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric}) {
    QuantizationOptions options{WeightMode::scalar, scheme};
    options.requantizer = Requantizer::fixed_point;
    const QuantizedNetwork q = test::quantized(test::tflite_upsampling_network(), options);
    const std::string bytes = serialize_tflite(q);
    const Written w(bytes);
    for (const BuiltinOperator wanted : {BuiltinOperator::TRANSPOSE_CONV, BuiltinOperator::SPACE_TO_DEPTH,
                                         BuiltinOperator::DEPTH_TO_SPACE, BuiltinOperator::BROADCAST_TO})
      CHECK(w.count(wanted) == 1);
    CHECK(w.integers(w.tensor(w.producer("spread").inputs()->Get(1))) == std::vector<std::int32_t>{1, 16, 16, 2});
    const Array x = test::random_pictures(q.network, 3, 5);
    CHECK(codes_of(Int8Network(parse_quantized_tflite(bytes).network), x) == codes_of(Int8Network(q), x));
  }
}

TEST_CASE("write_tflite: transposed convolutions of any padding, over which their input is a convolution's output", "[tflite]") {
  QuantizationOptions options{WeightMode::vector};
  options.requantizer = Requantizer::fixed_point;
  const QuantizedNetwork q = test::quantized(test::tflite_transposed_network(), options);
  const std::string bytes = serialize_tflite(q);
  const Written w(bytes);
  std::size_t found = 0;
  for (const file::Operator* o : *w.graph().operators()) {
    if (w.code(*o).builtin_code() != BuiltinOperator::TRANSPOSE_CONV) continue;
    ++found;
    const auto in = shape(w.tensor(o->inputs()->Get(2))), out = shape(w.tensor(o->outputs()->Get(0))),
               kernel = shape(w.tensor(o->inputs()->Get(1)));
    const auto& window = *o->builtin_options_as_TransposeConvOptions();
    const std::int32_t stride[] = {window.stride_h(), window.stride_w()};
    for (unsigned axis : {0U, 1U}) {
      const std::int32_t room = window.padding() == file::Padding::SAME ? 1 : kernel[axis + 1];
      CHECK((out[axis + 1] + stride[axis] - room) / stride[axis] == in[axis + 1]);
    }
  }
  CHECK(found == 8);
  const Array x = test::random_pictures(q.network, 3, 5);
  CHECK(codes_of(Int8Network(parse_quantized_tflite(bytes).network), x) == codes_of(Int8Network(q), x));
}

TEST_CASE("write_tflite: the larger and the smaller, products and sums of activations, constants", "[tflite]") {
  const Written w(serialize_tflite(test::quantized(test::tflite_arithmetic_network(), {WeightMode::vector, Scheme::symmetric})));
  CHECK(w.count(BuiltinOperator::MAXIMUM) >= 1);
  CHECK(w.count(BuiltinOperator::MINIMUM) >= 1);
  CHECK(w.count(BuiltinOperator::QUANTIZE) == 2);  // of either the narrower input, onto the grid of the wider one
  CHECK(w.count(BuiltinOperator::BATCH_MATMUL) == 1);
  CHECK(w.count(BuiltinOperator::SUM) == 1);
  // BATCH_MATMUL has no kernel for uint8.
  const Written uint8(
      serialize_tflite(test::quantized(test::tflite_arithmetic_network(), {WeightMode::scalar, Scheme::asymmetric})));
  CHECK(uint8.input("product/reals", 0).type() == file::TensorType::FLOAT32);

  std::mt19937 random(1);
  Network n;
  const NodeId x = n.add(Input{{2, 3, 4}}, {}, "x");
  const NodeId offset = n.add(Constant{test::random_tensor<3>({2, 3, 4}, random)}, {}, "offset");
  n.add(Add{}, {x, offset}, "sum");
  QuantizationOptions options;
  options.requantizer = Requantizer::fixed_point;
  const QuantizedNetwork q = test::quantized(n, options);
  const std::string bytes = serialize_tflite(q);
  CHECK(Written(bytes).data(Written(bytes).input("sum", 1)).size() == 24);
  const Array pictures = test::random_pictures(n, 3, 5);
  CHECK(codes_of(Int8Network(parse_quantized_tflite(bytes).network), pictures) == codes_of(Int8Network(q), pictures));
}

TEST_CASE("write_tflite: what the format cannot say is named", "[tflite]") {
  CHECK_THROWS_AS(to_tflite(quantized_for(Requantizer::fixed_point, Scheme::asymmetric)), unsupported_error);
  CHECK_THROWS_WITH(to_tflite(quantized_for(Requantizer::fixed_point, Scheme::asymmetric)),
                    ContainsSubstring("stem") && ContainsSubstring("one scale for all filters"));
  QuantizationOptions options;
  options.requantizer = Requantizer::fixed_point;
  const Network pads = test::small_network();  // its pools pad at one corner each
  CHECK_THROWS_WITH(to_tflite(test::quantized(pads, options)), ContainsSubstring("average") && ContainsSubstring("padding"));
  std::mt19937 random(1);
  Network dilated;
  const NodeId x = dilated.add(Input{{4, 4, 4}}, {}, "x");
  WindowOptions window;
  window.dilation_h = 2;
  dilated.add(ConvTranspose2d{test::random_tensor<4>({4, 2, 2, 4}, random), test::random_tensor<1>({4}, random), window}, {x},
              "up");
  CHECK_THROWS_WITH(to_tflite(test::quantized(dilated, options)), ContainsSubstring("up") && ContainsSubstring("dilation"));
}

namespace {

/// The codes of every node of codes, by its name; of nodes of one name the last.
std::map<std::string, std::vector<std::uint8_t>> codes_by_name(const LoweredNetwork& n, const Array& x) {
  std::map<std::string, std::vector<std::uint8_t>> all;
  Int8Network::Workspace workspace;
  Int8Network(n).run(x, workspace, [&](NodeId id, std::span<const std::uint8_t> bytes) {
    if (n.nodes[id].holds_codes) all[n.nodes[id].name] = {bytes.begin(), bytes.end()};
  });
  return all;
}
std::size_t most_apart(const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b) {
  REQUIRE(a.size() == b.size());
  int most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(int{a[i]} - int{b[i]}));
  return static_cast<std::size_t>(most);
}

}  // namespace

TEST_CASE("write_tflite: what TFLite has on reals alone stands between DEQUANTIZE and QUANTIZE; groups are layers", "[tflite]") {
  const auto mode = GENERATE(Scheme::symmetric, Scheme::asymmetric);
  const QuantizedNetwork q = test::quantized(test::tflite_other_network(), {WeightMode::scalar, mode});
  const LoweredNetwork n = lower(q);
  const LoweredNetwork back = parse_quantized_tflite(serialize_tflite(q)).network;
  const Array x = test::random_pictures(q.network, 2, 5);
  const auto ours = codes_by_name(n, x), theirs = codes_by_name(back, x);
  for (const auto& [name, codes] : ours) {
    CAPTURE(name, int(mode));
    REQUIRE(theirs.count(name) == 1);
    // What is read back rounds in fixed point, or from reals, and the Concat of all with it.
    const bool moved = name == "pictures" || name == "positive" || name.starts_with("reflect") || name.starts_with("edge") ||
                       name.starts_with("crd") || name.starts_with("nearest");
    CHECK(most_apart(codes, theirs.at(name)) <= (moved ? 0 : 1));
  }
}

TEST_CASE("write_tflite: nodes in float", "[tflite]") {
  const Network network = test::tflite_network();
  for (const std::vector<std::string>& kept : {std::vector<std::string>{"dw"}, {"odd", "sum"}, {"max", "project"}, {"stem"}}) {
    CAPTURE(kept);
    QuantizationOptions options;
    options.keep_float = kept;
    const QuantizedNetwork q = test::quantized(network, options);
    const LoweredNetwork n = lower(q), back = parse_quantized_tflite(serialize_tflite(q)).network;
    const auto float_layers = [](const LoweredNetwork& of) {
      return std::count_if(of.nodes.begin(), of.nodes.end(),
                           [](const LoweredNode& node) { return node.in_float && node.op->weighted() != nullptr; });
    };
    CHECK(float_layers(back) == float_layers(n));
    const Array x = test::random_pictures(network, 2, 5);
    const auto ours = codes_by_name(n, x), theirs = codes_by_name(back, x);
    std::size_t compared = 0;
    for (const auto& [name, codes] : ours)
      if (theirs.count(name) == 1) {
        CAPTURE(name);
        // The other layers are read back in fixed point, whose steps add up from layer to layer.
        CHECK(most_apart(codes, theirs.at(name)) <= 3);
        ++compared;
      }
    CHECK(compared > 6);
  }
}

TEST_CASE("write_tflite: operators in float, read back as the same reals", "[tflite]") {
  const test::TfliteFloatNetwork kept = test::tflite_float_network();
  QuantizationOptions options;
  options.keep_float = kept.names;
  const QuantizedNetwork q = test::quantized(kept.network, options);
  const LoweredNetwork n = lower(q), back = parse_quantized_tflite(serialize_tflite(q)).network;
  for (const std::string& name : kept.names)
    CHECK(
        std::any_of(n.nodes.begin(), n.nodes.end(), [&](const LoweredNode& node) { return node.name == name && node.in_float; }));
  const Array x = test::random_pictures(kept.network, 2, 5);
  const auto ours = codes_by_name(n, x), theirs = codes_by_name(back, x);
  REQUIRE(ours.size() > kept.names.size());
  for (const auto& [name, codes] : ours) {
    CAPTURE(name);
    REQUIRE(theirs.count(name) == 1);
    CHECK(most_apart(codes, theirs.at(name)) <= (name == "all" ? 1 : 0));  // a Concat is read back in fixed point
  }
}
