// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/actions/recorded_view.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QPushButton>
#include <QScrollArea>
#include <QSplitter>
#include <QStackedLayout>
#include <QTimer>
#include <QVBoxLayout>
#include <algorithm>

#include "sessions/frames/playback.h"
#include "sessions/series/episode_states.h"
#include "widgets/base/empty_state.h"
#include "widgets/base/series_plot.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr int kRedrawMs = 120;
constexpr int kAskAgainMs = 500;
constexpr int kPlotHeight = 84;

}  // namespace

RecordedView::RecordedView(Session* session, QWidget* parent)
    : QWidget(parent),
      session_(session),
      states_(EpisodeStates::of(session)),
      empty_(new EmptyState),
      stack_(new QStackedLayout(this)),
      filter_(new QLineEdit),
      list_(new QListWidget),
      note_(new QLabel),
      plot_stack_(new QWidget),
      plot_column_(new QVBoxLayout(plot_stack_)),
      drawing_(new QTimer(this)),
      asking_(new QTimer(this)) {
  setAccessibleName(tr("Recorded values"));
  setMinimumSize(240, 160);
  filter_->setAccessibleName(tr("Find a column"));
  filter_->setPlaceholderText(tr("Find a column"));
  filter_->setClearButtonEnabled(true);
  list_->setAccessibleName(tr("Columns"));
  list_->setSelectionMode(QAbstractItemView::ExtendedSelection);
  list_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  list_->setTextElideMode(Qt::ElideMiddle);
  Theme::instance().style_view(list_);
  note_->setWordWrap(true);
  note_->setFont(Theme::instance().label_font());
  note_->hide();
  plot_column_->setContentsMargins(0, 0, 0, 0);
  plot_column_->setSpacing(0);

  auto* const all = new QPushButton(tr("All"));
  all->setAccessibleName(tr("Show all columns of the list"));
  auto* const none = new QPushButton(tr("None"));
  none->setAccessibleName(tr("Show no column"));
  auto* const buttons = new QHBoxLayout;
  buttons->setSpacing(spacing::kSmall);
  buttons->addWidget(all);
  buttons->addWidget(none);
  buttons->addStretch(1);
  auto* const left = new QWidget;
  auto* const left_layout = new QVBoxLayout(left);
  left_layout->setContentsMargins(spacing::kSmall, spacing::kSmall, 0, spacing::kSmall);
  left_layout->setSpacing(spacing::kSmall);
  left_layout->addWidget(filter_);
  left_layout->addWidget(list_, 1);
  left_layout->addLayout(buttons);
  auto* const scroll = new QScrollArea;
  scroll->setWidget(plot_stack_);
  scroll->setWidgetResizable(true);
  scroll->setFrameShape(QFrame::NoFrame);
  auto* const right = new QWidget;
  auto* const right_layout = new QVBoxLayout(right);
  right_layout->setContentsMargins(0, spacing::kSmall, spacing::kSmall, spacing::kSmall);
  right_layout->addWidget(note_);
  right_layout->addWidget(scroll, 1);
  auto* const splitter = new QSplitter;
  splitter->setChildrenCollapsible(false);
  splitter->addWidget(left);
  splitter->addWidget(right);
  splitter->setStretchFactor(1, 1);
  splitter->setSizes({200, 600});
  stack_->addWidget(empty_);
  stack_->addWidget(splitter);

  drawing_->setSingleShot(true);
  drawing_->setInterval(kRedrawMs);
  connect(drawing_, &QTimer::timeout, this, [this] {
    for (auto* const plot : plots_) plot->refresh();
  });
  asking_->setSingleShot(true);
  asking_->setInterval(kAskAgainMs);
  connect(asking_, &QTimer::timeout, this, &RecordedView::ask);
  connect(empty_, &EmptyState::action_triggered, this, &RecordedView::open_dataset_requested);
  connect(filter_, &QLineEdit::textChanged, this, &RecordedView::show_matching);
  connect(all, &QPushButton::clicked, this, [this] { check_all(true); });
  connect(none, &QPushButton::clicked, this, [this] { check_all(false); });
  connect(list_, &QListWidget::itemChanged, this, [this] {
    if (!filling_) rebuild();
  });
  connect(session_, &Session::episode_changed, this, &RecordedView::start_anew);
  connect(states_, &EpisodeStates::read, this, [this](qint64 first, qint64 last) {
    take(first, last);
    asking_->start();
  });
  connect(session_, &Session::current_frame_changed, this, &RecordedView::follow);
  connect(session_->selection(), &Selection::hovered_frame_changed, this, &RecordedView::follow);
  start_anew();
}

void RecordedView::start_anew() {
  use(columns_in(0, session_->frame_count() - 1));
  ask();
}

// Of the first frame that is known and has any: others may be broken.
std::vector<RecordedColumn> RecordedView::columns_in(qint64 first, qint64 last) const {
  for (qint64 frame = first; frame <= last; ++frame) {
    const auto seen = states_->at(frame);
    auto found = seen ? recorded_columns(session_->episode()->info(), *seen) : std::vector<RecordedColumn>();
    if (!found.empty()) return found;
  }
  return {};
}

void RecordedView::use(std::vector<RecordedColumn> columns) {
  columns_ = std::move(columns);
  // What is checked stays for other episodes with the same columns.
  if (!columns_.empty() && columns_ != listed_) {
    listed_ = columns_;
    filling_ = true;
    list_->clear();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const auto& column = columns_[i];
      auto* const item = new QListWidgetItem(
          column.unit.isEmpty() ? column.name : QStringLiteral("%1, %2").arg(column.name, column.unit), list_);
      item->setFlags(item->flags() | Qt::ItemIsUserCheckable);
      item->setCheckState(i < kChecked ? Qt::Checked : Qt::Unchecked);
      const auto kind = column.state == RecordedColumn::kNone    ? tr("Action")
                        : column.action == RecordedColumn::kNone ? tr("State")
                                                                 : tr("State and action");
      item->setToolTip(item->text() + u'\n' + kind);
    }
    filling_ = false;
    show_matching();
  }
  rebuild();
  show_state();
}

void RecordedView::check_all(bool checked) {
  filling_ = true;
  for (int row = 0; row < list_->count(); ++row) {
    auto* const item = list_->item(row);
    if (!checked || !item->isHidden()) item->setCheckState(checked ? Qt::Checked : Qt::Unchecked);
  }
  filling_ = false;
  rebuild();
}

void RecordedView::show_matching() {
  const auto wanted = filter_->text().trimmed();
  for (int row = 0; row < list_->count(); ++row) {
    list_->item(row)->setHidden(!list_->item(row)->text().contains(wanted, Qt::CaseInsensitive));
  }
}

void RecordedView::rebuild() {
  shown_.clear();
  int checked = 0;
  for (int row = 0; row < list_->count() && !columns_.empty(); ++row) {
    if (list_->item(row)->checkState() != Qt::Checked) continue;
    if (++checked <= kMostPlots) shown_.push_back(static_cast<std::size_t>(row));
  }
  while (plots_.size() < shown_.size()) {
    auto* const plot = new SeriesPlot(plot_stack_);
    plot->setMinimumHeight(kPlotHeight);
    plot->yAxis->ticker()->setTickCount(2);  // it is low
    plot_column_->addWidget(plot, 1);
    connect(plot, &SeriesPlot::frame_chosen, this, [this](qint64 frame) { session_->playback()->go_to(frame); });
    connect(plot, &SeriesPlot::frame_hovered, session_->selection(), &Selection::set_hovered_frame);
    // All plots show the same range of frames.
    connect(plot->xAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), this, [this, plot](const QCPRange& range) {
      for (auto* const other : plots_) {
        if (other == plot || other->xAxis->range() == range) continue;
        other->xAxis->setRange(range);
        other->replot(QCustomPlot::rpQueuedReplot);
      }
    });
    plots_.push_back(plot);
  }
  while (plots_.size() > shown_.size()) {
    delete plots_.back();
    plots_.pop_back();
  }
  for (std::size_t i = 0; i < plots_.size(); ++i) {
    const auto& column = columns_[shown_[i]];
    auto* const plot = plots_[i];
    std::vector<SeriesPlot::Line> lines;
    // The legend names the column: beside a low plot there is room for the unit alone.
    if (column.action != RecordedColumn::kNone) {
      lines.push_back({.name = tr("%1, action").arg(column.name), .ink = SeriesPlot::Ink::run, .exit = 1, .width = 2});
    }
    if (column.state != RecordedColumn::kNone) {
      lines.push_back({.name = tr("%1, state").arg(column.name), .ink = SeriesPlot::Ink::text});
    }
    plot->set_lines(std::move(lines));
    plot->set_legend_visible(true);
    const auto label = list_->item(static_cast<int>(shown_[i]))->text();
    plot->set_y_label(column.unit);
    plot->set_x_label(i + 1 == plots_.size() ? tr("frame") : QString());
    plot->setAccessibleName(tr("%1 over time").arg(label));
  }
  note_->setText(tr("The first %1 of %2 checked columns are drawn.").arg(kMostPlots).arg(checked));
  note_->setVisible(checked > kMostPlots);
  fill(0, session_->frame_count() - 1);
  follow();
}

void RecordedView::take(qint64 first, qint64 last) {
  if (!columns_.empty()) return fill(first, last);
  auto found = columns_in(first, last);
  if (found.empty()) return show_state();
  use(std::move(found));
}

void RecordedView::fill(qint64 first, qint64 last) {
  for (qint64 frame = first; frame <= last; ++frame) {
    const auto seen = states_->at(frame);
    if (!seen) continue;
    for (std::size_t i = 0; i < plots_.size(); ++i) {
      const auto& column = columns_[shown_[i]];
      std::size_t line = 0;
      if (column.action != RecordedColumn::kNone) plots_[i]->set_value(line++, frame, recorded_action(column, *seen));
      if (column.state != RecordedColumn::kNone) plots_[i]->set_value(line, frame, recorded_state(column, *seen));
    }
  }
  if (!drawing_->isActive()) drawing_->start();
}

void RecordedView::ask() {
  if (!isVisible() || !session_->episode()) return;
  qint64 frame = 0;
  while (frame < session_->frame_count() && states_->is_known(frame)) ++frame;
  if (frame == session_->frame_count()) return;
  states_->ask(0, session_->frame_count() - 1, std::max<qint64>(session_->current_frame(), 0));
}

void RecordedView::show_state() {
  const bool open = session_->episode() != nullptr;
  const bool read = open && session_->frame_count() > 0 && states_->is_known(0);
  if (!open) {
    empty_->set(EmptyState::Icon::chart, tr("Open a dataset to see its states and actions."), tr("Open dataset…"));
  } else if (!read) {
    empty_->set(EmptyState::Icon::chart, tr("Reading the states and actions…"));
  } else {
    empty_->set(EmptyState::Icon::chart, tr("This episode has no states and actions."));
  }
  stack_->setCurrentIndex(columns_.empty() ? 0 : 1);
}

void RecordedView::follow() {
  for (auto* const plot : plots_) plot->set_frames(session_->current_frame(), session_->selection()->hovered_frame());
}

void RecordedView::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  ask();
}

}  // namespace deer
