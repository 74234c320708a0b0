// Which instruction set runs, and how to say which: by a scope in the program, or by TRIMTAB_ISA in its environment. What cannot
// run is an error; it never becomes another one.

#include <chrono>
#include <cstdio>
#include <trimtab/int8/conv2d.hpp>
#include <vector>

using namespace trimtab;

int main() {
  std::printf("in use: %s%s\n", name(active_isa()),
              std::getenv("TRIMTAB_ISA") ? " (by TRIMTAB_ISA)" : ", the best one that can run");

  const Extents x_extent{1, 28, 28, 96}, w_extent{96, 3, 3, 96};
  std::vector<std::uint8_t> x(element_count(x_extent));
  std::vector<std::int8_t> w(element_count(w_extent));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<std::uint8_t>(i * 37 % 256);
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = static_cast<std::int8_t>(static_cast<int>(i * 29 % 255) - 127);
  const int8::PackedConv2d packed = int8::pack_conv2d(TensorView<const std::int8_t>(w.data(), w_extent));
  WindowOptions window;
  window.padding = {1, 1, 1, 1};
  int8::Workspace workspace;
  const ScopedThreads one(1);

  std::vector<std::int32_t> first, y(28 * 28 * 96);
  bool equal = true;
  int ran = 0;
  for (const char* wanted : {"portable", "avx2", "avxvnni", "avx512vnni", "amx", "abacus"}) {
    try {
      const ScopedIsa scope(isa_from_name(wanted));
      using Clock = std::chrono::steady_clock;
      const Clock::time_point begin = Clock::now();
      for (int i = 0; i < 3; ++i)
        int8::conv2d(TensorView<const std::uint8_t>(x.data(), x_extent), 128, packed, {}, window,
                     TensorView<std::int32_t>(y.data(), {1, 28, 28, 96}), workspace);
      const double ms = std::chrono::duration<double, std::milli>(Clock::now() - begin).count() / 3;
      if (first.empty()) first = y;
      equal = equal && y == first;
      ++ran;
      std::printf("%-10s %8.3f ms, accumulators %s\n", wanted, ms, y == first ? "equal" : "DIFFER");
    } catch (const unsupported_error& e) {
      std::printf("%-10s %s\n", wanted, e.what());
    } catch (const value_error& e) {
      std::printf("%-10s %s\n", wanted, e.what());
    }
  }
  return equal && ran == static_cast<int>(available_isas().size()) ? 0 : 1;
}
