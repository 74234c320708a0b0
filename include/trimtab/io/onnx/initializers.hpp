#pragma once
/// \file
/// Constants that an ONNX file holds by name.

#include <string_view>
#include <trimtab/core/error.hpp>
#include <trimtab/io/onnx/read_tensor.hpp>
#include <trimtab/io/onnx/schema.hpp>
#include <unordered_map>

namespace trimtab::detail {

/// The initializers of a graph by name. Each is read when it is first asked for, and once.
class OnnxInitializers {
 public:
  /// Throws parse_error for one without a name, or with one that is taken.
  explicit OnnxInitializers(const ::onnx::GraphProto& graph) {
    for (const auto& tensor : graph.initializer())
      if (tensor.name().empty() || !entries_.try_emplace(tensor.name(), Entry{&tensor, {}}).second)
        throw parse_error(message("initializer '", tensor.name(), "' has no name, or one that is taken"));
    if (graph.sparse_initializer_size() != 0) throw unsupported_error("sparse initializers are not supported");
  }

  bool has(std::string_view name) const { return entries_.count(name) != 0; }
  /// Throws as read_known.
  const KnownTensor& read(std::string_view name, ExternalData& external) {
    Entry& entry = entries_.at(name);
    if (entry.tensor != nullptr) entry.value = read_known(*entry.tensor, external);
    entry.tensor = nullptr;
    return entry.value;
  }

 private:
  struct Entry {
    const ::onnx::TensorProto* tensor;  ///< until it is read
    KnownTensor value;
  };
  std::unordered_map<std::string_view, Entry> entries_;
};

}  // namespace trimtab::detail
