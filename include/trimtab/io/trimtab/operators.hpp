#pragma once
/// \file
/// Every operator of the list net/operators.hpp as a node of a .trimtab file has it: its name, then its parameters.

#include <string>
#include <string_view>
#include <trimtab/io/trimtab/field_reader.hpp>
#include <trimtab/io/trimtab/field_writer.hpp>
#include <trimtab/io/trimtab/functions.hpp>
#include <trimtab/io/trimtab/layers.hpp>
#include <trimtab/io/trimtab/movement.hpp>
#include <trimtab/io/trimtab/reduce.hpp>
#include <trimtab/io/trimtab/windows.hpp>
#include <trimtab/net/operators.hpp>
#include <tuple>

namespace trimtab::detail {

/// Writes or reads the parameters of an L.
template <class Archive, class Layer>
void parameter_fields(Archive& a, Layer& l) {
  using L = std::remove_const_t<Layer>;
  static_assert(
      requires { FileRules<L>::fields(a, l); },
      "trimtab: an operator of the list net/operators.hpp that has parameters needs trimtab::FileRules<L> with `static void "
      "fields(auto& archive, auto& l)`, which names them for .trimtab files (io/trimtab/rules.hpp)");
  a.record("parameters", [&] { FileRules<L>::fields(a, l); });
}

/// Throws unsupported_error for an operator that is not in the list.
inline void operator_fields(FieldWriter& a, const Operator& op) {
  a.text("operator", operator_name(op));
  const auto one = [&](const auto* l) {
    if (l != nullptr) parameter_fields(a, *l);
    return l != nullptr;
  };
  const bool written = [&]<class... L>(std::tuple<L...>*) {
    return (one(op.get_if<L>()) || ...);
  }(static_cast<Operators*>(nullptr));
  if (!written)
    a.refuse(message("operator ", operator_name(op), " has no form in a .trimtab file, which holds those of the library alone"));
}

/// Throws unsupported_error for an operator that this version does not know.
inline void operator_fields(FieldReader& a, Operator& op) {
  std::string name;
  a.text("operator", name);
  const auto one = [&]<class L>(std::type_identity<L>) {
    if (name != OperatorRules<L>::name) return false;
    L l{};
    parameter_fields(a, l);
    op = std::move(l);
    return true;
  };
  const bool read = [&]<class... L>(std::tuple<L...>*) {
    return (one(std::type_identity<L>()) || ...);
  }(static_cast<Operators*>(nullptr));
  if (!read) a.refuse_unknown(message("operator ", shown(name), " is not one that this version knows"));
}

}  // namespace trimtab::detail
