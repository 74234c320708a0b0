#pragma once
/// \file
/// LookupTable: a Gather from the table at the codes.

#include <cstdint>
#include <trimtab/io/onnx/rules.hpp>
#include <trimtab/net/operators/lookup_table.hpp>
#include <vector>

namespace trimtab {

/// table[256 * c + code]: exactly the table's codes, in either form, since the function that it was made of is not known any
/// more.
template <>
struct OnnxRules<LookupTable> {
  static void write_codes(detail::OnnxCodesWriter& w, const LookupTable& l) {
    const std::string table = w.tensor(w.name() + ".table", {l.codes.size()}, l.codes);
    std::string index = w.value("index");
    w.attribute(w.add("Cast", index, {w.codes()}, index), "to", std::int64_t{::onnx::TensorProto::INT32});
    if (l.channels() > 1) {
      std::vector<std::int32_t> offsets;
      for (std::size_t c = 0; c < l.channels(); ++c) offsets.push_back(static_cast<std::int32_t>(256 * c));
      const std::string sum = w.value("index_of_channel");
      w.add("Add", sum, {index, w.channels(w.name() + ".first", offsets, w.node().extent)}, sum);
      index = sum;
    }
    w.give(w.unique(w.name()));
    w.attribute(w.add("Gather", w.given(), {table, index}, w.given()), "axis", std::int64_t{0});
  }
};

}  // namespace trimtab
