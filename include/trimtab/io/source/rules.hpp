#pragma once
/// \file
/// Which function writes which operator of a network of integers in C.

#include <trimtab/io/source/writer.hpp>

namespace trimtab {

/// How an operator is written in C. Specialised in io/source/ for an operator L with
///   static void write(detail::SourceWriter&, const L&)   calls a kernel that gives the codes of L's `codes`, or `fixed_point_codes`
///                                                        in a network of Requantizer::fixed_point
/// and listed in io/source/operators.hpp. An operator that has no such rules is refused by name.
template <class L>
struct SourceRules;

}  // namespace trimtab
