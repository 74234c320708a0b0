#pragma once
/// \file
/// Which function reads which operator of ONNX.

#include <map>
#include <string>
#include <string_view>
#include <trimtab/io/onnx/node.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// How an operator is read from ONNX and written to it. Specialised in io/onnx/ for an operator L, or for a name that stands for a
/// family of ONNX's operators, with
///   static void read(detail::OnnxReaders&)     adds a reader for each of ONNX's operators that may become an L
/// and listed in io/onnx/operators.hpp.
template <class L>
struct OnnxRules;

namespace detail {

/// Makes nodes and values of one of the file's nodes.
using OnnxReader = void (*)(const OnnxNode&);

/// Makes something of a node that only looks like a common one, or nothing: false.
using OnnxSpecialReader = bool (*)(const OnnxNode&);

class OnnxReaders {
 public:
  /// An operator of a domain; none is ONNX's own.
  void add(std::string_view op, OnnxReader reader, std::string_view domain = "") {
    readers_.emplace(std::pair{std::string(domain), std::string(op)}, reader);
  }
  /// One of ONNX's own operators, which `reader` may leave to the one that add() names.
  void add_special(std::string_view op, OnnxSpecialReader reader) { special_.emplace(op, reader); }
  OnnxSpecialReader find_special(const ::onnx::NodeProto& node) const {
    const auto found = special_.find(node.op_type());
    return found == special_.end() || !(node.domain().empty() || node.domain() == "ai.onnx") ? nullptr : found->second;
  }
  /// Null where nothing reads it.
  OnnxReader find(const ::onnx::NodeProto& node) const {
    const std::string domain = node.domain() == "ai.onnx" ? "" : node.domain();
    const auto found = readers_.find({domain, node.op_type()});
    return found == readers_.end() ? nullptr : found->second;
  }
  /// The operators, each behind its domain and a colon where that is not ONNX's own; sorted.
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& [key, reader] : readers_) all.push_back(key.first.empty() ? key.second : key.first + ":" + key.second);
    return all;
  }

 private:
  std::map<std::pair<std::string, std::string>, OnnxReader> readers_;
  std::map<std::string, OnnxSpecialReader> special_;
};

}  // namespace detail
}  // namespace trimtab
