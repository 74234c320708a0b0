#pragma once
// An ONNX graph that is drawn at random: numbers, constants in every spelling, nodes, values and what is known of them.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <trimtab/io/onnx/schema.hpp>
#include <utility>
#include <vector>

namespace random_networks {

using Dims = std::vector<std::int64_t>;

inline std::int64_t product(const Dims& d, std::size_t from = 0) {
  std::int64_t p = 1;
  for (std::size_t i = from; i < d.size(); ++i) p *= d[i];
  return p;
}

/// The same numbers on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : generator_(seed) {}
  std::int64_t below(std::int64_t n) { return static_cast<std::int64_t>(generator_() % static_cast<std::uint64_t>(n)); }
  std::int64_t between(std::int64_t lo, std::int64_t hi) { return lo + below(hi - lo + 1); }
  bool one_in(std::int64_t n) { return below(n) == 0; }
  double real(double lo, double hi) { return lo + (hi - lo) * static_cast<double>(generator_() >> 11) / 9007199254740992.0; }
  float number(double lo, double hi) { return static_cast<float>(real(lo, hi)); }
  template <class T>
  const T& pick(const std::vector<T>& list) {
    return list[static_cast<std::size_t>(below(static_cast<std::int64_t>(list.size())))];
  }
  template <class T>
  T pick(std::initializer_list<T> list) {
    return list.begin()[below(static_cast<std::int64_t>(list.size()))];
  }
  std::vector<float> numbers(std::int64_t count, double lo, double hi) {
    std::vector<float> all;
    for (; count > 0; --count) all.push_back(number(lo, hi));
    return all;
  }

 private:
  std::mt19937_64 generator_;
};

/// Reals that the network computes. Axis 0 is the batch.
struct Value {
  std::string name;
  Dims dims;
  double spread = 1;      ///< about the size of its numbers
  bool positive = false;  ///< none is below 0
  bool exact = false;     ///< every runtime has the same bits
  double scale = 0;       ///< of the codes that were dequantized, if it is that
  std::string scale_name = {}, zero_name = {};
  std::set<int> behind = {};  ///< quantizers that it depends on
  bool is_signed = false;     ///< of codes
};

/// A value that a run can compare: codes and what they were made of, or reals; and of which codes those are made.
struct Watched {
  std::string name, real;  ///< no `real`: the value is reals
  double scale;
  std::set<int> behind;
  int type;
  std::string op = {};  ///< the operator of a written node
};

struct Feed {
  std::string name;
  Dims dims;
  std::vector<float> numbers;  ///< whole ones of an input of codes
  int type;                    ///< of TensorProto
};

class Graph {
 public:
  Graph(std::uint64_t seed, std::int64_t version) : random(seed), opset(version) {
    model.set_ir_version(version >= 21 ? 10 : 8);
    model.add_opset_import()->set_version(version);
    graph().set_name("random");
  }

  Random random;
  std::int64_t opset;
  onnx::ModelProto model;
  std::vector<onnx::NodeProto> watching;  ///< nodes that only the file for ONNX Runtime has, where they compute `real`
  std::vector<Feed> feeds;
  std::vector<Watched> quantizers, outputs;
  bool free_batch = false, quantized = false;

  onnx::GraphProto& graph() { return *model.mutable_graph(); }
  std::string fresh(const std::string& what) { return what + "_" + std::to_string(count_++); }

  // ---- nodes
  onnx::NodeProto& node(const std::string& op, const std::vector<std::string>& inputs, int results = 1) {
    onnx::NodeProto& n = *graph().add_node();
    describe(n, op, inputs, fresh(op), results);
    return n;
  }
  void describe(onnx::NodeProto& n, const std::string& op, const std::vector<std::string>& inputs, const std::string& name,
                int results = 1) {
    n.set_op_type(op);
    n.set_name(name);
    for (const std::string& i : inputs) n.add_input(i);
    while (n.input_size() > 0 && n.input(n.input_size() - 1).empty()) n.mutable_input()->RemoveLast();
    for (int i = 0; i < results; ++i) n.add_output(name + (i == 0 ? ".y" : ".y" + std::to_string(i)));
  }
  static void set(onnx::NodeProto& n, const std::string& name, std::int64_t v) {
    auto& a = attribute(n, name, onnx::AttributeProto::INT);
    a.set_i(v);
  }
  static void set_real(onnx::NodeProto& n, const std::string& name, double v) {
    attribute(n, name, onnx::AttributeProto::FLOAT).set_f(static_cast<float>(v));
  }
  static void set(onnx::NodeProto& n, const std::string& name, const Dims& v) {
    auto& a = attribute(n, name, onnx::AttributeProto::INTS);
    for (const std::int64_t i : v) a.add_ints(i);
  }
  static void set(onnx::NodeProto& n, const std::string& name, const char* v) {
    attribute(n, name, onnx::AttributeProto::STRING).set_s(v);
  }
  static onnx::AttributeProto& attribute(onnx::NodeProto& n, const std::string& name, onnx::AttributeProto::AttributeType type) {
    auto& a = *n.add_attribute();
    a.set_name(name);
    a.set_type(type);
    return a;
  }

  // ---- constants
  /// In the spelling of the plainest: an initializer.
  template <class T>
  std::string initializer(const Dims& dims, const std::vector<T>& numbers, int type) {
    auto& t = *graph().add_initializer();
    fill(t, dims, numbers, type);
    t.set_name(fresh("c"));
    return t.name();
  }
  std::string floats(const Dims& dims, const std::vector<float>& v) {
    if (random.one_in(16)) {  // in another type
      const bool half = random.one_in(2);
      const std::string other =
          half ? initializer(dims, halves(v), onnx::TensorProto::FLOAT16) : initializer(dims, v, onnx::TensorProto::DOUBLE);
      auto& cast = node("Cast", {other});
      set(cast, "to", std::int64_t{onnx::TensorProto::FLOAT});
      return cast.output(0);
    }
    if (random.one_in(3)) {
      auto& n = node("Constant", {});
      if (opset >= 12 && dims.size() < 2 && random.one_in(2)) {
        auto& a = attribute(n, dims.empty() ? "value_float" : "value_floats",
                            dims.empty() ? onnx::AttributeProto::FLOAT : onnx::AttributeProto::FLOATS);
        if (dims.empty())
          a.set_f(v[0]);
        else
          for (const float x : v) a.add_floats(x);
      } else {
        fill(*attribute(n, "value", onnx::AttributeProto::TENSOR).mutable_t(), dims, v, onnx::TensorProto::FLOAT);
      }
      return n.output(0);
    }
    return initializer(dims, v, onnx::TensorProto::FLOAT);
  }
  /// The bits of float16 below the numbers, which are normal or 0.
  static std::vector<std::int32_t> halves(const std::vector<float>& v) {
    std::vector<std::int32_t> bits;
    for (const float x : v) {
      int e = 0;
      const double m = std::frexp(std::abs(double(x)), &e);  // 0.5 .. 1
      const int own = e < -13 ? 0 : ((e + 14) << 10) + (static_cast<int>(m * 2048) - 1024);
      bits.push_back((x < 0 ? 0x8000 : 0) | (x == 0 ? 0 : own));
    }
    return bits;
  }
  std::string number(double v) { return floats({}, {static_cast<float>(v)}); }
  std::string integers(const Dims& v) {
    if (random.one_in(3)) {
      auto& n = node("Constant", {});
      if (opset >= 12 && random.one_in(2))
        for (const std::int64_t i : (static_cast<void>(attribute(n, "value_ints", onnx::AttributeProto::INTS)), v))
          n.mutable_attribute(0)->add_ints(i);
      else
        fill(*attribute(n, "value", onnx::AttributeProto::TENSOR).mutable_t(), {static_cast<std::int64_t>(v.size())}, v,
             onnx::TensorProto::INT64);
      return n.output(0);
    }
    return initializer({static_cast<std::int64_t>(v.size())}, v, onnx::TensorProto::INT64);
  }
  std::string integer(std::int64_t v) { return initializer(Dims{}, Dims{v}, onnx::TensorProto::INT64); }

  // ---- ports
  void feed(const std::string& name, const Dims& dims, int type, std::vector<float> numbers) {
    declare(*graph().add_input(), name, &dims, type);
    feeds.push_back({name, dims, std::move(numbers), type});
  }
  void give(const std::string& name, int type) {
    for (const auto& o : graph().output())
      if (o.name() == name) return;
    declare(*graph().add_output(), name, nullptr, type);
  }
  void declare(onnx::ValueInfoProto& port, const std::string& name, const Dims* dims, int type) const {
    port.set_name(name);
    auto& t = *port.mutable_type()->mutable_tensor_type();
    t.set_elem_type(type);
    if (dims == nullptr) return;
    for (std::size_t i = 0; i < dims->size(); ++i) {
      auto& d = *t.mutable_shape()->add_dim();
      if (i == 0 && free_batch)
        d.set_dim_param("N");
      else
        d.set_dim_value((*dims)[i]);
    }
  }

 private:
  template <class T>
  void fill(onnx::TensorProto& t, const Dims& dims, const std::vector<T>& numbers, int type) {
    t.set_data_type(type);
    for (const std::int64_t d : dims) t.add_dims(d);
    const bool raw = random.one_in(2) && type != onnx::TensorProto::FLOAT16 && type != onnx::TensorProto::DOUBLE &&
                     type != onnx::TensorProto::INT16 && type != onnx::TensorProto::UINT16;
    const auto bytes = [&]<class U>(U*) {
      std::string s;
      for (const T v : numbers) {
        const U u = static_cast<U>(v);
        s.append(reinterpret_cast<const char*>(&u), sizeof(U));
      }
      t.set_raw_data(s);
    };
    for (const T v : numbers) {
      if (raw) break;
      if (type == onnx::TensorProto::FLOAT)
        t.add_float_data(static_cast<float>(v));
      else if (type == onnx::TensorProto::DOUBLE)
        t.add_double_data(static_cast<double>(v));
      else if (type == onnx::TensorProto::INT64)
        t.add_int64_data(static_cast<std::int64_t>(v));
      else
        t.add_int32_data(static_cast<std::int32_t>(v));
    }
    if (!raw) return;
    if (type == onnx::TensorProto::FLOAT)
      bytes(static_cast<float*>(nullptr));
    else if (type == onnx::TensorProto::INT64)
      bytes(static_cast<std::int64_t*>(nullptr));
    else if (type == onnx::TensorProto::INT32)
      bytes(static_cast<std::int32_t*>(nullptr));
    else if (type == onnx::TensorProto::UINT8)
      bytes(static_cast<std::uint8_t*>(nullptr));
    else
      bytes(static_cast<std::int8_t*>(nullptr));
  }
  int count_ = 0;
};

/// A network with operators on reals; of a quantized one with quantizers wherever they are legal.
Graph draw_float(std::uint64_t seed);
Graph draw_qdq(std::uint64_t seed);
/// A network of operators on codes.
Graph draw_qoperator(std::uint64_t seed);

}  // namespace random_networks
