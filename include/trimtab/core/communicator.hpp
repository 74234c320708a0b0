#pragma once
/// \file
/// Several processes on one job. Work is cut into pieces that do not depend on their number, and what came of the pieces is put
/// together in the order of the pieces: any number of processes gives the same bits. mpi/world.hpp is one over MPI.

#include <concepts>
#include <cstddef>
#include <exception>
#include <string>
#include <trimtab/core/error.hpp>
#include <utility>
#include <vector>

namespace trimtab {

/// gather(mine) is called by all processes together and gives each of them the lists of all, one after the other by rank.
/// fail(why), called instead of the next gather, makes that throw peer_error on all others and returns the message that they get.
template <class C>
concept Communicator = requires(const C& world, const std::string& why, std::vector<char> bytes, std::vector<float> floats,
                                std::vector<double> doubles) {
  { world.rank() } -> std::same_as<std::size_t>;
  { world.size() } -> std::same_as<std::size_t>;
  { world.gather(std::move(bytes)) } -> std::same_as<std::vector<char>>;
  { world.gather(std::move(floats)) } -> std::same_as<std::vector<float>>;
  { world.gather(std::move(doubles)) } -> std::same_as<std::vector<double>>;
  { world.fail(why) } -> std::same_as<std::string>;
};

/// What gathers took a process, waiting for the others included, and the bytes that came from them.
struct Traffic {
  double seconds = 0;
  std::size_t bytes = 0;
};

/// One process alone: a gather costs nothing.
struct SingleProcess {
  /// The only one.
  static constexpr std::size_t rank() { return 0; }
  /// One.
  static constexpr std::size_t size() { return 1; }
  /// Hands the list back.
  template <class T>
  static std::vector<T> gather(std::vector<T> mine) {
    return mine;
  }
  /// Nobody else is to be told.
  static std::string fail(const std::string& why) { return why; }
  /// There is none.
  static constexpr Traffic traffic() { return {}; }
};
static_assert(Communicator<SingleProcess>);

/// The pieces [begin, end) that one process does.
struct Share {
  std::size_t begin = 0, end = 0;
  /// How many there are.
  std::size_t size() const { return end - begin; }
};

/// Deals `count` pieces out by rank, in one run each; the sizes of two shares differ by 1 at most, and some are empty when there
/// are more processes than pieces.
inline Share share_of(std::size_t rank, std::size_t processes, std::size_t count) {
  return {count * rank / processes, count * (rank + 1) / processes};
}
/// The same for the process that asks.
template <Communicator C>
Share share_of(const C& world, std::size_t count) {
  return share_of(world.rank(), world.size(), count);
}

/// Runs job() on all processes. Returns an empty text when it went well on every one, else, on every one, the same message: why
/// it failed.
template <Communicator C, class Job>
std::string run_together(const C& world, const Job& job) {
  try {
    job();
    world.gather(std::vector<char>());  // nobody leaves while another may still fail
  } catch (const peer_error& e) {
    return e.what();
  } catch (const std::exception& e) {
    return world.fail(e.what());
  }
  return {};
}

}  // namespace trimtab
