#include <algorithm>
#include <catch.hpp>
#include <small_analysis.hpp>
#include <sstream>
#include <trimtab/io/layer_table.hpp>

using namespace trimtab;

TEST_CASE("layer_csv: one line a quantizer, worst first, fields quoted as RFC 4180 has it", "[io]") {
  const test::SmallAnalysis made("a \"b\", c");
  const std::string csv = layer_csv(made.network, made.analysis);
  std::istringstream lines(csv);
  std::string line;
  std::getline(lines, line);
  const auto commas = std::count(line.begin(), line.end(), ',');
  CHECK(commas == std::ptrdiff_t(2 + layer_columns().size()));
  std::size_t rows = 0, named = 0;
  while (std::getline(lines, line)) {
    ++rows;
    if (line.starts_with("\"a \"\"b\"\", c\",DepthwiseConv2d,")) {
      ++named;
      CHECK(std::count(line.begin(), line.end(), ',') == commas + 1);
    } else {
      CHECK(std::count(line.begin(), line.end(), ',') == commas);
    }
    CHECK(line.find("nan") == std::string::npos);
  }
  CHECK(rows == quantized_tensors(made.after).size());
  CHECK(named == 2);
  const std::vector<std::size_t> order = worst_first(made.analysis);
  for (std::size_t i = 1; i < order.size(); ++i)
    CHECK(made.analysis.sensitivity.switched[order[i - 1]].alone.rmse >= made.analysis.sensitivity.switched[order[i]].alone.rmse);
  const std::string table = layer_table(made.network, made.analysis, 4);
  CHECK(std::count(table.begin(), table.end(), '\n') == 5);
}
