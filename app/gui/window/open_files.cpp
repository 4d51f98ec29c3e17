// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/window/open_files.h"

#include <QFileDialog>
#include <QFileInfo>
#include <algorithm>

#include "app/gui/commands/command_table.h"
#include "app/gui/dialogs/open_video_dialog.h"
#include "app/gui/dialogs/open_world_dialog.h"
#include "app/gui/parts/arm_part.h"
#include "app/gui/start/demo.h"
#include "core/episodes/open/path_kind.h"
#include "sessions/analysis/budget.h"
#include "sessions/base/engine_paths.h"
#include "sessions/base/paths.h"
#include "sessions/session/live_session.h"
#include "sessions/store/session_store.h"

namespace deer {
namespace {

QString first_of(const QStringList& recent) { return recent.isEmpty() ? QString() : recent.first(); }

bool names_gripper(const QString& path) {
  const auto name = QFileInfo(path).fileName();
  return name.contains(u"grip", Qt::CaseInsensitive) || name.contains(u"wrist", Qt::CaseInsensitive);
}

}  // namespace

OpenFiles::OpenFiles(Targets targets, QWidget* window)
    : QObject(window), targets_(std::move(targets)), window_(window) {
  choose_folder_ = [window](const QString& title, const QString& start) {
    return QFileDialog::getExistingDirectory(window, title, start);
  };
  connect(targets_.session, &Session::model_changed, this, [this] {
    opens_model_ = false;
    open_waiting();
  });
  connect(targets_.session, &Session::problem, this, [this](const Problem& problem) {
    if (problem.id != ProblemId::model_not_opened) return;
    opens_model_ = false;
    calibration_.reset();
    thresholds_.clear();
  });
}

void OpenFiles::open_paths(const QStringList& paths, std::size_t first_episode) {
  QStringList videos;
  std::vector<std::pair<QString, PathKind>> others;
  for (const auto& path : paths) {
    const bool names_engine = !engine_address(to_path(path)).isEmpty();
    const auto kind = names_engine ? PathKind::model : path_kind(to_path(path));
    if (kind == PathKind::video) {
      videos << path;
    } else {
      others.emplace_back(path, kind);
    }
  }
  // A model first: calibration sets and thresholds wait for it.
  std::stable_partition(others.begin(), others.end(), [](const auto& one) { return one.second == PathKind::model; });
  for (const auto& [path, kind] : others) open_path(path, kind, first_episode);
  if (!videos.isEmpty()) open_videos(std::move(videos));
}

void OpenFiles::open_path(const QString& path, PathKind kind, std::size_t first_episode) {
  switch (kind) {
    case PathKind::missing:
      return Q_EMIT problem({tr("Cannot open the file"), tr("%1: no such file or folder").arg(path), {}});
    case PathKind::model:
      return open_model(path);
    case PathKind::calibration:
      calibration_ = to_path(path);
      return open_waiting();
    case PathKind::thresholds:
      thresholds_.push_back(to_path(path));
      return open_waiting();
    case PathKind::robot:
      return open_robot(path);
    case PathKind::scene:
      return open_scene(path);
    case PathKind::video:
      return open_videos({path});
    case PathKind::data:
      return open_source(path, {}, first_episode);
  }
}

void OpenFiles::open_waiting() {
  auto* const session = targets_.session;
  // Its exits decide what fits.
  const bool busy = session->activity() != Session::Activity::idle;
  if ((opens_model_ && busy) || session->activity() == Session::Activity::loading_model) return;
  if (!session->model()) {
    for (const auto& file : std::exchange(thresholds_, {})) {
      Q_EMIT problem({tr("Cannot open the thresholds"), tr("%1: open the matching model first").arg(to_qstring(file)),
                      tr("Thresholds apply to one model.")});
    }
    return;
  }
  if (const auto file = std::exchange(calibration_, std::nullopt)) targets_.budget->open_calibration(*file);
  for (const auto& file : std::exchange(thresholds_, {})) targets_.budget->load_thresholds(file);
}

void OpenFiles::open_videos(QStringList videos) {
  OpenSourceOptions options;
  if (videos.size() > 1) {
    // Of two videos, the one that names the gripper or the wrist is that camera's.
    if (names_gripper(videos[0])) videos.swapItemsAt(0, 1);
    options.gripper = to_path(videos[1]);
  }
  open_source(videos[0], options);
}

bool OpenFiles::open_demo(bool with_its_model) {
  const auto demo = find_demo();
  if (!demo) {
    Q_EMIT problem({tr("Demo not found"), tr("This installation has no folder with the demo model and episodes."),
                    tr("Install the demo, or open a model and a dataset of your own.")});
    return false;
  }
  if (with_its_model) open_model(to_qstring(demo->model));
  show_deepest_when_run(targets_.session);
  open_source(to_qstring(demo->episodes), {}, demo->first);
  targets_.session->run_episode();
  return true;
}

void OpenFiles::open_model(const QString& path) {
  Q_EMIT opening(ProblemId::model_not_opened);
  opens_model_ = true;
  targets_.session->open_model(to_path(path), targets_.engine_options());
}

void OpenFiles::open_source(const QString& path, const OpenSourceOptions& options, std::size_t episode) {
  Q_EMIT opening(ProblemId::data_not_opened);
  targets_.session->open_source(to_path(path), options, episode);
}

void OpenFiles::open_robot(const QString& path) {
  if (targets_.arm) return targets_.arm->open_robot(to_path(path));
  Q_EMIT problem({tr("Cannot open the robot"), tr("%1: this build has no view of the arm").arg(path),
                  tr("Use a build with DEER_VTK on.")});
}

void OpenFiles::open_scene(const QString& path) {
  Q_EMIT opening(ProblemId::live_not_opened);
  if (!has_simulated_world()) {
    return Q_EMIT problem({tr("Cannot open the scene"), tr("%1: this build has no simulator").arg(path),
                           tr("Use a build with DEER_SIM on.")});
  }
  targets_.session->live()->open(QFileInfo(path).fileName(), scene_opener(to_path(path)));
}

void OpenFiles::open_world(const WorldChoice& choice) {
  Q_EMIT opening(ProblemId::live_not_opened);
  world_ = choice;
  targets_.session->live()->open(tr("the simulated world"), world_opener(choice));
}

void OpenFiles::choose_folder(const QString& title, const QStringList& recent,
                              void (OpenFiles::*open)(const QString&)) {
  const auto path = choose_folder_(title, first_of(recent));
  if (!path.isEmpty()) (this->*open)(path);
}

void OpenFiles::choose_video() {
  auto* const dialog = new OpenVideoDialog(window_);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  connect(dialog, &QDialog::accepted, this, [this, dialog] {
    OpenSourceOptions options;
    if (!dialog->gripper().isEmpty()) options.gripper = to_path(dialog->gripper());
    options.instruction = dialog->instruction().toStdString();
    open_source(dialog->video(), options);
  });
  dialog->open();
}

void OpenFiles::choose_world() {
  auto* const dialog = new OpenWorldDialog(world_, targets_.session->model() != nullptr, window_);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  connect(dialog, &QDialog::accepted, this, [this, dialog] { open_world(dialog->choice()); });
  dialog->open();
}

void OpenFiles::choose_scene() {
  const auto path =
      QFileDialog::getOpenFileName(window_, tr("Open MuJoCo scene"), first_of(targets_.recent->recent_sources),
                                   tr("MuJoCo scenes (*.xml *.mjcf);;All files (*)"));
  if (!path.isEmpty()) open_scene(path);
}

void OpenFiles::add_commands(CommandTable* commands, const QString& menu) {
  commands->add(
      menu,
      {{.id = "file.open_model",
        .text = tr("Open &model…"),
        .tip = tr("Open a folder with a multi-exit model."),
        .shortcuts = {QKeySequence(tr("Ctrl+M"))},
        .run = [this] { choose_folder(tr("Open model"), targets_.recent->recent_models, &OpenFiles::open_model); }},
       {.id = "file.open_dataset",
        .text = tr("Open &dataset…"),
        .tip = tr("Open a dataset (CALVIN, LeRobot, RLDS, a folder of HDF5 files) or a folder of images."),
        .shortcuts = {QKeySequence::Open},
        .run =
            [this] { choose_folder(tr("Open dataset"), targets_.recent->recent_sources, &OpenFiles::open_dataset); }},
       {.id = "file.open_video",
        .text = tr("Open &video…"),
        .tip = tr("Open one or two videos and give an instruction."),
        .shortcuts = {QKeySequence(tr("Ctrl+Shift+O"))},
        .run = [this] { choose_video(); }}});
}

void OpenFiles::add_world_commands(CommandTable* commands, const QString& menu) {
  if (!has_simulated_world()) return;
  commands->add(menu, {{.id = "file.open_world",
                        .text = tr("Open simulated &world…"),
                        .tip = tr("Let the model act in a simulated world, on a task you write."),
                        .shortcuts = {QKeySequence(tr("Ctrl+L"))},
                        .run = [this] { choose_world(); }},
                       {.id = "file.open_scene",
                        .text = tr("Open MuJoCo &scene…"),
                        .tip = tr("Watch any MuJoCo scene."),
                        .run = [this] { choose_scene(); }}});
}

}  // namespace deer
