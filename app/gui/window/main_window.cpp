// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/window/main_window.h"

#include <QCloseEvent>
#include <QDockWidget>
#include <QHBoxLayout>
#include <QMenuBar>
#include <QStackedWidget>
#include <QStatusBar>
#include <QToolBar>
#include <QToolButton>
#include <QVBoxLayout>

#include "app/gui/bars/live_bar.h"
#include "app/gui/bars/message_bar.h"
#include "app/gui/bars/status_line.h"
#include "app/gui/bars/toast.h"
#include "app/gui/cameras/camera_strip.h"
#include "app/gui/commands/command_palette.h"
#include "app/gui/parts/arm_part.h"
#include "app/gui/parts/camera_part.h"
#include "app/gui/parts/compare_part.h"
#include "app/gui/parts/dataset_part.h"
#include "app/gui/parts/debug_part.h"
#include "app/gui/parts/engine_part.h"
#include "app/gui/parts/exit_part.h"
#include "app/gui/parts/export_part.h"
#include "app/gui/parts/help_part.h"
#include "app/gui/parts/live_part.h"
#include "app/gui/parts/mapping_part.h"
#include "app/gui/parts/model_part.h"
#include "app/gui/parts/overlay_part.h"
#include "app/gui/parts/playback_part.h"
#include "app/gui/parts/present_part.h"
#include "app/gui/parts/race_part.h"
#include "app/gui/parts/runs_part.h"
#include "app/gui/parts/trace_part.h"
#include "app/gui/parts/video_part.h"
#include "app/gui/video/window_subject.h"
#include "app/gui/window/drop_frame.h"
#include "app/gui/window/focus_keys.h"
#include "app/gui/window/layout_part.h"
#include "app/gui/window/mode_switch.h"
#include "app/gui/window/model_note.h"
#include "app/gui/window/open_files.h"
#include "app/gui/window/open_requests.h"
#include "app/gui/window/panel_rail.h"
#include "app/gui/window/preferences_part.h"
#include "app/gui/window/recent_menu.h"
#include "app/gui/window/session_keeper.h"
#include "app/gui/window/session_restore.h"
#include "app/gui/window/welcome_page.h"
#include "app/gui/window/workbench.h"
#include "sessions/analysis/budget.h"
#include "sessions/frames/playback.h"
#include "sessions/runs/kept_runs.h"
#include "sessions/session/policy_undo.h"
#include "widgets/actions/action_plots.h"
#include "widgets/actions/action_view.h"
#include "widgets/actions/recorded_view.h"
#include "widgets/analysis/compare_view.h"
#include "widgets/analysis/feature_map_view.h"
#include "widgets/analysis/latency_view.h"
#include "widgets/analysis/runs_view.h"
#include "widgets/analysis/similarity_view.h"
#include "widgets/base/theme.h"
#include "widgets/budget/budget_panel.h"
#include "widgets/budget/calibration_view.h"
#include "widgets/cameras/camera_wall.h"
#include "widgets/dataset/dataset_view.h"
#include "widgets/episodes/episode_browser.h"
#include "widgets/episodes/frame_inspector.h"
#include "widgets/exits/delta_view.h"
#include "widgets/exits/exit_steps.h"
#include "widgets/exits/threshold_editor.h"
#include "widgets/exports/view_exports.h"
#include "widgets/timeline/playback_bar.h"
#include "widgets/timeline/timeline_budget.h"
#include "widgets/timeline/timeline_view.h"

namespace deer {

MainWindow::MainWindow(Session* session, SessionStore store, QWidget* parent)
    : QMainWindow(parent),
      session_(session),
      commands_(new CommandTable(this)),
      messages_(new MessageBar),
      restore_(new SessionRestore(session, std::move(store), this)),
      preferences_(new PreferencesPart(session, restore_->store().load_preferences(), restore_->writer(), this)),
      cameras_(new CameraPart(session, restore_->store().folder(), this)),
      traces_(new TracePart(session, this)),
      workbench_(new Workbench(session, commands_, this)),
      model_(new ModelPart(session, this)),
      files_(new OpenFiles({.session = session,
                            .budget = model_->budget(),
                            .arm = workbench_->arm(),
                            .engine_options = [this] { return preferences_->engine_options(); },
                            .recent = &restore_->saved()},
                           this)),
      playback_(new PlaybackPart(session, this)),
      live_(new LivePart(session, this)),
      exits_(new ExitPart(session, this)),
      compare_(new ComparePart(session, this)),
      debug_(new DebugPart(session, model_->budget(), workbench_->timeline(), this)),
      present_(new PresentPart(session, this)),
      modes_(new ModeSwitch(session, compare_, this)),
      exports_(new ExportPart(session, this)),
      videos_(new VideoPart(session, this)),
      layouts_(new LayoutPart(
          this, workbench_, [this] { return !shows_welcome(); }, restore_->writer(),
          restore_->store().load_layouts())) {
  setObjectName(QStringLiteral("main_window"));
  setAccessibleName(tr("Deerscope"));
  setDockOptions(AnimatedDocks | AllowNestedDocks | AllowTabbedDocks);
  new TimelineBudget(session_, model_->budget(), workbench_->timeline(), this);
  compare_->show_runs_in(workbench_->timeline());
  build_centre();
  build_panels();
  build_videos();
  add_commands();
  welcome_ = new WelcomePage(commands_, pages_);
  pages_->insertWidget(0, welcome_);
  palette_ = new CommandPalette(commands_, this);
  build_menus();
  build_bars();
  connect_messages();
  connect_session();
  new FocusKeys(this);

  preferences_->apply(preferences_->preferences());
  welcome_->set_recent(restore_->saved().recent_models, restore_->saved().recent_sources);
  for (const auto& warning : restore_->store().warnings()) {
    messages_->add(MessageBar::Level::warning, {tr("Saved settings could not be read"), warning,
                                                tr("Using defaults; the unreadable file was kept as a backup.")});
  }
  resize(1600, 1000);
  update_page();
  update_title();
  commands_->update();
}

MainWindow::~MainWindow() {
  session_->disconnect(this);
  for (auto* const dock : layouts_->docks()) dock->disconnect();
  // Parts are destroyed before the panels: their signals must not reach them.
  PolicyUndo::of(session_)->disconnect(commands_);
  model_->budget()->disconnect();
}

void MainWindow::build_centre() {
  pages_ = new QStackedWidget;
  pages_->addWidget(workbench_);
  auto* const centre = new QWidget;
  auto* const layout = new QVBoxLayout(centre);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  layout->addWidget(messages_);
  layout->addWidget(new ModelNote(session_));
  layout->addWidget(pages_, 1);
  setCentralWidget(centre);
  messages_->set_toast(new Toast(centre));
}

void MainWindow::build_panels() {
  const auto add = [this](const char* name, const QString& title, auto* view, Qt::DockWidgetArea area) {
    return layouts_->add_panel(QString::fromLatin1(name), title, connect_open_requests(view, commands_), area);
  };
  constexpr auto left = Qt::LeftDockWidgetArea, right = Qt::RightDockWidgetArea, bottom = Qt::BottomDockWidgetArea;
  auto* const episodes = add("episodes", tr("Episodes"), new EpisodeBrowser(session_), left);
  auto* const policy = add("policy", tr("Policy"), model_->panel(), right);
  auto* const frame = add("inspector", tr("Frame"), new FrameInspector(session_), right);
  auto* const plots = add("action_plots", tr("Actions over time"), new ActionPlots(session_, this), bottom);
  auto* const similarity = add("similarity", tr("Similarity"), new SimilarityView(session_), bottom);
  auto* const features = add("features", tr("Features"), new FeatureMapView(session_), bottom);
  auto* const latency = add("latency", tr("Latency"), new LatencyView(session_, this), bottom);
  auto* const compare = add("compare", tr("Compare"), compare_->view(), bottom);
  auto* const calibration = add("calibration", tr("Calibration"), model_->calibration(), bottom);
  add("deltas", tr("Deltas"), new DeltaView(session_), right);
  add("actions", tr("Actions"), new ActionView(session_), bottom);
  add("exits", tr("Exits"), exits_->view(), left);
  auto* const cameras = add("cameras", tr("All cameras"), new CameraWall(session_), bottom);
  auto* const recorded = add("recorded", tr("Recorded values"), new RecordedView(session_), bottom);
  connect_open_requests(model_->thresholds(), commands_);
  connect_open_requests(model_->budget_panel(), commands_);
  model_->set_dock(policy);
  connect(compare_, &ComparePart::panel_requested, compare, [compare] {
    compare->show();
    compare->raise();
  });
  std::vector<QDockWidget*> docks;
  for (const auto& [name, title, view] : debug_->panels()) {
    docks.push_back(layouts_->add_panel(name, title, view, bottom));
  }
  auto* const dataset_part = new DatasetPart(session_, debug_->debugger(), this);
  auto* const dataset = add("dataset", tr("Dataset"), dataset_part->view(), bottom);
  dataset_part->set_dock(dataset);
  auto* const runs_part = new RunsPart(session_, this);
  auto* const runs = add("runs", tr("Runs"), runs_part->view(), bottom);
  runs_part->set_dock(runs);
  new RacePart(session_, model_->budget(), present_, this);
  auto* const rail = new PanelRail(this);
  rail->add_group(tr("Episodes"), tr("Show or hide the list of episodes."), {episodes});
  rail->add_group(tr("Dataset"), tr("Show or hide all episodes of the dataset with their results."), {dataset});
  rail->add_group(tr("Runs"), tr("Show or hide the list of kept runs."), {runs});
  rail->add_group(tr("Policy"), tr("Show or hide the exit policy: budget and thresholds."), {policy});
  rail->add_group(tr("Frame"), tr("Show or hide the details of the frame."), {frame});
  rail->add_group(tr("Analyses"), tr("Show or hide the analyses of the run below the timeline."),
                  {plots, similarity, features, latency, compare, calibration});
  rail->add_group(tr("Recording"), tr("Show or hide all cameras and the recorded states and actions."),
                  {cameras, recorded});
  rail->add_group(tr("Debug"), tr("Show or hide breakpoints, watches, events, what-if and interventions."),
                  QList<QDockWidget*>(docks.begin(), docks.end()));
  addToolBar(Qt::LeftToolBarArea, rail);
  debug_->set_docks(std::move(docks));
  exits_->add_exports(exports_->exports());
  model_->add_exports(exports_->exports());
  compare_->add_exports(exports_->exports());
  exports_->add_views();
}

DatasetPart* MainWindow::dataset() const { return findChild<DatasetPart*>(QString(), Qt::FindDirectChildrenOnly); }
RacePart* MainWindow::race() const { return findChild<RacePart*>(QString(), Qt::FindDirectChildrenOnly); }
RunsPart* MainWindow::runs() const { return findChild<RunsPart*>(QString(), Qt::FindDirectChildrenOnly); }

void MainWindow::build_videos() {
  videos_->add_subject([this] { return present_->video_subject(); });
  videos_->add_subject([this] { return std::make_unique<WindowSubject>(session_, this); });
  if (auto* const arm = workbench_->arm()) {
    videos_->add_subject([arm] { return arm->video_subject(); });
    connect(arm, &ArmPart::picture_taken, exports_->exports(), &ViewExports::save_image);
  }
}

void MainWindow::add_commands() {
  const auto file = tr("&File");
  files_->add_commands(commands_, file);
  auto* const mapping = new MappingPart(session_, MappingStore(restore_->store().folder() / "mappings"), this);
  mapping->add_commands(commands_, file);
  messages_->follow(mapping);
  cameras_->add_file_commands(commands_);
  traces_->add_open_command(commands_, file);
  files_->add_world_commands(commands_, file);
  restore_->add_commands(commands_, file);
  preferences_->add_commands(commands_, file);
  traces_->add_record_commands(commands_, file);
  exports_->add_window_command(commands_, file);
  videos_->add_commands(commands_, file);
  commands_->add(file, {{.id = "file.quit",
                         .text = tr("&Quit"),
                         .tip = tr("Close Deerscope."),
                         .shortcuts = {QKeySequence::Quit, QKeySequence(tr("Ctrl+Q"))},
                         .run = [this] { close(); },
                         .separator_before = true}});
  model_->add_edit_commands(commands_);
  playback_->add_commands(commands_);
  exits_->add_commands(commands_);
  model_->add_model_commands(commands_);
  (new EnginePart(session_, this))->add_commands(commands_);
  dataset()->add_commands(commands_);
  live_->add_commands(commands_);
  cameras_->add_live_commands(commands_);
  debug_->add_commands(commands_);
  add_view_commands();
  workbench_->overlays()->add_commands(commands_);
  if (workbench_->arm()) workbench_->arm()->add_commands(commands_);
  exports_->add_commands(commands_);
  runs()->add_commands(commands_);
  compare_->add_commands(commands_);
  (new HelpPart(
       messages_, [this] { files_->open_demo(); }, this))
      ->add_commands(commands_);
  commands_->add_missing_keys();
}

void MainWindow::add_view_commands() {
  const auto menu = tr("&View");
  commands_->add(menu, {{.id = "view.palette",
                         .text = tr("&Search commands…"),
                         .tip = tr("Find and run any command by its name."),
                         .shortcuts = {QKeySequence(tr("Ctrl+K"))},
                         .run = [this] { palette_->show(); }}});
  modes_->add_commands(commands_, menu);
  present_->add_commands(commands_, menu);
  race()->add_commands(commands_, menu);
  preferences_->add_theme_commands(commands_, menu);
  const auto working = [this] { return !shows_welcome(); };
  auto* const timeline = workbench_->timeline();
  commands_->add(menu, {{.id = "view.zoom_in",
                         .text = tr("Zoom &in"),
                         .tip = tr("Show fewer frames in the timeline."),
                         .shortcuts = {QKeySequence::ZoomIn, QKeySequence(tr("Ctrl+="))},
                         .run = [timeline] { timeline->zoom_in(); },
                         .enabled = working,
                         .separator_before = true},
                        {.id = "view.zoom_out",
                         .text = tr("Zoom &out"),
                         .tip = tr("Show more frames in the timeline."),
                         .shortcuts = {QKeySequence::ZoomOut},
                         .run = [timeline] { timeline->zoom_out(); },
                         .enabled = working},
                        {.id = "view.zoom_all",
                         .text = tr("Show &all frames"),
                         .tip = tr("Show the whole episode in the timeline."),
                         .shortcuts = {QKeySequence(tr("Ctrl+0"))},
                         .run = [timeline] { timeline->show_all(); },
                         .enabled = working},
                        {.id = "view.panels",
                         .text = tr("Side &panels"),
                         .tip = tr("Show or hide all panels around the pictures and the timeline."),
                         .shortcuts = {QKeySequence(tr("F9"))},
                         .run = [this] { layouts_->toggle_panels(); },
                         .enabled = working,
                         .checked = [this] { return layouts_->shows_any_panel(); },
                         .separator_before = true}});
  layouts_->add_panel_commands(commands_, menu);
  layouts_->add_layout_commands(commands_, menu);
  commands_->add(menu, {{.id = "view.reset_layout",
                         .text = tr("&Reset layout"),
                         .tip = tr("Restore the default layout of panels."),
                         .run = [this] { layouts_->use_built_in(QStringLiteral("inspect")); },
                         .enabled = working},
                        {.id = "view.full_screen",
                         .text = tr("&Full screen"),
                         .tip = tr("Toggle full screen."),
                         .shortcuts = {QKeySequence(tr("F11"))},
                         .run = [this] { setWindowState(windowState() ^ Qt::WindowFullScreen); },
                         .checked = [this] { return isFullScreen(); }}});
}

void MainWindow::build_menus() {
  QHash<QString, QMenu*> menus;
  for (const auto& command : commands_->commands()) {
    auto& menu = menus[command.menu];
    if (menu || command.menu.isEmpty()) continue;
    menu = menuBar()->addMenu(command.menu);
    commands_->fill(menu, command.menu);
    menu->setToolTipsVisible(false);
    connect(menu, &QMenu::aboutToShow, commands_, &CommandTable::update);
  }
  auto* const recent = new RecentMenu(&restore_->saved(), this);
  auto* const preferences = commands_->action(QStringLiteral("edit.preferences"));
  menus[tr("&File")]->insertMenu(preferences, recent);
  connect(recent, &RecentMenu::path_chosen, files_, [this](const QString& path) { files_->open_paths({path}); });
  auto* const search = new QToolButton(menuBar());
  search->setText(tr("Search commands   Ctrl+K"));
  search->setAccessibleName(tr("Search commands"));
  search->setAutoRaise(true);
  search->setFont(Theme::instance().label_font());
  connect(search, &QToolButton::clicked, commands_->action(QStringLiteral("view.palette")), &QAction::trigger);
  auto* const corner = new QWidget(menuBar());
  auto* const row = new QHBoxLayout(corner);
  row->setContentsMargins(0, 0, 0, 0);
  row->setSpacing(spacing::kMedium);
  row->addWidget(modes_->make_buttons(commands_));
  row->addWidget(search);
  menuBar()->setCornerWidget(corner);
}

void MainWindow::build_bars() {
  playback_tools_ = new QToolBar(tr("Playback"), this);
  playback_tools_->setObjectName(QStringLiteral("playback_tools"));
  playback_tools_->setMovable(false);
  playback_tools_->setFloatable(false);
  playback_tools_->toggleViewAction()->setVisible(false);
  auto* const tools = new QWidget;
  auto* const column = new QVBoxLayout(tools);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(spacing::kTiny);
  auto* const row = new QHBoxLayout;
  column->addLayout(row);
  column->addWidget(cameras_->strip());
  row->setSpacing(spacing::kLarge);
  row->addWidget(playback_->bar());
  row->addWidget(live_->bar(), 1);
  row->addWidget(cameras_->strip()->record_button());
  playback_tools_->addWidget(tools);
  addToolBar(Qt::BottomToolBarArea, playback_tools_);
  auto* const activity = new ActivityLine(session_);
  connect(activity, &ActivityLine::cancel_requested, session_, &Session::cancel);
  facts_ = new FactsLine(session_);
  statusBar()->setSizeGripEnabled(false);
  statusBar()->addWidget(activity, 1);
  statusBar()->addPermanentWidget(traces_->line());
  statusBar()->addPermanentWidget(facts_);
}

void MainWindow::connect_messages() {
  messages_->follow(session_);
  auto* const engines = findChild<EnginePart*>(QString(), Qt::FindDirectChildrenOnly);
  const auto follow = [this](auto*... parts) { (messages_->follow(parts), ...); };
  follow(restore_, files_, cameras_, traces_, model_, compare_, runs(), race(), engines, debug_, dataset(), exports_,
         videos_, layouts_);
  if (workbench_->arm()) messages_->follow(workbench_->arm());
  const auto opening = [this](ProblemId failure) {
    messages_->remove(failure);
    restore_->opening(failure);
  };
  connect(files_, &OpenFiles::opening, this, opening);
  connect(engines, &EnginePart::opening, this, opening);
  restore_->set_lasting_path([engines](const std::filesystem::path& model) { return engines->lasting_path(model); });
  connect(cameras_, &CameraPart::opening, this, [opening] { opening(ProblemId::live_not_opened); });
}

void MainWindow::connect_session() {
  restore_->set_window({.save =
                            [this](SavedSession* state) {
                              state->window_geometry = saveGeometry();
                              state->debug = debug_->state();
                              if (shows_welcome()) return;
                              state->window_layout = layouts_->pack();
                              state->layout_name = layouts_->current();
                            },
                        .restore = [this](const SavedSession& saved) { debug_->restore(saved.debug); }});
  connect(layouts_, &LayoutPart::changed, restore_->keeper(), &SessionKeeper::note_change);
  connect(welcome_, &WelcomePage::path_chosen, files_, [this](const QString& path) { files_->open_paths({path}); });
  connect(traces_, &TracePart::open_requested, files_, [this](const QString& path) { files_->open_paths({path}); });
  connect(new DropFrame(this), &DropFrame::dropped, files_,
          [this](const QStringList& paths) { files_->open_paths(paths); });
  connect(session_, &Session::activity_changed, this, &MainWindow::update_page);
  for (const auto signal : {&Session::activity_changed, &Session::policy_changed, &Session::model_changed})
    connect(session_, signal, commands_, &CommandTable::update);
  connect(session_, &Session::current_frame_changed, commands_, &CommandTable::update);
  connect(session_, &Session::model_changed, this, [this] {
    restore_->model_opened();
    messages_->remove(ProblemId::no_model);
    update_page();
    update_title();
  });
  connect(session_, &Session::collection_changed, this, [this] {
    restore_->data_opened();
    messages_->remove(ProblemId::no_episode);
    warn_of_data();
    update_page();
  });
  connect(session_, &Session::episode_changed, this, [this] {
    restore_->episode_opened();
    update_page();
    update_title();
    commands_->update();
  });
}

void MainWindow::warn_of_data() {
  QStringList warnings;
  for (const auto& line : session_->collection()->warnings()) warnings << QString::fromStdString(line);
  if (warnings.isEmpty()) return;
  messages_->add(MessageBar::Level::warning,
                 {warnings.size() == 1 ? tr("The data opened with a warning")
                                       : tr("The data opened with %1 warnings").arg(warnings.size()),
                  warnings.join(u'\n'),
                  {}});
}

void MainWindow::restore_layout() {
  const auto& geometry = restore_->saved().window_geometry;
  if (!geometry.isEmpty()) restoreGeometry(geometry);
  restore_->begin();
}

void MainWindow::restore_last() {
  restore_layout();
  restore_->restore_last(preferences_->preferences().restore_on_start);
}

void MainWindow::closeEvent(QCloseEvent* event) {
  session_->playback()->pause();
  KeptRuns::of(session_)->keep_live_run();
  if (restore_->saves()) preferences_->save();
  restore_->close();
  session_->cancel();
  QMainWindow::closeEvent(event);
}

bool MainWindow::shows_welcome() const { return pages_->currentWidget() == welcome_; }

void MainWindow::update_page() {
  const bool busy = session_->activity() != Session::Activity::idle;
  const bool welcome = !session_->model() && !session_->collection() && !session_->episode();
  if (welcome) welcome_->set_busy(busy ? session_->progress().text : QString(), session_->progress().fraction);
  if (welcome == shows_welcome() && pages_->property("shown").toBool()) return;
  pages_->setProperty("shown", true);
  if (welcome) layouts_->hide_panels();
  playback_tools_->setVisible(!welcome);
  findChild<PanelRail*>()->setVisible(!welcome);
  pages_->setCurrentWidget(welcome ? static_cast<QWidget*>(welcome_) : workbench_);
  if (welcome) return;
  workbench_->arrange_pictures();
  if (!layouts_->unpack(restore_->saved().window_layout)) return layouts_->use_built_in(QStringLiteral("inspect"));
  layouts_->set_current(restore_->saved().layout_name);
}

void MainWindow::update_title() {
  QStringList parts;
  if (const auto* const episode = session_->episode()) parts << QString::fromStdString(episode->info().title);
  if (const auto* const model = session_->model()) parts << QString::fromStdString(model->name);
  parts << QStringLiteral("Deerscope");
  setWindowTitle(parts.join(QStringLiteral(" – ")));
}

}  // namespace deer
