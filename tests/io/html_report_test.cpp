#include <catch.hpp>
#include <quantized_small_network.hpp>
#include <sstream>
#include <trimtab/io/html_report.hpp>

using namespace trimtab;

namespace {

/// True when every element is closed in order and every attribute is quoted.
bool well_formed(const std::string& html) {
  std::vector<std::string> open;
  std::size_t at = html.find("<html");
  while (at < html.size() && (at = html.find('<', at)) != std::string::npos) {
    const std::size_t end = html.find('>', at);
    if (end == std::string::npos) return false;
    const std::string tag = html.substr(at + 1, end - at - 1);
    if (std::count(tag.begin(), tag.end(), '"') % 2 != 0) return false;
    const std::string name = tag.substr(0, tag.find_first_of(" /", 1));
    if (tag[0] == '/') {
      if (open.empty() || open.back() != tag.substr(1)) return false;
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(name);
    }
    at = name == "script" || name == "style" ? html.find("</" + name, end) : end;
  }
  return open.empty();
}

struct Made {
  Network network = test::small_network();
  QuantizedNetwork before, after;
  Analysis analysis;
  std::vector<double> loss{3, 2.5, 2}, rate{1e-3, 5e-4, 1e-4};

  explicit Made(const std::string& name = "dw", const QuantizationOptions& options = {WeightMode::scalar, Scheme::symmetric})
      : before(named(name, options)), after(before) {
    test::scramble_factors(after, 3);
    const auto pictures = [&](std::span<const std::size_t> some) {
      return test::random_pictures(network, some.size(), unsigned(some[0]));
    };
    analysis = analyze(before.network, after, pictures, 2);
  }
  QuantizedNetwork named(const std::string& name, const QuantizationOptions& options) {
    network[2].name = name;
    return test::quantized(network, options);
  }
  ReportInput input() const {
    ReportInput in{.title = "small & <simple>",
                   .facts = {{"mode", "scalar"}},
                   .outcomes = {{"float", 80.0, std::nullopt}, {"quantized", std::nullopt, analysis.sensitivity.deployed}},
                   .original = &network,
                   .reference = &before.network,
                   .before = &before,
                   .after = &after,
                   .analysis = &analysis};
    in.loss = loss;
    in.learning_rate = rate;
    in.layer = worst_layer(network, analysis);
    return in;
  }
};

}  // namespace

TEST_CASE("html_report: well-formed, self-contained, without NaN, every tensor in it", "[io]") {
  const Made made;
  const std::string html = html_report(made.input());
  CHECK(well_formed(html));
  for (const char* word : {"nan<", "\"nan", "inf<", "href=\"", "src=\"http", "src=\"/", "@import", "url("}) {
    CAPTURE(word);
    CHECK(html.find(word) == std::string::npos);
  }
  for (const Node& node : made.network.nodes())
    if (trimtab::detail::rounds_output(node)) CHECK_THAT(html, ContainsSubstring("<td>" + node.name + "</td>"));
  CHECK_THAT(html, ContainsSubstring("<h1>small &amp; &lt;simple&gt;</h1>"));
  const bool drawn = gnuplot_svg("plot x", 100, 100).has_value();
  for (const char* section : {"<h2>Layer dw</h2>", "<h2>Training</h2>"})  // of figures alone
    CHECK((html.find(section) != std::string::npos) == drawn);
  CHECK((html.find("gnuplot was not found") == std::string::npos) == drawn);
  CHECK((html.find("data:image/svg+xml") != std::string::npos) == drawn);
  if (drawn) CHECK(std::count(html.begin(), html.end(), '%') > 1000);  // all six figures hold something
}

TEST_CASE("html_report: names of layers are text and nothing else", "[io]") {
  const std::string evil = "</td><script>alert(1)</script>`touch x`'\"&\n";
  const Made made(evil);
  ReportInput in = made.input();
  in.facts.emplace_back(evil, evil);
  const std::string html = html_report(in);
  CHECK(well_formed(html));
  CHECK(html.find("<script>alert") == std::string::npos);
  CHECK_THAT(html, ContainsSubstring("&lt;script&gt;alert(1)&lt;/script&gt;`touch x`&#39;&quot;&amp; "));
  const FigureScript scripts[] = {sensitivity_figure(made.analysis), sqnr_figure(made.analysis),
                                  threshold_changes(made.before, made.after)};
  for (const FigureScript& f : scripts) CHECK(f.script.find("touch") == std::string::npos);
}

TEST_CASE("html_report: without training, vector thresholds, a layer without filters that live", "[io]") {
  Made made("dw", {WeightMode::vector, Scheme::asymmetric});
  ReportInput in = made.input();
  in.loss = in.learning_rate = {};
  auto& layer = made.before.network[2].op.get<DepthwiseConv2d>();
  std::fill(layer.weight.begin(), layer.weight.end(), 0.0F);
  in.layer = 2;
  const std::string html = html_report(in);
  CHECK(well_formed(html));
  CHECK(html.find("<h2>Training</h2>") == std::string::npos);
  in.layer = 0;  // the pictures have no weights
  CHECK(html_report(in).find("<h2>Layer") == std::string::npos);
}

TEST_CASE("layer_csv: one line a quantizer, worst first, fields quoted as RFC 4180 has it", "[io]") {
  const Made made("a \"b\", c");
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

TEST_CASE("gnuplot_svg: a broken script gives nothing", "[io]") {
  CHECK_FALSE(gnuplot_svg("plot no_such_function(x)", 100, 100).has_value());
  CHECK(trimtab::detail::shell_quoted("a'b c") == "'a'\\''b c'");
}
