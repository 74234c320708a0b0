// Run by mpirun on 1 to 4 processes; every process runs every check.

#include <catch.hpp>
#include <cstdlib>
#include <small_run.hpp>
#include <string>
#include <trimtab/mpi/world.hpp>

using namespace trimtab;
using trimtab::test::SmallRun;

namespace {

const mpi::World& world() {
  static const mpi::World one;
  return one;
}

}  // namespace

TEST_CASE("mpi::World: as many processes as were asked for", "[mpi]") {
  const char* wanted = std::getenv("TRIMTAB_TEST_PROCESSES");
  REQUIRE(wanted != nullptr);
  CHECK(world().size() == std::stoul(wanted));
  CHECK(world().rank() < world().size());
}

TEST_CASE("mpi::World: gather puts uneven and empty lists together by rank", "[mpi]") {
  const auto check = [](auto unit) {
    using T = decltype(unit);
    // Process r gives r numbers: 10 r, 10 r + 1, ...
    const auto list = [](std::size_t r) {
      std::vector<T> l;
      for (std::size_t i = 0; i < r; ++i) l.push_back(static_cast<T>(10 * r + i));
      return l;
    };
    std::vector<T> expected;
    for (std::size_t r = 0; r < world().size(); ++r)
      for (const T x : list(r)) expected.push_back(x);
    const std::size_t before = world().traffic().bytes;
    CHECK(world().gather(list(world().rank())) == expected);
    CHECK(world().traffic().bytes - before == (expected.size() - world().rank()) * sizeof(T));  // all lists but its own
    CHECK(world().gather(std::vector<T>()).empty());
  };
  check(char());
  check(float());
  check(double());
}

TEST_CASE("mpi::World: a failure anywhere ends the job everywhere with its message", "[mpi]") {
  const auto fails_on = [](auto&&... ranks) {
    return run_together(world(), [&] {
      world().gather(std::vector<float>{1});
      if (((world().rank() == ranks) || ...)) throw value_error("picture broken");
      world().gather(std::vector<double>{1});
      world().gather(std::vector<char>{1});
    });
  };
  const std::size_t last = world().size() - 1;
  const std::string who =
      world().size() == 1 ? "" : "process " + std::to_string(last) + " of " + std::to_string(world().size()) + ": ";
  CHECK(fails_on(last) == who + "picture broken");
  CHECK_THAT(fails_on(std::size_t{0}, last), ContainsSubstring("picture broken"));  // both at once
  CHECK(fails_on() == "");                                                          // and the world is still good
}

TEST_CASE("mpi: training and the passes before it give the bits of one process", "[mpi]") {
  const SmallRun r;
  CHECK(r.measure(world()) == r.measure(SingleProcess()));
  CHECK(r.state(world()) == r.state(SingleProcess()));
}

TEST_CASE("mpi: processes with different numbers of threads give the same bits", "[mpi]") {
  const SmallRun r;
  const ScopedThreads threads(world().rank() % 2 == 0 ? 1 : 3);
  CHECK(r.state(world()) == r.state(SingleProcess()));
}
