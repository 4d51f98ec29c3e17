// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/robot/xml_tags.h"

namespace deer {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

/// Position of the '>' that ends the tag starting at `at`; npos if there is none.
std::size_t end_of_tag(std::string_view xml, std::size_t at) {
  char quote = '\0';
  for (; at < xml.size(); ++at) {
    const char c = xml[at];
    if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '>') {
      return at;
    }
  }
  return std::string_view::npos;
}

}  // namespace

std::string_view XmlTag::attribute(std::string_view wanted) const {
  std::size_t at = 0;
  while (at < attributes.size()) {
    const auto name_from = attributes.find_first_not_of(kSpace, at);
    if (name_from == std::string_view::npos) return {};
    const auto equals = attributes.find('=', name_from);
    if (equals == std::string_view::npos) return {};
    const auto name = attributes.substr(name_from, equals - name_from);
    const auto quote = attributes.find_first_not_of(kSpace, equals + 1);
    if (quote == std::string_view::npos || (attributes[quote] != '"' && attributes[quote] != '\'')) return {};
    const auto end = attributes.find(attributes[quote], quote + 1);
    if (end == std::string_view::npos) return {};
    if (name.substr(0, name.find_last_not_of(kSpace) + 1) == wanted) {
      return attributes.substr(quote + 1, end - quote - 1);
    }
    at = end + 1;
  }
  return {};
}

void for_each_tag(std::string_view xml, const std::function<bool(const XmlTag&)>& visit) {
  const auto skip_to = [&](std::size_t from, std::string_view mark) {
    const auto found = xml.find(mark, from);
    return found == std::string_view::npos ? found : found + mark.size();
  };
  std::size_t at = xml.find('<');
  while (at != std::string_view::npos) {
    const auto rest = xml.substr(at);
    if (rest.starts_with("<!--")) {
      at = skip_to(at + 4, "-->");
    } else if (rest.starts_with("<![CDATA[")) {
      at = skip_to(at + 9, "]]>");
    } else if (rest.starts_with("<?")) {
      at = skip_to(at + 2, "?>");
    } else if (rest.starts_with("<!")) {
      at = skip_to(at + 2, ">");
    } else {
      auto end = end_of_tag(xml, at);
      if (end == std::string_view::npos) end = xml.size();  // a reader may still treat it as a tag
      auto inside = xml.substr(at + 1, end - at - 1);
      XmlTag tag;
      if (inside.starts_with('/')) {
        tag.kind = XmlTag::Kind::closes;
        inside.remove_prefix(1);
      } else if (inside.ends_with('/')) {
        tag.kind = XmlTag::Kind::both;
        inside.remove_suffix(1);
      }
      const auto name_end = inside.find_first_of(kSpace);
      tag.name = inside.substr(0, name_end);
      if (name_end != std::string_view::npos) tag.attributes = inside.substr(name_end);
      if (!visit(tag)) return;
      at = end;
    }
    if (at != std::string_view::npos) at = xml.find('<', at);
  }
}

bool is_nested_deeper(std::string_view xml, int limit) {
  int depth = 0;
  bool deeper = false;
  for_each_tag(xml, [&](const XmlTag& tag) {
    if (tag.kind == XmlTag::Kind::opens) deeper = ++depth > limit;
    // A stray closing tag does not reduce the depth.
    if (tag.kind == XmlTag::Kind::closes && depth > 0) --depth;
    return !deeper;
  });
  return deeper;
}

}  // namespace deer
