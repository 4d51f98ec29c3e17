// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <array>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <optional>

#include "core/exits/engine.h"
#include "sessions/base/factories.h"
#include "sessions/base/problem.h"
#include "sessions/live/live_source.h"
#include "sessions/threads/newest_task.h"

namespace deer {

/// One side of a race as it stands after a step.
struct RaceLane {
  enum class State { waiting, running, done, failed, stopped };

  State state = State::waiting;
  ImagePtr picture;     ///< of the static camera; null before the first step
  int steps = 0;        ///< that the model ran
  int depth = 0;        ///< layers that ran in the newest step; 0: none yet
  int exit_index = -1;  ///< of the newest step; -1: not an exit
  double layers = 0;    ///< of the language model, over all steps
  double gflops = 0;    ///< likewise; 0 if the model's sizes are not known
  double model_ms = 0;  ///< time of the model, over all steps; not of the world
};

/// The same task in two copies of the same world, under two policies, step by step side by side: each with a copy of
/// the model, which really stops at the exit taken. On a thread of its own. GUI thread only; no call waits.
class Race : public QObject {
  Q_OBJECT

 public:
  static constexpr int kSides = 2;
  static constexpr int kMostSteps = 360;  ///< of an instruction whose success nobody can tell

  struct Setup {
    std::filesystem::path model;
    EngineOptions options;
    std::array<ExitPolicy, kSides> policies;
    LiveOpener world;  ///< called once for each side, on the race's thread; it must give the same world each time
  };
  enum class State { idle, opening, running, finished, failed };

  /// `factory` makes the copies of the model; Engine::load unless a test puts another in its place.
  explicit Race(EngineFactory factory, QObject* parent = nullptr);
  explicit Race(QObject* parent = nullptr);

  void start(const Setup& setup);  ///< ends the race before
  void stop();                     ///< what was done stays
  /// Of one side of the race that is running, from its next step on.
  void set_policy(int side, const ExitPolicy& policy);

  State state() const { return state_; }
  const RaceLane& lane(int side) const { return lanes_[static_cast<std::size_t>(side)]; }
  const std::optional<ModelSummary>& model() const { return model_; }  ///< none before it is loaded

  /// Compute of the first side's language model divided by the second's, on average over each side's steps and in all:
  /// below 1 if the second computed more. None before the first step.
  struct Saving {
    double times = 1;        ///< in a step
    double total_times = 1;  ///< over all steps: sides that need more steps compute more
    bool in_layers = false;  ///< the model's sizes are not known
  };
  std::optional<Saving> saving() const;

 Q_SIGNALS:
  void changed();
  void problem(const deer::Problem& problem);

 private:
  struct Runner;
  void run(const Setup& setup, quint64 number, const std::stop_token& stop);
  void go(std::array<Runner, kSides>* runners, quint64 number, const std::stop_token& stop);
  std::optional<ExitPolicy> take_policy(std::size_t side);
  static void step(Runner* runner, const std::stop_token& stop);
  void publish(const std::array<Runner, kSides>& runners, quint64 number, State state, bool last);
  template <typename Answer>
  void answer(quint64 number, Answer answer);

  EngineFactory factory_;
  State state_ = State::idle;
  std::array<RaceLane, kSides> lanes_;
  std::optional<ModelSummary> model_;
  quint64 number_ = 0;
  std::mutex policies_mutex_;
  std::array<std::optional<ExitPolicy>, kSides> new_policies_;
  std::atomic<int> on_the_way_{0};  ///< steps that the GUI thread has not taken yet
  NewestTask task_;                 ///< ends first
};

}  // namespace deer
