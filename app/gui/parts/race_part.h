// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QPointer>
#include <array>
#include <functional>
#include <vector>

#include "app/gui/start/world.h"
#include "sessions/analysis/budget_search.h"
#include "sessions/base/factories.h"
#include "sessions/session/session.h"

namespace deer {

class Budget;
class CommandTable;
class InstructionBox;
class PresentPart;
class Race;
class RaceVideo;
class RaceView;

/// The race as a part of the window: a stage over everything in it, on the whole screen if Present mode was. Esc closes
/// it, back to Present mode if it came from there.
class RacePart : public QObject {
  Q_OBJECT

 public:
  /// `window` owns it; the others must outlive it.
  RacePart(Session* session, Budget* budget, PresentPart* present, QWidget* window);

  /// What tests put in the place of the real model and world.
  using WorldMaker = std::function<LiveOpener(const WorldChoice&)>;
  void set_makers(EngineFactory engines, WorldMaker worlds);

  bool can_enter() const;
  /// Starts the race at once: full depth against the active policy. An empty instruction: that of the current frame if
  /// it is a task of the world, else a task that it has. With `video`, the race is saved there.
  void enter(WorldChoice choice = {.instruction = {}}, const QString& video = {});
  /// The same once the model that is being opened is there and nothing else goes on.
  void enter_when_ready(const WorldChoice& choice, const QString& video = {});
  /// Runs the race that is shown again and saves it as a video (MP4); one at a time.
  void save_video(const QString& file);
  bool saves_video() const { return video_ != nullptr; }
  void leave();                             ///< a video that is not finished is lost
  RaceView* view() const { return view_; }  ///< null while not active
  Race* race() const { return race_; }

  void add_commands(CommandTable* commands, const QString& menu);

 Q_SIGNALS:
  void problem(const deer::Problem& problem);
  void note(const deer::Problem& note);
  void video_saved();
  void active_changed();

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  struct Choice {
    QString name;
    ExitPolicy policy;
  };

  void make_race(Race* race);
  void fill_choices();
  void show_choices(std::array<int, 2> chosen);
  void add_slider();
  void take_solution(const BudgetSolution& solution);
  void start();
  void ask_for_video();
  void begin_video(const QString& file);
  void end_video();
  QString fitting_instruction() const;

  Session* session_;
  Budget* budget_;
  BudgetSearch search_;  ///< of thresholds for the slider
  PresentPart* present_;
  QWidget* window_;
  Race* race_ = nullptr;
  WorldMaker worlds_ = &world_opener;
  WorldChoice world_;
  std::vector<Choice> choices_;
  int slider_choice_ = -1;  ///< the slider's policy among them; -1: no slider
  RaceView* view_ = nullptr;
  RaceVideo* video_ = nullptr;  ///< being saved
  InstructionBox* instruction_ = nullptr;
  bool from_present_ = false;
  bool fills_screen_ = false;
  QPointer<QWidget> focus_before_;
};

}  // namespace deer
