#pragma once
// Processes played by threads: a communicator without MPI.

#include <algorithm>
#include <any>
#include <barrier>
#include <cstddef>
#include <thread>
#include <trimtab/core/communicator.hpp>
#include <trimtab/core/parallel.hpp>
#include <utility>
#include <vector>

namespace trimtab::test {

class ThreadWorld {
 public:
  struct Shared {
    explicit Shared(std::size_t size) : lists(size), meet(static_cast<std::ptrdiff_t>(size)) {}
    std::vector<std::any> lists;
    std::barrier<> meet;
  };
  ThreadWorld(Shared& shared, std::size_t rank) : shared_(&shared), rank_(rank) {}

  std::size_t rank() const { return rank_; }
  std::size_t size() const { return shared_->lists.size(); }
  template <class T>
  std::vector<T> gather(std::vector<T> mine) const {
    shared_->lists[rank_] = std::move(mine);
    shared_->meet.arrive_and_wait();
    std::vector<T> all;
    for (const std::any& list : shared_->lists) {
      const auto& one = std::any_cast<const std::vector<T>&>(list);
      all.insert(all.end(), one.begin(), one.end());
    }
    shared_->meet.arrive_and_wait();
    return all;
  }
  static std::string fail(const std::string& why) { return why; }

 private:
  Shared* shared_;
  std::size_t rank_;
};
static_assert(Communicator<ThreadWorld>);

/// What job(world) returns on each of `size` processes. The job must not throw: the others would wait for ever.
template <class Job>
auto on_processes(std::size_t size, const Job& job) {
  ThreadWorld::Shared shared(size);
  std::vector<decltype(job(ThreadWorld(shared, 0)))> results(size);
  std::vector<std::thread> threads;
  for (std::size_t rank = 0; rank < size; ++rank)
    threads.emplace_back([&, rank] {
      const ScopedThreads one(1);
      results[rank] = job(ThreadWorld(shared, rank));
    });
  for (std::thread& t : threads) t.join();
  return results;
}

}  // namespace trimtab::test
