// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/start/demo.h"

#include <QCoreApplication>
#include <array>
#include <system_error>

#include "sessions/base/paths.h"

namespace deer {
namespace {

bool is_folder(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

}  // namespace

std::optional<Demo> find_demo() {
  const auto program = to_path(QCoreApplication::applicationDirPath());
  const std::array folders{program / ".." / DEER_DATA_FOLDER / "demo", std::filesystem::path(DEER_RESOURCES) / "demo"};
  for (const auto& folder : folders) {
    const Demo demo{(folder / "model").lexically_normal(), (folder / "episodes").lexically_normal()};
    if (is_folder(demo.model) && is_folder(demo.episodes)) return demo;
  }
  return std::nullopt;
}

}  // namespace deer
