#pragma once
/// \file
/// The choice of instruction set, which lives in core/, under the names of this floor.

#include <trimtab/core/isa.hpp>

namespace trimtab::int8 {

using trimtab::active_isa;
using trimtab::available_isas;
using trimtab::Isa;
using trimtab::isa_from_name;
using trimtab::name;
using trimtab::ScopedIsa;

}  // namespace trimtab::int8
