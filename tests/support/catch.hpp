#pragma once
// Catch2 v2 (Debian 12) and v3 by one set of names.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
using Catch::Matchers::ContainsSubstring;
#else
#include <catch2/catch.hpp>
inline auto ContainsSubstring(const std::string& text) { return Catch::Contains(text); }
#endif

#ifdef _OPENMP
#include <trimtab/core/thread_pool.hpp>
// Loops of a few elements run on as many threads as a test asks for.
inline const bool loops_of_tests = (trimtab::detail::every_loop_parallel = true, true);
#endif
