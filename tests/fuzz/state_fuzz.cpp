// parse_fine_tune_state, and a run that is to go on from what came out. The input is sealed first: with the seal at risk nothing
// else would ever be read.

#include "fuzzed_run.hpp"
#include "typed_errors.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const FuzzedRun run;
  const std::string_view body = text_of(data, size);
  only_typed_errors([&] { trimtab::parse_fine_tune_state(body, {}); });
  return only_typed_errors([&] {
    trimtab::QuantizedNetwork q = run.q;
    const std::string file = std::string(body) + trimtab::detail::state_seal(body);
    trimtab::FineTuning(q, run.teacher, run.options, trimtab::parse_fine_tune_state(file, {}));
  });
}
