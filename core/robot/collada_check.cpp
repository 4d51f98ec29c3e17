// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/robot/collada_check.h"

#include <map>
#include <vector>

#include "core/base/error.h"
#include "core/robot/xml_tags.h"

namespace deer {
namespace {

constexpr int kMaxDepth = 100;        // of elements
constexpr double kMaxParts = 20'000;  // nodes after expanding all instances
constexpr int kMaxChain = 64;         // nested instances

/// The nodes of a scene and their instances.
class Nodes {
 public:
  explicit Nodes(const std::filesystem::path& file) : file_(file) {}

  bool read(const XmlTag& tag) {
    if (tag.name == "node") {
      if (tag.kind == XmlTag::Kind::closes) {
        if (!open_.empty()) open_.pop_back();
        return true;
      }
      const int index = static_cast<int>(children_.size());
      children_.emplace_back();
      wanted_.emplace_back();
      if (!open_.empty()) children_[static_cast<std::size_t>(open_.back())].push_back(index);
      for (const char* const key : {"id", "name", "sid"}) {
        if (const auto value = plain(tag.attribute(key)); !value.empty()) named_.emplace(value, index);
      }
      if (tag.kind == XmlTag::Kind::opens) open_.push_back(index);
    } else if (tag.name == "instance_node" && tag.kind != XmlTag::Kind::closes && !open_.empty()) {
      auto url = plain(tag.attribute("url"));
      if (url.starts_with('#')) url.remove_prefix(1);
      wanted_[static_cast<std::size_t>(open_.back())].push_back(url);
    }
    return true;
  }

  void check() {
    parts_.assign(children_.size(), -1);
    for (std::size_t i = 0; i < children_.size(); ++i) (void)parts(static_cast<int>(i), 0);
  }

 private:
  // Entities in names are not decoded: they do not occur in practice.
  std::string_view plain(std::string_view value) const {
    if (value.find('&') != std::string_view::npos) throw FileError(file_, "a node's name contains an entity");
    return value;
  }

  double parts(int node, int chain) {
    const auto index = static_cast<std::size_t>(node);
    if (parts_[index] >= 0) return parts_[index];
    if (parts_[index] == kOpen || chain > kMaxChain + kMaxDepth) throw FileError(file_, "its scene contains itself");
    parts_[index] = kOpen;
    double sum = 1;
    for (const int child : children_[index]) sum += parts(child, chain + 1);
    for (const auto name : wanted_[index]) {
      // Names need not be unique: any of them may be referenced.
      const auto [first, last] = named_.equal_range(name);
      double most = 0;
      for (auto it = first; it != last; ++it) most = std::max(most, parts(it->second, chain + 1));
      sum += most;
    }
    if (sum > kMaxParts) throw FileError(file_, "its scene expands to too many parts");
    return parts_[index] = sum;
  }

  static constexpr double kOpen = -2;
  const std::filesystem::path& file_;
  std::vector<std::vector<int>> children_;
  std::vector<std::vector<std::string_view>> wanted_;
  std::multimap<std::string_view, int> named_;
  std::vector<int> open_;
  std::vector<double> parts_;
};

}  // namespace

void check_collada(std::string_view xml, const std::filesystem::path& file) {
  if (is_nested_deeper(xml, kMaxDepth)) throw FileError(file, "XML is nested too deeply for a mesh");
  Nodes nodes(file);
  for_each_tag(xml, [&](const XmlTag& tag) { return nodes.read(tag); });
  nodes.check();
}

}  // namespace deer
