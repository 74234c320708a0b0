#pragma once
/// \file
/// Version and compiler switches. Other headers are free of compiler conditionals, but for those that ask the system or name
/// targets: `core/bit_cast.hpp`, `core/isa.hpp`, `core/large_pages.hpp`, `int8/kernels/targets.hpp`,
/// `io/atomic_file.hpp`, `io/mapped_file.hpp`.

/// The version's first number.
#define TRIMTAB_VERSION_MAJOR 0
/// Its second: before 1.0 a new one may change interfaces.
#define TRIMTAB_VERSION_MINOR 1
/// Its third.
#define TRIMTAB_VERSION_PATCH 0
/// The three as text.
#define TRIMTAB_VERSION "0.1.0"

// x / scale as x * (1 / scale) gives other codes near ties, (x + magic) - magic as x does not round, and without NaN a check for
// it is always false. GCC tells of each of these freedoms, Clang of the two macros that stand first.
#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ != 0) || defined(__RECIPROCAL_MATH__) || \
    defined(__ASSOCIATIVE_MATH__)
#error \
    "trimtab: -ffast-math, -Ofast and their parts change codes and drop checks for NaN; build files that include trimtab without them"
#endif

// What kernels tell the compiler: no overlap, no inlining.
#if defined(_MSC_VER) && !defined(__clang__)
#define TRIMTAB_RESTRICT __restrict
#define TRIMTAB_NOINLINE __declspec(noinline)
#else
#define TRIMTAB_RESTRICT __restrict__
#define TRIMTAB_NOINLINE __attribute__((noinline))
#endif

// See core/wide_loop.hpp. Always inlined, so that a loop takes the target of the function it ends up in.
#if defined(_MSC_VER) && !defined(__clang__)
#define TRIMTAB_LOOP static __forceinline
#define TRIMTAB_LOOP_LAMBDA
#define TRIMTAB_NO_ALIAS __pragma(loop(ivdep))
#elif defined(__clang__)
#define TRIMTAB_LOOP __attribute__((always_inline)) static inline
#define TRIMTAB_LOOP_LAMBDA __attribute__((always_inline))
#define TRIMTAB_NO_ALIAS  // checks at run time, and warns of loops it was told to vectorise and did not
#else
#define TRIMTAB_LOOP __attribute__((always_inline)) static inline
#define TRIMTAB_LOOP_LAMBDA __attribute__((always_inline))
#define TRIMTAB_NO_ALIAS _Pragma("GCC ivdep")
#endif

// A program of many files need not compile the kernels in each of them: with -DTRIMTAB_EXTERN_KERNELS they are declared only, and
// the one file that includes trimtab/define_kernels.hpp defines them.
#if defined(TRIMTAB_DEFINE_KERNELS)
#define TRIMTAB_KERNELS_HERE 1
#define TRIMTAB_KERNELS_INLINE
#define TRIMTAB_KERNELS_TEMPLATE template
#elif defined(TRIMTAB_EXTERN_KERNELS)
#define TRIMTAB_KERNELS_HERE 0
#define TRIMTAB_KERNELS_INLINE
#define TRIMTAB_KERNELS_TEMPLATE extern template
#else
#define TRIMTAB_KERNELS_HERE 1
#define TRIMTAB_KERNELS_INLINE inline
#endif

// Nor the models of operators, which take longer: a file that includes trimtab/define_operators.hpp defines them.
#if defined(TRIMTAB_DEFINE_OPERATORS)
#define TRIMTAB_OPERATORS_TEMPLATE template
#elif defined(TRIMTAB_EXTERN_KERNELS)
#define TRIMTAB_OPERATORS_TEMPLATE extern template
#endif

// Likewise the readers and writers of files: with -DTRIMTAB_EXTERN_FILES they are declared only, and one file of the program
// defines TRIMTAB_DEFINE_FILES before it includes their headers.
#if defined(TRIMTAB_DEFINE_FILES)
#define TRIMTAB_FILES_HERE 1
#define TRIMTAB_FILES_INLINE
#elif defined(TRIMTAB_EXTERN_FILES)
#define TRIMTAB_FILES_HERE 0
#define TRIMTAB_FILES_INLINE
#else
#define TRIMTAB_FILES_HERE 1
#define TRIMTAB_FILES_INLINE inline
#endif
