// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <memory>
#include <vector>

#include "core/exits/engine.h"
#include "sessions/frames/exit_flip.h"
#include "sessions/frames/intervened_frame.h"
#include "sessions/threads/newest_request.h"

namespace deer {

class SessionCore;

/// Questions to the model beside the run: they change no record. Of each kind the newest request wins. GUI thread
/// only; answers come as signals.
class ModelQueries : public QObject {
  Q_OBJECT

 public:
  explicit ModelQueries(SessionCore* core);

  /// Where the exit after `exit_layer` looked in a frame: attended() or attend_failed() answers, between two frames of
  /// whatever goes on. AttentionMaps keeps what came.
  void attend(const FrameInput& input, int exit_layer);
  void stop_attending();  ///< the last request is not answered any more

  /// Another policy beside the present one: both are replayed over the stored features in the background, and
  /// compared() or compare_failed() answers, after a run that goes on.
  void compare(const ExitPolicy& other);

  /// The records as another policy would have them: replayed_under() or replay_failed() answers, after a run that goes
  /// on. The session's own stay under its policy.
  void replay_under(const ExitPolicy& policy);

  /// Frames [first, last] of the finished run once more, with something changed in what the model sees: intervened() or
  /// intervention_failed() answers. Each frame's history is that of the run up to `first`.
  void intervene(const Intervention& intervention, qint64 first, qint64 last);
  void stop_intervening();  ///< the last request is not answered any more

 Q_SIGNALS:
  void attended(const deer::AttentionMapPtr& map);
  void attend_failed(const QString& reason);
  void compared(const std::shared_ptr<const std::vector<deer::ExitFlip>>& flips);  ///< in order of frames
  void compare_failed(const QString& reason);  ///< the other policy does not fit the model
  /// By frame; null where there is no record, or one that cannot be replayed.
  void replayed_under(const deer::ExitPolicy& policy, const std::vector<deer::FrameRecordPtr>& records);
  void replay_failed(const QString& reason);
  void intervening(qint64 done, qint64 total);
  void intervened(const deer::IntervenedFrames& frames);
  void intervention_failed(const QString& reason);

 private:
  SessionCore* core_;
  NewestRequest attention_;
  NewestRequest comparison_;
  NewestRequest replay_;
  NewestRequest intervention_;
};

}  // namespace deer
