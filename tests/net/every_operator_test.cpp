#include <catch.hpp>
#include <every_operator.hpp>
#include <trimtab/net/execute/verify.hpp>
#include <trimtab/net/passes/calibrate.hpp>
#include <trimtab/net/passes/fold.hpp>
#include <trimtab/net/train/fine_tune.hpp>

using namespace trimtab;

namespace {

QuantizedNetwork quantized_on_own(const Network& n, const QuantizationOptions& options) {
  const auto pictures = [&](std::span<const std::size_t> some) {
    return test::random_pictures(n, some.size(), unsigned(some[0]));
  };
  return quantize(n, calibrate(n, pictures, 8, MinMaxObserver<float>{}), options);
}

}  // namespace

TEST_CASE("every operator of the list is in the network that tests all of them", "[net]") {
  std::set<std::string> missing = test::all_operator_names();
  for (const char* elsewhere : {"BatchNorm", "LookupTable", "SoftmaxTable"}) missing.erase(elsewhere);
  const Network n = test::every_operator();
  for (const Node& node : n.nodes()) missing.erase(node.op->name());
  CHECK(missing == std::set<std::string>());
}

TEST_CASE("every operator: training and deployment have the same codes, on every instruction set, by 1 to 3 threads", "[net]") {
  const Network n = fuse_clips(fold_batch_norm(test::every_operator()));
  const Array x = test::random_pictures(n, 3, 99);
  for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric})
    for (const WeightMode weights : {WeightMode::scalar, WeightMode::vector}) {
      const QuantizedNetwork q = quantized_on_own(n, {.weights = weights, .scheme = scheme});
      std::vector<std::vector<std::uint8_t>> first;
      for (const Isa isa : available_isas())
        for (const int count : {1, 2, 3}) {
          const ScopedIsa scope(isa);
          const ScopedThreads threads(count);
          CAPTURE(int(scheme), int(weights), name(isa), count);
          FakeQuantExecutor trained(q);
          trained.forward(x);
          Int8Network::Workspace workspace;
          const auto difference = compare_codes(trained, Int8Network(q), x, workspace);
          CAPTURE(difference ? difference->name : std::string());
          REQUIRE_FALSE(difference.has_value());
          std::vector<std::vector<std::uint8_t>> codes;
          for (NodeId id = 0; id < n.size(); ++id) codes.emplace_back(trained.bytes(id).begin(), trained.bytes(id).end());
          if (first.empty()) first = codes;
          CHECK(codes == first);
        }
    }
}

TEST_CASE("every operator: a network of all of them trains, and its outputs come nearer", "[net]") {
  const Network n = fuse_clips(fold_batch_norm(test::every_operator()));
  const auto pictures = [&](std::span<const std::size_t> some) {
    return test::random_pictures(n, some.size(), unsigned(some[0]));
  };
  for (const Scheme scheme : {Scheme::symmetric, Scheme::asymmetric}) {
    QuantizedNetwork q = quantized_on_own(n, {.scheme = scheme, .weight_bits = 5, .activation_bits = 5});
    FineTuneOptions options;
    options.epochs = 6;
    options.batch = 4;
    const FineTuneReport report = fine_tune(q, teacher_outputs(n, pictures, 8), pictures, options);
    CHECK(report.loss_after < report.loss_before);
    CHECK_FALSE(verify(q, test::random_pictures(n, 2, 7)).has_value());
  }
}

TEST_CASE("keep_float: by node and by operator; what follows only floats stays real, and training equals deployment", "[net]") {
  const Network n = fuse_clips(fold_batch_norm(test::every_operator()));
  const QuantizedNetwork q = quantized_on_own(n, {.keep_float = {"Tanh", "x"}});
  for (NodeId id = 0; id < n.size(); ++id) {
    const std::string op = n[id].op->name();
    if (op == "Tanh" || n[id].name == "x" || op == "ArgMax" || op == "LogSoftmax") CHECK(q.in_float[id]);
    if (op == "Transpose" && n[n[id].inputs[0]].name == "x") CHECK_FALSE(q.holds_codes(id));  // moves what is real
  }
  CHECK_FALSE(verify(q, test::random_pictures(n, 2, 5)).has_value());
  CHECK_THROWS_AS(quantized_on_own(n, {.keep_float = {"nobody"}}), value_error);
}
