// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/similarity_view.h"

#include <QCheckBox>
#include <QElapsedTimer>
#include <QLabel>
#include <QTimer>
#include <QVBoxLayout>
#include <cmath>
#include <limits>

#include "widgets/number_format.h"
#include "widgets/similarity_matrix.h"
#include "widgets/theme.h"

namespace deer {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
constexpr qint64 kSliceMs = 6;

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.empty() || a.size() != b.size()) return kMissing;
  double dot = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    dot += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  const double norm = std::sqrt(aa) * std::sqrt(bb);
  return norm > 0 ? dot / norm : kMissing;
}

}  // namespace

SimilarityView::SimilarityView(Session* session, QWidget* parent)
    : FrameView(session, tr("how alike the exits’ features are"), parent),
      title_(new QLabel),
      readout_(new QLabel),
      mean_(new QCheckBox(tr("Mean of the episode"))),
      matrix_(new SimilarityMatrix),
      slice_(new QTimer(this)) {
  setAccessibleName(tr("Similarity of features"));
  title_->setAccessibleName(tr("What is shown"));
  readout_->setAccessibleName(tr("Value under the pointer"));
  mean_->setAccessibleName(mean_->text());
  for (QLabel* label : {title_, readout_}) label->setFont(Theme::number_font(Theme::instance().body_font()));
  title_->setWordWrap(true);
  readout_->setWordWrap(true);

  auto* content = new QWidget;
  auto* column = new QVBoxLayout(content);
  column->setContentsMargins(spacing::kMedium, spacing::kSmall, spacing::kMedium, spacing::kSmall);
  column->setSpacing(spacing::kSmall);
  column->addWidget(title_);
  column->addWidget(matrix_, 1);
  column->addWidget(readout_);
  column->addWidget(mean_);
  set_content(content);

  slice_->setInterval(0);
  connect(slice_, &QTimer::timeout, this, &SimilarityView::extend_mean);
  connect(mean_, &QCheckBox::toggled, this, [this] {
    refresh_later();
    slice_->start();
  });
  connect(matrix_, &SimilarityMatrix::hovered, this, [this](const QString& text) {
    readout_->setText(text.isEmpty() ? tr("Cosine similarity of pooled features") : text);
  });
  readout_->setText(tr("Cosine similarity of pooled features"));
  connect(session, &Session::model_changed, this, &SimilarityView::forget_mean);
  connect(session, &Session::episode_changed, this, &SimilarityView::forget_mean);
  connect(session, &Session::frames_added, this,
          [this](qint64, qint64 last) { counted_.resize(static_cast<std::size_t>(last + 1), false); });
  connect(session, &Session::records_changed, this, &SimilarityView::count_later);
  forget_mean();
}

void SimilarityView::set_episode_mean(bool mean) { mean_->setChecked(mean); }
bool SimilarityView::episode_mean() const { return mean_->isChecked(); }

std::vector<double> SimilarityView::similarities(const FrameRecord& record) {
  const std::size_t n = record.exits.size();
  std::vector<double> result(n * n, kMissing);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = i; j < n; ++j) {
      result[i * n + j] = result[j * n + i] = cosine(record.exits[i].feature, record.exits[j].feature);
    }
  }
  return result;
}

void SimilarityView::forget_mean() {
  const std::size_t n = session()->model() ? session()->model()->exit_layers.size() : 0;
  sum_.assign(n * n, 0);
  count_.assign(n * n, 0);
  counted_.assign(static_cast<std::size_t>(std::max<qint64>(0, session()->frame_count())), false);
  counted_frames_ = 0;
  next_ = 0;
  slice_->start();
}

void SimilarityView::count_later(qint64 first, qint64) {
  next_ = std::min(next_, std::max<qint64>(first, 0));
  slice_->start();
}

void SimilarityView::extend_mean() {
  if (!mean_->isChecked() || sum_.empty()) return slice_->stop();
  QElapsedTimer clock;
  clock.start();
  const auto frames = static_cast<qint64>(counted_.size());
  while (next_ < frames && clock.elapsed() < kSliceMs) count_frame(next_++);
  if (next_ >= frames) slice_->stop();
  refresh_later();
}

void SimilarityView::count_frame(qint64 frame) {
  const auto place = static_cast<std::size_t>(frame);
  if (counted_[place]) return;
  const FrameRecordPtr record = session()->record(frame);
  if (!record || record->exits.empty() || record->exits.front().feature.empty()) return;
  counted_[place] = true;
  ++counted_frames_;
  const std::vector<int>& layers = session()->model()->exit_layers;
  const std::size_t n = layers.size();
  for (std::size_t i = 0; i < n; ++i) {
    const ExitProbe* a = record->probe_at(layers[i]);
    for (std::size_t j = i; a && j < n; ++j) {
      const ExitProbe* b = record->probe_at(layers[j]);
      const double similarity = b ? cosine(a->feature, b->feature) : kMissing;
      if (std::isnan(similarity)) continue;
      for (const std::size_t at : {i * n + j, j * n + i}) {
        sum_[at] += similarity;
        ++count_[at];
        if (i == j) break;
      }
    }
  }
}

void SimilarityView::show_record(const FrameRecordPtr& record) {
  const ModelSummary* model = session()->model();
  if (!model) return;
  const std::vector<int>& layers = model->exit_layers;
  const std::size_t n = layers.size();
  std::vector<double> values(n * n, kMissing);
  if (mean_->isChecked()) {
    for (std::size_t i = 0; i < values.size() && i < sum_.size(); ++i) {
      if (count_[i] > 0) values[i] = sum_[i] / static_cast<double>(count_[i]);
    }
    title_->setText(tr("mean of %1 frames").arg(format_count(counted_frames_)));
    return matrix_->set_values(std::move(values), static_cast<int>(n), -1);
  }
  // The record may hold only some of the exits: put each into its place.
  const std::vector<double> seen = similarities(*record);
  const std::size_t m = record->exits.size();
  const auto place_of = [&layers](int layer) {
    return std::find(layers.begin(), layers.end(), layer) - layers.begin();
  };
  for (std::size_t i = 0; i < m; ++i) {
    const auto row = static_cast<std::size_t>(place_of(record->exits[i].layer));
    for (std::size_t j = 0; row < n && j < m; ++j) {
      const auto column = static_cast<std::size_t>(place_of(record->exits[j].layer));
      if (column < n) values[row * n + column] = seen[i * m + j];
    }
  }
  title_->setText(tr("frame %1").arg(format_count(record->frame)));
  matrix_->set_values(std::move(values), static_cast<int>(n), record->exit_index);
}

}  // namespace deer
