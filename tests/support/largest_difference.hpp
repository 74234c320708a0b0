#pragma once
// How far two arrays are from each other.

#include <algorithm>
#include <catch.hpp>
#include <cmath>
#include <trimtab/core/adapt_xtensor.hpp>
#include <trimtab/net/graph/network.hpp>

namespace trimtab::test {

/// The largest |a[i] - b[i]| of arrays of equal size.
inline double largest_difference(const Array& a, const Array& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(double(a.data()[i]) - double(b.data()[i])));
  return largest;
}

}  // namespace trimtab::test
