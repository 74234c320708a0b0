#include <algorithm>
#include <catch.hpp>
#include <report/chart.hpp>
#include <report/figures.hpp>
#include <report/page.hpp>
#include <small_analysis.hpp>

using namespace program;
using trimtab::Network, trimtab::Node;

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

struct Page : trimtab::test::SmallAnalysis {
  using SmallAnalysis::SmallAnalysis;
  std::vector<double> loss{3, 2.5, 2}, rate{1e-3, 5e-4, 1e-4};

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

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("html_report: well-formed, self-contained, without NaN, every tensor in it", "[programs]") {
  const Page made;
  const std::string html = html_report(made.input());
  CHECK(well_formed(html));
  for (const char* word : {"nan<", "\"nan", "inf<", "href=\"http", "src=\"http", "src=\"/", "@import", "url("}) {
    CAPTURE(word);
    CHECK(html.find(word) == std::string::npos);
  }
  for (const Node& node : made.network.nodes())
    if (trimtab::detail::rounds_output(node)) CHECK_THAT(html, ContainsSubstring(">" + node.name + "</td>"));
  CHECK_THAT(html, ContainsSubstring("<h1>small &amp; &lt;simple&gt;</h1>"));
  // Six figures, one of four panels. Each point leads to a row that is there, and each quantizer has one.
  CHECK(count(html, "<svg ") == 9);
  for (std::size_t i = 0; i < made.analysis.errors.size(); ++i) {
    CHECK(count(html, "<tr id=\"" + row_id(i) + "\">") == 1);
    CHECK(count(html, "<a href=\"#" + row_id(i) + "\"><circle") >= 2);
  }
  CHECK(count(html, "href=\"#q") == count(html, "href=\"#"));
}

TEST_CASE("html_report: names of layers are text and nothing else", "[programs]") {
  const std::string evil = "</td><script>alert(1)</script>`touch x`'\"&\n";
  const Page made(evil);
  ReportInput in = made.input();
  in.facts.emplace_back(evil, evil);
  const std::string html = html_report(in);
  CHECK(well_formed(html));
  CHECK(html.find("<script>alert") == std::string::npos);
  CHECK_THAT(html, ContainsSubstring("&lt;script&gt;alert(1)&lt;/script&gt;`touch x`&#39;&quot;&amp; "));
}

TEST_CASE("html_report: without training, vector thresholds, a layer without filters that live", "[programs]") {
  Page made("dw", {trimtab::WeightMode::vector, trimtab::Scheme::asymmetric});
  ReportInput in = made.input();
  in.loss = in.learning_rate = {};
  auto& layer = made.before.network[2].op.get<trimtab::DepthwiseConv2d>();
  std::fill(layer.weight.begin(), layer.weight.end(), 0.0F);
  in.layer = 2;
  const std::string html = html_report(in);
  CHECK(well_formed(html));
  CHECK(html.find("<h2>Training</h2>") == std::string::npos);
  in.layer = 0;  // the pictures have no weights
  CHECK(html_report(in).find("<h2>Layer") == std::string::npos);
}

TEST_CASE("Scale: ticks are round, within the scale, and few", "[programs]") {
  const std::vector<double> numbers{-3, 0.2, 17, 1.0 / 0.0};
  const Scale linear = linear_scale(numbers), logarithmic = logarithmic_scale(numbers);
  CHECK(linear.ticks() == std::vector<double>{0, 5, 10, 15});
  CHECK(logarithmic.ticks() == std::vector<double>{0.2, 0.5, 1, 2, 5, 10, 20});
  CHECK(linear.at(linear.low) == 0);
  CHECK(linear.at(linear.high) == 1);
  CHECK(logarithmic.at(std::sqrt(logarithmic.low * logarithmic.high)) == Approx(0.5));
  CHECK_FALSE(logarithmic.holds(-3));
  CHECK_FALSE(linear.holds(1.0 / 0.0));
  CHECK(logarithmic_scale(std::vector<double>{1e-9, 1e9}).ticks().size() <= 8);
  // Nothing, and one number only, have scales as well.
  for (const std::vector<double>& few : {std::vector<double>{}, {0.0}, {5.0}}) {
    CHECK(linear_scale(few).low < linear_scale(few).high);
    CHECK(logarithmic_scale(few).low < logarithmic_scale(few).high);
  }
}

TEST_CASE("Chart: a mark stands where its numbers are, and none without a place", "[programs]") {
  Chart chart(200, 100, {0, 10, false}, {1, 100, true}, "x", "y");  // the frame is 62 to 186 and 56 down to 30
  const std::vector<Mark> marks{{5, 10, "<here>", "row"}, {5, 0, "no logarithm", ""}};
  chart.points(marks, "series-a");
  const std::string svg = chart.svg("a & b");
  CHECK_THAT(svg, ContainsSubstring("<a href=\"#row\"><circle class=\"series-a mark\" cx=\"124\" cy=\"43\""));
  CHECK_THAT(svg, ContainsSubstring("<title>&lt;here&gt;</title>"));
  CHECK_THAT(svg, ContainsSubstring("aria-label=\"a &amp; b\""));
  CHECK(count(svg, "<circle") == 1);
}
