// SPDX-License-Identifier: GPL-3.0-or-later
#include <cstdlib>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/base/error.h"
#include "core/robot/mesh.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

bool is_file(const fs::path& path) {
  std::error_code none;
  return fs::is_regular_file(path, none);
}

std::vector<fs::path> folders_of(const char* variable) {
  std::vector<fs::path> out;
  const char* const value = std::getenv(variable);
  for (std::string_view rest = value ? value : ""; !rest.empty();) {
    const auto colon = rest.find(':');
    if (const auto one = rest.substr(0, colon); !one.empty()) out.emplace_back(one);
    rest.remove_prefix(colon == std::string_view::npos ? rest.size() : colon + 1);
  }
  return out;
}

std::vector<fs::path> in_package(const std::string& package, const fs::path& rest, const fs::path& urdf) {
  std::vector<fs::path> out;
  std::error_code failed;
  auto folder = fs::absolute(urdf, failed).parent_path();
  for (int i = 0; i < 16 && !folder.empty(); ++i) {
    if (folder.filename() == package) out.push_back(folder / rest);
    out.push_back(folder / package / rest);
    if (folder == folder.parent_path()) break;
    folder = folder.parent_path();
  }
  for (const auto& root : folders_of("ROS_PACKAGE_PATH")) {
    if (root.filename() == package) out.push_back(root / rest);
    out.push_back(root / package / rest);
  }
  for (const auto& root : folders_of("AMENT_PREFIX_PATH")) out.push_back(root / "share" / package / rest);
  return out;
}

}  // namespace

fs::path find_mesh(const std::string& name, const fs::path& urdf) {
  const auto quoted = "mesh '" + printable(name, 200) + "' ";
  if (name.empty()) throw FileError(urdf, "a mesh has no file name");
  if (name.find('\0') != std::string::npos || name.size() > 4096) throw FileError(urdf, quoted + "is not a file name");
  const auto after = [&](std::string_view scheme) { return name.substr(scheme.size()); };
  std::vector<fs::path> places;
  if (name.starts_with("file://")) {
    places.emplace_back(after("file://"));
  } else if (name.starts_with("package://") || name.starts_with("model://")) {
    const auto rest = name.starts_with("model://") ? after("model://") : after("package://");
    const auto slash = rest.find('/');
    if (slash == 0 || slash == std::string::npos) throw FileError(urdf, quoted + "does not name a file in a package");
    places = in_package(rest.substr(0, slash), rest.substr(slash + 1), urdf);
  } else if (const auto scheme = name.find("://"); scheme != std::string::npos) {
    throw FileError(urdf, quoted + "is neither a file nor in a package");
  } else {
    places.push_back(urdf.parent_path() / name);  // absolute paths are unchanged
  }
  for (const auto& place : places) {
    if (is_file(place)) return place.lexically_normal();
  }
  throw FileError(urdf, quoted + (places.size() == 1 ? "not found: no file " + printable(places[0].string(), 300)
                                                     : "not found: its package is not near this file"));
}

}  // namespace deer
