// mpirun -n P exchange_bench: milliseconds of the gather that a training step makes, by the bytes that each process gives. The
// fastest of many is what the network and the library cost; the median also tells how busy the machine is.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <trimtab/mpi/world.hpp>
#include <vector>

int main() {
  const trimtab::mpi::World world;
  constexpr std::size_t repetitions = 200;
  if (world.rank() == 0)
    std::printf("%zu processes\n%14s %14s %12s %12s\n", world.size(), "bytes given", "bytes got", "fastest ms", "median ms");
  for (const std::size_t numbers :
       {std::size_t{0}, std::size_t{1} << 10, std::size_t{18122}, std::size_t{4} * 18122, std::size_t{1} << 20}) {
    const std::vector<float> mine(numbers);
    std::vector<double> ms;
    for (std::size_t i = 0; i < repetitions; ++i) {
      world.gather(std::vector<char>());  // all begin together
      const auto start = std::chrono::steady_clock::now();
      world.gather(mine);
      ms.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
    }
    std::sort(ms.begin(), ms.end());
    if (world.rank() == 0)
      std::printf("%14zu %14zu %12.3f %12.3f\n", 4 * numbers, 4 * numbers * (world.size() - 1), ms.front(), ms[repetitions / 2]);
  }
}
