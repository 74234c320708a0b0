#pragma once
// What quantization did to a network, as one HTML page: opens from a file, fetches nothing, runs no other program.

#include <optional>
#include <span>
#include <string>
#include <trimtab/net/quantize/quantized_network.hpp>
#include <trimtab/net/report/analyze.hpp>
#include <trimtab/net/report/structure.hpp>
#include <utility>
#include <vector>

namespace trimtab {
struct BitsChoice;
}

namespace program {

/// A network in the page's first table.
struct ReportOutcome {
  std::string name;
  std::optional<double> top1;
  std::optional<trimtab::Fidelity> fidelity;
};

/// What the page tells. Everything pointed to must outlive the call.
struct ReportInput {
  std::string title;
  std::vector<std::pair<std::string, std::string>> facts;  ///< of the run: names and values
  std::vector<ReportOutcome> outcomes;
  const trimtab::Network* original = nullptr;                 ///< the folded float network before rescaling
  const trimtab::Network* reference = nullptr;                ///< the float network that was quantized
  const trimtab::QuantizedNetwork* before = nullptr;          ///< the quantized network before training
  const trimtab::QuantizedNetwork* after = nullptr;           ///< and after it
  const trimtab::Analysis* analysis = nullptr;                ///< of reference and after
  std::span<const double> loss = {}, learning_rate = {};      ///< of each training step; empty without training
  trimtab::NodeId layer = 0;                                  ///< the layer whose weights are shown
  std::span<const trimtab::StructureFinding> structure = {};  ///< of structure_findings
  const trimtab::BitsChoice* bits = nullptr;                  ///< of a size budget, where there is one
};

/// The layer that a report shows when none is asked for: of the depthwise layers, or else of all with weights, the one whose
/// weights alone cost most.
trimtab::NodeId worst_layer(const trimtab::Network& network, const trimtab::Analysis& analysis);

/// The page.
std::string html_report(const ReportInput& in);

}  // namespace program
