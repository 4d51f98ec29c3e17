// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/analysis/compare_view.h"

#include <QHeaderView>
#include <QLabel>
#include <QStackedLayout>
#include <QTableView>
#include <QTimer>
#include <QVBoxLayout>
#include <algorithm>
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
  totals_ = new TextTable({{tr("run"), tr("The current run, and the kept runs that are shown."), true},
                           {tr("layers"), tr("Mean depth of the frames that both runs have.")},
                           {tr("LLM"), tr("Mean operations of the language model in a frame.")},
                           {tr("apart"), tr("Mean distance between the positions of the executed actions of this run "
                                            "and of the current one.")},
                           {tr("action"), tr("Mean difference from the current run's executed actions: root mean "
                                             "square over the six arm values.")},
                           {tr("differ"), tr("Frames in which this run and the current one differ.")}},
                          this);
  frames_ = new TextTable({{tr("frame"), tr("Frames in which the two runs differ.")},
                           {tr("baseline"), tr("Exit taken in the baseline run."), true},
                           {tr("now"), tr("Exit taken in the current run."), true},
                           {tr("action"), tr("Difference between the executed actions: root mean square over the "
                                             "six arm values.")},
                           {tr("gripper"), tr("Whether both give the same gripper command."), true}},
                          this);
  totals_table_ = totals_->make_view(tr("Compared runs in numbers"));
  totals_table_->setMinimumHeight(72);
  show_columns_that_fit(totals_table_, {0, 1, 5, 2, 3, 4}, 2);
  frame_table_ = frames_->make_view(tr("Frames that differ"));
  frame_table_->setMinimumHeight(72);
  show_columns_that_fit(frame_table_, {0, 1, 2, 3, 4}, 3);

  using Ink = SeriesPlot::Ink;
  depths_->setAccessibleName(tr("Depth of the runs over time"));
  depths_->set_y_label(tr("depth, layers"));
  depths_->set_decimals(0);
  depths_->yAxis->setTicker(QSharedPointer<FrameTicker>::create());                         // whole layers
  for (auto* const plot : {depths_, differences_}) plot->yAxis->ticker()->setTickCount(3);  // they may be low
  set_lines();
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
  tables->addWidget(totals_table_, 2);
  tables->addWidget(frame_table_, 3);
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
  connect(comparison, &Comparison::started_anew, this, [this] {
    set_lines();
    draw();
  });
  connect(comparison, &Comparison::changed, this, soon);
  connect(comparison->kept(), &KeptRuns::reading_changed, this, soon);
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
  connect(totals_table_->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
          [this](const QModelIndex& now) {
            const auto* const run = now.row() > 0 && static_cast<std::size_t>(now.row()) <= comparison_->runs()
                                        ? comparison_->run(static_cast<std::size_t>(now.row()) - 1)
                                        : nullptr;
            if (run) comparison_->kept()->set_baseline(QString(run->id));
          });
  connect(empty_, &EmptyState::action_triggered, this, [this] { comparison_->kept()->keep(); });
  show_empty();
}

bool CompareView::is_empty() const { return stack_->currentIndex() == 0; }
QString CompareView::frame_text() const { return frame_->text(); }

void CompareView::show_empty() {
  const bool there = session_->evaluated_count() > 0;
  if (comparison_->kept()->reading_trace()) {
    empty_->set(EmptyState::Icon::chart, tr("Reading the trace…"));
    return stack_->setCurrentIndex(0);
  }
  empty_->set(EmptyState::Icon::chart,
              there ? tr("Keep this run, then change the policy or open another model, or compare with a trace of this "
                         "episode.")
                    : tr("Run the model, then keep the run to compare others with."),
              there ? tr("Keep this run") : QString());
  stack_->setCurrentIndex(0);
}

void CompareView::set_lines() {
  using Ink = SeriesPlot::Ink;
  std::vector<SeriesPlot::Line> lines{{.name = tr("now"), .ink = Ink::text, .width = 2, .steps = true}};
  for (std::size_t i = 0; i < comparison_->runs(); ++i) {
    const auto* const run = comparison_->run(i);
    const int color = run ? run->color % Theme::kRunColors : 0;
    lines.push_back({.name = run ? run->name : QString(),
                     .ink = Ink::run,
                     .exit = color,
                     .width = 2,
                     .style = color == 0 ? Qt::DashLine : Qt::SolidLine,  // the current run has the same ink
                     .steps = true});
  }
  const auto& before = depths_->lines();
  const bool same = std::ranges::equal(lines, before, [](const auto& one, const auto& other) {
    return one.name == other.name && one.exit == other.exit;
  });
  if (!same) depths_->set_lines(std::move(lines));
}

void CompareView::draw() {
  if (!isVisible()) return;  // showEvent() catches up
  if (!comparison_->has_kept()) return show_empty();
  stack_->setCurrentIndex(1);
  names_->setText(
      tr("baseline: %1\nnow: %2").arg(comparison_->name(Comparison::kKept), comparison_->name(Comparison::kNow)));
  set_lines();
  depths_->set_values(0, comparison_->depth(Comparison::kNow));
  for (std::size_t i = 0; i < comparison_->runs(); ++i) depths_->set_values(i + 1, comparison_->depth_of(i));
  differences_->set_values(0, comparison_->difference());
  depths_->refresh();
  differences_->refresh();
  show_totals();
  show_frames();
  show_frame();
}

void CompareView::show_totals() {
  using Ink = TextTable::Ink;
  const auto known = [](double value, const QString& unit) {
    return TextTable::Cell{std::isnan(value) ? QString() : format_quantity(value, unit)};
  };
  const auto flops = [&](double gflops) {
    return gflops < 0.1 ? known(1000 * gflops, tr("MFLOPs")) : known(gflops, tr("GFLOPs"));
  };
  const auto* const model = session_->model();
  QString unit;
  for (const auto& dimension : (model ? model->layout : ActionLayout::deer())->dimensions()) {
    if (dimension.kind == DimensionKind::position && unit.isEmpty()) unit = QString::fromStdString(dimension.unit);
  }
  std::vector<std::vector<TextTable::Cell>> rows;
  for (std::size_t i = 0; i < comparison_->runs(); ++i) {
    const auto* const run = comparison_->run(i);
    if (!run) continue;
    const auto totals = comparison_->totals(i);
    const bool baseline = i == comparison_->baseline();
    if (rows.empty()) {
      // Over the frames that it shares with the baseline.
      const auto shared = comparison_->totals();
      rows.push_back({{tr("now")},
                      {format_short(shared.mean_depth[Comparison::kNow])},
                      flops(shared.mean_llm_gflops[Comparison::kNow]),
                      {},
                      {},
                      {}});
    }
    rows.push_back({{baseline ? tr("%1 (baseline)").arg(run->name) : run->name, Ink::text, -1, 0, run->details(),
                     run->color % Theme::kRunColors},
                    {format_short(totals.mean_depth[Comparison::kKept])},
                    flops(totals.mean_llm_gflops[Comparison::kKept]),
                    known(totals.mean_distance, unit),
                    {format_short(totals.mean_difference)},
                    {tr("%1 of %2").arg(format_count(totals.differing), format_count(totals.frames))}});
  }
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
  if (is_empty() || !isVisible()) return;  // showEvent() catches up
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
