#pragma once
/// \file
/// Loops on several threads, where the translation unit is built with OpenMP: it says how many, core/thread_pool.hpp runs them.
/// No result depends on their number: work is cut into pieces whose size does not, and sums over pieces are taken in the order of
/// the pieces.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <vector>

#ifdef _OPENMP
#include <omp.h>

#include <trimtab/core/cpu_quota.hpp>
#include <trimtab/core/thread_pool.hpp>
#endif

#include <trimtab/core/error.hpp>

namespace trimtab {

#ifdef _OPENMP
namespace detail {
/// OpenMP counts the processors that the process may run on. A container's quota of their time is unknown to it, and threads
/// beyond that are stopped for most of each period. Who says a number, by OMP_NUM_THREADS or set_threads, has it.
inline void respect_quota() {
  thread_local const bool once = [] {
    const int quota = cpu_quota();
    if (std::getenv("OMP_NUM_THREADS") == nullptr && omp_get_max_threads() == omp_get_num_procs() &&
        quota < omp_get_max_threads())
      omp_set_num_threads(quota);
    return true;
  }();
  static_cast<void>(once);
}
}  // namespace detail
#endif

/// The number of threads that the next parallel_for may use; 1 without OpenMP. At first OMP_NUM_THREADS, or else the number of
/// processors that the process may use: its affinity and its cgroup's quota.
inline int threads() {
#ifdef _OPENMP
  detail::respect_quota();
  return omp_get_max_threads();
#else
  return 1;
#endif
}

/// Sets that number for the calling thread. Throws value_error when count < 1.
inline void set_threads(int count) {
  if (count < 1) throw value_error(detail::message("set_threads: expected 1 or more, got ", count));
#ifdef _OPENMP
  detail::respect_quota();
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

/// What a whole loop takes on one thread, in nanoseconds, roughly: a factor of two is no harm. Below least_parallel a loop stays
/// on one thread.
struct LoopTime {
  std::size_t nanoseconds;
};
/// Calling other threads, and waiting for the last of them, takes 1 to 2 us where they are awake.
inline constexpr std::size_t least_parallel = 5000;
/// A loop whose every piece is worth a thread.
inline constexpr LoopTime long_loop{1000000};

namespace detail {
/// Pieces [next, end) of a loop, which one worker takes before any others. A cache line each.
struct alignas(64) PieceShare {
  std::atomic<std::size_t> next;
  std::size_t end;
};
}  // namespace detail

/// Calls body(worker, i) for i in [0, count), in any order, on several threads. No two bodies that run at one time have the
/// same worker, and worker < threads(): it picks a thread's scratch memory. The first exception thrown by a body is rethrown.
/// Inside a body, inside a parallel region of OpenMP, and while another thread's loop runs, a loop stays on its caller's thread.
///
/// Calls start(worker) before a worker's first body: what it writes there is in its own core's cache.
///
/// Each worker begins with its own share of neighbouring pieces, the same one in every loop, and takes from the others' when
/// it is done. So the next loop over the same rows finds most of them in its own core's cache: a line which another core has
/// written takes six times as long.
template <class Start, class Body>
void parallel_for_workers(std::size_t count, [[maybe_unused]] LoopTime time, const Start& start, const Body& body) {
#ifdef _OPENMP
  const bool worth = time.nanoseconds >= least_parallel || detail::every_loop_parallel.load(std::memory_order_relaxed);
  if (count > 1 && worth && threads() > 1 && !detail::in_parallel_loop && !omp_in_parallel()) {
    std::array<detail::PieceShare, 64> share;
    const std::size_t shares = std::min({count, static_cast<std::size_t>(threads()), share.size()});
    for (std::size_t s = 0; s < shares; ++s) {
      share[s].next = s * count / shares;
      share[s].end = (s + 1) * count / shares;
    }
    std::atomic_flag failed;
    std::exception_ptr failure;
    const auto work = [&](std::size_t worker) {
      bool started = false;
      for (std::size_t s = worker; s < worker + shares; ++s) {
        detail::PieceShare& from = share[s % shares];
        for (std::size_t i = from.next++; i < from.end; i = from.next++) {
          try {
            if (!started) start(worker);
            started = true;
            body(worker, i);
          } catch (...) {
            if (!failed.test_and_set()) failure = std::current_exception();
          }
        }
      }
    };
    if (detail::ThreadPool::instance().run(shares - 1, time.nanoseconds, work)) {
      if (failure) std::rethrow_exception(failure);
      return;
    }
  }
#endif
  if (count > 0) start(std::size_t{0});
  for (std::size_t i = 0; i < count; ++i) body(std::size_t{0}, i);
}
/// The same with nothing to start.
template <class Body>
void parallel_for_workers(std::size_t count, LoopTime time, const Body& body) {
  parallel_for_workers(
      count, time, [](std::size_t) {}, body);
}

/// Into how many pieces of no more than `most` to cut [0, size): as many for each thread, unless size is less than that; 1 at
/// least.
inline std::size_t even_pieces(std::size_t size, std::size_t most) {
  const auto workers = static_cast<std::size_t>(threads());
  const std::size_t rounds = (size + most * workers - 1) / (most * workers);
  return std::max<std::size_t>(1, std::min(size, rounds * workers));
}

/// Calls body(i) for i in [0, count), in any order, on several threads. The first exception thrown by a body is rethrown.
template <class Body>
void parallel_for(std::size_t count, LoopTime time, const Body& body) {
  parallel_for_workers(count, time, [&](std::size_t, std::size_t i) { body(i); });
}
/// The same where every piece is worth a thread.
template <class Body>
void parallel_for(std::size_t count, const Body& body) {
  parallel_for(count, long_loop, body);
}

/// Cuts [0, size) into pieces of `grain`, each the work of some microseconds, and calls body(begin, end) for each, on several
/// threads.
template <class Body>
void parallel_ranges(std::size_t size, std::size_t grain, const Body& body) {
  constexpr std::size_t piece_time = 4000;
  const std::size_t pieces = (size + grain - 1) / grain;
  parallel_for(pieces, LoopTime{pieces * piece_time}, [&](std::size_t p) { body(p * grain, std::min(size, (p + 1) * grain)); });
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
