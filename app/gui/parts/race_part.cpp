// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/parts/race_part.h"

#include <QEvent>
#include <QFileDialog>
#include <QLineEdit>
#include <QStandardPaths>
#include <algorithm>
#include <utility>

#include "app/gui/commands/command_table.h"
#include "app/gui/dialogs/instruction_box.h"
#include "app/gui/parts/present_part.h"
#include "app/gui/video/race_video.h"
#include "sessions/analysis/budget.h"
#include "sessions/base/paths.h"
#include "sessions/frames/playback.h"
#include "sessions/race/race.h"
#include "sessions/runs/kept_runs.h"
#include "sessions/series/instruction_at.h"
#include "sessions/session/live_session.h"
#include "sessions/session/trace_session.h"
#include "widgets/present/race_view.h"

namespace deer {
namespace {

/// A policy for frames that are not those of the open episode.
ExitPolicy without_forced(ExitPolicy policy) {
  policy.forced_layers.clear();
  return policy;
}

ExitPolicy at_full_depth(ExitPolicy policy) {
  policy = without_forced(std::move(policy));
  policy.criterion = Criterion::fixed_exit;
  policy.fixed_layer.reset();
  policy.max_layer.reset();
  policy.use_own_head = false;
  return policy;
}

}  // namespace

RacePart::RacePart(Session* session, Budget* budget, PresentPart* present, QWidget* window)
    : QObject(window), session_(session), budget_(budget), present_(present), window_(window) {
  connect(&search_, &BudgetSearch::solved, this, &RacePart::take_solution);
  connect(budget_, &Budget::set_changed, this, &RacePart::add_slider);
  make_race(new Race(this));
}

void RacePart::make_race(Race* race) {
  delete std::exchange(race_, race);
  connect(race_, &Race::problem, this, &RacePart::problem);
}

void RacePart::set_makers(EngineFactory engines, WorldMaker worlds) {
  make_race(new Race(std::move(engines), this));
  worlds_ = std::move(worlds);
}

bool RacePart::can_enter() const { return has_simulated_world() && session_->model() && !session_->trace()->is_open(); }

QString RacePart::fitting_instruction() const {
  const auto here = instruction_at(*session_, session_->current_frame());
  return is_known_instruction(here) ? here : WorldChoice().instruction;
}

void RacePart::enter_when_ready(const WorldChoice& choice, const QString& video) {
  const auto ready = [this] { return can_enter() && session_->activity() == Session::Activity::idle; };
  if (ready()) return enter(choice, video);
  auto* const waiting = new QObject(this);
  connect(session_, &Session::activity_changed, waiting, [this, ready, choice, video, waiting] {
    if (!ready()) return;
    waiting->deleteLater();
    disconnect(session_, nullptr, waiting, nullptr);
    enter(choice, video);
  });
}

void RacePart::enter(WorldChoice choice, const QString& video) {
  if (view_ || !can_enter()) return;
  world_ = std::move(choice);
  if (world_.instruction.isEmpty()) world_.instruction = fitting_instruction();
  world_.one_table = true;
  from_present_ = present_->active();
  const bool whole_screen = from_present_ && window_->isFullScreen();
  if (from_present_) present_->leave();
  fills_screen_ = whole_screen && !window_->isFullScreen();
  session_->playback()->pause();
  session_->live()->pause();
  focus_before_ = window_->focusWidget();
  view_ = new RaceView(race_, window_);
  instruction_ = new InstructionBox;
  instruction_->setAccessibleName(tr("Instruction of the race"));
  instruction_->setCurrentText(world_.instruction);
  view_->add_control(instruction_);
  fill_choices();
  // Another race is not that of the video.
  const auto start_other = [this] {
    end_video();
    start();
  };
  connect(instruction_, &InstructionBox::entered, this, [this, start_other] {
    world_.instruction = instruction_->instruction();
    start_other();
  });
  connect(view_, &RaceView::policies_chosen, this, start_other);
  connect(view_, &RaceView::depth_wanted, this, [this](double layers) {
    if (auto question = budget_->question_for(layers)) search_.ask(std::move(*question));
  });
  connect(view_, &RaceView::again_requested, this, start_other);
  connect(view_, &RaceView::other_table_requested, this, [this, start_other] {
    ++world_.seed;
    start_other();
  });
  connect(view_, &RaceView::video_requested, this, &RacePart::ask_for_video);
  connect(view_, &RaceView::leave_requested, this, &RacePart::leave, Qt::QueuedConnection);
  window_->installEventFilter(this);
  view_->setGeometry(window_->rect());
  view_->show();
  view_->raise();
  if (fills_screen_) window_->setWindowState(window_->windowState() | Qt::WindowFullScreen);
  Q_EMIT active_changed();
  if (!video.isEmpty()) begin_video(video);
  start();
}

void RacePart::fill_choices() {
  const auto& now = session_->policy();
  choices_ = {{tr("Full depth"), at_full_depth(now)}, {tr("Active policy"), without_forced(now)}};
  for (const auto* const run : KeptRuns::of(session_)->listed()) {
    if (run->model.exit_layers != session_->model()->exit_layers || !run->policy_text.isEmpty()) continue;
    choices_.push_back({run->name, without_forced(run->policy)});
  }
  slider_choice_ = -1;
  show_choices({0, 1});
  add_slider();
}

void RacePart::show_choices(std::array<int, 2> chosen) {
  QStringList names;
  for (const auto& choice : choices_) names << choice.name;
  view_->set_policies(names, chosen);
}

// The calibration set may arrive after the race has begun.
void RacePart::add_slider() {
  if (!view_ || slider_choice_ >= 0 || !session_->model() || !budget_->calibration()) return;
  const auto& layers = session_->model()->exit_layers;
  if (layers.size() < 2) return;
  slider_choice_ = static_cast<int>(choices_.size());
  choices_.push_back({tr("Chosen budget"), without_forced(session_->policy())});
  show_choices(view_->chosen());
  const double least = layers.front() + 1, most = layers.back() + 1;
  view_->set_depths(least, most, std::clamp(budget_->request().average_depth.value_or(most), least, most));
}

void RacePart::take_solution(const BudgetSolution& solution) {
  const auto policy = budget_->policy_of(solution);
  if (!view_ || slider_choice_ < 0 || !policy) return;
  choices_[static_cast<std::size_t>(slider_choice_)].policy = without_forced(*policy);
  view_->choose(1, slider_choice_);
  race_->set_policy(1, without_forced(*policy));
}

void RacePart::start() {
  if (!view_ || !session_->model()) return;
  const auto chosen = view_->chosen();
  Race::Setup setup;
  setup.model = session_->model()->path;
  setup.options = session_->engine_options();
  for (std::size_t side = 0; side < setup.policies.size(); ++side) {
    setup.policies[side] = choices_[static_cast<std::size_t>(std::max(chosen[side], 0))].policy;
  }
  setup.world = worlds_(world_);
  race_->start(setup);
  view_->setFocus(Qt::OtherFocusReason);
}

void RacePart::ask_for_video() {
  const auto proposed = QStandardPaths::writableLocation(QStandardPaths::MoviesLocation) + QStringLiteral("/race.mp4");
  auto* const dialog = new QFileDialog(view_, tr("Save the race as a video"), proposed, tr("MP4 video (*.mp4)"));
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setAcceptMode(QFileDialog::AcceptSave);
  dialog->setDefaultSuffix(QStringLiteral("mp4"));
  dialog->selectFile(proposed);
  connect(dialog, &QFileDialog::fileSelected, this, &RacePart::save_video);
  dialog->open();
}

void RacePart::save_video(const QString& file) {
  if (!view_ || video_) return;
  begin_video(file);
  start();
}

void RacePart::begin_video(const QString& file) {
  video_ = new RaceVideo(race_, view_, to_path(file), this);
  view_->set_video(RaceView::Video::saving);
  connect(video_, &RaceVideo::finished, this, [this, file] {
    Q_EMIT note({tr("Video saved"), file, {}, ProblemId::file_saved});
    end_video();
    view_->set_video(RaceView::Video::saved);
    Q_EMIT video_saved();
  });
  connect(video_, &RaceVideo::failed, this, [this](const QString& message) {
    end_video();
    Q_EMIT problem({tr("The video could not be saved"), message, tr("Choose another file or free disk space.")});
  });
}

void RacePart::end_video() {
  if (!video_) return;
  video_->disconnect(this);
  std::exchange(video_, nullptr)->deleteLater();
  if (view_) view_->set_video(RaceView::Video::none);
}

void RacePart::leave() {
  if (!view_) return;
  race_->stop();
  search_.cancel();
  delete std::exchange(video_, nullptr);  // it looks at the view
  window_->removeEventFilter(this);
  auto* const view = std::exchange(view_, nullptr);
  instruction_ = nullptr;
  view->hide();
  view->deleteLater();
  if (fills_screen_) window_->setWindowState(window_->windowState() & ~Qt::WindowFullScreen);
  if (from_present_) {
    present_->enter(fills_screen_);
  } else if (focus_before_) {
    focus_before_->setFocus(Qt::OtherFocusReason);
  }
  Q_EMIT active_changed();
}

bool RacePart::eventFilter(QObject* watched, QEvent* event) {
  if (watched == window_ && view_) {
    if (event->type() == QEvent::Resize) view_->setGeometry(window_->rect());
    // Panels shown by a shortcut stay below.
    if (event->type() == QEvent::ChildAdded || event->type() == QEvent::LayoutRequest) view_->raise();
    if (event->type() == QEvent::Close) leave();
  }
  return QObject::eventFilter(watched, event);
}

void RacePart::add_commands(CommandTable* commands, const QString& menu) {
  commands->add(menu, {{.id = "view.race",
                        .text = tr("&Race"),
                        .tip = tr("Run a task in two simulated worlds side by side: at full depth and with the active "
                                  "policy."),
                        .shortcuts = {QKeySequence(tr("Ctrl+F5"))},
                        .run = [this] { view_ ? leave() : enter(); },
                        .enabled = [this] { return view_ != nullptr || can_enter(); },
                        .checked = [this] { return view_ != nullptr; }}});
  connect(this, &RacePart::active_changed, commands, &CommandTable::update);
}

}  // namespace deer
