// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/start/demo.h"

#include <QCoreApplication>
#include <QFileInfo>
#include <algorithm>
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

PathKind path_kind(const std::filesystem::path& path) {
  const QFileInfo info(to_qstring(path));
  if (!info.exists()) return PathKind::missing;
  static const QStringList weights{QStringLiteral("safetensors"), QStringLiteral("pth"), QStringLiteral("pt")};
  static const QStringList videos{QStringLiteral("mp4"), QStringLiteral("avi"),  QStringLiteral("mkv"),
                                  QStringLiteral("mov"), QStringLiteral("webm"), QStringLiteral("m4v")};
  const auto suffix = info.suffix().toLower();
  if (info.isFile()) {
    if (weights.contains(suffix) && info.fileName().contains(u"calibration", Qt::CaseInsensitive)) {
      return PathKind::calibration;
    }
    if (suffix == u"json" || suffix == u"txt") return PathKind::thresholds;
    if (suffix == u"urdf") return PathKind::robot;
    if (weights.contains(suffix)) return PathKind::model;
    if (suffix == u"xml" || suffix == u"mjcf") return PathKind::scene;
    return videos.contains(suffix) ? PathKind::video : PathKind::data;
  }
  for (const char* name : {"config.json", "model.safetensors", "model.safetensors.index.json", "model.pth",
                           "openflamingo.pt", "checkpoint.pt"}) {
    if (QFileInfo::exists(to_qstring(path / name))) return PathKind::model;
  }
  return PathKind::data;
}

}  // namespace deer
