#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch.hpp>
#include <csignal>
#include <quantized_small_network.hpp>
#include <scratch_folder.hpp>
#include <trimtab/io/fine_tune_state.hpp>

using namespace trimtab;
using trimtab::test::quantized;
using trimtab::test::random_pictures;
using trimtab::test::small_network;

namespace {

/// A run of a few steps, and its state.
struct Run {
  Network network = small_network();
  Array pictures = random_pictures(network, 4, 5), teacher = run(network, pictures);
  QuantizedNetwork q = quantized(network, {WeightMode::vector, Scheme::symmetric});
  FineTuneOptions options;
  RunDescription description;
  FineTuneState state;

  Run() {
    options.batch = 4;
    options.epochs = 3;
    description = describe_run(q, teacher, options);
    FineTuning run(q, teacher, options);
    for (int i = 0; i < 2; ++i) run.step([&](std::span<const std::size_t>) { return pictures; });
    state = run.state();
  }
};

}  // namespace

TEST_CASE("fine tune state: comes back bit for bit, and with it the rest of the run", "[io]") {
  const Run r;
  const ScratchFolder folder;
  write_fine_tune_state(folder / "state", r.description, r.state);
  CHECK(read_fine_tune_state(folder / "state", r.description) == r.state);
  CHECK(r.state.loss.size() == 2);
  CHECK(r.state.adam.steps == 2);
  // Does not depend on where the factors stand.
  CHECK(describe_run(r.q, r.teacher, r.options) == r.description);
  // The same state gives the same bytes.
  CHECK(serialize_fine_tune_state(r.description, r.state) == folder.read("state"));
}

TEST_CASE("fine tune state: every cut and every changed byte is a parse_error", "[io]") {
  const Run r;
  const std::string good = serialize_fine_tune_state(r.description, r.state);
  for (std::size_t length = 0; length < good.size(); length += length < 200 || length + 200 > good.size() ? 1U : 97U)
    CHECK_THROWS_AS(parse_fine_tune_state(good.substr(0, length), r.description), parse_error);
  CHECK_THROWS_AS(parse_fine_tune_state(good + '\0', r.description), parse_error);
  for (std::size_t i = 0; i < good.size(); i += 7) {
    std::string flipped = good;
    flipped[i] = static_cast<char>(flipped[i] ^ (1 << (i % 8)));
    CHECK_THROWS_AS(parse_fine_tune_state(flipped, r.description), parse_error);
  }
}

TEST_CASE("fine tune state: a well-formed file with something else in it is a typed error", "[io]") {
  const Run r;
  const std::string good = serialize_fine_tune_state(r.description, r.state);
  const auto changed = [&](const auto& change) {
    ::onnx::ModelProto model = detail::parse_state_model(good);
    auto& entries = *model.mutable_metadata_props();
    entries.RemoveLast();  // the old seal
    change(model);
    const std::string body = model.SerializeAsString();
    return body + detail::state_seal(body);
  };
  CHECK(parse_fine_tune_state(changed([](auto&) {}), r.description) == r.state);
  const auto initializer = [](::onnx::ModelProto& m, int i) { return m.mutable_graph()->mutable_initializer(i); };
  CHECK_THROWS_AS(parse_fine_tune_state(changed([](auto& m) { m.set_doc_string("a network"); }), r.description), parse_error);
  CHECK_THROWS_AS(parse_fine_tune_state(changed([](auto& m) { m.clear_graph(); }), r.description), parse_error);
  CHECK_THROWS_AS(parse_fine_tune_state(changed([&](auto& m) { initializer(m, 0)->set_dims(0, 1 << 30); }), r.description),
                  parse_error);
  CHECK_THROWS_AS(parse_fine_tune_state(changed([&](auto& m) { initializer(m, 2)->set_dims(0, -1); }), r.description),
                  parse_error);
  CHECK_THROWS_AS(parse_fine_tune_state(changed([&](auto& m) { initializer(m, 8)->set_data_type(1); }), r.description),
                  parse_error);
  CHECK_THROWS_AS(
      parse_fine_tune_state(changed([&](auto& m) { initializer(m, 1)->set_data_location(::onnx::TensorProto::EXTERNAL); }),
                            r.description),
      unsupported_error);
}

TEST_CASE("fine tune state: of another run, each difference is named", "[io]") {
  const Run r;
  const std::string file = serialize_fine_tune_state(r.description, r.state);
  FineTuneOptions options = r.options;
  options.learning_rate = 0.002;
  options.epochs = 4;
  CHECK_THROWS_WITH(
      parse_fine_tune_state(file, describe_run(r.q, r.teacher, options), "file"),
      "read_fine_tune_state: file: the state of another run: epochs was 3 and is 4; learning_rate was 0.001 and is 0.002");
  const auto refused = [&](const QuantizedNetwork& q, const Array& teacher, const char* what) {
    CHECK_THROWS_AS(parse_fine_tune_state(file, describe_run(q, teacher, r.options)), value_error);
    CHECK_THROWS_WITH(parse_fine_tune_state(file, describe_run(q, teacher, r.options)), ContainsSubstring(what));
  };
  refused(quantized(r.network, {WeightMode::vector, Scheme::symmetric, 7, 8}), r.teacher, "quantizers was");
  refused(quantized(r.network, {WeightMode::scalar, Scheme::symmetric}), r.teacher, "quantizers was");
  refused(quantized(small_network(2), {WeightMode::vector, Scheme::symmetric}), r.teacher, "network was");
  Array other = r.teacher;
  other.data()[3] += 1;
  refused(r.q, other, "float outputs was");
}

TEST_CASE("fine tune state: a full disk is an io_error and keeps the earlier file", "[io]") {
  const Run r;
  const ScratchFolder folder;
  write_fine_tune_state(folder / "state", r.description, r.state);
  const std::string before = folder.read("state");
  // A limit on the size of files refuses bytes as a full disk does; in a process of its own, since it cannot be undone.
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{before.size() / 2, before.size() / 2};
    setrlimit(RLIMIT_FSIZE, &limit);
    FineTuneState later = r.state;
    later.loss.push_back(1);
    try {
      write_fine_tune_state(folder / "state", r.description, later);
    } catch (const io_error&) {
      _exit(42);
    }
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 42);
  CHECK(folder.read("state") == before);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}
