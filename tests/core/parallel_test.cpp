#include <algorithm>
#include <atomic>
#include <catch.hpp>
#include <chrono>
#include <numeric>
#include <sstream>
#include <thread>
#include <trimtab/core/parallel.hpp>
#include <vector>

#ifdef _OPENMP
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <trimtab/core/cpu_quota.hpp>
#endif

using namespace trimtab;

TEST_CASE("parallel_sum: the same bits on any number of threads", "[core]") {
  std::vector<float> x(100003);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = 1.0F / static_cast<float>(i + 1);
  const auto sum = [&] {
    return parallel_sum(x.size(), 1000, 0.0F, [&](std::size_t b, std::size_t e) {
      float s = 0;
      for (std::size_t i = b; i < e; ++i) s += x[i];
      return s;
    });
  };
  const ScopedThreads one(1);
  const float on_one = sum();
  for (int t : {2, 3, 7}) {
    const ScopedThreads several(t);
    CHECK(sum() == on_one);
  }
}

TEST_CASE("parallel_for_workers: each piece once, after its worker has started, on any number of threads", "[core]") {
  for (const int t : {1, 2, 3, 70}) {  // 70: more than there are shares
    const ScopedThreads scope(t);
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{1000}}) {
      CAPTURE(t, count);
      std::vector<int> started(static_cast<std::size_t>(t)), runs(count), late(count);
      parallel_for_workers(
          count, long_loop, [&](std::size_t worker) { ++started[worker]; },
          [&](std::size_t worker, std::size_t i) {
            ++runs[i];
            late[i] = started[worker] != 1;
          });
      CHECK(runs == std::vector<int>(count, 1));
      CHECK(late == std::vector<int>(count, 0));
      CHECK(*std::max_element(started.begin(), started.end()) == (count > 0 ? 1 : 0));
    }
  }
}

TEST_CASE("even_pieces: as many for each thread, none longer than allowed", "[core]") {
  const ScopedThreads two(2);
  CHECK(even_pieces(14, 4) == 4);  // 3 4 3 4 rows, not 4 4 4 2
  CHECK(even_pieces(7, 4) == 2);
  CHECK(even_pieces(7, 1) == 7);
  CHECK(even_pieces(129, 128) == 2);
  CHECK(even_pieces(1, 128) == 1);
  CHECK(even_pieces(0, 128) == 1);
}

TEST_CASE("parallel_for: an exception in a body reaches the caller", "[core]") {
  const ScopedThreads two(2);
  CHECK_THROWS_AS(parallel_for(8,
                               [](std::size_t i) {
                                 if (i == 5) throw value_error("five");
                               }),
                  value_error);
  CHECK_THROWS_AS(set_threads(0), value_error);
}

TEST_CASE("parallel_for: a loop inside a body, and one while another thread's runs, stay on their thread", "[core]") {
  const ScopedThreads three(3);
  std::vector<int> runs(64);
  parallel_for(8, [&](std::size_t i) {
    const auto outer = std::this_thread::get_id();
    parallel_for_workers(8, long_loop, [&](std::size_t worker, std::size_t j) {
      runs[8 * i + j] += worker == 0 && std::this_thread::get_id() == outer ? 1 : 100;
    });
  });
  CHECK(runs == std::vector<int>(64, 1));

  std::vector<std::size_t> sums(4);
  std::vector<std::thread> callers;
  for (std::size_t c = 0; c < sums.size(); ++c)
    callers.emplace_back([&sums, c] {
      set_threads(3);
      for (int round = 0; round < 200; ++round) {
        std::vector<std::size_t> seen(50);
        parallel_for(seen.size(), [&](std::size_t i) { seen[i] += i; });
        sums[c] += std::accumulate(seen.begin(), seen.end(), std::size_t{0});
      }
    });
  for (std::thread& t : callers) t.join();
  CHECK(sums == std::vector<std::size_t>(4, 200 * (49 * 50 / 2)));
}

#ifdef _OPENMP
TEST_CASE("parallel_for: a loop too short for two threads stays on one", "[core]") {
  const ScopedThreads two(2);
  detail::every_loop_parallel = false;
  const auto outer = std::this_thread::get_id();
  bool elsewhere = false;
  parallel_for(64, LoopTime{least_parallel - 1}, [&](std::size_t) { elsewhere |= std::this_thread::get_id() != outer; });
  detail::every_loop_parallel = true;
  CHECK_FALSE(elsewhere);
  // In tests it does not: two bodies meet.
  std::atomic<int> begun = 0;
  std::vector<int> met(2);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  parallel_for(2, LoopTime{1}, [&](std::size_t i) {
    ++begun;
    while (begun < 2 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    met[i] = begun == 2;
  });
  CHECK(met == std::vector<int>{1, 1});
}

#ifndef __SANITIZE_THREAD__  // which refuses new threads in a child of fork
TEST_CASE("parallel_for: a child of fork has threads of its own", "[core]") {
  const ScopedThreads two(2);
  const auto sum = [] { return parallel_sum(1000, 10, std::size_t{0}, [](std::size_t b, std::size_t e) { return e - b; }); };
  REQUIRE(sum() == 1000);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    alarm(20);  // ends a child that hangs
    _exit(sum() == 1000 && sum() == 1000 ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(sum() == 1000);
}
#endif

TEST_CASE("least_quota: the least of a control group and those around it, versions 1 and 2", "[core]") {
  std::string name = (std::filesystem::temp_directory_path() / "trimtab_quota_XXXXXX").string();
  REQUIRE(mkdtemp(name.data()) != nullptr);
  const std::filesystem::path folder = name;
  const auto write = [&](const char* file, const char* text) {
    std::filesystem::create_directories((folder / file).parent_path());
    std::ofstream(folder / file) << text;
  };
  const auto quota = [&](const std::string& groups) {
    std::istringstream in(groups);
    return detail::least_quota(in, name);
  };
  CHECK(quota("0::/") == INT_MAX);
  write("cpu.max", "max 100000\n");
  write("a/cpu.max", "350000 100000\n");
  write("a/b/cpu.max", "max 100000\n");
  CHECK(quota("0::/a/b\n") == 4);
  CHECK(quota("0::/\n") == INT_MAX);
  write("a/b/cpu.max", "1000 100000\n");
  CHECK(quota("0::/a/b\n") == 1);
  write("cpu/c/cpu.cfs_quota_us", "200000\n");
  write("cpu/c/cpu.cfs_period_us", "100000\n");
  write("cpu/d/cpu.cfs_quota_us", "-1\n");
  write("cpu/d/cpu.cfs_period_us", "100000\n");
  CHECK(quota("3:cpuset:/c\n4:cpu,cpuacct:/c\n0::/\n") == 2);
  CHECK(quota("3:cpuset:/c\n4:cpu:/d\n") == INT_MAX);
  write("a/cpu.max", "nonsense\n");
  CHECK(quota("0::/a\nnonsense\n") == INT_MAX);
  std::filesystem::remove_all(folder);
}
#endif
