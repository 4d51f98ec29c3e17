// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <vector>

#include "widgets/frame_view.h"

class QCheckBox;
class QLabel;
class QTimer;

namespace deer {

class SimilarityMatrix;

/// Cosine similarity of the pooled features of every two exits, for one frame or averaged over the
/// evaluated frames.
class SimilarityView : public FrameView {
  Q_OBJECT

 public:
  explicit SimilarityView(Session* session, QWidget* parent = nullptr);

  void set_episode_mean(bool mean);
  bool episode_mean() const;
  SimilarityMatrix* matrix() const { return matrix_; }

  /// Row-major [n, n] for n exits of the record, NaN where a feature is missing.
  static std::vector<double> similarities(const FrameRecord& record);

 protected:
  void show_record(const FrameRecordPtr& record) override;

 private:
  void forget_mean();
  void count_later(qint64 first, qint64 last);
  void extend_mean();
  void count_frame(qint64 frame);

  QLabel* title_;
  QLabel* readout_;
  QCheckBox* mean_;
  SimilarityMatrix* matrix_;

  // Running mean over frames already counted; features do not depend on the policy.
  std::vector<double> sum_;
  std::vector<qint64> count_;
  std::vector<bool> counted_;
  qint64 counted_frames_ = 0;
  qint64 next_ = 0;  // frames before it are counted or have no record
  QTimer* slice_;
};

}  // namespace deer
