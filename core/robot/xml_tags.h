// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <string_view>

namespace deer {

/// A tag of an XML text, verbatim; entities are not decoded.
struct XmlTag {
  enum class Kind { opens, closes, both };  ///< <a>, </a>, <a/>
  Kind kind = Kind::opens;
  std::string_view name;
  std::string_view attributes;  ///< the text after the name

  /// The value of an attribute; empty if missing.
  std::string_view attribute(std::string_view wanted) const;
};

/// Visits the tags in order without recursion; comments, CDATA and declarations are skipped, and '>' inside quotes is
/// ignored. `visit` returns false to stop. The text need not be valid.
void for_each_tag(std::string_view xml, const std::function<bool(const XmlTag&)>& visit);

/// Whether elements are nested deeper than `limit`. For readers that recurse.
bool is_nested_deeper(std::string_view xml, int limit);

}  // namespace deer
