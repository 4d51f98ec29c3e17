// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <vector>

#include "widgets/base/frame_view.h"

class QBoxLayout;
class QComboBox;
class QLabel;
class QTimer;
class QToolButton;

namespace deer {

class SeriesPlot;
class Similarity;
class SimilarityMatrix;

/// Similarity between exits: the cosine of every two exits' pooled features in one frame, its mean or the linear CKA
/// over the loop or the whole episode, and each exit's similarity to the deepest one over time.
class SimilarityView : public FrameView {
  Q_OBJECT

 public:
  enum class Measure { frame, mean, cka };

  explicit SimilarityView(Session* session, QWidget* parent = nullptr);

  void set_measure(Measure measure);
  Measure measure() const;
  /// Without room for both: show the lines over time instead of the matrix.
  void set_over_time(bool over_time);
  QString title() const;  ///< what is shown, and over how many frames

  SimilarityMatrix* matrix() const { return matrix_; }
  SeriesPlot* plot() const { return plot_; }
  Similarity* similarity() const { return similarity_; }

 protected:
  void show_record(const FrameRecordPtr& record) override;
  void resizeEvent(QResizeEvent* event) override;
  void showEvent(QShowEvent* event) override;

 private:
  void start_anew();
  void take(qint64 first, qint64 last);
  void show_lines();
  void show_cka();
  void arrange();
  void range_changed();
  std::array<qint64, 2> range() const;  ///< of the loop, or of the episode
  QString range_text() const;

  Similarity* similarity_;
  QComboBox* measure_;
  QToolButton* over_time_;
  QLabel* title_;
  QLabel* readout_;
  QWidget* left_;
  QBoxLayout* both_;
  SimilarityMatrix* matrix_;
  SeriesPlot* plot_;
  QTimer* drawing_;          ///< collects updates while a model runs
  QTimer* aligning_;         ///< the same, before requesting the CKA again
  bool below_zero_ = false;  ///< a similarity to the deepest exit is negative
};

}  // namespace deer
