// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QByteArray>
#include <QString>
#include <QStringList>
#include <filesystem>
#include <optional>
#include <vector>

#include "core/episodes/episode_collection.h"
#include "core/exits/engine.h"
#include "sessions/debug/debug_state.h"

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

/// Where panels stand, under a name that a person gave.
struct NamedLayout {
  static constexpr int kLongestName = 60;  ///< characters

  QString name;
  QByteArray layout;  ///< as SavedSession::window_layout

  bool operator==(const NamedLayout&) const = default;
};

/// How the program stood when a session was saved. What is not closed ended badly, unless it still runs.
enum class Ending { closed, open, restoring };

/// What was open, so that it can be opened again.
struct SavedSession {
  Ending ending = Ending::closed;
  std::filesystem::path model;  ///< empty: none
  EngineOptions engine_options;
  std::filesystem::path source;  ///< empty: none
  OpenSourceOptions source_options;
  std::size_t episode = 0;
  qint64 frame = 0;
  std::optional<ExitPolicy> policy;

  DebugState debug;

  QByteArray window_geometry;  ///< QWidget::saveGeometry
  QByteArray window_layout;    ///< of the panels and the pictures, as the window packs it
  QString layout_name;         ///< the one chosen last: a built-in layout's id or a NamedLayout's name

  QStringList recent_models;  ///< newest first, at most SessionStore::kRecent
  QStringList recent_sources;
};

/// Keeps preferences, the last session and named layouts in JSON files of one folder. Each is written to a
/// temporary file and renamed. A file that is broken or of a newer version is set aside under another
/// name before the next save, and never stops the start.
class SessionStore {
 public:
  static constexpr int kVersion = 1;
  static constexpr int kRecent = 10;
  static constexpr std::size_t kMostLayouts = 100;

  /// `folder` is made when something is saved.
  explicit SessionStore(std::filesystem::path folder);

  /// The user's folder for this program's data.
  static std::filesystem::path default_folder();

  /// Never throw. What cannot be read is at its default, and warnings() says why.
  Preferences load_preferences();
  SavedSession load_session();
  std::vector<NamedLayout> load_layouts();
  const QStringList& warnings() const { return warnings_; }
  const std::filesystem::path& folder() const { return folder_; }

  /// Throw FileError if the file cannot be written.
  void save(const Preferences& preferences);
  void save(const SavedSession& session);
  void save(const std::vector<NamedLayout>& layouts);

  /// Puts `entry` first in a list of recent paths.
  static void add_recent(QStringList& list, const QString& entry);

 private:
  std::filesystem::path file(const char* name) const { return folder_ / name; }
  /// Readies the file of this name for writing; one that `read` cannot take is renamed.
  template <typename Read>
  std::filesystem::path make_way(const char* name, Read read);

  std::filesystem::path folder_;
  QStringList warnings_;
};

}  // namespace deer
