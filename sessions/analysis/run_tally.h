// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <vector>

#include "sessions/series/record_slices.h"

namespace deer {

/// What the frames evaluated so far come to: counted once for every view that shows it. GUI thread only; no call waits.
class RunTally : public QObject {
  Q_OBJECT

 public:
  /// What is kept of a frame's record.
  struct Frame {
    int depth = 0;        ///< layers; 0: no record
    int exit_index = -1;  ///< place among the model's exits; -1: none of them
    int exit_layer = -1;
    qint64 prompt_tokens = 0;
    bool probed = false;          ///< run through every exit
    bool repeated = false;        ///< the prediction before was used once more
    float error = kNotEvaluated;  ///< executed arm action against the deepest exit's, L2; NaN if that did not run
    /// Between the positions that they lead to, of the first step, in the layout's unit (DeeR: mm); NaN if it has none.
    float distance = kNotEvaluated;
    bool gripper_differs = false;  ///< from the deepest exit's command; false if that did not run

    bool evaluated() const { return depth > 0; }
  };

  /// The tally of a session, made when it is first asked for; the session owns it.
  static RunTally* of(Session* session);

  qint64 frames() const { return static_cast<qint64>(frames_.size()); }
  const Frame& at(qint64 frame) const { return frames_[static_cast<std::size_t>(frame)]; }

  qint64 evaluated() const { return evaluated_; }
  qint64 probed() const { return probed_; }  ///< of the evaluated
  double mean_depth() const;                 ///< layers; NaN without an evaluated frame
  double mean_error() const;                 ///< NaN unless it is known of every evaluated frame
  double mean_distance() const;              ///< of Frame::distance; NaN unless it is known of every evaluated frame
  qint64 gripper_differs() const;            ///< frames; -1 unless it is known of every evaluated frame
  QString distance_unit() const;             ///< "mm"; empty if positions have none
  /// Evaluated frames by exit.
  const std::vector<qint64>& by_exit() const { return by_exit_; }
  qint64 at_other_exits() const { return at_other_exits_; }  ///< evaluated, and at none of the model's exits
  /// Deltas of the probed frames, by exit and frame; NaN where there is none.
  const std::vector<std::vector<float>>& probed_deltas() const { return deltas_; }
  /// Everything that the session has is counted.
  bool settled() const { return !slices_->busy(); }

 Q_SIGNALS:
  void started_anew();                      ///< another model or episode: frames() may be another
  void grown();                             ///< live: frames() has grown
  void changed(qint64 first, qint64 last);  ///< at() of frames of this range

 private:
  explicit RunTally(Session* session);

  void start_anew(qint64 frames);
  void grow(qint64 frames);
  void set(qint64 frame, const FrameRecord* record);
  void count(const Frame& frame, int sign);
  void tell();

  Session* session_;
  std::vector<int> exit_layers_;
  std::vector<Frame> frames_;
  std::vector<std::vector<float>> deltas_;
  std::vector<qint64> by_exit_;
  qint64 at_other_exits_ = 0;
  qint64 evaluated_ = 0;
  qint64 probed_ = 0;
  qint64 depth_sum_ = 0;
  double error_sum_ = 0;
  qint64 error_count_ = 0;
  double distance_sum_ = 0;
  qint64 distance_count_ = 0;
  qint64 gripper_differs_ = 0;
  qint64 changed_first_ = 0;
  qint64 changed_last_ = -1;
  RecordSlices* slices_;
};

}  // namespace deer
