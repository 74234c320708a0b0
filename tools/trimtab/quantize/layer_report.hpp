#pragma once
// The answer to "which layer lost the accuracy?": a table, CSV or JSON, and an HTML page.

#include <string>
#include <trimtab/net/report/analyze.hpp>

#include "../report/page.hpp"
#include "arguments.hpp"

namespace program {

/// The layer of that name. Throws value_error when there is none with weights.
trimtab::NodeId layer_named(const trimtab::Network& network, const std::string& name);

/// Prints the worst quantizers and writes the files that the options ask for. The page lacks its analysis and layer.
void report_layers(const LayerReportOptions& o, ReportInput page, const trimtab::Analysis& analysis, bool quiet);

}  // namespace program
