#pragma once
// Training of the factors, in a run that may be stopped and continued.

#include <cstdio>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <trimtab/io/file_bytes.hpp>
#include <trimtab/io/fine_tune_state.hpp>
#include <trimtab/io/progress_bar.hpp>
#include <trimtab/net/train/fine_tune.hpp>
#include <vector>

#include "../world.hpp"
#include "arguments.hpp"
#include "results.hpp"

namespace program {

using namespace trimtab;

/// The state file's bytes, as the first process sees it; nothing when there is none.
inline std::optional<std::string> saved_state(const std::string& path, const World& world) {
  std::vector<char> bytes;
  if (world.rank() == 0 && std::filesystem::exists(path)) {
    const std::vector<unsigned char> file = detail::read_bytes(path, std::numeric_limits<int>::max(), "--state");
    bytes.push_back('\0');  // says that there is a file, even an empty one
    bytes.insert(bytes.end(), file.begin(), file.end());
  }
  bytes = world.gather(std::move(bytes));
  return bytes.empty() ? std::nullopt : std::optional<std::string>(std::in_place, bytes.begin() + 1, bytes.end());
}

/// Trains from the start, or from where the state file stands.
inline Trained train_at(const FineTuneOptions& options, QuantizedNetwork& q, const Array& targets, const Samples& pictures,
                        const QuantizeArguments& a, const World& world) {
  const RunDescription description = describe_run(q, targets, options);
  const std::optional<std::string> saved = a.state.empty() ? std::nullopt : saved_state(a.state, world);
  FineTuning run = saved ? FineTuning(q, targets, options, parse_fine_tune_state(*saved, description, a.state))
                         : FineTuning(q, targets, options);
  if (!a.quiet && run.steps_done() > 0)
    std::fprintf(stderr, "note: %s continues after step %zu of %zu\n", a.state.c_str(), run.steps_done(), run.steps());
  ProgressBar bar("train thresholds", a.quiet);
  Trained result;
  result.learning_rate = options.learning_rate;
  const Traffic before = world.traffic();
  while (!run.done()) {
    run.step(pictures, world);
    if (!a.state.empty() && world.rank() == 0 && (run.done() || run.steps_done() % a.state_every == 0))
      write_fine_tune_state(a.state, description, run.state());
    bar.show(run.steps_done(), run.steps());
    ++result.steps;
  }
  if (result.steps > 0) {
    result.exchange_ms = 1e3 * (world.traffic().seconds - before.seconds) / double(result.steps);
    result.exchange_bytes = double(world.traffic().bytes - before.bytes) / double(result.steps);
  }
  result.report = run.finish(pictures, world);
  return result;
}

/// Trains at --learning-rate; without it at the default rate, and where that has raised the loss, once more at ten times the
/// rate: networks that their thresholds have broken lie on a rough slope. A run with a state file is one run, and has no second.
inline Trained train(QuantizedNetwork& q, const Array& targets, const Samples& pictures, const QuantizeArguments& a,
                     const World& world) {
  FineTuneOptions options = a.fine_tune;
  if (a.learning_rate) options.learning_rate = *a.learning_rate;
  const Trained first = train_at(options, q, targets, pictures, a, world);
  if (first.report.kept || a.learning_rate || !a.state.empty()) return first;
  options.learning_rate *= 10;
  if (!a.quiet)
    std::fprintf(stderr, "note: training raised the loss and was undone; once more at a rate of %g\n", options.learning_rate);
  Trained second = train_at(options, q, targets, pictures, a, world);
  second.report.seconds += first.report.seconds;
  return second;
}

}  // namespace program
