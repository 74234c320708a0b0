#pragma once
/// \file
/// Threads, through OpenMP where the translation unit is built with it. No result depends on their number: work is cut
/// into pieces whose size does not, and sums over pieces are taken in the order of the pieces.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <exception>
#include <vector>

#ifdef _OPENMP
#include <omp.h>
#endif

#include <trimtab/core/error.hpp>

namespace trimtab {

/// The number of threads that the next parallel_for may use; 1 without OpenMP.
inline int threads() {
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

/// Sets that number for the calling thread. Throws value_error when count < 1.
inline void set_threads(int count) {
  if (count < 1) throw value_error(detail::message("set_threads: expected 1 or more, got ", count));
#ifdef _OPENMP
  omp_set_num_threads(count);
#endif
}

/// Sets the number of threads and puts the old one back at the end of the scope.
class ScopedThreads {
 public:
  explicit ScopedThreads(int count) : before_(threads()) { set_threads(count); }  ///< throws as set_threads does
  ~ScopedThreads() { set_threads(before_); }
  ScopedThreads(const ScopedThreads&) = delete;
  ScopedThreads& operator=(const ScopedThreads&) = delete;

 private:
  int before_;
};

namespace detail {
/// Pieces [next, end) of a loop, which one worker takes before any others. A cache line each.
struct alignas(64) PieceShare {
  std::atomic<std::size_t> next;
  std::size_t end;
};
}  // namespace detail

/// Calls body(worker, i) for i in [0, count), in any order, on several threads. No two bodies that run at one time have the
/// same worker, and worker < threads(): it picks a thread's scratch memory. The first exception thrown by a body is rethrown.
///
/// Calls start(worker) before a worker's first body: what it writes there is in its own core's cache.
///
/// Each worker begins with its own share of neighbouring pieces, the same one in every loop, and takes from the others' when
/// it is done. So the next loop over the same rows finds most of them in its own core's cache: a line which another core has
/// written takes six times as long.
template <class Start, class Body>
void parallel_for_workers(std::size_t count, const Start& start, const Body& body) {
#ifdef _OPENMP
  if (count > 1 && threads() > 1 && !omp_in_parallel()) {
    std::array<detail::PieceShare, 64> share;
    const std::size_t shares = std::min({count, static_cast<std::size_t>(threads()), share.size()});
    for (std::size_t s = 0; s < shares; ++s) {
      share[s].next = s * count / shares;
      share[s].end = (s + 1) * count / shares;
    }
    std::exception_ptr failure;
#pragma omp parallel
    {
      const auto worker = static_cast<std::size_t>(omp_get_thread_num());
      bool started = false;
      for (std::size_t s = worker; s < worker + shares; ++s) {
        detail::PieceShare& from = share[s % shares];
        for (std::size_t i = from.next++; i < from.end; i = from.next++) {
          try {
            if (!started) start(worker);
            started = true;
            body(worker, i);
          } catch (...) {
#pragma omp critical(trimtab_parallel_for)
            if (!failure) failure = std::current_exception();
          }
        }
      }
    }
    if (failure) std::rethrow_exception(failure);
    return;
  }
#endif
  if (count > 0) start(std::size_t{0});
  for (std::size_t i = 0; i < count; ++i) body(std::size_t{0}, i);
}
/// The same with nothing to start.
template <class Body>
void parallel_for_workers(std::size_t count, const Body& body) {
  parallel_for_workers(count, [](std::size_t) {}, body);
}

/// Into how many pieces of no more than `most` to cut [0, size): as many for each thread, unless size is less than that; 1 at least.
inline std::size_t even_pieces(std::size_t size, std::size_t most) {
  const auto workers = static_cast<std::size_t>(threads());
  const std::size_t rounds = (size + most * workers - 1) / (most * workers);
  return std::max<std::size_t>(1, std::min(size, rounds * workers));
}

/// Calls body(i) for i in [0, count), in any order, on several threads. The first exception thrown by a body is rethrown.
template <class Body>
void parallel_for(std::size_t count, const Body& body) {
  parallel_for_workers(count, [&](std::size_t, std::size_t i) { body(i); });
}

/// Cuts [0, size) into pieces of `grain` and calls body(begin, end) for each, on several threads.
template <class Body>
void parallel_ranges(std::size_t size, std::size_t grain, const Body& body) {
  const std::size_t pieces = (size + grain - 1) / grain;
  parallel_for(pieces, [&](std::size_t p) { body(p * grain, std::min(size, (p + 1) * grain)); });
}

/// Sum of body(begin, end) over the pieces of `grain` of [0, size), added up in the order of the pieces, so that the
/// result has the same bits on any number of threads.
template <class Sum, class Body>
Sum parallel_sum(std::size_t size, std::size_t grain, Sum start, const Body& body) {
  std::vector<Sum> part((size + grain - 1) / grain, start);
  parallel_ranges(size, grain, [&](std::size_t begin, std::size_t end) { part[begin / grain] = body(begin, end); });
  for (const Sum& p : part) start += p;
  return start;
}

}  // namespace trimtab
