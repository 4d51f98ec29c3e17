// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "core/exits/feature_similarity.h"
#include "sessions/session/session.h"
#include "sessions/threads/newest_task.h"
#include "sessions/threads/task_queue.h"

namespace deer {

class RecordedRun;

/// How alike the exits' features are in a session's records: the cosine of every two in every frame, their mean over
/// any stretch of frames, and the linear CKA of a stretch. Computed on other threads as records come; features do
/// not depend on the policy, so that each frame is looked at once. Those of a trace that are too many to be kept are
/// read for it, some at a time. GUI thread only; no call waits.
class Similarity : public QObject {
  Q_OBJECT

 public:
  /// `session` must outlive it.
  explicit Similarity(Session* session, QObject* parent = nullptr);

  std::size_t exits() const { return layers_.size(); }
  qint64 frames() const { return static_cast<qint64>(cosines_.size()); }
  qint64 known_count() const { return known_; }  ///< frames whose cosines are there

  /// NaN while they are not known, and where a feature is missing.
  double cosine(qint64 frame, std::size_t exit_a, std::size_t exit_b) const;
  ExitMatrix cosines(qint64 frame) const;
  /// Mean cosines over the known frames of [first, last], clamped to the episode.
  ExitMatrix mean(qint64 first, qint64 last) const;

  /// Asks for the CKA over frames [first, last]; the newest request wins. cka_changed() when it is there.
  void ask_cka(qint64 first, qint64 last);
  struct Cka {
    qint64 first = 0;
    qint64 last = -1;
    ExitMatrix matrix;
  };
  /// The newest; null before the first and after the episode or the model changed.
  const Cka* cka() const { return cka_ ? &*cka_ : nullptr; }
  bool computing_cka() const { return answered_cka_ != wanted_cka_; }

 Q_SIGNALS:
  void started_anew();  ///< another model or episode: nothing is known
  void cosines_changed(qint64 first, qint64 last);
  void cka_changed();

 private:
  struct Looked {
    qint64 frame = 0;
    FrameRecordPtr record;
    std::vector<float> cosines;  ///< empty: the features cannot be read
  };
  /// Sums over a fixed number of frames, so that a mean over many takes no time.
  struct Block {
    std::vector<double> sum;
    std::vector<qint64> count;
    qint64 known = 0;
  };

  void start_anew();
  void grow(qint64 frames);
  void look_at(qint64 first, qint64 last);
  void take(quint64 rollout, std::vector<Looked> looked);
  void compare_next();

  Session* session_;
  std::shared_ptr<const RecordedRun> run_;  ///< where features are that records lack; null: nowhere
  std::vector<int> layers_;
  std::vector<std::vector<float>> cosines_;  ///< of each frame, [pair_count]; empty: not known
  std::vector<bool> asked_;
  std::vector<Block> blocks_;
  qint64 known_ = 0;
  quint64 rollout_ = 0;
  std::optional<Cka> cka_;
  quint64 wanted_cka_ = 0;
  quint64 answered_cka_ = 0;

  std::deque<Looked> waiting_;
  int comparing_ = 0;  ///< tasks that the queue has
  TaskQueue queue_;
  NewestTask cka_task_;
};

}  // namespace deer
