// Kernels of all instruction sets against the naive loops. With TRIMTAB_FUZZ a libFuzzer target; else a program of its own,
//   fuzz_kernels [--seed S] [--seconds T]
// whose round S, S + 1, ... each is one random case; the seed of a failure is printed, and repeats it.

#include <chrono>
#include <cstdio>
#include <cstring>

#include "random_float_layer.hpp"

namespace {

/// Two integer layers, the second in memory that the first has left, or a float one.
void round_of(Choices& choose) {
  using fuzz::Kind;
  const auto kind = [&] { return choose.of({Kind::conv2d, Kind::depthwise, Kind::depthwise, Kind::grouped, Kind::linear}); };
  if (choose.once_in(8)) return fuzz::check_float_layer(choose, choose.of({Kind::conv2d, Kind::depthwise, Kind::grouped}));
  if (choose.once_in(16)) return fuzz::check_int16_layer(choose);
  fuzz::Reused reused;
  for (int layer = 0; layer < 2; ++layer)
    choose.once_in(2) ? fuzz::check_layer<std::uint8_t>(choose, kind(), reused)
                      : fuzz::check_layer<std::int8_t>(choose, kind(), reused);
}

}  // namespace

#ifdef TRIMTAB_LIBFUZZER
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Choices choose(std::span(data, size));
  try {
    round_of(choose);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    std::abort();
  }
  return 0;
}
#else
int main(int argc, char** argv) {
#ifdef _OPENMP
  trimtab::detail::every_loop_parallel = true;
#endif
  std::uint64_t seed = 1;
  double seconds = 5;
  for (int i = 1; i < argc; i += 2) {
    char* end = nullptr;
    if (i + 1 < argc && std::strcmp(argv[i], "--seed") == 0)
      seed = std::strtoull(argv[i + 1], &end, 10);
    else if (i + 1 < argc && std::strcmp(argv[i], "--seconds") == 0)
      seconds = std::strtod(argv[i + 1], &end);
    if (end == nullptr || end == argv[i + 1] || *end != '\0') {
      std::fprintf(stderr, "usage: fuzz_kernels [--seed S] [--seconds T]\n");
      return 2;
    }
  }
  const std::uint64_t first = seed;
  const auto start = std::chrono::steady_clock::now();
  do {
    Choices choose(seed);
    try {
      round_of(choose);
    } catch (const std::exception& e) {
      std::fprintf(stderr, "fuzz_kernels: --seed %llu --seconds 0 fails: %s\n", static_cast<unsigned long long>(seed), e.what());
      return 1;
    }
    ++seed;
  } while (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < seconds);
  std::printf("fuzz_kernels: %llu rounds from seed %llu on, no difference\n", static_cast<unsigned long long>(seed - first),
              static_cast<unsigned long long>(first));
}
#endif
