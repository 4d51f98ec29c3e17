// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <span>
#include <vector>

#include "sessions/session/session.h"

namespace deer {

class EpisodeStates;

/// The actions that the open episode recorded, as far as they were read. While wanted it asks for those near the
/// current frame. GUI thread only.
class RecordedActions : public QObject {
  Q_OBJECT

 public:
  static constexpr qint64 kReach = 1000;  ///< frames before and after the current one that are asked for

  /// `session` must outlive it.
  explicit RecordedActions(Session* session, QObject* parent = nullptr);

  /// As comparable_action(): one step in the layout of the recording. Empty if not known, or none was recorded.
  const std::vector<float>& at(qint64 frame) const { return actions_[static_cast<std::size_t>(frame)]; }
  qint64 frames() const { return static_cast<qint64>(actions_.size()); }
  void set_wanted(bool wanted);

 Q_SIGNALS:
  void started_anew();
  void changed(qint64 frame);

 private:
  void start_anew();
  void take(qint64 first, qint64 last);
  void ask();

  Session* session_;
  EpisodeStates* states_;
  std::vector<std::vector<float>> actions_;
  bool wanted_ = false;
};

/// Whether the recording's actions are of the kind that the model predicts, so that they can be compared. True without
/// a model, and for traces.
bool records_model_actions(const Session& session);

/// As deer::recorded_action(), but empty if it cannot be compared with the model's.
std::span<const double> comparable_action(const Session& session, const Observation& seen);

/// How views label actions: the model's layout, without a model that of the recording, otherwise DeeR's.
ActionLayoutPtr shown_layout(const Session& session);

}  // namespace deer
