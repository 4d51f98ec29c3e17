// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <optional>
#include <vector>

#include "core/budget/cost_model.h"
#include "sessions/live/live_source.h"
#include "sessions/series/record_slices.h"

namespace deer {

/// What a run has come to up to a frame: the depth of each, and how much less the language model computes than if every
/// frame went to the deepest exit. GUI thread only; no call waits.
class RunSummary : public QObject {
  Q_OBJECT

 public:
  struct Saving {
    double times = 1;        ///< full depth's work over the work that was done, both on average
    bool in_layers = false;  ///< the model's sizes are not known: layers were counted, not operations
    double work = 0;         ///< done in all: layers, or billions of the language model's operations
    double full_work = 0;    ///< the same at full depth
  };

  /// `session` must outlive it.
  explicit RunSummary(Session* session, QObject* parent = nullptr);

  qint64 frames() const { return static_cast<qint64>(depths_.size()); }
  /// Layers by frame; 0 where there is no record.
  const std::vector<quint16>& depths() const { return depths_; }
  /// Over the evaluated frames up to this one; none if there are none. Frames that only repeated the prediction before
  /// cost nothing at any depth, and do not count.
  std::optional<Saving> saving(qint64 frame) const;
  /// Tasks that had ended by this frame of a live run; none if nobody knows.
  std::optional<TaskCount> tasks(qint64 frame) const;
  /// Whether everything that the session has is counted.
  bool settled() const { return !slices_->busy(); }

 Q_SIGNALS:
  void started_anew();                      ///< another model or episode
  void changed(qint64 first, qint64 last);  ///< depths(); perhaps of new frames

 private:
  /// In layers and in billions of operations.
  struct Work {
    double layers = 0, full_layers = 0;
    double gflops = 0, full_gflops = 0;
  };

  void start_anew(qint64 frames);
  void grow(qint64 frames);
  void take(qint64 frame, const FrameRecord& record);
  void tell();
  void take_tasks(qint64 last);

  Session* session_;
  std::optional<CostModel> costs_;
  int deepest_layer_ = -1;
  std::vector<quint16> depths_;
  std::vector<float> gflops_, full_gflops_;                         // NaN: not known; 0: repeated
  std::vector<std::pair<qint64, std::optional<TaskCount>>> tasks_;  // from this frame on, until the next one
  qint64 changed_first_ = 0, changed_last_ = -1;
  mutable Work sum_;  // of frames 0 to summed_
  mutable qint64 summed_ = -1;
  RecordSlices* slices_;
};

}  // namespace deer
