#pragma once
/// \file
/// Defines the kernels for a program whose files are compiled with -DTRIMTAB_EXTERN_KERNELS. One of its files includes this
/// header, before any other of trimtab; a program of networks has another with trimtab/define_operators.hpp. CMake's target
/// trimtab::kernels does all of it.

#ifdef TRIMTAB_KERNELS_HERE
#error "trimtab: include <trimtab/define_kernels.hpp> before any other header of trimtab"
#endif
/// Has the headers below define what they otherwise declare.
#define TRIMTAB_DEFINE_KERNELS

#include <trimtab/core/matrix_product.hpp>
#include <trimtab/int8/kernel_table.hpp>
#include <trimtab/ops/kernels/table.hpp>
