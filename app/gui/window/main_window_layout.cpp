// SPDX-License-Identifier: GPL-3.0-or-later
#include <QDataStream>
#include <QDockWidget>
#include <QHBoxLayout>
#include <QLabel>
#include <QMenu>
#include <QMenuBar>
#include <QSplitter>
#include <QStackedWidget>
#include <QStatusBar>
#include <QToolBar>
#include <QToolButton>
#include <QVBoxLayout>

#include "app/gui/cameras/camera_strip.h"
#include "app/gui/commands/command_palette.h"
#include "app/gui/parts/arm_part.h"
#include "app/gui/parts/camera_part.h"
#include "app/gui/parts/debug_part.h"
#include "app/gui/parts/overlay_part.h"
#include "app/gui/parts/present_part.h"
#include "app/gui/parts/trace_part.h"
#include "app/gui/parts/video_part.h"
#include "app/gui/parts/views_part.h"
#include "app/gui/video/window_subject.h"
#include "app/gui/window/headline.h"
#include "app/gui/window/live_bar.h"
#include "app/gui/window/main_window.h"
#include "app/gui/window/message_bar.h"
#include "app/gui/window/mode_words.h"
#include "app/gui/window/status_line.h"
#include "app/gui/window/welcome_page.h"
#include "sessions/analysis/budget.h"
#include "sessions/base/paths.h"
#include "sessions/frames/playback.h"
#include "widgets/actions/action_plots.h"
#include "widgets/actions/action_view.h"
#include "widgets/analysis/compare_view.h"
#include "widgets/analysis/latency_view.h"
#include "widgets/analysis/similarity_view.h"
#include "widgets/base/theme.h"
#include "widgets/budget/budget_panel.h"
#include "widgets/budget/calibration_view.h"
#include "widgets/cameras/camera_view.h"
#include "widgets/episodes/episode_browser.h"
#include "widgets/episodes/frame_inspector.h"
#include "widgets/exits/delta_view.h"
#include "widgets/exits/exit_steps.h"
#include "widgets/exits/threshold_editor.h"
#include "widgets/timeline/playback_bar.h"
#include "widgets/timeline/timeline_budget.h"
#include "widgets/timeline/timeline_view.h"

namespace deer {
namespace {

constexpr quint32 kPackedLayout = 0x44454c31;  // what pack_layout() writes first

}  // namespace

template <typename View>
View* MainWindow::offer_opening(View* view) {
  if constexpr (requires { &View::open_dataset_requested; }) {
    connect(view, &View::open_dataset_requested, this,
            [this] { commands_->trigger(QStringLiteral("file.open_dataset")); });
  }
  if constexpr (requires { &View::open_model_requested; }) {
    connect(view, &View::open_model_requested, this, [this] { commands_->trigger(QStringLiteral("file.open_model")); });
  }
  return view;
}

void MainWindow::build_centre() {
  workbench_ = new QWidget;
  pictures_ = new QSplitter(Qt::Horizontal, workbench_);
  pictures_->setChildrenCollapsible(false);
  pictures_->addWidget(offer_opening(new CameraView(session_, Camera::fixed, pictures_)));
  pictures_->addWidget(offer_opening(new CameraView(session_, Camera::gripper, pictures_)));
  overlays_ = new OverlayPart(session_, pictures_, this);
  arm_ = ArmPart::make(session_, this);
  if (arm_) {
    pictures_->addWidget(arm_->view());
    connect(arm_, &ArmPart::open_dataset_requested, this,
            [this] { commands_->trigger(QStringLiteral("file.open_dataset")); });
    connect(arm_, &ArmPart::problem, this, &MainWindow::show_problem);
    connect(arm_, &ArmPart::warning, this,
            [this](const Problem& problem) { messages_->add(MessageBar::Level::warning, problem); });
  }
  headline_ = new Headline(session_, workbench_);
  timeline_ = offer_opening(new TimelineView(session_, workbench_));

  auto* const upper = new QWidget(workbench_);
  auto* const upper_layout = new QVBoxLayout(upper);
  upper_layout->setContentsMargins(0, 0, 0, 0);
  upper_layout->setSpacing(spacing::kSmall);
  upper_layout->addWidget(pictures_, 1);
  upper_layout->addWidget(headline_);
  auto* const splitter = new QSplitter(Qt::Vertical, workbench_);
  splitter->setObjectName(QStringLiteral("centre"));
  splitter->setChildrenCollapsible(false);
  splitter->addWidget(upper);
  splitter->addWidget(timeline_);
  splitter->setStretchFactor(0, 5);
  splitter->setStretchFactor(1, 6);
  splitter->setSizes({500, 600});
  auto* const workbench_layout = new QVBoxLayout(workbench_);
  workbench_layout->setContentsMargins(spacing::kSmall, spacing::kSmall, spacing::kSmall, spacing::kSmall);
  workbench_layout->addWidget(splitter);

  pages_ = new QStackedWidget;
  pages_->addWidget(workbench_);
  messages_ = new MessageBar;
  notice_ = new QLabel;
  notice_->setAccessibleName(tr("Note of the model"));
  notice_->setTextFormat(Qt::PlainText);
  notice_->setWordWrap(true);
  notice_->setAutoFillBackground(true);
  notice_->setContentsMargins(spacing::kMedium, spacing::kTiny, spacing::kMedium, spacing::kTiny);
  notice_->hide();
  auto* const centre = new QWidget;
  auto* const layout = new QVBoxLayout(centre);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  layout->addWidget(messages_);
  layout->addWidget(notice_);
  layout->addWidget(pages_, 1);
  setCentralWidget(centre);
  setCorner(Qt::BottomLeftCorner, Qt::LeftDockWidgetArea);
  setCorner(Qt::BottomRightCorner, Qt::RightDockWidgetArea);
}

QDockWidget* MainWindow::add_dock(const QString& name, const QString& title, QWidget* view, Qt::DockWidgetArea area) {
  auto* const dock = new QDockWidget(title, this);
  dock->setObjectName(QStringLiteral("dock_") + name);
  dock->setAccessibleName(title);
  auto* const frame = new QWidget(dock);
  auto* const layout = new QVBoxLayout(frame);
  layout->setContentsMargins(spacing::kSmall, spacing::kTiny, spacing::kSmall, spacing::kSmall);
  layout->addWidget(view);
  dock->setWidget(frame);
  addDockWidget(area, dock);
  docks_ << dock;
  return dock;
}

void MainWindow::build_docks() {
  thresholds_ = offer_opening(new ThresholdEditor(session_));
  budget_ = new Budget(session_, this);
  connect(budget_, &Budget::problem, this, &MainWindow::show_problem);
  new TimelineBudget(session_, budget_, timeline_, this);
  budget_panel_ = offer_opening(new BudgetPanel(session_, budget_));
  connect(budget_panel_, &BudgetPanel::open_calibration_requested, this,
          [this] { commands_->trigger(QStringLiteral("budget.open_calibration")); });
  connect(budget_panel_, &BudgetPanel::save_thresholds_requested, this,
          [this] { commands_->trigger(QStringLiteral("budget.save")); });
  connect(budget_panel_, &BudgetPanel::load_thresholds_requested, this,
          [this] { commands_->trigger(QStringLiteral("budget.load")); });
  add_dock(QStringLiteral("episodes"), tr("Episodes"), offer_opening(new EpisodeBrowser(session_)),
           Qt::LeftDockWidgetArea);
  add_dock(QStringLiteral("inspector"), tr("Frame"), offer_opening(new FrameInspector(session_)),
           Qt::LeftDockWidgetArea);
  add_dock(QStringLiteral("deltas"), tr("Deltas"), offer_opening(new DeltaView(session_)), Qt::RightDockWidgetArea);
  add_dock(QStringLiteral("similarity"), tr("Similarity"), offer_opening(new SimilarityView(session_)),
           Qt::RightDockWidgetArea);
  add_dock(QStringLiteral("actions"), tr("Actions"), offer_opening(new ActionView(session_)), Qt::RightDockWidgetArea);
  add_dock(QStringLiteral("thresholds"), tr("Thresholds"), thresholds_, Qt::RightDockWidgetArea);
  add_dock(QStringLiteral("budget"), tr("Budget"), budget_panel_, Qt::RightDockWidgetArea);
  build_view_docks();
}

void MainWindow::build_view_docks() {
  views_ = new ViewsPart(session_, budget_, this);
  add_dock(QStringLiteral("exits"), tr("Exits"), offer_opening(views_->exits()), Qt::LeftDockWidgetArea);
  add_dock(QStringLiteral("action_plots"), tr("Actions over time"), offer_opening(views_->action_plots()),
           Qt::BottomDockWidgetArea);
  add_dock(QStringLiteral("calibration"), tr("Calibration"), views_->calibration(), Qt::RightDockWidgetArea);
  add_dock(QStringLiteral("latency"), tr("Latency"), offer_opening(views_->latency()), Qt::BottomDockWidgetArea);
  connect(views_, &ViewsPart::open_calibration_requested, this,
          [this] { commands_->trigger(QStringLiteral("budget.open_calibration")); });
  auto* const compare = add_dock(QStringLiteral("compare"), tr("Compare"), views_->compare(), Qt::BottomDockWidgetArea);
  connect(views_, &ViewsPart::compare_requested, compare, [compare] {
    compare->show();
    compare->raise();
  });
  connect(views_, &ViewsPart::problem, this, &MainWindow::show_problem);
  connect(views_, &ViewsPart::warning, this,
          [this](const Problem& problem) { messages_->add(MessageBar::Level::warning, problem); });
  views_->add_exports();
}

void MainWindow::build_debug() {
  debug_ = new DebugPart(session_, budget_, timeline_, thresholds_->undo_stack(), this);
  std::vector<QDockWidget*> docks;
  for (const auto& [name, title, view] : debug_->panels()) {
    docks.push_back(add_dock(name, title, view, Qt::BottomDockWidgetArea));
  }
  debug_->set_docks(std::move(docks));
  connect(debug_, &DebugPart::problem, this, &MainWindow::show_problem);
  connect(debug_, &DebugPart::note, this,
          [this](const Problem& note) { messages_->add(MessageBar::Level::note, note); });
  connect(debug_, &DebugPart::note_over, messages_, &MessageBar::remove);
}

void MainWindow::build_presentation() {
  present_ = new PresentPart(session_, this);
  modes_ = new ModeWords(session_, views_, this);
  videos_ = new VideoPart(session_, this);
  videos_->add_subject([this] { return present_->video_subject(); });
  videos_->add_subject([this] { return std::make_unique<WindowSubject>(session_, this); });
  if (arm_) videos_->add_subject([this] { return arm_->video_subject(); });
  connect(videos_, &VideoPart::problem, this, &MainWindow::show_problem);
  connect(videos_, &VideoPart::saved, this,
          [this](const Problem& note) { messages_->add(MessageBar::Level::note, note); });
}

void MainWindow::arrange_pictures() {
  // Cameras are square, so that they need no more width than height; the arm takes what is left.
  const auto shares = arm_ ? QList<int>{300, 200, 500} : QList<int>{500, 500};
  pictures_->setSizes(shares);
  for (int i = 0; i < pictures_->count(); ++i) {
    pictures_->setStretchFactor(i, shares[i] / 100);
    pictures_->widget(i)->show();
  }
}

QByteArray MainWindow::pack_layout(const QByteArray& docks) const {
  QByteArray out;
  QDataStream stream(&out, QIODevice::WriteOnly);
  const bool arm_shown = arm_ && !arm_->view()->isHidden();
  stream << kPackedLayout << docks << pictures_->saveState() << arm_shown << (arm_ ? arm_->save_state() : QByteArray());
  return out;
}

QByteArray MainWindow::unpack_layout(const QByteArray& layout) {
  QDataStream stream(layout);
  quint32 kind = 0;
  QByteArray docks, pictures, arm;
  bool arm_shown = true;
  stream >> kind >> docks >> pictures >> arm_shown >> arm;
  if (stream.status() != QDataStream::Ok || kind != kPackedLayout) return {};
  pictures_->restoreState(pictures);
  if (arm_) {
    arm_->view()->setVisible(arm_shown);
    arm_->restore_state(arm);
  }
  return docks;
}

void MainWindow::build_menus() {
  for (const auto& command : commands_->commands()) {
    if (command.menu.isEmpty()) continue;
    const auto actions = menuBar()->actions();
    const bool known = std::any_of(actions.begin(), actions.end(),
                                   [&](const QAction* action) { return action->text() == command.menu; });
    if (known) continue;
    auto* const menu = menuBar()->addMenu(command.menu);
    commands_->fill(menu, command.menu);
    menu->setToolTipsVisible(false);
    connect(menu, &QMenu::aboutToShow, commands_, &CommandTable::update);
    if (command.id == u"file.open_model") {
      auto* const recent = new QMenu(tr("Open &recent"), menu);
      menu->insertMenu(commands_->action(QStringLiteral("edit.preferences")), recent);
      connect(recent, &QMenu::aboutToShow, this, [this, recent] { fill_recent(recent); });
    }
  }
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
  row->addWidget(modes_->make_row(commands_));
  row->addWidget(search);
  menuBar()->setCornerWidget(corner);
}

void MainWindow::build_bars() {
  playback_bar_ = new PlaybackBar(session_);
  playback_tools_ = new QToolBar(tr("Playback"), this);
  playback_tools_->setObjectName(QStringLiteral("playback_tools"));
  playback_tools_->setMovable(false);
  playback_tools_->setFloatable(false);
  playback_tools_->toggleViewAction()->setVisible(false);
  live_bar_ = new LiveBar(session_);
  auto* const tools = new QWidget;
  auto* const column = new QVBoxLayout(tools);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(spacing::kTiny);
  auto* const row = new QHBoxLayout;
  column->addLayout(row);
  column->addWidget(cameras_->strip());
  row->setSpacing(spacing::kLarge);
  row->addWidget(playback_bar_);
  row->addWidget(live_bar_, 1);
  playback_tools_->addWidget(tools);
  addToolBar(Qt::BottomToolBarArea, playback_tools_);
  activity_ = new ActivityLine(session_);
  facts_ = new FactsLine(session_);
  connect(live_bar_, &LiveBar::newest_requested, this, [this] { commands_->trigger(QStringLiteral("playback.last")); });
  connect(activity_, &ActivityLine::cancel_requested, session_, &Session::cancel);
  statusBar()->setSizeGripEnabled(false);
  statusBar()->addWidget(activity_, 1);
  statusBar()->addPermanentWidget(traces_->line());
  statusBar()->addPermanentWidget(facts_);
}

void MainWindow::connect_session() {
  const auto follow = [this](auto signal, auto slot) { connect(session_, signal, this, slot); };
  follow(&Session::problem, &MainWindow::show_problem);
  follow(&Session::activity_changed, [this] {
    update_page();
    show_playing();
    commands_->update();
  });
  follow(&Session::current_frame_changed, [this] {
    show_playing();
    commands_->update();
  });
  follow(&Session::policy_changed, [this] { commands_->update(); });
  follow(&Session::model_changed, [this] {
    const auto* const model = session_->model();
    if (!session_->trace()) SessionStore::add_recent(saved_.recent_models, to_qstring(model->path));
    if (policy_to_restore_) session_->set_policy(*std::exchange(policy_to_restore_, std::nullopt));
    messages_->remove(ProblemId::no_model);
    open_calibration();
    update_notice();
    update_page();
    update_title();
  });
  follow(&Session::collection_changed, [this] {
    SessionStore::add_recent(saved_.recent_sources, to_qstring(session_->collection()->path()));
    messages_->remove(ProblemId::no_episode);
    const auto warnings = session_->warnings();
    if (!warnings.isEmpty()) {
      messages_->add(MessageBar::Level::warning,
                     {warnings.size() == 1 ? tr("The data opened with a warning")
                                           : tr("The data opened with %1 warnings").arg(warnings.size()),
                      warnings.join(u'\n'),
                      {}});
    }
    update_page();
  });
  follow(&Session::episode_changed, [this] {
    if (frame_to_restore_) session_->set_current_frame(*std::exchange(frame_to_restore_, std::nullopt));
    if (session_->is_live() && !session_->episode()->info().path.empty()) {
      SessionStore::add_recent(saved_.recent_sources, to_qstring(session_->episode()->info().path));
    }
    update_page();
    update_title();
    commands_->update();
  });
  connect(&Theme::instance(), &Theme::changed, this, &MainWindow::update_notice);
}

void MainWindow::connect_playback() {
  auto* const playback = session_->playback();
  auto* const bar = playback_bar_;
  connect(playback, &Playback::playing_changed, this, &MainWindow::show_playing);
  connect(playback, &Playback::speed_changed, bar, &PlaybackBar::set_speed);
  connect(playback, &Playback::looping_changed, bar, &PlaybackBar::set_loop);
  connect(bar, &PlaybackBar::play_toggled, this, &MainWindow::play);
  connect(bar, &PlaybackBar::step_requested, playback, &Playback::step);
  connect(bar, &PlaybackBar::first_requested, this, [playback] { playback->go_to(0); });
  connect(bar, &PlaybackBar::last_requested, this, [this, playback] { playback->go_to(session_->frame_count() - 1); });
  connect(bar, &PlaybackBar::speed_changed, playback, &Playback::set_speed);
  connect(bar, &PlaybackBar::loop_toggled, playback, &Playback::set_looping);
  bar->set_speed(playback->speed());
  connect(playback, &Playback::playing_changed, commands_, &CommandTable::update);
}

void MainWindow::update_title() {
  QStringList parts;
  if (const auto* const episode = session_->episode()) parts << QString::fromStdString(episode->info().title);
  if (const auto* const model = session_->model()) parts << QString::fromStdString(model->name);
  parts << QStringLiteral("Deerscope");
  setWindowTitle(parts.join(QStringLiteral(" – ")));
}

void MainWindow::update_notice() {
  const auto* const model = session_->model();
  const bool noted = model && !model->note.empty();
  notice_->setVisible(noted);
  if (!noted) return;
  notice_->setText(tr("%1: %2").arg(QString::fromStdString(model->name), QString::fromStdString(model->note)));
  const auto& colors = Theme::instance().colors();
  auto palette = Theme::instance().palette();
  palette.setColor(QPalette::Window,
                   Theme::mix(colors.background, colors.warning, Theme::instance().is_dark() ? 0.2 : 0.14));
  notice_->setPalette(palette);
}

void MainWindow::fill_recent(QMenu* menu) {
  menu->clear();
  const auto add = [&](const QString& title, const QStringList& paths) {
    if (paths.isEmpty()) return;
    menu->addSection(title);
    for (const auto& path : paths) {
      connect(menu->addAction(path), &QAction::triggered, this, [this, path] { open_paths({path}); });
    }
  };
  add(tr("Data"), saved_.recent_sources);
  add(tr("Models"), saved_.recent_models);
  if (menu->isEmpty()) menu->addAction(tr("Nothing yet"))->setEnabled(false);
}

}  // namespace deer
