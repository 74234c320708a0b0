#pragma once
/// \file
/// How ratios are measured: both sides in turn in one process, medians.

#include <time.h>

#include <algorithm>
#include <vector>

namespace timing {

/// Seconds of a call, the mean of several. One thread: the processor's time, which other work on the machine disturbs the least;
/// more: time on the wall.
template <class F>
double seconds(int threads, int calls, F&& f) {
  const auto now = [&] {
    timespec t;
    clock_gettime(threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  };
  const double start = now();
  for (int i = 0; i < calls; ++i) f();
  return (now() - start) / calls;
}

/// 0 of nothing.
inline double median(std::vector<double> v) {
  if (v.empty()) return 0;
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}

}  // namespace timing
