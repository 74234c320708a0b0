#pragma once
/// \file
/// What each quantizer costs at the network's output: with it as the only one, and with all others.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <trimtab/core/progress.hpp>
#include <trimtab/net/execute/fake_quant_executor.hpp>
#include <trimtab/net/execute/switched_executor.hpp>
#include <trimtab/net/passes/calibrate.hpp>
#include <trimtab/net/report/evaluate.hpp>
#include <vector>

namespace trimtab {

/// What a quantizer works on.
enum class TensorRole { weight, output };

/// One quantizer: of a node's weights (with its bias), or of its output.
struct TensorId {
  NodeId node = 0;
  TensorRole role = TensorRole::weight;
  friend bool operator==(const TensorId&, const TensorId&) = default;
};

/// How near the outputs are to the float network's when one quantizer is switched.
struct SwitchedFidelity {
  TensorId tensor;
  Fidelity alone;    ///< this one on, all others off
  Fidelity without;  ///< this one off, all others on
  /// This one and all worse ones off, all others on; of the ten worst only.
  std::optional<Fidelity> cured = std::nullopt;
};

/// What `sensitivity` found.
struct SensitivityReport {
  Fidelity deployed;                       ///< the integers themselves
  Fidelity all, weights, outputs;          ///< all quantizers on; those of weights only; those of outputs only
  std::vector<SwitchedFidelity> switched;  ///< every quantizer, in the order of the nodes, a node's weights before its output
};

/// Indices of quantizers by the logit RMSE that each alone brings about, the largest first; equals keep their order.
inline std::vector<std::size_t> worst_first(const std::vector<SwitchedFidelity>& switched) {
  std::vector<std::size_t> order = detail::first_indices(switched.size());
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return switched[a].alone.rmse > switched[b].alone.rmse; });
  return order;
}

/// Every quantizer of a network, in the order of SensitivityReport::switched.
inline std::vector<TensorId> quantized_tensors(const QuantizedNetwork& q) {
  std::vector<TensorId> all;
  for (NodeId id = 0; id < q.network.size(); ++id) {
    if (q.weight[id]) all.push_back({id, TensorRole::weight});
    if (detail::has_output_switch(q, id)) all.push_back({id, TensorRole::output});
  }
  return all;
}

/// Switches quantizers one by one, in the arithmetic of SwitchedExecutor, on the first `count` pictures. `reference`: as there.
/// Two runs of what follows it for each quantizer and picture: for MobileNet-v2 about 120 times the float network. Throws
/// value_error when count is 0.
template <PictureSource Pictures>
SensitivityReport sensitivity(const Network& reference, const QuantizedNetwork& q, const Pictures& pictures, std::size_t count,
                              const Progress& progress = {}) {
  if (count == 0) throw value_error("sensitivity: no pictures");
  const std::vector<TensorId> ids = quantized_tensors(q);
  const Switches off = switches(q, false, false), on = switches(q, true, true);
  SwitchedExecutor executor(reference, q);
  FakeQuantExecutor integers(q);
  FidelityMeter deployed, all, weights, outputs;
  std::vector<FidelityMeter> alone(ids.size()), without(ids.size());

  constexpr std::size_t batch = 1;  // of two sets of all activations, which so stay nearer the core
  const std::size_t to_cure = std::min<std::size_t>(10, ids.size());
  std::size_t done = 0;
  const auto tell = [&] {
    if (progress) progress(++done, count * (ids.size() + to_cure));
  };
  const auto flip = [](Switches& s, TensorId t) { (t.role == TensorRole::weight ? s.weight : s.output)[t.node].flip(); };
  const std::vector<std::size_t> indices = detail::first_indices(count);
  detail::for_each_batch(indices, batch, {}, [&](std::span<const std::size_t> some) {
    const std::vector<Array> x = detail::batch_of(pictures, some);
    const std::vector<Array> off_outputs = executor.run(x, off), on_outputs = executor.run(x, on);
    const Array teacher = executor.rows(off_outputs);
    integers.forward(x);
    deployed.add(teacher, output_rows(integers.outputs()));
    all.add(teacher, executor.rows(on_outputs));
    weights.add(teacher, executor.rerun(x, off_outputs, off, switches(q, true, false)));
    outputs.add(teacher, executor.rerun(x, off_outputs, off, switches(q, false, true)));
    for (std::size_t i = 0; i < ids.size(); ++i) {
      Switches only = off, others = on;
      flip(only, ids[i]);
      flip(others, ids[i]);
      alone[i].add(teacher, executor.rerun(x, off_outputs, off, only));
      without[i].add(teacher, executor.rerun(x, on_outputs, on, others));
      tell();
    }
  });
  SensitivityReport report{deployed.result(), all.result(), weights.result(), outputs.result(), {}};
  for (std::size_t i = 0; i < ids.size(); ++i) report.switched.push_back({ids[i], alone[i].result(), without[i].result()});

  const std::vector<std::size_t> worst = worst_first(report.switched);
  std::vector<FidelityMeter> cured(to_cure);
  FloatExecutor in_float(reference);
  detail::for_each_batch(indices, batch, {}, [&](std::span<const std::size_t> some) {
    const std::vector<Array> x = detail::batch_of(pictures, some);
    const Array teacher = output_rows(in_float.run_outputs(x));
    const std::vector<Array> on_outputs = executor.run(x, on);
    Switches s = on;
    for (std::size_t k = 0; k < to_cure; ++k) {
      flip(s, ids[worst[k]]);
      cured[k].add(teacher, executor.rerun(x, on_outputs, on, s));
      tell();
    }
  });
  for (std::size_t k = 0; k < to_cure; ++k) report.switched[worst[k]].cured = cured[k].result();
  return report;
}

}  // namespace trimtab
