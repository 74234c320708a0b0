#include "results.hpp"

#include <sys/resource.h>

#include <cstdio>
#include <filesystem>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <trimtab/core/isa.hpp>
#include <trimtab/io/atomic_file.hpp>

namespace quantize_onnx {

using namespace trimtab;
using Json = nlohmann::ordered_json;

namespace {

template <class T>
Json or_null(const std::optional<T>& x) {
  return x ? Json(*x) : Json();
}

Json outcome_json(const Outcome& o) {
  return {{"quantized_top1", or_null(o.top1)},
          {"agreement", o.fidelity.agreement},
          {"logit_rmse", o.fidelity.rmse},
          {"logit_sqnr_db", o.fidelity.sqnr_db}};
}

/// The process's largest resident memory so far.
double peak_memory_megabytes() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

void print_row(const char* name, std::optional<double> top1, const Fidelity* f) {
  const std::string top = top1 ? detail::message(std::fixed, std::setprecision(2), *top1) : "-";
  if (f != nullptr)
    std::printf("  %-22s %8s %12.2f %12.4f %10.2f\n", name, top.c_str(), f->agreement, f->rmse, f->sqnr_db);
  else
    std::printf("  %-22s %8s %12s %12s %10s\n", name, top.c_str(), "", "", "");
}

/// What the row after training is called; nothing where there is none.
const char* second_row(const Arguments& a, const Results& r) {
  return r.training ? "quantized, trained" : (a.learn_rounding ? "quantized, rounded" : nullptr);
}

void print_training(const Results& r) {
  const FineTuneReport& t = r.training->report;
  std::printf("  %zu factors trained in %.1f s, %.1f pictures/s; RMSE on the training pictures %.3f -> %.3f\n",
              t.trained_parameters, t.seconds, t.pictures_per_second, t.loss_before, t.loss_after);
  if (r.processes > 1 && r.training->steps > 0)
    std::printf("  %zu processes; of a step's %.1f ms, exchange took %.2f ms and brought each process %.1f KB\n", r.processes,
                1e3 * t.seconds / double(r.training->steps), r.training->exchange_ms, r.training->exchange_bytes / 1e3);
  if (!t.kept)
    std::printf("  training raised that RMSE and was undone; try --recipe fast, --weights vector or another --learning-rate\n");
}

std::string bits(const Arguments& a) {
  const auto [w, x] = std::pair(a.quantization.weight_bits, a.quantization.activation_bits);
  return w == x ? detail::message(x, " bits") : detail::message(w, " bits for weights and ", x, " for activations");
}

}  // namespace

void print(const Arguments& a, const Results& r) {
  std::printf("\n%s, %s %s thresholds, %s, %zu pictures\n", a.model.c_str(), a.weights_name(), a.scheme_name(), bits(a).c_str(),
              r.evaluated_on);
  std::printf("  transforms:");
  for (const std::string& t : r.transforms) std::printf(" %s;", t.c_str());
  std::printf("\n  %-22s %8s %12s %12s %10s\n", "", "top-1 %", "agreement %", "logit RMSE", "SQNR dB");
  print_row("float", r.float_top1, nullptr);
  const char* second = second_row(a, r);
  print_row(second ? "quantized, untrained" : "quantized", r.before.top1, &r.before.fidelity);
  if (second) print_row(second, r.after.top1, &r.after.fidelity);
  if (r.training) print_training(r);
  if (r.int8_ms) {
    std::printf("  int8 network: %.2f ms a picture on one thread (%s)", *r.int8_ms, name(active_isa()));
    if (r.after.equal) std::printf("; its codes %s those of training", r.codes_equal() ? "equal" : "DIFFER FROM");
    std::printf("\n");
  }
}

void print_memory() { std::printf("  peak memory %.0f MB\n", peak_memory_megabytes()); }

ReportInput report_page(const Arguments& a, const Results& r) {
  ReportInput page;
  page.title = detail::message(std::filesystem::path(a.model).filename().string(), ", ", a.weights_name(), ' ', a.scheme_name(),
                               ", ", bits(a));
  page.facts = {{"evaluated on", detail::message(r.evaluated_on, " pictures")},
                {"calibrated on", detail::message(r.calibrated_on, " pictures")}};
  for (const std::string& t : r.transforms) page.facts.emplace_back("transform", t);
  page.outcomes = {{"float", r.float_top1, std::nullopt}, {"quantized", r.before.top1, r.before.fidelity}};
  if (const char* second = second_row(a, r)) page.outcomes.push_back({second, r.after.top1, r.after.fidelity});
  if (r.training) {
    const FineTuneReport& t = r.training->report;
    page.facts.emplace_back("trained", detail::message(t.trained_parameters, " factors, ", a.fine_tune.epochs, " epochs"));
    page.loss = t.loss;
    page.learning_rate = t.learning_rate;
  }
  return page;
}

void write_json(const Arguments& a, const Results& r) {
  const bool trained = r.training.has_value();
  const Trained training = r.training.value_or(Trained{});
  const FineTuneReport& t = training.report;
  Json out{{"model", a.model},
           {"weights", a.weights_name()},
           {"scheme", a.scheme_name()},
           {"bits", a.quantization.activation_bits},
           {"weight_bits", a.quantization.weight_bits},
           {"requantize", a.quantization.requantizer == Requantizer::fixed_point ? "fixed-point" : "float"},
           {"images", r.evaluated_on},
           {"float_top1", or_null(r.float_top1)}};
  out.update(outcome_json(r.after));
  out["untrained"] = outcome_json(r.before);
  out["int8_top1"] = a.execute != Execute::fake ? or_null(r.after.top1) : Json();
  out["int8_equals_fake_quant"] = r.after.equal ? Json(r.codes_equal()) : Json();
  out["int8_ms_per_image_1_thread"] = or_null(r.int8_ms);
  out["isa"] = name(active_isa());
  out["peak_memory_mb"] = peak_memory_megabytes();
  out["transforms"] = r.transforms;
  out["seconds_calibrate"] = r.seconds_calibrate;
  out["seconds_round"] = r.seconds_round;
  out["seconds_train"] = t.seconds;
  out["learning_rate"] = trained ? Json(training.learning_rate) : Json();
  out["images_per_second_train"] = trained ? Json(t.pictures_per_second) : Json();
  out["processes"] = r.processes;
  out["steps_train"] = training.steps;
  out["exchange_ms_per_step"] = training.exchange_ms;
  out["exchange_bytes_per_step"] = training.exchange_bytes;
  out["trained_parameters"] = t.trained_parameters;
  out["training_kept"] = trained ? Json(t.kept) : Json();
  out["loss_before"] = trained ? Json(t.loss_before) : Json();
  out["loss_after"] = trained ? Json(t.loss_after) : Json();
  write_file_atomically(a.json, out.dump(2) + "\n");
}

}  // namespace quantize_onnx
