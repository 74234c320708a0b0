#pragma once
/// \file
/// Which function reads which operator of ONNX, and which writes an operator of a network.

#include <map>
#include <string>
#include <string_view>
#include <trimtab/io/onnx/codes_writer.hpp>
#include <trimtab/io/onnx/node.hpp>
#include <trimtab/io/onnx/writer.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// How an operator is read from ONNX and written to it. Specialised in io/onnx/ for an operator L, or for a name that stands for
/// a family of ONNX's operators, with
///   static void read(detail::OnnxReaders&)                adds a reader for each of ONNX's operators that may become an L
///   static void write(detail::OnnxWriter&, const L&, const detail::OnnxCall&)
///                                                         in operators of ONNX on reals, and on codes where L only moves them
///   static void write_codes(detail::OnnxCodesWriter&, const L&)
///                                                         in a network of integers, where that is not `write` of its codes or,
///                                                         for what rounds, of reals between DequantizeLinear and QuantizeLinear
/// each as far as there is such a form, and listed in io/onnx/operators.hpp.
template <class L>
struct OnnxRules;

namespace detail {

/// What becomes of the elements of an operator's first input.
enum class OnnxElements {
  computed,  ///< other numbers
  picked,    ///< every output has some of them, whatever they stand for
  moved,     ///< all of them are there once, whatever they stand for, perhaps with other axes
  same       ///< all of them are there, in their order, perhaps of another type, which the reader sees to
};

/// Makes nodes and values of one of the file's nodes.
using OnnxReader = void (*)(const OnnxNode&);

class OnnxReaders {
 public:
  /// An operator of ONNX's own.
  void add(std::string_view op, OnnxReader reader, OnnxElements elements = OnnxElements::computed) {
    readers_.emplace(std::pair{std::string(), std::string(op)}, Entry{reader, elements});
  }
  /// An operator of another domain.
  void add(std::string_view op, OnnxReader reader, std::string_view domain) {
    readers_.emplace(std::pair{std::string(domain), std::string(op)}, Entry{reader, OnnxElements::computed});
  }
  /// Null where nothing reads it.
  OnnxReader find(const ::onnx::NodeProto& node) const {
    const Entry* found = entry(node);
    return found == nullptr ? nullptr : found->reader;
  }
  /// What nothing reads computes.
  OnnxElements elements(const ::onnx::NodeProto& node) const {
    const Entry* found = entry(node);
    return found == nullptr ? OnnxElements::computed : found->elements;
  }
  /// The operators, each behind its domain and a colon where that is not ONNX's own; sorted.
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& [key, entry] : readers_) all.push_back(key.first.empty() ? key.second : key.first + ":" + key.second);
    return all;
  }

 private:
  struct Entry {
    OnnxReader reader;
    OnnxElements elements;
  };
  const Entry* entry(const ::onnx::NodeProto& node) const {
    const std::string domain = node.domain() == "ai.onnx" ? "" : node.domain();
    const auto found = readers_.find({domain, node.op_type()});
    return found == readers_.end() ? nullptr : &found->second;
  }
  std::map<std::pair<std::string, std::string>, Entry> readers_;  // by domain and name
};

}  // namespace detail
}  // namespace trimtab
