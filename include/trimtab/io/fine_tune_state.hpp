#pragma once
/// \file
/// A training run's state in a file, so that it can be stopped and continued. Needs the CMake target trimtab::onnx: the file is
/// an ONNX model without nodes, whose initializers are the state and whose metadata describe the run. Netron and ONNX's own tools
/// show it.

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <trimtab/core/config.hpp>
#include <trimtab/core/error.hpp>
#include <trimtab/io/atomic_file.hpp>
#include <trimtab/io/file_bytes.hpp>
#include <trimtab/io/onnx/read_tensor.hpp>
#include <trimtab/io/onnx/schema.hpp>
#include <trimtab/net/train/fine_tune.hpp>
#include <utility>
#include <vector>
#include <xtl/xhash.hpp>

namespace trimtab {

/// What a training run depends on, as texts by name. Runs with equal descriptions take equal steps.
using RunDescription = std::map<std::string, std::string>;

namespace detail {

template <class T>
std::string digits(T number, auto... base) {  // the shortest that reads back as the same number
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, number, base...).ptr};
}

/// One number for many, MurmurHash2; hashes of parts are chained.
class Fingerprint {
 public:
  template <class T>
  Fingerprint& add(std::span<const T> values) {
    hash_ = xtl::murmur2_x64(values.data(), values.size_bytes(), hash_);
    return *this;
  }
  template <class T>
  Fingerprint& add(const T& value) {
    return add(std::span<const T>(&value, 1));
  }
  std::string text() const { return digits(hash_, 16); }

 private:
  std::uint64_t hash_ = 0;
};

/// The nodes' operators, extents and every parameter.
inline std::string fingerprint(const Network& network) {
  struct Visitor final : OperatorVisitor {
    Fingerprint print;
    void tensor(std::string_view, const TensorView<float>& values, ParameterKind) override {
      print.add(std::span<const float>(values.data, values.size()));
    }
    void number(std::string_view, double value) override { print.add(value); }
  } visitor;
  for (const Node& node : network.nodes()) {
    const std::string_view name = node.op->name();
    visitor.print.add(std::span<const char>(name.data(), name.size()));
    visitor.print.add(std::span<const std::size_t>(node.inputs)).add(node.clip.lo).add(node.clip.hi);
    for (const std::size_t length : node.extent) visitor.print.add(length);
    Operator op = node.op;  // visit() gives what may be changed
    op->visit(visitor);
  }
  return visitor.print.text();
}

/// The quantizers' codes, granularities, thresholds and factors' bounds.
inline std::string fingerprint(const QuantizedNetwork& q) {
  Fingerprint print;
  for_each_quantizer(q, [&](const AnyQuantizer& quantizer) {
    const CodeRange codes = quantizer.grid(0).codes;
    print.add(codes.qmin).add(codes.qmax).add(quantizer.granularity().axis);
    for (std::size_t i = 0; i < quantizer.factors().size(); ++i) print.add(quantizer.bounds(i).lo).add(quantizer.bounds(i).hi);
  });
  for (const PointwiseFactors& p : q.pointwise)
    if (!p.weight.empty()) print.add(p.bounds.lo).add(p.bounds.hi);
  const std::vector<float> thresholds = gather_thresholds(q);
  return print.add(std::span<const float>(thresholds)).text();
}

}  // namespace detail

/// Describes the run FineTuning(q, teacher, options): every option, and fingerprints of the network, of its quantizers, and of
/// the float network's outputs, in which the pictures show, too. Does not depend on the factors that training moves.
inline RunDescription describe_run(const QuantizedNetwork& q, const Array& teacher, const FineTuneOptions& options) {
  // Taken apart by name, so that an option that is added to the struct cannot be left out here.
  const auto& [epochs, batch, micro_batch, learning_rate, pointwise_rate, restarts, warmup, seed, trained, loss, weights_of_terms,
               labels, adam] = options;
  const auto& [teacher_labels, of_labels, outputs, soft_targets] = weights_of_terms;
  const auto& [activations, weights, pointwise] = trained;
  const auto& [beta1, beta2, epsilon] = adam;
  using detail::digits;
  return {{"epochs", digits(epochs)},
          {"batch", digits(batch)},
          {"micro_batch", digits(micro_batch)},
          {"learning_rate", digits(learning_rate)},
          {"pointwise_rate", digits(pointwise_rate)},
          {"restarts", digits(restarts)},
          {"warmup", digits(warmup)},
          {"seed", digits(seed)},
          {"trains activations", activations ? "yes" : "no"},
          {"trains weights", weights ? "yes" : "no"},
          {"trains pointwise", pointwise ? "yes" : "no"},
          {"loss", loss == DistillationLoss::rmse        ? "rmse"
                   : loss == DistillationLoss::smooth_l1 ? "smooth_l1"
                                                         : "charbonnier"},
          {"weight of the teacher's labels", digits(teacher_labels)},
          {"weight of labels", digits(of_labels)},
          {"weight of outputs", digits(outputs)},
          {"weight of soft targets", digits(soft_targets)},
          {"labels", detail::Fingerprint().add(std::span<const int>(labels)).text()},
          {"adam beta1", digits(beta1)},
          {"adam beta2", digits(beta2)},
          {"adam epsilon", digits(epsilon)},
          {"pictures", digits(teacher.shape(0))},
          {"network", detail::fingerprint(q.network)},
          {"quantizers", detail::fingerprint(q)},
          {"float outputs", detail::Fingerprint().add(std::span<const float>(teacher.data(), teacher.size())).text()}};
}

namespace detail {

/// What stands at the end of a state file: a metadata entry with the fingerprint of all bytes before it. Messages of protobuf
/// that follow one another are one message, so the file stays an ONNX model.
inline std::string state_seal(std::string_view body) {
  ::onnx::ModelProto seal;
  auto& entry = *seal.add_metadata_props();
  entry.set_key("fingerprint");
  std::string hash = Fingerprint().add(std::span<const char>(body)).text();
  hash.insert(0, 16 - hash.size(), '0');
  entry.set_value(hash);
  return seal.SerializeAsString();
}

/// Calls f(name, list) for each list of numbers in a state.
template <class State, class F>
void for_each_list(State& s, const F& f) {
  f("loss", s.loss);
  f("thresholds", s.thresholds);
  f("start", s.start);
  f("factors", s.factors);
  f("adam.mean", s.adam.mean);
  f("adam.variance", s.adam.variance);
  f("pointwise_adam.mean", s.pointwise_adam.mean);
  f("pointwise_adam.variance", s.pointwise_adam.variance);
}

inline constexpr const char* state_version = "trimtab training state 1";

}  // namespace detail

/// The bytes of a state file.
inline std::string serialize_fine_tune_state(const RunDescription& run, const FineTuneState& state) {
  ::onnx::ModelProto model;
  model.set_ir_version(7);
  model.set_producer_name("trimtab");
  model.set_producer_version(TRIMTAB_VERSION);
  model.set_doc_string(detail::state_version);
  model.add_opset_import()->set_version(13);
  ::onnx::GraphProto& graph = *model.mutable_graph();
  graph.set_name("training state");
  const auto add = [&](const char* name, std::size_t length) -> ::onnx::TensorProto& {
    ::onnx::TensorProto& t = *graph.add_initializer();
    t.set_name(name);
    t.add_dims(static_cast<std::int64_t>(length));
    return t;
  };
  detail::for_each_list(state, [&](const char* name, const auto& list) {
    ::onnx::TensorProto& t = add(name, list.size());
    if constexpr (std::is_same_v<decltype(list), const std::vector<float>&>) {
      t.set_data_type(::onnx::TensorProto::FLOAT);
      t.mutable_float_data()->Add(list.begin(), list.end());
    } else {
      t.set_data_type(::onnx::TensorProto::DOUBLE);
      t.mutable_double_data()->Add(list.begin(), list.end());
    }
  });
  ::onnx::TensorProto& steps = add("adam.steps", 2);
  steps.set_data_type(::onnx::TensorProto::INT64);
  steps.add_int64_data(state.adam.steps);
  steps.add_int64_data(state.pointwise_adam.steps);
  for (const auto& [key, value] : run) {
    auto& entry = *model.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  if (model.ByteSizeLong() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    throw unsupported_error("serialize_fine_tune_state: more than 2 GiB, the most that protobuf writes");
  const std::string body = model.SerializeAsString();
  return body + detail::state_seal(body);
}

/// Replaces the file by the state, or throws io_error and leaves it as it was (see write_file_atomically).
inline void write_fine_tune_state(const std::filesystem::path& path, const RunDescription& run, const FineTuneState& state) {
  write_file_atomically(path, serialize_fine_tune_state(run, state));
}

namespace detail {

inline ::onnx::ModelProto parse_state_model(std::string_view bytes) {
  const std::size_t seal = state_seal("").size();
  if (bytes.size() < seal || bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()) ||
      bytes.substr(bytes.size() - seal) != state_seal(bytes.substr(0, bytes.size() - seal)))
    throw parse_error("this is no state of a training run, or it is damaged");
  const QuietProtobuf quiet;
  ::onnx::ModelProto model;
  if (!model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) throw parse_error("this is no ONNX file");
  if (model.doc_string() != state_version)
    throw parse_error(message("expected \"", state_version, "\", got \"", model.doc_string().substr(0, 80), '"'));
  return model;
}

/// Throws value_error, naming what differs, when the file's run is not this one.
inline void require_same_run(const ::onnx::ModelProto& model, const RunDescription& run) {
  RunDescription found;
  for (const auto& entry : model.metadata_props()) found[entry.key()] = entry.value();
  std::string differences;
  for (const auto& [key, value] : run)
    if (found[key] != value)
      differences += message(differences.empty() ? "" : "; ", key, " was ",
                             found[key].empty() ? "not told" : found[key].substr(0, 80), " and is ", value);
  if (!differences.empty()) throw value_error("the state of another run: " + differences);
}

inline FineTuneState state_of(const ::onnx::ModelProto& model) {
  const auto find = [&](const char* name) -> const ::onnx::TensorProto& {
    for (const auto& tensor : model.graph().initializer())
      if (tensor.name() == name) return tensor;
    throw parse_error(message("no list '", name, "'"));
  };
  ExternalData inside;
  FineTuneState state;
  for_each_list(state, [&](const char* name, auto& list) {
    using Numbers = std::decay_t<decltype(list)>;
    constexpr OnnxType type = std::is_same_v<Numbers, std::vector<float>> ? OnnxType::float32 : OnnxType::float64;
    const KnownTensor t = read_known(find(name), inside);
    if (t.type != type)
      throw unsupported_error(message("list '", name, "' is of ", type_name(t.type), ", expected ", type_name(type)));
    list = std::get<Numbers>(*t.numbers);
  });
  const std::vector<std::int64_t> steps = known_integers(read_known(find("adam.steps"), inside));
  if (steps.size() != 2) throw parse_error(message("'adam.steps' holds ", steps.size(), " numbers"));
  state.adam.steps = steps[0];
  state.pointwise_adam.steps = steps[1];
  return state;
}

}  // namespace detail

/// The state in the bytes of a state file; `name` is what messages call it. See read_fine_tune_state.
inline FineTuneState parse_fine_tune_state(std::string_view bytes, const RunDescription& run, const std::string& name = "state") {
  const auto where = [&](const std::exception& e) { return detail::message("read_fine_tune_state: ", name, ": ", e.what()); };
  try {
    const ::onnx::ModelProto model = detail::parse_state_model(bytes);
    detail::require_same_run(model, run);
    return detail::state_of(model);
  } catch (const parse_error& e) {
    throw parse_error(where(e));
  } catch (const value_error& e) {
    throw value_error(where(e));
  } catch (const unsupported_error& e) {
    throw unsupported_error(where(e));
  }
}

/// Reads a state that was written with the same description. Throws io_error when the file cannot be read, parse_error when it is
/// damaged (any changed or missing byte is noticed) or no state, and value_error, naming each difference, when it belongs to
/// another run. Memory stays within a small multiple of the file's size.
inline FineTuneState read_fine_tune_state(const std::filesystem::path& path, const RunDescription& run) {
  const std::vector<unsigned char> bytes =
      detail::read_bytes(path, static_cast<std::uintmax_t>(std::numeric_limits<int>::max()), "read_fine_tune_state");
  return parse_fine_tune_state({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, run, path.string());
}

}  // namespace trimtab
