#pragma once
/// \file
/// Figures by gnuplot, where it is installed (Debian: gnuplot-nox): a script in, the text of an SVG picture out.

#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <trimtab/io/atomic_file.hpp>
#include <utility>

namespace trimtab {
namespace detail {

/// A word of a shell's command line.
inline std::string shell_quoted(const std::string& word) {
  std::string quoted = "'";
  for (const char c : word)
    if (c == '\'')
      quoted += "'\\''";
    else
      quoted += c;
  return quoted + "'";
}

/// What a command prints; nothing unless it ended well.
inline std::optional<std::string> output_of(const std::string& command) {
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return std::nullopt;
  std::string text;
  char buffer[1 << 14];
  while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, pipe)) text.append(buffer, got);
  return pclose(pipe) == 0 ? std::optional(std::move(text)) : std::nullopt;
}

}  // namespace detail

/// The picture that gnuplot draws from a script, which sets no terminal and no output; nothing when gnuplot is not there or
/// refuses. gnuplot runs what stands in backquotes, and `system`: text from elsewhere, such as the names of layers, must not get
/// into a script.
inline std::optional<std::string> gnuplot_svg(std::string_view script, int width, int height) {
  std::error_code failed;
  const std::filesystem::path folder = std::filesystem::temp_directory_path(failed);
  if (failed) return std::nullopt;
  const std::filesystem::path file = detail::sibling_path(folder / "trimtab_figure");
  const std::string terminal =
      detail::message("set terminal svg size ", width, ",", height, " dynamic enhanced font 'sans-serif,12'\n");
  if (detail::create_file(file, terminal + std::string(script)) != 0) return std::nullopt;
  std::optional<std::string> svg = detail::output_of("gnuplot " + detail::shell_quoted(file.string()) + " 2>/dev/null");
  std::filesystem::remove(file, failed);
  if (svg && svg->find("</svg>") == std::string::npos) return std::nullopt;
  return svg;
}

}  // namespace trimtab
