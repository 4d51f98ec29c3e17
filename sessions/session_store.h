// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QByteArray>
#include <QString>
#include <QStringList>
#include <filesystem>
#include <optional>

#include "core/episodes/open_source.h"
#include "core/exits/engine.h"
#include "sessions/debug_state.h"

namespace deer {

/// How the program is set up by the person who uses it.
struct Preferences {
  QString theme = QStringLiteral("system");  ///< light, dark or system
  QString device = QStringLiteral("auto");   ///< as EngineOptions::device
  QString dtype = QStringLiteral("auto");    ///< as EngineOptions::dtype
  int cache_megabytes = 256;                 ///< 16 to 65,536
  double playback_speed = 1.0;               ///< 0.25 to 4
  bool restore_on_start = true;

  bool operator==(const Preferences&) const = default;
};

/// What was open, so that it can be opened again.
struct SavedSession {
  std::filesystem::path model;  ///< empty: none
  EngineOptions engine_options;
  std::filesystem::path source;  ///< empty: none
  OpenSourceOptions source_options;
  std::size_t episode = 0;
  qint64 frame = 0;
  std::optional<ExitPolicy> policy;

  DebugState debug;

  QByteArray window_geometry;  ///< QWidget::saveGeometry
  QByteArray window_layout;    ///< QMainWindow::saveState

  QStringList recent_models;  ///< newest first, at most SessionStore::kRecent
  QStringList recent_sources;
};

/// Keeps preferences and the last session in two JSON files of one folder. Each is written to a
/// temporary file and renamed. A file that is broken or of a newer version is set aside under another
/// name before the next save, and never stops the start.
class SessionStore {
 public:
  static constexpr int kVersion = 1;
  static constexpr int kRecent = 10;

  /// `folder` is made when something is saved.
  explicit SessionStore(std::filesystem::path folder);

  /// The user's folder for this program's data.
  static std::filesystem::path default_folder();

  /// Never throw. What cannot be read is at its default, and warnings() says why.
  Preferences load_preferences();
  SavedSession load_session();
  const QStringList& warnings() const { return warnings_; }
  const std::filesystem::path& folder() const { return folder_; }

  /// Throw FileError if the file cannot be written.
  void save(const Preferences& preferences);
  void save(const SavedSession& session);

  /// Puts `entry` first in a list of recent paths.
  static void add_recent(QStringList& list, const QString& entry);

 private:
  std::filesystem::path file(const char* name) const { return folder_ / name; }
  void set_aside_if_unreadable(const std::filesystem::path& path);

  std::filesystem::path folder_;
  QStringList warnings_;
};

/// A policy as JSON text, and back. Throws Error naming the field.
std::string policy_as_text(const ExitPolicy& policy);
ExitPolicy policy_from_text(std::string_view text);

}  // namespace deer
