// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QStringList>
#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "app/gui/start/world.h"
#include "core/episodes/open/path_kind.h"
#include "sessions/session/session.h"

namespace deer {

class ArmPart;
class Budget;
class CommandTable;
struct SavedSession;

/// Opens what the user chooses, drops or names at the start: models, data, worlds, and files that need a model.
class OpenFiles : public QObject {
  Q_OBJECT

 public:
  /// What the files go to. `arm` is null in a build without it; the others outlive this object.
  struct Targets {
    Session* session;
    Budget* budget;
    ArmPart* arm;
    std::function<EngineOptions()> engine_options;
    const SavedSession* recent;  ///< where choosers start
  };

  /// `window` owns it, and dialogs appear over it.
  OpenFiles(Targets targets, QWidget* window);

  /// Models, datasets, folders, videos and the like, in any order. Calibration sets and thresholds wait for a model
  /// that is being opened.
  void open_paths(const QStringList& paths, std::size_t first_episode = 0);
  /// With the demo's model, or the one that is being opened. False, and a message, if it is not installed.
  bool open_demo(bool with_its_model = true);
  void open_model(const QString& path);
  void open_source(const QString& path, const OpenSourceOptions& options = {}, std::size_t episode = 0);
  void open_world(const WorldChoice& choice);  ///< live; has_simulated_world() must hold
  bool waits_for_model() const { return calibration_ || !thresholds_.empty(); }

  void add_commands(CommandTable* commands, const QString& menu);
  void add_world_commands(CommandTable* commands, const QString& menu);  ///< none in a build without the simulator

  /// How a folder is chosen; a test can answer instead of a dialog. Empty: cancelled.
  using FolderChooser = std::function<QString(const QString& title, const QString& start)>;
  void set_folder_chooser(FolderChooser chooser) { choose_folder_ = std::move(chooser); }

 Q_SIGNALS:
  void opening(deer::ProblemId failure);  ///< a message of this kind is out of date
  void problem(const deer::Problem& problem);

 private:
  void open_path(const QString& path, PathKind kind, std::size_t first_episode);
  void open_videos(QStringList videos);
  void open_robot(const QString& path);
  void open_scene(const QString& path);
  void open_waiting();
  void choose_folder(const QString& title, const QStringList& recent, void (OpenFiles::*open)(const QString&));
  void open_dataset(const QString& path) { open_source(path); }
  void choose_video();
  void choose_world();
  void choose_scene();

  Targets targets_;
  QWidget* window_;
  FolderChooser choose_folder_;
  std::optional<std::filesystem::path> calibration_;  ///< these two wait for a model
  std::vector<std::filesystem::path> thresholds_;
  bool opens_model_ = false;  ///< one that was asked for is not there yet
  WorldChoice world_;         ///< as chosen last
};

}  // namespace deer
