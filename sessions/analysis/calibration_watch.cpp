// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/analysis/calibration_watch.h"

#include <algorithm>

#include "core/base/error.h"

namespace deer {
namespace {

/// Whether the set's values are of what the policy compares. Sets that do not say are taken as the paper's.
bool same_criterion(const CalibrationSet& set, const ExitPolicy& policy) {
  const auto said = [&](const char* key, std::string_view otherwise) {
    const auto place = set.provenance.find(key);
    return place == set.provenance.end() ? std::string(otherwise) : place->second;
  };
  try {
    const auto criterion = parse_criterion(said("criterion", to_string(Criterion::action_delta)));
    if (criterion != policy.criterion) return false;
    return criterion != Criterion::action_delta ||
           parse_delta_type(said("delta_type", to_string(DeltaType::l2))) == policy.delta_type;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

CalibrationWatch::CalibrationWatch(Session* session, Budget* budget, QObject* parent)
    : QObject(parent), session_(session), budget_(budget) {
  later_.setSingleShot(true);
  later_.setInterval(kDelayMs);
  connect(&later_, &QTimer::timeout, this, &CalibrationWatch::compare);
  const auto soon = [this] {
    if (!later_.isActive()) later_.start();
  };
  connect(budget, &Budget::set_changed, this, &CalibrationWatch::start_anew);
  connect(session, &Session::model_changed, this, &CalibrationWatch::start_anew);
  connect(session, &Session::episode_changed, this, &CalibrationWatch::start_anew);
  connect(session, &Session::policy_changed, this, soon);
  connect(session, &Session::activity_changed, this, [this, soon] {
    if (session_->activity() == Session::Activity::idle) soon();
  });
  start_anew();
  slices_ = new RecordSlices(session,
                             {.start_anew =
                                  [this](qint64 frames) {
                                    const auto* const model = session_->model();
                                    deltas_.assign(model ? model->exit_layers.size() : 0,
                                                   std::vector<float>(static_cast<std::size_t>(frames), kNotEvaluated));
                                    probed_.assign(static_cast<std::size_t>(frames), false);
                                    probed_count_ = 0;
                                  },
                              .grow =
                                  [this](qint64 frames) {
                                    for (auto& column : deltas_)
                                      column.resize(static_cast<std::size_t>(frames), kNotEvaluated);
                                    probed_.resize(static_cast<std::size_t>(frames), false);
                                  },
                              .take = [this](qint64 frame, const FrameRecordPtr& record) { see(frame, record.get()); },
                              .taken = soon,
                              .lose = [this](qint64 frame) { see(frame, nullptr); }},
                             this);
  slices_->start();
}

void CalibrationWatch::see(qint64 frame, const FrameRecord* record) {
  const auto place = static_cast<std::size_t>(frame);
  // A frame that stopped early only shows the deltas of hard or easy frames, exit by exit.
  const bool probed = record && record->mode == RunMode::probe;
  probed_count_ += (probed ? 1 : 0) - (probed_[place] ? 1 : 0);
  probed_[place] = probed;
  for (std::size_t exit = 0; exit < deltas_.size(); ++exit) {
    const auto* const probe = probed ? record->probe_at(session_->model()->exit_layers[exit]) : nullptr;
    deltas_[exit][place] = probe ? probe->delta : kNotEvaluated;
  }
}

std::vector<int> CalibrationWatch::drifted() const {
  std::vector<int> exits;
  for (std::size_t exit = 0; exit < health_.size(); ++exit) {
    if (health_[exit].drifted) exits.push_back(static_cast<int>(exit));
  }
  return exits;
}

void CalibrationWatch::start_anew() {
  told_ = false;
  ++wanted_;
  task_.forget();
  set_state(budget_->set() ? State::computing : State::no_set);
  later_.start();
}

void CalibrationWatch::set_state(State state) {
  if (state != State::known) {
    health_.clear();
    frames_ = 0;
  }
  state_ = state;
  Q_EMIT changed();
}

void CalibrationWatch::compare() {
  const auto* const set = budget_->set();
  const auto* const model = session_->model();
  if (!set || !model || set->exit_layers.size() != model->exit_layers.size()) return set_state(State::no_set);
  if (!same_criterion(*set, session_->policy())) return set_state(State::other_criterion);

  // What is left is handed over first; a copy for every slice would take longer than the slices.
  if (slices_->busy()) return later_.start();
  const auto frames = probed_count_;
  if (frames == 0) return set_state(State::no_frames);
  if (state_ != State::known) set_state(State::computing);
  std::vector<double> thresholds = session_->policy().thresholds;
  const bool again = prepared_of_ == set && prepared_;
  const auto number = ++wanted_;
  task_.ask([this, number, frames, set_address = set, seen = deltas_, thresholds = std::move(thresholds),
             prepared = again ? prepared_ : nullptr, copy = again ? CalibrationSet() : *set](const std::stop_token&) {
    std::vector<ExitHealth> health;
    auto ready = prepared;
    try {
      if (!ready) ready = std::make_shared<const PreparedCalibration>(copy);
      health = calibration_health(*ready, seen, thresholds);
    } catch (const Error& error) {
      qWarning("%s", error.what());
    }
    QMetaObject::invokeMethod(
        this,
        [this, number, frames, set_address, ready, health = std::move(health)] {
          if (number != wanted_) return;
          prepared_of_ = set_address;
          prepared_ = ready;
          health_ = health;
          frames_ = frames;
          set_state(health_.empty() ? State::no_set : State::known);
          if (told_ || drifted().empty() || session_->activity() != Session::Activity::idle) return;
          told_ = true;
          Q_EMIT drift_found();
        },
        Qt::QueuedConnection);
  });
}

}  // namespace deer
