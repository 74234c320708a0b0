#pragma once
/// \file
/// The threads behind core/parallel.hpp. OpenMP says how many there are; they do not wait in its barrier. A region of OpenMP ends
/// when all its threads have arrived, those too that another process keeps from running: beside busy processes a loop of some
/// microseconds then takes a time slice (bench/parallel_bench.cpp). Here a loop ends when its pieces are done, and a thread that
/// never began is not waited for.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#if __has_include(<pthread.h>) && !defined(_WIN32)
#include <pthread.h>
#define TRIMTAB_HAS_FORK 1  ///< processes fork
#else
#define TRIMTAB_HAS_FORK 0
#endif

namespace trimtab::detail {

/// True on the pool's threads, and on the thread whose loop they help with.
inline constinit thread_local bool in_parallel_loop = false;

/// For tests: loops of any length call all threads, and their caller takes no piece before those have begun.
inline std::atomic<bool> every_loop_parallel = false;

/// Helpers of one loop at a time. What waits, spins for 100 us, long enough for the next layer of a network, and then sleeps.
class ThreadPool {
 public:
  ThreadPool() = default;
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// The process's pool. A child of fork has one of its own: threads are not forked.
  static ThreadPool& instance() {
    static Owner owner;
    ThreadPool* pool = owner.pool.load(std::memory_order_acquire);
    if (pool != nullptr) return *pool;
    auto* fresh = new ThreadPool;  // never deleted: a thread may be in a loop when the program ends
    if (!owner.pool.compare_exchange_strong(pool, fresh)) {
      delete fresh;
      return *pool;
    }
#if TRIMTAB_HAS_FORK
    static std::once_flag once;
    std::call_once(once, [] { pthread_atfork(nullptr, nullptr, [] { owner.pool.store(nullptr); }); });
#endif
    return *fresh;
  }

  /// Calls work(0) here and work(1) to work(helpers) on those helpers that come before work(0) has returned, and returns when all
  /// have. A helper may come twice, so work returns at once where nothing is left to do. `nanoseconds`: what the loop takes on
  /// one thread, roughly. Waking a thread that sleeps costs some 10 us and it begins 50 to 100 us later (two virtual cores), so
  /// that loops of less than wake_work do it once in a while only; helpers that still spin come to any loop. False, with nothing
  /// called, if another thread's loop is running or there are no helpers. `work` must not throw.
  template <class Work>
  bool run(std::size_t helpers, std::size_t nanoseconds, const Work& work) {
    if (busy_.test_and_set(std::memory_order_acquire)) return false;
    if (!add_threads(helpers)) {
      busy_.clear(std::memory_order_release);
      return false;
    }
    call_ = [](const void* context, std::size_t worker) { (*static_cast<const Work*>(context))(worker); };
    context_ = &work;
    helpers_ = helpers;
    begun_.store(0, std::memory_order_relaxed);
    state_.store(open, std::memory_order_release);
    ticket_.fetch_add(1, std::memory_order_release);
    unshared_ = std::min(unshared_ + nanoseconds, wake_work);
    const bool all = every_loop_parallel.load(std::memory_order_relaxed);
    if (unshared_ == wake_work || all) {
      unshared_ = 0;
      ticket_.notify_all();
    }
    if (all) await(begun_, [&](std::uint32_t begun) { return begun >= std::min(helpers, threads_.size()); });
    in_parallel_loop = true;
    work(std::size_t{0});
    in_parallel_loop = false;
    state_.fetch_and(~open, std::memory_order_acq_rel);
    await(state_, [](std::uint32_t inside) { return inside == 0; });
    busy_.clear(std::memory_order_release);
    return true;
  }

 private:
  struct Owner {
    std::atomic<ThreadPool*> pool{nullptr};
    ~Owner() {
      if (ThreadPool* const p = pool.load()) p->stop();
    }
  };

  static constexpr std::uint32_t open = std::uint32_t{1} << 31;  // in state_, beside the number of helpers inside the loop
  static constexpr std::size_t wake_work = 250000;               // ns
  static constexpr std::chrono::microseconds spin_time{100};

  static void pause() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  /// Waits until done(value): spins, then sleeps.
  template <class Done>
  static std::uint32_t await(const std::atomic<std::uint32_t>& value, const Done& done) {
    std::uint32_t v = value.load(std::memory_order_acquire);
    if (done(v)) return v;
    const auto end = std::chrono::steady_clock::now() + spin_time;
    do {
      for (int i = 0; i < 32; ++i) {
        pause();
        v = value.load(std::memory_order_acquire);
        if (done(v)) return v;
      }
    } while (std::chrono::steady_clock::now() < end);
    while (!done(v)) {
      value.wait(v, std::memory_order_acquire);
      v = value.load(std::memory_order_acquire);
    }
    return v;
  }

  /// Makes helpers until there are `count`, or as many as the system gives; false if there are none, or at the program's end.
  bool add_threads(std::size_t count) {
    try {
      while (!stopped_ && threads_.size() < count)
        threads_.emplace_back([this, id = threads_.size() + 1, seen = ticket_.load()] { help(id, seen); });
    } catch (const std::exception&) {  // no thread, no memory: the loop goes on with those there are
    }
    return !stopped_ && !threads_.empty();
  }

  void help(std::size_t id, std::uint32_t seen) {
    in_parallel_loop = true;
    for (;;) {
      seen = await(ticket_, [seen](std::uint32_t ticket) { return ticket != seen; });
      std::uint32_t s = state_.load(std::memory_order_acquire);
      while ((s & open) != 0 && !state_.compare_exchange_weak(s, s + 1, std::memory_order_acq_rel)) {
      }
      if ((s & open) == 0) {
        if (stopped_) return;
        continue;
      }
      if (id <= helpers_) {
        if (every_loop_parallel.load(std::memory_order_relaxed)) {
          begun_.fetch_add(1, std::memory_order_release);
          begun_.notify_one();
        }
        call_(context_, id);
      }
      if (state_.fetch_sub(1, std::memory_order_acq_rel) == 1) state_.notify_one();
    }
  }

  /// Ends the helpers; later loops run on their callers alone.
  void stop() {
    if (in_parallel_loop || busy_.test_and_set()) return;  // the program ends inside a loop: there is nothing to wait for
    stopped_ = true;
    ticket_.fetch_add(1);
    ticket_.notify_all();
    for (std::thread& t : threads_) t.join();
    threads_.clear();
    busy_.clear();
  }

  alignas(64) std::atomic<std::uint32_t> ticket_{0};  // one more for each loop
  alignas(64) std::atomic<std::uint32_t> state_{0};
  std::atomic<std::uint32_t> begun_{0};  // helpers in this loop, counted where every_loop_parallel asks for all
  alignas(64) std::atomic_flag busy_;
  // Written by the owner of busy_ while nobody is inside.
  void (*call_)(const void*, std::size_t) = nullptr;
  const void* context_ = nullptr;
  std::size_t helpers_ = 0;
  std::size_t unshared_ = wake_work;  // ns of loops since the last waking
  std::vector<std::thread> threads_;
  std::atomic<bool> stopped_{false};
};

}  // namespace trimtab::detail
