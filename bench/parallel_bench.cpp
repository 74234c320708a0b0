// What a loop takes on one thread and on two, by ours and by OpenMP's parallel region, on the machine as it is and beside one
// busy process for each processor.
//   parallel_bench [ROUNDS]
// Each figure comes from a process of its own, since threads of OpenMP that wait by spinning would disturb the others. Means,
// since the worst loops are what users wait for.

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <trimtab/core/parallel.hpp>
#include <vector>

using namespace trimtab;

namespace {
using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) { return std::chrono::duration<double, std::micro>(Clock::now() - start).count(); }

/// Some arithmetic that takes `steps` times as long as one step.
void work(std::size_t steps) {
  float x = 1;
  for (std::size_t i = 0; i < steps; ++i) {
    x = x * 0.999F + 0.1F;
    asm volatile("" : "+x"(x));
  }
}

double steps_in_microsecond() {
  double best = 0;
  for (int round = 0; round < 20; ++round) {
    const auto start = Clock::now();
    work(20000);
    best = std::max(best, 20000 / since(start));
  }
  return best;
}

constexpr std::size_t pieces = 8;

void ours(std::size_t us, std::size_t steps) {
  parallel_for(pieces, LoopTime{us * 1000}, [&](std::size_t) { work(steps / pieces); });
}
void openmp(std::size_t, std::size_t steps) {
#pragma omp parallel for schedule(static)
  for (std::size_t i = 0; i < pieces; ++i) work(steps / pieces);
}

/// Mean microseconds of a loop, measured in a child process; -1 where that fails.
double measure(void (*loop)(std::size_t, std::size_t), int on, std::size_t us, std::size_t steps, int rounds) {
  int ends[2];
  if (pipe(ends) != 0) return -1;
  const pid_t child = fork();
  if (child == 0) {
    set_threads(on);
    for (int i = 0; i < 50; ++i) loop(us, steps);
    const auto start = Clock::now();
    for (int i = 0; i < rounds; ++i) loop(us, steps);
    const double mean = since(start) / rounds;
    _exit(write(ends[1], &mean, sizeof mean) == static_cast<ssize_t>(sizeof mean) ? 0 : 1);
  }
  close(ends[1]);  // so that read ends where the child does
  double mean = -1;
  if (read(ends[0], &mean, sizeof mean) != static_cast<ssize_t>(sizeof mean)) mean = -1;
  if (child > 0) waitpid(child, nullptr, 0);
  close(ends[0]);
  return mean;
}
}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 1000;
  if (rounds < 1) {
    std::fprintf(stderr, "usage: parallel_bench [ROUNDS]\n");
    return 2;
  }
  const double rate = steps_in_microsecond();
  std::printf("%-8s %9s %12s %12s   mean us of %d loops\n", "beside", "one", "two, ours", "two, OpenMP", rounds);
  for (const bool busy : {false, true}) {
    std::vector<pid_t> others;
    if (busy)
      for (unsigned i = 0; i < std::thread::hardware_concurrency(); ++i) {
        const pid_t other = fork();
        if (other == 0)
          for (;;) work(1000000);
        if (other > 0) others.push_back(other);  // kill(-1) would end everything
      }
    for (const std::size_t us : {std::size_t{3}, std::size_t{10}, std::size_t{30}, std::size_t{100}, std::size_t{1000}}) {
      const auto steps = static_cast<std::size_t>(rate * static_cast<double>(us));
      const int count = std::max(20, static_cast<int>(static_cast<std::size_t>(rounds) * 10 / us));
      const double one = measure(ours, 1, us, steps, count), two = measure(ours, 2, us, steps, count);
      const double regions = measure(openmp, 2, us, steps, count);
      std::printf("%-8s %9.1f %12.1f %12.1f   loop of %zu us\n", busy ? "busy" : "nothing", one, two, regions, us);
    }
    for (const pid_t other : others) {
      kill(other, SIGKILL);
      waitpid(other, nullptr, 0);
    }
  }
}
