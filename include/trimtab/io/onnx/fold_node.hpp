#pragma once
/// \file
/// What the folding of one node works with: its inputs, its attributes, and bounds on memory and time.

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <trimtab/core/error.hpp>
#include <trimtab/io/onnx/attributes.hpp>
#include <trimtab/io/onnx/known_tensor.hpp>
#include <trimtab/io/onnx/read_tensor.hpp>
#include <trimtab/io/onnx/schema.hpp>
#include <utility>
#include <variant>
#include <vector>

namespace trimtab::detail {

/// What folding may use for a whole file: without bounds a small file could ask for any memory or time.
struct FoldBudget {
  std::uint64_t bytes = std::uint64_t{1} << 28;     ///< of results
  std::uint64_t elements = std::uint64_t{1} << 30;  ///< read or written

  FoldBudget() = default;
  /// 256 MiB of results and 8 bytes more for each of the file's; 2^30 elements and 16 for each byte.
  explicit FoldBudget(std::uint64_t file_size)
      : bytes((std::uint64_t{1} << 28) + 8 * file_size), elements((std::uint64_t{1} << 30) + 16 * file_size) {}
};

/// What all nodes of a file share.
struct FoldContext {
  std::int64_t opset = 0;
  FoldBudget budget = {};
  ExternalData external = {};
};

/// A node whose inputs are known; null for one that is left out.
struct FoldNode {
  const ::onnx::NodeProto& node;
  std::span<const KnownTensor* const> inputs;
  FoldContext& context;

  std::int64_t opset() const { return context.opset; }
  bool has(std::size_t i) const { return i < inputs.size() && inputs[i] != nullptr; }
  const KnownTensor& input(std::size_t i) const {
    if (!has(i)) throw parse_error(message("lacks input ", i));
    return *inputs[i];
  }
  void require_inputs(std::size_t least, std::size_t most) const {
    if (inputs.size() < least || inputs.size() > most) throw parse_error(message("has ", inputs.size(), " inputs"));
  }
  void require(std::initializer_list<std::string_view> attributes) const { require_attributes(node, attributes); }
  std::int64_t integer(std::string_view name, std::int64_t fallback) const { return integer_attribute(node, name, fallback); }

  /// Integers that were an attribute before opset `since` and are input i since then. Null when they are left out.
  std::optional<std::vector<std::int64_t>> attribute_or_input(const char* name, std::int64_t since, std::size_t i) const {
    const auto* attribute = find_attribute(node, name, ::onnx::AttributeProto::INTS);
    if (opset() >= since) {
      if (attribute != nullptr) throw unsupported_error(message(name, " is an input since opset ", since, ", not an attribute"));
      if (!has(i)) return std::nullopt;
      return known_integers(input(i));
    }
    if (attribute == nullptr) return std::nullopt;
    return std::vector<std::int64_t>(attribute->ints().begin(), attribute->ints().end());
  }

  /// Counts elements that are read or written. Throws unsupported_error past the budget.
  void charge_work(std::uint64_t elements) const {
    if (elements > context.budget.elements) throw unsupported_error("the constants of this file take too long to compute");
    context.budget.elements -= elements;
  }
  /// Counts a result of that many elements. Throws unsupported_error past the budget.
  void charge_result(const Dims& dims, std::uint64_t bytes_each = 8) const {
    const std::uint64_t count = count_of(dims);
    charge_work(count);
    if (count * bytes_each > context.budget.bytes)
      throw unsupported_error(message("a constant of ", count, " numbers is beyond what a file of this size may ask for"));
    context.budget.bytes -= count * bytes_each;
  }

  /// make_known within the budget.
  template <class Next>
  KnownTensor make(OnnxType type, Dims dims, Next&& next) const {
    charge_result(dims);
    return make_known(type, std::move(dims), next);
  }
  /// A tensor of the extents `dims` and of x's type, whose elements `fill(held, out)` moves from x's: any of them, in any order.
  /// `out` is as long as dims tell, and zero.
  template <class Fill>
  KnownTensor rearrange(const KnownTensor& x, Dims dims, Fill&& fill) const {
    return std::visit(
        [&]<class Held>(const std::vector<Held>& held) {
          charge_result(dims, sizeof(Held));
          std::vector<Held> out(count_of(dims));
          fill(held, out);
          return without_needless_batch({x.type, std::move(dims), std::make_shared<const KnownNumbers>(std::move(out))});
        },
        *x.numbers);
  }
  /// The same for steps along the axes: element `index` is x's at start + index . strides.
  KnownTensor stepped(const KnownTensor& x, Dims dims, const Dims& strides, std::int64_t start = 0) const {
    return rearrange(x, dims, [&](const auto& held, auto& out) {
      std::size_t i = 0;
      walk<1>(dims, {strides}, {start}, [&](const auto& at) { out[i++] = held[static_cast<std::size_t>(at[0])]; });
    });
  }
};

/// Tensors of one type, held alike: where one depends on the number of pictures, all are written so. Throws parse_error where the
/// types differ.
inline std::vector<KnownTensor> held_alike(const FoldNode& n, std::vector<KnownTensor> tensors) {
  bool batch = false;
  for (const KnownTensor& t : tensors) {
    if (t.type != tensors[0].type)
      throw parse_error(message("inputs of ", type_name(tensors[0].type), " and ", type_name(t.type)));
    batch = batch || t.depends_on_batch();
  }
  if (!batch) return tensors;
  for (KnownTensor& t : tensors) {
    const auto widen = [&]<class T>(const T&) {
      n.charge_result(t.dims, sizeof(T));
      std::vector<T> wide(t.count());
      const KnownReader<T> at(t);
      for (std::size_t i = 0; i < wide.size(); ++i) wide[i] = at(static_cast<std::int64_t>(i));
      t.numbers = std::make_shared<const KnownNumbers>(std::move(wide));
    };
    if (t.depends_on_batch()) continue;
    if (is_real(t.type))
      widen(BatchReal{});
    else
      widen(BatchInteger{});
  }
  return tensors;
}

}  // namespace trimtab::detail
