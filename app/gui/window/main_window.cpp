// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/window/main_window.h"

#include <QAbstractButton>
#include <QAbstractItemView>
#include <QAbstractSlider>
#include <QAbstractSpinBox>
#include <QApplication>
#include <QCloseEvent>
#include <QComboBox>
#include <QDockWidget>
#include <QDragEnterEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QKeyEvent>
#include <QLineEdit>
#include <QMimeData>
#include <QPainter>
#include <QStackedWidget>
#include <QToolBar>
#include <QUndoStack>

#include "app/gui/commands/command_palette.h"
#include "app/gui/dialogs/open_world_dialog.h"
#include "app/gui/dialogs/preferences_dialog.h"
#include "app/gui/parts/arm_part.h"
#include "app/gui/parts/camera_part.h"
#include "app/gui/parts/debug_part.h"
#include "app/gui/parts/overlay_part.h"
#include "app/gui/parts/trace_part.h"
#include "app/gui/parts/views_part.h"
#include "app/gui/start/demo.h"
#include "app/gui/window/layout_part.h"
#include "app/gui/window/message_bar.h"
#include "app/gui/window/session_keeper.h"
#include "app/gui/window/welcome_page.h"
#include "core/base/error.h"
#include "sessions/analysis/budget.h"
#include "sessions/base/paths.h"
#include "sessions/frames/playback.h"
#include "sessions/store/store_writer.h"
#include "widgets/base/theme.h"
#include "widgets/exits/threshold_editor.h"
#include "widgets/timeline/playback_bar.h"

namespace deer {
namespace {

constexpr int kLayoutVersion = 3;  // of QMainWindow::saveState; raise it when docks change

/// Keys that a focused control needs for itself, although they are shortcuts elsewhere.
bool wants_key(const QWidget* focus, int key) {
  const bool arrows = key == Qt::Key_Left || key == Qt::Key_Right || key == Qt::Key_Home || key == Qt::Key_End;
  const bool digit = key >= Qt::Key_0 && key <= Qt::Key_9;
  if (qobject_cast<const QAbstractItemView*>(focus)) return arrows || digit;
  if (qobject_cast<const QLineEdit*>(focus) || qobject_cast<const QAbstractSlider*>(focus)) return arrows;
  if (qobject_cast<const QAbstractSpinBox*>(focus) || qobject_cast<const QComboBox*>(focus)) {
    return arrows || digit || key == Qt::Key_Space;
  }
  return qobject_cast<const QAbstractButton*>(focus) && key == Qt::Key_Space;
}

}  // namespace

MainWindow::MainWindow(Session* session, SessionStore store, QWidget* parent)
    : QMainWindow(parent), session_(session), store_(std::move(store)), commands_(new CommandTable(this)) {
  setObjectName(QStringLiteral("main_window"));
  setAccessibleName(tr("Deerscope"));
  setAcceptDrops(true);
  setDockOptions(AnimatedDocks | AllowNestedDocks | AllowTabbedDocks);
  choose_folder_ = [this](const QString& title, const QString& start) {
    return QFileDialog::getExistingDirectory(this, title, start);
  };
  preferences_ = store_.load_preferences();
  saved_ = store_.load_session();
  can_restore_ = !saved_.model.empty() || !saved_.source.empty();
  writer_ = new StoreWriter(store_, this);
  connect(writer_, &StoreWriter::failed, this, [this](const QString& details) {
    messages_->add(MessageBar::Level::warning, {tr("The session could not be saved"), details, {}});
  });
  keeper_ = new SessionKeeper(
      session_, writer_, [this] { return snapshot(); }, this);

  cameras_ = new CameraPart(session_, store_.folder(), this);
  connect(cameras_, &CameraPart::problem, this, &MainWindow::show_problem);
  connect(cameras_, &CameraPart::opening, this, [this] {
    messages_->remove(ProblemId::live_not_opened);
    frame_to_restore_.reset();
  });
  traces_ = new TracePart(session_, this);
  connect(traces_, &TracePart::open_requested, this, [this](const QString& path) { open_paths({path}); });
  connect(traces_, &TracePart::problem, this, &MainWindow::show_problem);
  build_centre();
  build_docks();
  build_debug();
  build_presentation();
  build_layouts();
  add_file_commands();
  add_playback_commands();
  add_exit_commands();
  add_model_commands();
  add_live_commands();
  debug_->add_commands(commands_);
  add_view_commands();
  overlays_->add_commands(commands_);
  if (arm_) arm_->add_commands(commands_);
  views_->add_commands(commands_);
  add_help_commands();
  commands_->add_missing_keys();
  welcome_ = new WelcomePage(commands_, pages_);
  connect(welcome_, &WelcomePage::path_chosen, this, [this](const QString& path) { open_paths({path}); });
  pages_->insertWidget(0, welcome_);
  palette_ = new CommandPalette(commands_, this);
  build_menus();
  build_bars();
  connect_session();
  connect_playback();

  // Buttons take the focus by Tab alone, so that Space still plays after one was clicked.
  for (auto* const button : findChildren<QAbstractButton*>()) {
    if (button->focusPolicy() & Qt::ClickFocus) button->setFocusPolicy(Qt::TabFocus);
  }
  qApp->installEventFilter(this);

  apply(preferences_);
  welcome_->set_recent(saved_.recent_models, saved_.recent_sources);
  for (const auto& warning : store_.warnings()) {
    messages_->add(MessageBar::Level::warning, {tr("Saved settings could not be read"), warning,
                                                tr("The program starts with its defaults and keeps the file aside.")});
  }
  resize(1600, 1000);
  update_page();
  update_title();
  commands_->update();
}

MainWindow::~MainWindow() {
  qApp->removeEventFilter(this);
  session_->disconnect(this);
  for (auto* const dock : docks_) dock->disconnect();
  // What is destroyed before the docks are gone must not ask for them.
  thresholds_->undo_stack()->disconnect(commands_);
  budget_->disconnect();
}

void MainWindow::restore_layout() {
  if (!saved_.window_geometry.isEmpty()) restoreGeometry(saved_.window_geometry);
  last_ending_ = keeper_->begin(saved_);
}

void MainWindow::restore_last() {
  restore_layout();
  const auto again = tr("File › Open last session opens it again.");
  if (last_ending_ == Ending::restoring && can_restore_) {
    return messages_->add(MessageBar::Level::warning, {tr("The program ended while it opened the last session"),
                                                       tr("It starts with nothing open."), again});
  }
  const bool crashed = last_ending_ == Ending::open && can_restore_;
  if (preferences_.restore_on_start) restore_session();
  if (!crashed) return;
  messages_->add(MessageBar::Level::note,
                 {tr("The program did not end as it should"),
                  preferences_.restore_on_start ? tr("What was open is opened again.") : tr("Its session was kept."),
                  preferences_.restore_on_start ? QString() : again});
}

void MainWindow::restore_session() {
  if (!can_restore_) return;
  can_restore_ = false;
  keeper_->restoring(saved_);
  debug_->restore(saved_.debug);
  if (!saved_.model.empty()) {
    policy_to_restore_ = saved_.policy;
    session_->open_model(saved_.model, saved_.engine_options);
  }
  if (!saved_.source.empty()) {
    frame_to_restore_ = saved_.frame;
    session_->open_source(saved_.source, saved_.source_options, saved_.episode);
  }
}

void MainWindow::open_paths(const QStringList& paths) {
  QStringList videos;
  for (const auto& path : paths) {
    switch (path_kind(to_path(path))) {
      case PathKind::missing:
        show_problem({tr("Cannot open the file"), tr("%1: no such file or folder").arg(path), {}});
        break;
      case PathKind::model:
        open_model(path);
        break;
      case PathKind::calibration:
        calibration_to_open_ = to_path(path);
        // A model that is being opened comes first: its exits are those that the set must fit.
        if (session_->activity() != Session::Activity::loading_model) open_calibration();
        break;
      case PathKind::thresholds:
        if (!session_->model()) {
          show_problem({tr("Cannot open the thresholds"), tr("%1: no model is open that they could be for").arg(path),
                        tr("Open their model first.")});
        } else {
          budget_->load_thresholds(to_path(path));
        }
        break;
      case PathKind::robot:
        if (arm_) {
          arm_->open_robot(to_path(path));
        } else {
          show_problem({tr("Cannot open the robot"), tr("%1: this build has no view of the arm").arg(path),
                        tr("Use a build with DEER_VTK on.")});
        }
        break;
      case PathKind::video:
        videos << path;
        break;
      case PathKind::scene:
        open_scene(path);
        break;
      case PathKind::data:
        open_source(path);
        break;
    }
  }
  if (videos.isEmpty()) return;
  OpenSourceOptions options;
  if (videos.size() > 1) {
    // Of two videos, the one that names the gripper or the wrist is that camera's.
    const auto of_gripper = [](const QString& path) {
      const auto name = QFileInfo(path).fileName();
      return name.contains(u"grip", Qt::CaseInsensitive) || name.contains(u"wrist", Qt::CaseInsensitive);
    };
    if (of_gripper(videos[0])) videos.swapItemsAt(0, 1);
    options.gripper = to_path(videos[1]);
  }
  open_source(videos[0], options);
}

void MainWindow::open_calibration() {
  if (!session_->model()) return;
  if (const auto file = std::exchange(calibration_to_open_, std::nullopt)) budget_->open_calibration(*file);
}

bool MainWindow::open_demo() {
  const auto demo = find_demo();
  if (!demo) {
    show_problem({tr("The demo is not there"), tr("This installation has no folder with the demo model and episodes."),
                  tr("Install the demo, or open a model and a dataset of your own.")});
    return false;
  }
  open_model(to_qstring(demo->model));
  open_source(to_qstring(demo->episodes));
  session_->run_episode();
  return true;
}

void MainWindow::set_theme(const QString& theme) {
  preferences_.theme = theme;
  Theme::instance().set_mode(theme == u"dark"    ? Theme::Mode::dark
                             : theme == u"light" ? Theme::Mode::light
                                                 : Theme::Mode::system);
  commands_->update();
}

EngineOptions MainWindow::engine_options() const {
  EngineOptions options;
  options.device = preferences_.device.toStdString();
  options.dtype = preferences_.dtype.toStdString();
  return options;
}

void MainWindow::open_model(const QString& path) {
  messages_->remove(ProblemId::model_not_opened);
  policy_to_restore_.reset();
  session_->open_model(to_path(path), engine_options());
}

void MainWindow::open_source(const QString& path, const OpenSourceOptions& options) {
  messages_->remove(ProblemId::data_not_opened);
  frame_to_restore_.reset();
  session_->open_source(to_path(path), options);
}

void MainWindow::open_scene(const QString& path) {
  messages_->remove(ProblemId::live_not_opened);
  frame_to_restore_.reset();
  if (!has_simulated_world()) {
    return show_problem({tr("Cannot open the scene"), tr("%1: this build has no simulator").arg(path),
                         tr("Use a build with DEER_SIM on.")});
  }
  session_->open_live(QFileInfo(path).fileName(), scene_opener(to_path(path)));
}

void MainWindow::open_world(const WorldChoice& choice) {
  messages_->remove(ProblemId::live_not_opened);
  frame_to_restore_.reset();
  world_ = choice;
  session_->open_live(tr("the simulated world"), world_opener(choice));
}

void MainWindow::open_cameras(const CameraSourceOptions& cameras) { cameras_->open(cameras); }

void MainWindow::choose_world() {
  auto* const dialog = new OpenWorldDialog(world_, session_->model() != nullptr, this);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  connect(dialog, &QDialog::accepted, this, [this, dialog] { open_world(dialog->choice()); });
  dialog->open();
}

void MainWindow::play(bool wanted) {
  auto* const playback = session_->playback();
  if (session_->is_live() && !session_->live_ended() && session_->following() && !playback->playing()) {
    wanted ? session_->run_episode() : session_->pause_live();
  } else {
    wanted ? playback->play() : playback->pause();
  }
  show_playing();
}

void MainWindow::show_playing() {
  const bool live = session_->activity() == Session::Activity::live && session_->following();
  playback_bar_->set_playing(session_->playback()->playing() || live);
}

void MainWindow::choose_video() {
  auto* const dialog = new OpenVideoDialog(this);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  connect(dialog, &QDialog::accepted, this, [this, dialog] {
    OpenSourceOptions options;
    if (!dialog->gripper().isEmpty()) options.gripper = to_path(dialog->gripper());
    options.instruction = dialog->instruction().toStdString();
    open_source(dialog->video(), options);
  });
  dialog->open();
}

void MainWindow::choose_calibration() {
  const auto path = QFileDialog::getOpenFileName(this, tr("Open calibration set"), {},
                                                 tr("Calibration sets (*.safetensors *.pth);;All files (*)"));
  if (!path.isEmpty()) budget_->open_calibration(to_path(path));
}

void MainWindow::choose_thresholds(bool save) {
  const auto kinds = tr("Thresholds (*.json *.txt);;All files (*)");
  const auto path =
      save ? QFileDialog::getSaveFileName(this, tr("Save thresholds"), QStringLiteral("thresholds.json"), kinds)
           : QFileDialog::getOpenFileName(this, tr("Load thresholds"), {}, kinds);
  if (path.isEmpty()) return;
  save ? budget_->save_thresholds(to_path(path)) : budget_->load_thresholds(to_path(path));
}

void MainWindow::show_preferences() {
  auto* const dialog = new PreferencesDialog(preferences_, this);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  connect(dialog, &QDialog::accepted, this, [this, dialog] {
    apply(dialog->preferences());
    try {
      store_.save(preferences_);
    } catch (const Error& error) {
      show_problem({tr("The preferences could not be saved"), QString::fromUtf8(error.what()), {}});
    }
  });
  dialog->open();
}

void MainWindow::apply(const Preferences& preferences) {
  preferences_ = preferences;
  set_theme(preferences.theme);
  session_->set_cache_bytes(static_cast<std::size_t>(preferences.cache_megabytes) << 20);
  session_->playback()->set_speed(preferences.playback_speed);
}

void MainWindow::show_problem(const Problem& problem) { messages_->add(MessageBar::Level::error, problem); }

SavedSession MainWindow::snapshot() const {
  SavedSession state = saved_;
  state.ending = Ending::closed;
  state.window_geometry = saveGeometry();
  // What was not opened again stays to be had, until something else is open.
  if (can_restore_ && !session_->model() && !session_->collection()) return state;
  state.model.clear();
  state.source.clear();
  state.policy.reset();
  // A trace brings its own model and policy when it opens again.
  if (const auto* const model = session_->model(); model && !session_->trace()) {
    state.model = model->path;
    state.engine_options = session_->engine_options();
    state.policy = session_->policy();
  }
  if (const auto* const collection = session_->collection()) {
    state.source = collection->path();
    state.source_options = session_->source_options();
    state.episode = session_->episode_index().value_or(0);
    state.frame = session_->is_live() ? 0 : std::max<qint64>(session_->current_frame(), 0);
  }
  state.debug = debug_->state();
  if (!shows_welcome()) {
    state.window_layout = pack_layout(saveState(kLayoutVersion));
    state.layout_name = layouts_->current();
  }
  return state;
}

void MainWindow::save_session() {
  keeper_->stop();
  const auto state = snapshot();
  try {
    store_.save(state);
    store_.save(preferences_);
    saved_ = state;
  } catch (const Error& error) {
    qWarning("%s", error.what());
  }
}

void MainWindow::closeEvent(QCloseEvent* event) {
  session_->playback()->pause();
  saves_session_ ? save_session() : keeper_->stop();
  session_->cancel();
  QMainWindow::closeEvent(event);
}

bool MainWindow::shows_welcome() const { return pages_->currentWidget() == welcome_; }

void MainWindow::update_page() {
  const bool busy = session_->activity() != Session::Activity::idle;
  const bool welcome = !session_->model() && !session_->collection() && !session_->episode();
  if (welcome) welcome_->set_busy(busy ? session_->activity_text() : QString(), session_->progress());
  if (welcome == shows_welcome() && pages_->property("shown").toBool()) return;
  pages_->setProperty("shown", true);
  if (welcome) {
    for (auto* const dock : docks_) dock->hide();
  }
  playback_tools_->setVisible(!welcome);
  pages_->setCurrentWidget(welcome ? static_cast<QWidget*>(welcome_) : workbench_);
  if (welcome) return;
  arrange_pictures();
  if (!restoreState(unpack_layout(saved_.window_layout), kLayoutVersion)) {
    return layouts_->use_built_in(QStringLiteral("inspect"));
  }
  layouts_->set_current(saved_.layout_name);
}

void MainWindow::build_layouts() {
  layouts_ = new LayoutPart(
      this,
      {.pack = [this] { return pack_layout(saveState(kLayoutVersion)); },
       .unpack = [this](const QByteArray& layout) { return restoreState(unpack_layout(layout), kLayoutVersion); },
       .arrange_centre = [this] { arrange_pictures(); },
       .shows_panels = [this] { return !shows_welcome(); }},
      writer_, store_.load_layouts());
  layouts_->set_docks(docks_);
  connect(layouts_, &LayoutPart::not_of_this_version, this, [this](const QString& name) {
    show_problem({tr("The layout cannot be used"), tr("“%1” was saved by another version of the program.").arg(name),
                  tr("Arrange the panels and save it again.")});
  });
  for (auto* const dock : docks_) {
    for (const auto signal : {&QDockWidget::topLevelChanged, &QDockWidget::visibilityChanged}) {
      connect(dock, signal, keeper_, &SessionKeeper::note_change);
    }
    connect(dock, &QDockWidget::dockLocationChanged, keeper_, &SessionKeeper::note_change);
  }
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
  if (!event->mimeData()->hasUrls()) return;
  const auto urls = event->mimeData()->urls();
  if (!std::any_of(urls.begin(), urls.end(), [](const QUrl& url) { return url.isLocalFile(); })) return;
  event->acceptProposedAction();
  dragging_ = true;
  update();
}

void MainWindow::dragLeaveEvent(QDragLeaveEvent* event) {
  dragging_ = false;
  update();
  QMainWindow::dragLeaveEvent(event);
}

void MainWindow::dropEvent(QDropEvent* event) {
  dragging_ = false;
  update();
  QStringList paths;
  for (const auto& url : event->mimeData()->urls()) {
    if (url.isLocalFile()) paths << url.toLocalFile();
  }
  event->acceptProposedAction();
  open_paths(paths);
}

void MainWindow::paintEvent(QPaintEvent* event) {
  QMainWindow::paintEvent(event);
  if (!dragging_) return;
  QPainter painter(this);
  painter.setPen(QPen(Theme::instance().colors().accent, 6));
  painter.drawRect(rect());
}

bool MainWindow::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() == QEvent::ShortcutOverride) {
    const auto* const widget = qobject_cast<QWidget*>(watched);
    const auto* const key = static_cast<QKeyEvent*>(event);
    const bool plain = key->modifiers() == Qt::NoModifier || key->modifiers() == Qt::ShiftModifier ||
                       key->modifiers() == Qt::KeypadModifier;
    if (widget && widget->window() == this && plain && wants_key(widget, key->key())) {
      event->accept();
      return true;
    }
  }
  return QMainWindow::eventFilter(watched, event);
}

}  // namespace deer
