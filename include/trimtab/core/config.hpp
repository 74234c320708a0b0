#pragma once
/// \file
/// Version and compiler switches. Every other header is free of compiler conditionals, except `core/isa.hpp`.

#define TRIMTAB_VERSION_MAJOR 0
#define TRIMTAB_VERSION_MINOR 1
#define TRIMTAB_VERSION_PATCH 0
#define TRIMTAB_VERSION "0.1.0"

// Under -ffast-math the compiler may cancel the add-and-subtract by which round_half_even rounds; it then
// calls the C library, which is slower and rounds the same.
#if defined(__FAST_MATH__)
#define TRIMTAB_FAST_MATH 1
#else
#define TRIMTAB_FAST_MATH 0
#endif

#if defined(_MSC_VER) && !defined(__clang__)
#define TRIMTAB_RESTRICT __restrict
#define TRIMTAB_NOINLINE __declspec(noinline)
#else
#define TRIMTAB_RESTRICT __restrict__
#define TRIMTAB_NOINLINE __attribute__((noinline))
#endif
