// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/dataset/dataset_view.h"

#include <QCheckBox>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QProgressBar>
#include <QPushButton>
#include <QSplitter>
#include <QStackedLayout>
#include <QTableView>
#include <QVBoxLayout>
#include <algorithm>

#include "sessions/frames/playback.h"
#include "sessions/study/dataset_study.h"
#include "widgets/base/empty_state.h"
#include "widgets/base/number_format.h"
#include "widgets/base/table_style.h"
#include "widgets/base/theme.h"
#include "widgets/dataset/dataset_model.h"
#include "widgets/dataset/share_delegate.h"
#include "widgets/debug/expression_edit.h"
#include "widgets/exits/exit_histogram.h"

namespace deer {
namespace {

constexpr int kRefreshMs = 100;
constexpr int kPolicyMs = 600;

void make_rows_low(QTableView* table) {
  table->verticalHeader()->hide();
  // Fixed, so that ten thousand rows need not be measured.
  table->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
  table->verticalHeader()->setDefaultSectionSize(table->fontMetrics().height() + spacing::kSmall);
  table->horizontalHeader()->setHighlightSections(false);
  table->setSelectionBehavior(QAbstractItemView::SelectRows);
  table->setWordWrap(false);
}

}  // namespace

DatasetView::DatasetView(Session* session, DatasetStudy* study, Debugger* debugger, QWidget* parent)
    : QWidget(parent),
      session_(session),
      study_(study),
      model_(new DatasetModel(study, this)),
      match_model_(new DatasetMatchModel(study, this)),
      table_(new QTableView),
      match_table_(new QTableView),
      filter_(new ExpressionEdit(debugger, tr("Filter frames"), tr("depth >= 10 and gripper_flip"),
                                 {{tr("Gripper changes at depth"), QStringLiteral("depth >= 10 and gripper_flip")},
                                  {tr("Far from the deepest exit"), QStringLiteral("regret > 0.1")},
                                  {tr("Close decisions"), QStringLiteral("closest < 5%")}})),
      histogram_(new ExitHistogram),
      run_(new QPushButton),
      progress_(new QProgressBar),
      group_(new QCheckBox(tr("Group by task"))),
      flips_(new QCheckBox(tr("Count flips"))),
      summary_(new QLabel),
      match_label_(new QLabel),
      matches_(new QWidget),
      empty_(new EmptyState) {
  setAccessibleName(tr("Dataset"));
  build_table();
  auto* const content = new QWidget;
  auto* const column = new QVBoxLayout(content);
  column->setContentsMargins(spacing::kMedium, spacing::kSmall, spacing::kMedium, spacing::kSmall);
  column->setSpacing(spacing::kSmall);
  column->addWidget(build_bar());
  auto* const split = new QSplitter(Qt::Horizontal);
  split->setChildrenCollapsible(false);
  split->addWidget(table_);
  split->addWidget(build_side());
  split->setStretchFactor(0, 3);
  split->setStretchFactor(1, 1);
  split->setSizes({750, 280});
  column->addWidget(split, 1);
  column->addWidget(summary_);
  stack_ = new QStackedLayout(this);
  stack_->addWidget(empty_);
  stack_->addWidget(content);
  empty_->set(EmptyState::Icon::list, tr("Open a dataset or a trace to see all its episodes."), tr("Open dataset…"));
  connect(empty_, &EmptyState::action_triggered, this, &DatasetView::open_dataset_requested);

  refresh_.setSingleShot(true);
  refresh_.setInterval(kRefreshMs);
  connect(&refresh_, &QTimer::timeout, this, &DatasetView::refresh_rows);
  policy_.setSingleShot(true);
  policy_.setInterval(kPolicyMs);
  connect(&policy_, &QTimer::timeout, this, &DatasetView::follow_policy);
  connect(study, &DatasetStudy::rows_changed, &refresh_, qOverload<>(&QTimer::start));
  connect(study, &DatasetStudy::rows_replaced, this, &DatasetView::refresh_rows);
  connect(study, &DatasetStudy::state_changed, this, &DatasetView::refresh_state);
  connect(session, &Session::model_changed, this, &DatasetView::refresh_state);
  connect(session, &Session::policy_changed, &policy_, qOverload<>(&QTimer::start));
  connect(session, &Session::episode_changed, this, &DatasetView::arrive);
  connect(session, &Session::activity_changed, this, [this] {
    if (!session_->collection()) stack_->setCurrentIndex(0);
  });
  connect(&Theme::instance(), &Theme::changed, table_->viewport(), qOverload<>(&QWidget::update));
  refresh_rows();
  refresh_state();
}

void DatasetView::build_table() {
  table_->setAccessibleName(tr("Episodes of the dataset"));
  table_->setModel(model_);
  style_table(table_);
  make_rows_low(table_);
  table_->setItemDelegateForColumn(DatasetModel::kExits, new ShareDelegate(model_, this));
  auto* const header = table_->horizontalHeader();
  header->setSectionsClickable(true);
  header->setSortIndicatorShown(true);
  header->setSortIndicator(-1, Qt::AscendingOrder);
  header->setSectionResizeMode(QHeaderView::Interactive);
  const int letter = table_->fontMetrics().averageCharWidth();
  for (int i = 0; i < DatasetModel::kColumnCount; ++i) {
    const bool wide = i == DatasetModel::kDepth || i == DatasetModel::kDistance;
    column_widths_.push_back(i == DatasetModel::kExits ? 130
                                                       : letter * (i == DatasetModel::kTask ? 20
                                                                   : wide                   ? 15
                                                                                            : 12));
    table_->setColumnWidth(i, column_widths_.back());
  }
  table_->viewport()->installEventFilter(this);
  header->setSectionResizeMode(DatasetModel::kInstruction, QHeaderView::Stretch);
  // Figures are wanted from the largest, words from A.
  connect(header, &QHeaderView::sectionClicked, this, [this, header](int section) {
    static constexpr auto kWords = {int{DatasetModel::kTask}, int{DatasetModel::kInstruction}};
    const bool words = std::find(kWords.begin(), kWords.end(), section) != kWords.end();
    const auto first = words ? Qt::AscendingOrder : Qt::DescendingOrder;
    const auto other = words ? Qt::DescendingOrder : Qt::AscendingOrder;
    sort_order_ = sorted_by_ == section && sort_order_ == first ? other : first;
    sorted_by_ = section;
    header->setSortIndicator(section, sort_order_);
    model_->sort(section, sort_order_);
  });
  connect(table_, &QTableView::clicked, this, [this](const QModelIndex& index) { open_row(index.row()); });
  connect(table_, &QTableView::activated, this, [this](const QModelIndex& index) { open_row(index.row()); });
}

QWidget* DatasetView::build_bar() {
  auto* const bar = new QWidget;
  auto* const row = new QHBoxLayout(bar);
  row->setContentsMargins(0, 0, 0, 0);
  row->setSpacing(spacing::kMedium);
  run_->setAccessibleName(tr("Run all episodes"));
  progress_->setAccessibleName(tr("Progress over the dataset"));
  progress_->setTextVisible(false);
  progress_->setRange(0, 1000);
  progress_->setMinimumWidth(40);
  progress_->setMaximumWidth(160);
  progress_->setMaximumHeight(spacing::kMedium);
  auto policy = progress_->sizePolicy();
  policy.setRetainSizeWhenHidden(true);
  progress_->setSizePolicy(policy);
  flips_->setToolTip(tr("Count the frames that exit elsewhere under the active policy than in the trace."));
  auto* const save = new QPushButton(tr("Export CSV…"));
  save->setAccessibleName(tr("Export the table as CSV"));
  row->addWidget(run_);
  row->addWidget(progress_);
  row->addWidget(group_);
  row->addWidget(flips_);
  row->addWidget(filter_, 1);
  row->addWidget(save);
  row->setAlignment(filter_, Qt::AlignVCenter);
  filter_->keep_entered(tr("Filter"));
  connect(filter_, &ExpressionEdit::entered, this, &DatasetView::set_where);
  connect(filter_, &ExpressionEdit::cleared, this, [this] { set_where({}); });
  connect(run_, &QPushButton::clicked, this, &DatasetView::click_run);
  connect(save, &QPushButton::clicked, this, &DatasetView::csv_requested);
  connect(group_, &QCheckBox::toggled, this, [this](bool on) {
    model_->set_grouped(on);
    update_columns();
  });
  connect(flips_, &QCheckBox::toggled, this, &DatasetView::follow_policy);
  return bar;
}

QWidget* DatasetView::build_side() {
  auto* const side = new QWidget;
  auto* const column = new QVBoxLayout(side);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(spacing::kSmall);
  histogram_->set_clickable(true);
  histogram_->setAccessibleName(tr("Frames of the dataset by exit"));
  connect(histogram_, &ExitHistogram::clicked, this,
          [this](int exit) { filter_->enter_text(QStringLiteral("exit == %1").arg(exit + 1)); });
  column->addWidget(histogram_);
  auto* const list = new QVBoxLayout(matches_);
  list->setContentsMargins(0, 0, 0, 0);
  list->setSpacing(spacing::kTiny);
  match_label_->setWordWrap(true);
  match_label_->setTextFormat(Qt::PlainText);
  list->addWidget(match_label_);
  list->addWidget(match_table_, 1);
  column->addWidget(matches_, 1);
  match_table_->setAccessibleName(tr("Frames that match the filter"));
  match_table_->setModel(match_model_);
  style_table(match_table_);
  make_rows_low(match_table_);
  match_table_->horizontalHeader()->setStretchLastSection(true);
  const int letter = match_table_->fontMetrics().averageCharWidth();
  for (int i = 0; i < 3; ++i) match_table_->setColumnWidth(i, 10 * letter);
  const auto open = [this](const QModelIndex& index) {
    const auto& match = match_model_->match(index.row());
    go_to(match.episode, match.frame);
  };
  connect(match_table_, &QTableView::clicked, this, open);
  connect(match_table_, &QTableView::activated, this, open);
  column->addStretch(0);
  return side;
}

void DatasetView::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  study_->set_wanted(true);
}

void DatasetView::hideEvent(QHideEvent* event) {
  QWidget::hideEvent(event);
  // Minimizing the window hides nothing.
  if (!event->spontaneous()) study_->set_wanted(false);
}

void DatasetView::refresh_rows() {
  refresh_.stop();
  stack_->setCurrentIndex(session_->collection() ? 1 : 0);
  const auto selected = table_->selectionModel()->currentIndex();
  const auto episode = selected.isValid() ? std::optional(model_->row(selected.row()).episode) : std::nullopt;
  const bool focused = table_->selectionModel()->hasSelection();
  model_->refresh();
  match_model_->refresh();
  if (episode && focused) {
    if (const int row = model_->row_of(*episode); row >= 0) table_->selectRow(row);
  }
  histogram_->set_counts(study_->by_exit(), true);
  update_columns();
  summary_->setText(summary());
  const bool filtered = !study_->where().isEmpty();
  matches_->setVisible(filtered);
  if (!filtered) return;
  if (!study_->where_error().isEmpty()) {
    match_label_->setText(study_->where_error());
  } else if (study_->trace().empty() || study_->frames_run() == 0) {
    match_label_->setText(study_->studying() ? tr("Reading the trace…")
                                             : tr("Run all episodes to search their frames."));
  } else if (study_->match_count() > static_cast<qint64>(study_->matches().size())) {
    match_label_->setText(
        tr("%1 frames match, the first %2 are listed.")
            .arg(format_count(study_->match_count()), format_count(static_cast<qint64>(study_->matches().size()))));
  } else {
    match_label_->setText(study_->match_count() == 1 ? tr("1 frame matches.")
                                                     : tr("%1 frames match.").arg(format_count(study_->match_count())));
  }
}

QString DatasetView::summary() const {
  qint64 run = 0, frames = 0;
  double depth = 0;
  for (const auto& row : study_->rows()) {
    if (!row.was_run) continue;
    ++run;
    frames += row.frames;
    depth += row.mean_depth * static_cast<double>(row.frames);
  }
  const auto all = static_cast<qint64>(study_->rows().size());
  auto out = tr("%1 of %2 episodes run").arg(format_count(run), format_count(all));
  if (frames > 0) {
    out += tr(", %1 frames, %2 layers on average")
               .arg(format_count(frames), format_fixed(depth / static_cast<double>(frames), 2));
  }
  if (study_->has_baseline() && !study_->baseline_exact()) out += tr(". Flips are replayed from recorded actions");
  return out + u'.';
}

void DatasetView::update_columns() {
  const auto& rows = study_->rows();
  const auto any = [&](auto has) { return std::any_of(rows.begin(), rows.end(), has); };
  const auto has = [&](int column) {
    switch (column) {
      case DatasetModel::kTask:
        return model_->grouped() || any([](const DatasetRow& row) { return !row.task.isEmpty(); });
      case DatasetModel::kFlips:
        return study_->has_baseline();
      case DatasetModel::kMatches:
        return !study_->where().isEmpty();
      default:
        return true;
    }
  };
  // The most important columns that fit beside a readable instruction. What was asked for is always there.
  constexpr int kInstructionLetters = 24;
  const int room = table_->viewport()->width();
  int used = kInstructionLetters * table_->fontMetrics().averageCharWidth();
  for (const int column : {DatasetModel::kMatches, DatasetModel::kFlips, DatasetModel::kDepth, DatasetModel::kExits,
                           DatasetModel::kFrames, DatasetModel::kSaving, DatasetModel::kDistance,
                           DatasetModel::kLargest, DatasetModel::kTask, DatasetModel::kGripper}) {
    const int width =
        table_->isColumnHidden(column) ? column_widths_[static_cast<std::size_t>(column)] : table_->columnWidth(column);
    const bool asked_for = column == DatasetModel::kMatches || column == DatasetModel::kFlips ||
                           (column == DatasetModel::kTask && model_->grouped());
    const bool shown = has(column) && (asked_for || used + width <= room);
    table_->setColumnHidden(column, !shown);
    if (shown) used += width;
  }
}

bool DatasetView::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() == QEvent::Resize) update_columns();
  return QWidget::eventFilter(watched, event);
}

void DatasetView::refresh_state() {
  const auto obstacle = study_->obstacle();
  const bool running = study_->run()->running();
  run_->setText(running                    ? tr("Cancel")
                : study_->all_run()        ? tr("Run again…")
                : study_->frames_run() > 0 ? tr("Resume")
                                           : tr("Run all"));
  run_->setEnabled(running || obstacle.isEmpty());
  run_->setToolTip(obstacle.isEmpty() ? tr("Run the model on every episode in the background.") : obstacle);
  const double done = study_->progress();
  progress_->setVisible(running || (study_->studying() && done >= 0));
  progress_->setRange(0, done < 0 ? 0 : 1000);
  if (done >= 0) progress_->setValue(static_cast<int>(1000 * done));
  if (running) {
    progress_->setToolTip(
        tr("%1 of %2 frames").arg(format_count(study_->frames_run()), format_count(study_->frames_wanted())));
  }
}

void DatasetView::click_run() {
  if (study_->run()->running()) return study_->cancel();
  if (study_->all_run()) {
    Q_EMIT run_again_requested();
  } else {
    study_->run_all(false);
  }
}

void DatasetView::open_row(int row) {
  if (model_->grouped() || row < 0 || row >= model_->rowCount()) return;
  go_to(model_->row(row).episode, -1);
}

void DatasetView::go_to(std::size_t episode, qint64 frame) {
  frame_to_show_.reset();
  if (session_->episode_index() == episode) {
    if (frame >= 0) session_->playback()->go_to(frame);
    return;
  }
  if (frame >= 0) frame_to_show_ = frame;
  session_->open_episode(episode);
}

void DatasetView::arrive() {
  if (!frame_to_show_ || session_->frame_count() == 0) return;
  const auto frame = *frame_to_show_;
  frame_to_show_.reset();
  // After the other views have taken the episode.
  QTimer::singleShot(0, this, [this, frame] {
    if (frame < session_->frame_count()) session_->playback()->go_to(frame);
  });
}

void DatasetView::set_where(const QString& expression) { study_->set_where(expression); }

void DatasetView::follow_policy() {
  study_->set_baseline(flips_->isChecked() ? std::optional(session_->policy()) : std::nullopt);
}

}  // namespace deer
