#pragma once
/// \file
/// Operators that stand for others once grids are known, as tables of codes.

#include <trimtab/net/graph/operator.hpp>
#include <trimtab/net/operators/lookup_table.hpp>
#include <trimtab/net/operators/softmax.hpp>

namespace trimtab {

/// Whether an operator is a table of codes, which has no float counterpart.
inline bool is_code_table(const Operator& op) { return op.is<LookupTable>() || op.is<SoftmaxTable>(); }

}  // namespace trimtab
