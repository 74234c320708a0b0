#pragma once
/// \file
/// Which fields of a .trimtab file hold an operator's parameters.

#include <trimtab/io/trimtab/format.hpp>
#include <type_traits>

namespace trimtab {

/// The parameters of an operator in a file. Specialised in io/trimtab/ for an operator L with
///   static void fields(auto& archive, auto& l)   names every parameter of l, an L that is read or a const one that is written
/// which makes it both the writer and the reader. Weights and biases of layers are not among them: they are the node's. An
/// operator of the list net/operators.hpp that has parameters and no such rules does not compile.
template <class L>
struct FileRules;

/// An operator without parameters has nothing to say.
template <class L>
requires std::is_empty_v<L>
struct FileRules<L> {
  static void fields(auto&, auto&) {}
};

}  // namespace trimtab
