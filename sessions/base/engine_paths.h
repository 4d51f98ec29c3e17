// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <filesystem>

#include "sessions/base/paths.h"

namespace deer {

// A model on another computer is opened by a path that names its address, such as "engine:gpu-server:8477"; the
// program's EngineFactory connects to it. Once it is open, ModelSummary::path is the folder with its action heads.

inline QString engine_prefix() { return QStringLiteral("engine:"); }

inline std::filesystem::path engine_path(const QString& address) { return to_path(engine_prefix() + address); }

/// The address that `path` names; empty if it is another path.
inline QString engine_address(const std::filesystem::path& path) {
  const auto text = to_qstring(path);
  return text.startsWith(engine_prefix()) ? text.sliced(engine_prefix().size()) : QString();
}

}  // namespace deer
