// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <string_view>

namespace deer {

/// A tag of an XML text as it stands there; entities are not decoded.
struct XmlTag {
  enum class Kind { opens, closes, both };  ///< <a>, </a>, <a/>
  Kind kind = Kind::opens;
  std::string_view name;
  std::string_view attributes;  ///< what follows the name

  /// The value of an attribute; empty if it is not there.
  std::string_view attribute(std::string_view wanted) const;
};

/// Goes over the tags in order without recursion; comments, CDATA and declarations are passed over, and
/// '>' inside quotes ends nothing. `visit` returns false to stop. The text may be anything.
void for_each_tag(std::string_view xml, const std::function<bool(const XmlTag&)>& visit);

/// Whether elements are nested deeper than `limit`. For readers that recurse.
bool is_nested_deeper(std::string_view xml, int limit);

}  // namespace deer
