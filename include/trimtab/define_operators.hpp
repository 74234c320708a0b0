#pragma once
/// \file
/// Defines the models of operators for a program whose files are compiled with -DTRIMTAB_EXTERN_KERNELS: what runs, trains and lowers
/// a node. One of its files includes this header, before any other of trimtab. CMake's target trimtab::kernels does all of it.

#ifdef TRIMTAB_KERNELS_HERE
#error "trimtab: include <trimtab/define_operators.hpp> before any other header of trimtab"
#endif
/// Has the headers below define what they otherwise declare.
#define TRIMTAB_DEFINE_OPERATORS

#include <trimtab/net/operators.hpp>
