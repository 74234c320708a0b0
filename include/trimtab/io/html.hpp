#pragma once
/// \file
/// Text and pictures as parts of an HTML page that needs nothing but itself.

#include <string>
#include <string_view>

namespace trimtab {

/// Text as the content of an element or of a quoted attribute; control characters become spaces.
inline std::string html_escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
    }
  return escaped;
}

/// An img element that holds the picture itself. A page's pictures keep their identifiers apart, and none runs scripts.
inline std::string html_svg(std::string_view svg, std::string_view description) {
  constexpr const char* hex = "0123456789ABCDEF";
  std::string url;
  for (const char c : svg) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7f && std::string_view("%#\"'<>&`{}|\\^").find(c) == std::string_view::npos)
      url += c;
    else
      url += {'%', hex[byte >> 4], hex[byte & 15]};
  }
  return "<img alt=\"" + html_escaped(description) + "\" src=\"data:image/svg+xml;charset=utf-8," + url + "\"/>";
}

}  // namespace trimtab
