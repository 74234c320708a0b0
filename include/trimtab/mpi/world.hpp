#pragma once
/// \file
/// Processes over MPI. Needs the CMake target trimtab::mpi.

#include <mpi.h>

#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <trimtab/core/communicator.hpp>
#include <trimtab/core/error.hpp>
#include <type_traits>
#include <utility>
#include <vector>

namespace trimtab::mpi {

/// True where a launcher (mpirun, srun, ...) started this process as one of several.
inline bool launched() {
  for (const char* sign : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS"})
    if (std::getenv(sign) != nullptr) return true;
  return false;
}

/// All processes of the job. One object a program, made in main by the thread that uses it; a program that no launcher started is
/// a world of one and never calls MPI.
class World {
 public:
  World() {
    int running = 0;
    MPI_Initialized(&running);
    if (running == 0 && !launched()) return;
    if (running == 0) {
      int provided = 0;
      MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
      owns_mpi_ = true;
    }
    MPI_Comm_dup(MPI_COMM_WORLD, &comm_);
    int rank = 0, size = 1;
    MPI_Comm_rank(comm_, &rank);
    MPI_Comm_size(comm_, &size);
    rank_ = static_cast<std::size_t>(rank);
    size_ = static_cast<std::size_t>(size);
  }
  ~World() {
    if (comm_ != MPI_COMM_NULL) MPI_Comm_free(&comm_);
    if (owns_mpi_) MPI_Finalize();
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// Of this process, from 0.
  std::size_t rank() const { return rank_; }
  /// Number of processes.
  std::size_t size() const { return size_; }

  /// The lists of all processes, by rank; all processes have to be of one byte order. Throws peer_error when a process has failed
  /// instead, value_error for more than 2^31 - 1 numbers.
  template <class T>
  std::vector<T> gather(std::vector<T> mine) const {
    static_assert(std::is_trivially_copyable_v<T>);
    if (size_ == 1) return mine;
    const double start = MPI_Wtime();
    const std::vector<std::int64_t> lengths = exchange_lengths(static_cast<std::int64_t>(mine.size()));
    std::vector<int> counts, begins;
    std::int64_t total = 0;
    for (const std::int64_t length : lengths) {
      begins.push_back(static_cast<int>(total));
      counts.push_back(static_cast<int>(length));
      total += length;
      if (total > std::numeric_limits<int>::max())
        throw value_error(detail::message("mpi::World::gather: more than ", std::numeric_limits<int>::max(), " numbers"));
    }
    std::vector<T> all(static_cast<std::size_t>(total));
    if (total > 0) {
      MPI_Datatype type;
      MPI_Type_contiguous(static_cast<int>(sizeof(T)), MPI_BYTE, &type);
      MPI_Type_commit(&type);
      MPI_Allgatherv(mine.data(), static_cast<int>(mine.size()), type, all.data(), counts.data(), begins.data(), type, comm_);
      MPI_Type_free(&type);
    }
    traffic_.seconds += MPI_Wtime() - start;
    traffic_.bytes += (all.size() - mine.size()) * sizeof(T);
    return all;
  }

  /// Instead of the next gather: makes it throw on every other process. Returns the message that all of them get, which is that
  /// of the lowest rank that failed.
  std::string fail(const std::string& why) const { return size_ == 1 ? why : exchange_failures(exchange(failed), why); }

  /// Of all gathers so far.
  const Traffic& traffic() const { return traffic_; }

 private:
  static constexpr std::int64_t failed = -1;

  std::vector<std::int64_t> exchange(std::int64_t mine) const {
    std::vector<std::int64_t> all(size_);
    MPI_Allgather(&mine, 1, MPI_INT64_T, all.data(), 1, MPI_INT64_T, comm_);
    return all;
  }
  std::vector<std::int64_t> exchange_lengths(std::int64_t mine) const {
    std::vector<std::int64_t> lengths = exchange(mine);
    for (const std::int64_t length : lengths)
      if (length == failed) throw peer_error(exchange_failures(lengths, {}));
    return lengths;
  }
  /// The message of the lowest rank whose length says that it failed.
  std::string exchange_failures(const std::vector<std::int64_t>& lengths, const std::string& why) const {
    std::size_t rank = 0;
    while (lengths[rank] != failed) ++rank;
    std::string message = rank == rank_ ? detail::message("process ", rank, " of ", size_, ": ", why) : std::string();
    auto length = static_cast<std::uint64_t>(message.size());
    MPI_Bcast(&length, 1, MPI_UINT64_T, static_cast<int>(rank), comm_);
    message.resize(length);
    MPI_Bcast(message.data(), static_cast<int>(length), MPI_CHAR, static_cast<int>(rank), comm_);
    return message;
  }

  MPI_Comm comm_ = MPI_COMM_NULL;
  std::size_t rank_ = 0, size_ = 1;
  bool owns_mpi_ = false;
  mutable Traffic traffic_;
};
static_assert(Communicator<World>);

}  // namespace trimtab::mpi
