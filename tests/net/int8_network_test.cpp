#include <catch.hpp>
#include <quantized_small_network.hpp>
#include <thread>
#include <trimtab/core/isa.hpp>
#include <trimtab/net/execute/verify.hpp>

using namespace trimtab;

TEST_CASE("Int8Network: every code of every node equals the trained network's, on every ISA and number of threads", "[net]") {
  const Network n = test::small_network();
  const Array x = test::random_pictures(n, 3, 11);
  for (const QuantizationOptions& options : test::every_mode()) {
    QuantizedNetwork q = test::quantized(n, options);
    test::scramble_factors(q, 9);
    for (const Isa isa : available_isas())
      for (const int count : {1, 3}) {
        const ScopedIsa scope(isa);
        const ScopedThreads several(count);
        const auto difference = verify(q, x);
        CAPTURE(name(isa), count, int(options.weights), int(options.scheme), options.weight_bits, int(options.requantizer));
        CHECK_FALSE(difference.has_value());
      }
  }
}

TEST_CASE("verify: names the first node that differs", "[net]") {
  const Network n = test::small_network();
  const QuantizedNetwork q = test::quantized(n, {});
  const Array x = test::random_pictures(n, 2, 11);
  FakeQuantExecutor trained(q);
  trained.forward(x);
  QuantizedNetwork other = q;
  other.network[3].op.get<Conv2d>().bias(2) += 1.0F;
  const Int8Network deployed(other);
  Int8Network::Workspace workspace;
  const auto difference = compare_codes(trained, deployed, x, workspace);
  REQUIRE(difference.has_value());
  CHECK(difference->node == 3);
  CHECK(difference->name == "project");
  CHECK(difference->position % 6 == 2);
  CHECK(difference->trained != difference->deployed);
}

TEST_CASE("Int8Network: several threads run one network, each with a workspace; a workspace serves any batch", "[net]") {
  const Network n = test::small_network();
  const Int8Network deployed(test::quantized(n, {}));
  std::vector<Array> pictures;
  std::vector<std::vector<std::uint8_t>> expected;
  Int8Network::Workspace workspace;
  for (unsigned i = 0; i < 8; ++i) {
    pictures.push_back(test::random_pictures(n, 1 + i % 3, i));
    const auto codes = deployed.run(pictures.back(), workspace);
    expected.emplace_back(codes.begin(), codes.end());
  }
  std::vector<std::vector<std::uint8_t>> got(pictures.size());
  std::vector<std::thread> callers;
  for (std::size_t i = 0; i < pictures.size(); ++i)
    callers.emplace_back([&, i] {
      Int8Network::Workspace own;
      const auto codes = deployed.run(pictures[i], own);
      got[i].assign(codes.begin(), codes.end());
    });
  for (std::thread& t : callers) t.join();
  CHECK(got == expected);
  CHECK_THROWS_AS(deployed.run(Array::from_shape({1, 9, 10, 4}), workspace), shape_error);
  CHECK(deployed.run(Array::from_shape({0, 9, 10, 3}), workspace).empty());
}

TEST_CASE("plan_arena: what is alive together does not overlap, what is not shares", "[net]") {
  const std::vector<Lifetime> chain{{100, 0, 1}, {200, 1, 2}, {100, 2, 3}, {50, 3, 4}};
  const ArenaPlan plan = plan_arena(chain);
  CHECK(plan.bytes == 384);  // 200 rounded up to 256, beside 100 rounded up to 128
  for (std::size_t i = 0; i < chain.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      const bool together = chain[j].first <= chain[i].last && chain[i].first <= chain[j].last;
      const bool overlap = plan.offset[i] < plan.offset[j] + chain[j].bytes && plan.offset[j] < plan.offset[i] + chain[i].bytes;
      CHECK_FALSE((together && overlap));
    }
  CHECK(plan_arena({}).bytes == 0);
  const std::vector<Lifetime> beyond{{std::numeric_limits<std::size_t>::max() - 200, 0, 1}, {200, 1, 2}};
  CHECK_THROWS_AS(plan_arena(beyond), unsupported_error);
}
