#pragma once
// The processes that share a run: `mpirun -n 4 trimtab quantize ...`, or just one.

#ifdef TRIMTAB_MPI
#include <trimtab/mpi/world.hpp>
#else
#include <trimtab/core/communicator.hpp>
#endif

namespace program {

#ifdef TRIMTAB_MPI
using World = trimtab::mpi::World;
#else
using World = trimtab::SingleProcess;
#endif

}  // namespace program
