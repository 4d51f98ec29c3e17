// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/analysis/latency_view.h"

#include <QLabel>
#include <QTableView>
#include <QTimer>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>
#include <utility>

#include "sessions/analysis/latency.h"
#include "sessions/frames/playback.h"
#include "widgets/base/number_format.h"
#include "widgets/base/series_plot.h"
#include "widgets/base/text_table.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr int kDrawEveryMs = 120;
constexpr int kLegendBesideWidth = 620;
constexpr int kTallEnough = 220;                                                // for two stacked plots
constexpr std::array<double, Latency::kTotal> kShades{0.6, 0.35, 0.2, 1, 0.5};  // the LLM is the darkest

}  // namespace

LatencyView::LatencyView(Session* session, QWidget* parent)
    : FrameView(session, tr("the time of each frame"), parent),
      latency_(new Latency(session, this)),
      summary_(new QLabel),
      stages_(new SeriesPlot),
      memory_(new SeriesPlot),
      both_(new QBoxLayout(QBoxLayout::TopToBottom)),
      plots_(new QBoxLayout(QBoxLayout::TopToBottom)),
      drawing_(new QTimer(this)) {
  setAccessibleName(tr("Latency and memory"));
  setMinimumSize(240, 200);  // the layout adapts to the size
  summary_->setAccessibleName(tr("Summary"));
  summary_->setFont(Theme::number_font(Theme::instance().body_font()));
  summary_->setWordWrap(true);
  model_ = new TextTable({{tr("stage, ms"), {}, true},
                          {tr("median"), tr("Half of the frames took at most this long.")},
                          {tr("95 %"), tr("95 of 100 frames took at most this long.")},
                          {tr("99 %"), tr("99 of 100 frames took at most this long.")},
                          {tr("max"), tr("The slowest frame.")},
                          {tr("share"), tr("Share of the total time of all frames.")}},
                         this);
  table_ = model_->make_view(tr("Time by stage"));
  table_->setMinimumHeight(96);
  stages_->setAccessibleName(tr("Time of each frame by stage"));
  stages_->set_x_label(tr("frame"));
  stages_->set_y_label(tr("ms"));
  stages_->set_decimals(2);
  memory_->setAccessibleName(tr("Memory in use over time"));
  memory_->set_x_label(tr("time, s"));
  memory_->set_y_label(tr("memory, MB"));
  memory_->set_legend_visible(false);
  set_up_lines();

  auto* content = new QWidget;
  auto* column = new QVBoxLayout(content);
  column->setContentsMargins(spacing::kMedium, spacing::kSmall, spacing::kMedium, spacing::kSmall);
  column->setSpacing(spacing::kSmall);
  column->addWidget(summary_);
  plots_->setSpacing(spacing::kTiny);
  plots_->addWidget(stages_, 3);
  plots_->addWidget(memory_, 2);
  both_->setSpacing(spacing::kSmall);
  both_->addLayout(plots_, 3);
  both_->addWidget(table_, 2);
  column->addLayout(both_, 1);
  set_content(content);

  drawing_->setSingleShot(true);
  drawing_->setInterval(kDrawEveryMs);
  connect(drawing_, &QTimer::timeout, this, &LatencyView::draw);
  const auto soon = [this] {
    if (!drawing_->isActive()) drawing_->start();
  };
  const auto soon_all = [this, soon] {
    stale_ = true;
    soon();
  };
  connect(latency_, &Latency::started_anew, this, soon_all);
  connect(latency_, &Latency::values_changed, this, soon_all);
  connect(latency_, &Latency::memory_changed, this, soon);
  connect(latency_, &Latency::statistics_changed, this, &LatencyView::show_statistics);
  connect(stages_, &SeriesPlot::frame_chosen, this, [session](qint64 frame) { session->playback()->go_to(frame); });
  connect(stages_, &SeriesPlot::frame_hovered, session->selection(), &Selection::set_hovered_frame);
  const auto follow = [this] {
    stages_->set_frames(this->session()->current_frame(), this->session()->selection()->hovered_frame());
  };
  connect(session, &Session::current_frame_changed, stages_, follow);
  connect(session->selection(), &Selection::hovered_frame_changed, stages_, follow);
  show_statistics();
}

QString LatencyView::stage_name(int stage) {
  switch (stage) {
    case Latency::kPreprocess:
      return tr("preprocess");
    case Latency::kVision:
      return tr("vision");
    case Latency::kResampler:
      return tr("resampler");
    case Latency::kLlm:
      return tr("LLM");
    case Latency::kHead:
      return tr("head");
    default:
      return tr("total");
  }
}

QString LatencyView::stage_tip(int stage) {
  switch (stage) {
    case Latency::kPreprocess:
      return tr("Scaling and cropping the images.");
    case Latency::kVision:
      return tr("The image encoder, run once per camera.");
    case Latency::kResampler:
      return tr("The Perceiver that condenses each image.");
    case Latency::kLlm:
      return tr("The language model’s layers, which early exit reduces.");
    case Latency::kHead:
      return tr("The action head, run at each evaluated exit.");
    default:
      return {};
  }
}

QString LatencyView::summary() const { return summary_->text(); }

void LatencyView::set_up_lines() {
  using Ink = SeriesPlot::Ink;
  std::vector<SeriesPlot::Line> lines;
  for (int stage = 0; stage < Latency::kTotal; ++stage) {
    lines.push_back({.name = stage_name(stage),
                     .ink = Ink::shade,
                     .shade = kShades[static_cast<std::size_t>(stage)],
                     .filled = true,
                     .in_readout = false});
  }
  // The areas are stacked; the readout shows each separately.
  for (int stage = 0; stage < Latency::kTotal; ++stage) {
    lines.push_back({.name = stage_name(stage), .hidden = true, .in_legend = false});
  }
  stages_->set_lines(std::move(lines));
  memory_->set_lines({{.name = tr("memory"), .ink = Ink::text, .in_legend = false}});
}

void LatencyView::draw() {
  if (!isVisible()) return;  // show_record() catches up
  memory_->set_points(0, latency_->memory_seconds(), latency_->memory_megabytes());
  memory_->refresh();
  if (!std::exchange(stale_, false)) return;
  std::vector<float> sum(latency_->values(Latency::kTotal).size(), 0);
  for (int stage = 0; stage < Latency::kTotal; ++stage) {
    const auto& values = latency_->values(static_cast<Latency::Stage>(stage));
    for (std::size_t i = 0; i < sum.size() && i < values.size(); ++i) sum[i] += values[i];
    stages_->set_values(static_cast<std::size_t>(stage), sum);
    stages_->set_values(static_cast<std::size_t>(Latency::kTotal + stage), values);
  }
  stages_->refresh();
  stages_->set_frames(session()->current_frame(), session()->selection()->hovered_frame());
}

void LatencyView::show_statistics() {
  const auto& statistics = latency_->statistics();
  std::vector<std::vector<TextTable::Cell>> rows;
  for (int stage = 0; stage < Latency::kStages; ++stage) {
    const auto& one = statistics[static_cast<std::size_t>(stage)];
    const auto ms = [&](double value) {
      return TextTable::Cell{one.frames > 0 ? format_fixed(value, 2) : QString(QChar(0x2013))};
    };
    rows.push_back({{.text = stage_name(stage), .tip = stage_tip(stage)},
                    ms(one.p50_ms),
                    ms(one.p95_ms),
                    ms(one.p99_ms),
                    ms(one.most_ms),
                    {one.frames > 0 ? tr("%1 %").arg(format_fixed(100 * one.share, 1)) : QString(QChar(0x2013))}});
  }
  model_->set_rows(std::move(rows));
  arrange();
  const auto& total = statistics[Latency::kTotal];
  if (total.frames == 0) {
    summary_->setText(tr("No times measured: replayed frames ran only the action head."));
    return;
  }
  const auto unit = QString(QChar(0x00a0)) + tr("ms");
  summary_->setText(tr("%1 frames · median %2 · 95 % under %3 · LLM %4 % of the time")
                        .arg(format_count(total.frames), format_fixed(total.p50_ms, 1) + unit,
                             format_fixed(total.p95_ms, 1) + unit,
                             format_fixed(100 * statistics[Latency::kLlm].share, 0)));
}

void LatencyView::show_record(const FrameRecordPtr&) {
  if (stale_ && !drawing_->isActive()) drawing_->start();
}

void LatencyView::resizeEvent(QResizeEvent* event) {
  FrameView::resizeEvent(event);
  arrange();
}

void LatencyView::arrange() {
  const bool wide = width() >= kLegendBesideWidth;
  both_->setDirection(wide ? QBoxLayout::LeftToRight : QBoxLayout::TopToBottom);
  plots_->setDirection(wide && height() < kTallEnough ? QBoxLayout::LeftToRight : QBoxLayout::TopToBottom);
  // Next to the plots the table is only as wide as its numbers need.
  int columns = spacing::kTiny;
  for (int column = 0; column < model_->columnCount(); ++column) {
    columns += std::max(table_->horizontalHeader()->sectionSizeHint(column),
                        static_cast<QAbstractItemView*>(table_)->sizeHintForColumn(column));
  }
  table_->setMinimumWidth(wide ? std::min(columns, width() * 3 / 5) : 0);
  table_->setMaximumWidth(wide ? columns : QWIDGETSIZE_MAX);
  both_->setStretch(1, wide ? 0 : 2);
}

}  // namespace deer
