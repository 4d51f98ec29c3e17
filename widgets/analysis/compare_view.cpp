// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/analysis/compare_view.h"

#include <QHeaderView>
#include <QLabel>
#include <QStackedLayout>
#include <QTableView>
#include <QTimer>
#include <QVBoxLayout>
#include <cmath>

#include "sessions/frames/playback.h"
#include "widgets/base/empty_state.h"
#include "widgets/base/frame_ticker.h"
#include "widgets/base/number_format.h"
#include "widgets/base/series_plot.h"
#include "widgets/base/table_style.h"
#include "widgets/base/text_table.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr int kDrawEveryMs = 120;
constexpr int kTwoChartsWidth = 620;

}  // namespace

CompareView::CompareView(Session* session, Comparison* comparison, QWidget* parent)
    : QWidget(parent),
      session_(session),
      comparison_(comparison),
      stack_(new QStackedLayout(this)),
      empty_(new EmptyState(this)),
      names_(new QLabel),
      frame_(new QLabel),
      depths_(new SeriesPlot),
      differences_(new SeriesPlot),
      both_(new QBoxLayout(QBoxLayout::TopToBottom)),
      drawing_(new QTimer(this)) {
  setAccessibleName(tr("Compare"));
  setMinimumSize(240, 200);  // the layout adapts to the size
  names_->setAccessibleName(tr("Compared runs"));
  frame_->setAccessibleName(tr("Both runs at this frame"));
  for (auto* const label : {names_, frame_}) {
    label->setWordWrap(true);
    label->setTextFormat(Qt::PlainText);
    label->setFont(Theme::number_font(Theme::instance().body_font()));
  }
  totals_ = new TextTable({{tr("per frame"), {}, true},
                           {tr("baseline"), tr("The baseline run.")},
                           {tr("now"), tr("The current run.")},
                           {tr("difference"), tr("Current run minus baseline.")}},
                          this);
  frames_ = new TextTable({{tr("frame"), tr("Frames in which the two runs differ.")},
                           {tr("baseline"), tr("Exit taken in the baseline run."), true},
                           {tr("now"), tr("Exit taken in the current run."), true},
                           {tr("action"), tr("Difference between the executed actions: root mean square over the "
                                             "six arm values.")},
                           {tr("gripper"), tr("Whether both give the same gripper command."), true}},
                          this);
  auto* const totals_table = totals_->make_view(tr("Costs of both runs"));
  totals_table->setMaximumHeight(130);
  frame_table_ = frames_->make_view(tr("Frames that differ"));
  frame_table_->setMinimumHeight(72);
  show_columns_that_fit(frame_table_, {0, 1, 2, 3, 4}, 4);

  using Ink = SeriesPlot::Ink;
  depths_->setAccessibleName(tr("Depth of both runs over time"));
  depths_->set_y_label(tr("depth, layers"));
  depths_->set_decimals(0);
  depths_->yAxis->setTicker(QSharedPointer<FrameTicker>::create());                         // whole layers
  for (auto* const plot : {depths_, differences_}) plot->yAxis->ticker()->setTickCount(3);  // they may be low
  depths_->set_lines({{.name = tr("baseline"), .ink = Ink::text, .width = 2, .style = Qt::DashLine, .steps = true},
                      {.name = tr("now"), .ink = Ink::text, .width = 2, .steps = true}});
  differences_->setAccessibleName(tr("Action difference over time"));
  differences_->set_y_label(tr("action difference"));
  differences_->set_x_label(tr("frame"));
  differences_->set_lines({{.name = tr("action difference"), .ink = Ink::text, .in_legend = false}});

  auto* content = new QWidget;
  auto* column = new QVBoxLayout(content);
  column->setContentsMargins(spacing::kMedium, spacing::kSmall, spacing::kMedium, spacing::kSmall);
  column->setSpacing(spacing::kSmall);
  column->addWidget(names_);
  auto* plots = new QVBoxLayout;
  plots->setSpacing(0);
  plots->addWidget(depths_, 3);
  plots->addWidget(differences_, 2);
  plots->addWidget(frame_);
  auto* tables = new QVBoxLayout;
  tables->setSpacing(spacing::kSmall);
  tables->addWidget(totals_table, 1);
  tables->addWidget(frame_table_, 1);
  both_->setSpacing(spacing::kSmall);
  both_->addLayout(plots, 4);
  both_->addLayout(tables, 3);
  column->addLayout(both_, 1);
  stack_->addWidget(empty_);
  stack_->addWidget(content);

  drawing_->setSingleShot(true);
  drawing_->setInterval(kDrawEveryMs);
  connect(drawing_, &QTimer::timeout, this, &CompareView::draw);
  const auto soon = [this] {
    if (!drawing_->isActive()) drawing_->start();
  };
  connect(comparison, &Comparison::started_anew, this, &CompareView::draw);
  connect(comparison, &Comparison::changed, this, soon);
  connect(comparison, &Comparison::reading_changed, this, soon);
  connect(session, &Session::activity_changed, this, soon);
  connect(session, &Session::current_frame_changed, this, &CompareView::show_frame);
  connect(session->selection(), &Selection::hovered_frame_changed, this, &CompareView::show_frame);
  for (auto* const plot : {depths_, differences_}) {
    connect(plot, &SeriesPlot::frame_chosen, this, [session](qint64 frame) { session->playback()->go_to(frame); });
    connect(plot, &SeriesPlot::frame_hovered, session->selection(), &Selection::set_hovered_frame);
  }
  // Both plots show the same range of frames.
  const auto link = [this](SeriesPlot* from, SeriesPlot* to) {
    connect(from->xAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), this, [to](const QCPRange& range) {
      if (to->xAxis->range() == range) return;
      to->xAxis->setRange(range);
      to->replot(QCustomPlot::rpQueuedReplot);
    });
  };
  link(depths_, differences_);
  link(differences_, depths_);
  connect(frame_table_->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
          [this](const QModelIndex& now) {
            const auto row = static_cast<std::size_t>(now.row());
            if (now.isValid() && row < listed_.size()) session_->playback()->go_to(listed_[row]);
          });
  connect(empty_, &EmptyState::action_triggered, this, [this] { comparison_->keep(); });
  show_empty();
}

bool CompareView::is_empty() const { return stack_->currentIndex() == 0; }
QString CompareView::frame_text() const { return frame_->text(); }

void CompareView::show_empty() {
  const bool there = session_->evaluated_count() > 0;
  if (comparison_->reading_trace()) {
    empty_->set(EmptyState::Icon::chart, tr("Reading the trace…"));
    return stack_->setCurrentIndex(0);
  }
  empty_->set(EmptyState::Icon::chart,
              there ? tr("Use this run as the baseline, then change the policy or open another model, or compare with "
                         "a trace of this "
                         "episode.")
                    : tr("Run the model, then use the run as a baseline to compare others with."),
              there ? tr("Use this run as baseline") : QString());
  stack_->setCurrentIndex(0);
}

void CompareView::draw() {
  if (!isVisible()) return;  // showEvent() catches up
  if (!comparison_->has_kept()) return show_empty();
  stack_->setCurrentIndex(1);
  names_->setText(
      tr("baseline: %1\nnow: %2").arg(comparison_->name(Comparison::kKept), comparison_->name(Comparison::kNow)));
  depths_->set_values(0, comparison_->depth(Comparison::kKept));
  depths_->set_values(1, comparison_->depth(Comparison::kNow));
  differences_->set_values(0, comparison_->difference());
  depths_->refresh();
  differences_->refresh();
  show_totals();
  show_frames();
  show_frame();
}

void CompareView::show_totals() {
  const auto totals = comparison_->totals();
  std::vector<std::vector<TextTable::Cell>> rows;
  const auto row = [&](const QString& name, const std::array<double, 2>& values) {
    rows.push_back(
        {{name}, {format_short(values[0])}, {format_short(values[1])}, {format_short(values[1] - values[0])}});
  };
  row(tr("depth, layers"), totals.mean_depth);
  const bool small = std::max(totals.mean_llm_gflops[0], totals.mean_llm_gflops[1]) < 0.1;
  auto flops = totals.mean_llm_gflops;
  for (auto& value : flops) value *= small ? 1000 : 1;
  row(small ? tr("LLM, MFLOPs") : tr("LLM, GFLOPs"), flops);
  if (!std::isnan(totals.mean_distance)) {
    rows.push_back({{tr("position, mm")}, {}, {}, {format_short(totals.mean_distance)}});
  }
  rows.push_back({{tr("action difference")}, {}, {}, {format_short(totals.mean_difference)}});
  rows.push_back({{tr("frames that differ")},
                  {},
                  {},
                  {tr("%1 of %2").arg(format_count(totals.differing), format_count(totals.frames))}});
  totals_->set_rows(std::move(rows));
}

void CompareView::show_frames() {
  listed_ = comparison_->differing(kMostListed);
  std::vector<std::vector<TextTable::Cell>> rows;
  for (const qint64 frame : listed_) {
    const auto kept = comparison_->record(Comparison::kKept, frame), now = comparison_->record(Comparison::kNow, frame);
    if (!kept || !now) continue;
    const auto exits = session_->model() ? static_cast<int>(session_->model()->exit_layers.size()) : 0;
    const auto exit = [&](const FrameRecord& record) {
      return TextTable::Cell{
          tr("%1, depth %2").arg(exit_name(record.exit_index, record.exit_layer)).arg(record.depth()),
          TextTable::Ink::text, record.exit_index, exits};
    };
    const bool same = !kept->turns_gripper(*now);
    rows.push_back({{format_count(frame)},
                    exit(*kept),
                    exit(*now),
                    {format_number(static_cast<double>(comparison_->difference()[static_cast<std::size_t>(frame)]))},
                    {same ? tr("same") : tr("differs"), same ? TextTable::Ink::muted : TextTable::Ink::warning}});
  }
  frames_->set_rows(std::move(rows));
}

void CompareView::show_frame() {
  if (is_empty()) return;
  const qint64 hovered = session_->selection()->hovered_frame();
  const qint64 frame = hovered >= 0 ? hovered : session_->current_frame();
  depths_->set_frames(session_->current_frame(), hovered);
  differences_->set_frames(session_->current_frame(), hovered);
  const auto kept = comparison_->record(Comparison::kKept, frame), now = comparison_->record(Comparison::kNow, frame);
  const auto side = [](const FrameRecordPtr& record) {
    return record ? tr("%1, depth %2").arg(exit_name(record->exit_index, record->exit_layer)).arg(record->depth())
                  : tr("not evaluated");
  };
  auto text = tr("frame %1: baseline %2 · now %3").arg(format_count(frame), side(kept), side(now));
  if (kept && now && frame < comparison_->frames()) {
    text += tr(" · action differs by %1")
                .arg(format_number(static_cast<double>(comparison_->difference()[static_cast<std::size_t>(frame)])));
  }
  frame_->setText(text);
}

void CompareView::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  both_->setDirection(width() >= kTwoChartsWidth ? QBoxLayout::LeftToRight : QBoxLayout::TopToBottom);
}

void CompareView::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  drawing_->start();
}

}  // namespace deer
