// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/race/race.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/budget/cost_model.h"
#include "core/model/model_config.h"

namespace deer {
namespace {

constexpr int kMostStepsOnTheWay = 2;

}  // namespace

/// One side on the race's thread.
struct Race::Runner {
  std::unique_ptr<Engine> engine;
  LiveSource world;
  std::optional<CostModel> costs;
  RaceLane lane;
};

Race::Race(EngineFactory factory, QObject* parent) : QObject(parent), factory_(std::move(factory)) {}

/// On the GUI thread, unless another race was started or this one stopped.
template <typename Answer>
void Race::answer(quint64 number, Answer answer) {
  QMetaObject::invokeMethod(
      this,
      [this, number, answer = std::move(answer)] {
        if (number == number_) answer();
      },
      Qt::QueuedConnection);
}

void Race::start(const Setup& setup) {
  ++number_;
  state_ = State::opening;
  lanes_ = {};
  {
    const std::lock_guard lock(policies_mutex_);
    new_policies_ = {};
  }
  task_.ask([this, setup, number = number_](const std::stop_token& stop) { run(setup, number, stop); });
  Q_EMIT changed();
}

void Race::stop() {
  task_.forget();
  ++number_;
  if (state_ != State::opening && state_ != State::running) return;
  state_ = State::idle;
  for (auto& lane : lanes_) {
    if (lane.state == RaceLane::State::running || lane.state == RaceLane::State::waiting) {
      lane.state = RaceLane::State::stopped;
    }
  }
  Q_EMIT changed();
}

void Race::set_policy(int side, const ExitPolicy& policy) {
  const std::lock_guard lock(policies_mutex_);
  new_policies_[static_cast<std::size_t>(side)] = policy;
}

std::optional<ExitPolicy> Race::take_policy(std::size_t side) {
  const std::lock_guard lock(policies_mutex_);
  return std::exchange(new_policies_[side], std::nullopt);
}

void Race::run(const Setup& setup, quint64 number, const std::stop_token& stop) {
  const auto fail = [this, number](const Problem& what) {
    answer(number, [this, what] {
      state_ = State::failed;
      Q_EMIT changed();
      Q_EMIT problem(what);
    });
  };
  try {
    std::array<Runner, kSides> runners;
    for (std::size_t side = 0; side < kSides; ++side) {
      auto& runner = runners[side];
      runner.engine = factory_(
          setup.model, setup.options, [](std::string_view, std::int64_t, std::int64_t) {}, stop);
      if (stop.stop_requested()) return;
      runner.engine->set_policy(setup.policies[side]);
      runner.engine->reset();
      if (const auto& config = runner.engine->summary().config) runner.costs.emplace(*config);
      runner.world = setup.world();
    }
    answer(number, [this, summary = runners[0].engine->summary()] {
      model_ = summary;
      state_ = State::running;
      Q_EMIT changed();
    });
    go(&runners, number, stop);
  } catch (const Cancelled&) {
  } catch (const OutOfMemory& error) {
    fail({tr("The race needs two copies of the model"), QString::fromUtf8(error.what()),
          tr("Choose a smaller number format or the CPU in the preferences.")});
  } catch (const std::exception& error) {
    fail({tr("The race could not go on"), QString::fromUtf8(error.what()), tr("Start it again.")});
  }
}

void Race::go(std::array<Runner, kSides>* runners, quint64 number, const std::stop_token& stop) {
  const auto goes_on = [](const Runner& runner) { return runner.lane.state == RaceLane::State::running; };
  for (auto& runner : *runners) runner.lane.state = RaceLane::State::running;
  while (std::ranges::any_of(*runners, goes_on)) {
    for (std::size_t side = 0; side < kSides; ++side) {
      auto& runner = (*runners)[side];
      if (const auto policy = take_policy(side)) runner.engine->set_policy(*policy);
      if (goes_on(runner)) step(&runner, stop);
      if (stop.stop_requested()) return;
    }
    publish(*runners, number, State::running, false);
  }
  publish(*runners, number, State::finished, true);
}

void Race::step(Runner* runner, const std::stop_token& stop) {
  auto& lane = runner->lane;
  const auto seen = runner->world.frames->next(stop);
  if (stop.stop_requested()) throw Cancelled();
  if (!seen) {
    lane.state = RaceLane::State::stopped;
    return;
  }
  lane.picture = seen->rgb_static;
  const auto tasks = runner->world.tasks ? runner->world.tasks() : std::nullopt;
  if (tasks && tasks->done + tasks->failed > 0) {
    lane.state = tasks->done > 0 ? RaceLane::State::done : RaceLane::State::failed;
    return;
  }
  if (!tasks && lane.steps >= kMostSteps) {
    lane.state = RaceLane::State::stopped;
    return;
  }
  const FrameInput input{lane.steps, seen->rgb_static, seen->rgb_gripper, seen->instruction};
  const auto record = runner->engine->step(input, RunMode::policy, stop);
  std::array<float, 7> command{};
  std::copy_n(record->command.data(), std::min(command.size(), record->command.size()), command.begin());
  runner->world.frames->act(command);
  ++lane.steps;
  lane.depth = record->depth();
  lane.exit_index = record->exit_index;
  lane.model_ms += record->times.total_ms();
  // A step that repeats the prediction before did not call the network.
  if (record->reason == ExitReason::repeated) return;
  lane.layers += record->depth();
  if (runner->costs && record->prompt_tokens > 0) {
    lane.gflops += runner->costs->llm_gflops(record->exit_layer, record->prompt_tokens);
  }
}

void Race::publish(const std::array<Runner, kSides>& runners, quint64 number, State state, bool last) {
  // A busy window leaves steps out, but not the last.
  if (!last && on_the_way_ >= kMostStepsOnTheWay) return;
  ++on_the_way_;
  QMetaObject::invokeMethod(
      this,
      [this, number, state, lanes = std::array{runners[0].lane, runners[1].lane}] {
        --on_the_way_;
        if (number != number_) return;
        lanes_ = lanes;
        state_ = state;
        Q_EMIT changed();
      },
      Qt::QueuedConnection);
}

std::optional<Race::Saving> Race::saving() const {
  const auto& [first, second] = lanes_;
  if (first.steps == 0 || second.steps == 0) return std::nullopt;
  const auto saving = [&](double a, double b, bool in_layers) {
    return Saving{a / first.steps / (b / second.steps), a / b, in_layers};
  };
  if (first.gflops > 0 && second.gflops > 0) return saving(first.gflops, second.gflops, false);
  if (first.layers > 0 && second.layers > 0) return saving(first.layers, second.layers, true);
  return std::nullopt;
}

}  // namespace deer
