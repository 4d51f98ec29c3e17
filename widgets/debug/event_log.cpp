// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/debug/event_log.h"

#include <QClipboard>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QMenu>
#include <QPushButton>
#include <QShortcut>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>
#include <utility>

#include "core/base/atomic_file.h"
#include "sessions/base/paths.h"
#include "sessions/frames/playback.h"
#include "widgets/base/number_format.h"
#include "widgets/base/table_style.h"
#include "widgets/base/theme.h"
#include "widgets/debug/event_model.h"

namespace deer {
namespace {

constexpr int kMostCopied = 10'000;
constexpr int kRowsAtOnce = 2'000;

}  // namespace

EventLog::EventLog(Session* session, Debugger* debugger, QWidget* parent)
    : QWidget(parent),
      session_(session),
      model_(new EventModel(session, debugger, this)),
      table_(new QTableView),
      count_(new QLabel) {
  setAccessibleName(tr("Events"));
  table_->setModel(model_);
  table_->setAccessibleName(tr("Events"));
  style_list_table(table_, EventModel::kWhat);
  auto* const header = table_->horizontalHeader();
  // Measuring the contents would visit every row.
  const QFontMetrics metrics(Theme::number_font(Theme::instance().body_font()));
  for (const auto& [section, text] :
       {std::pair{EventModel::kFrame, format_count(99'999)},
        std::pair{EventModel::kKind, EventModel::kind_name(FrameEventKind::exit_change)}}) {
    header->setSectionResizeMode(section, QHeaderView::Interactive);
    header->resizeSection(section, metrics.horizontalAdvance(text) + spacing::kHuge);
  }
  table_->setEditTriggers(QAbstractItemView::NoEditTriggers);

  auto* const kinds = new QToolButton;
  kinds->setText(tr("Kinds"));
  kinds->setAccessibleName(tr("Kinds of events shown"));
  kinds->setPopupMode(QToolButton::InstantPopup);
  auto* const menu = new QMenu(kinds);
  for (int i = 0; i < kFrameEventKinds; ++i) {
    const auto kind = static_cast<FrameEventKind>(i);
    auto* const action = menu->addAction(EventModel::kind_name(kind));
    action->setCheckable(true);
    action->setChecked((model_->kinds() & kind_bit(kind)) != 0);
    connect(action, &QAction::toggled, this, [this, kind](bool on) {
      model_->set_kinds(on ? model_->kinds() | kind_bit(kind) : model_->kinds() & ~kind_bit(kind));
    });
  }
  kinds->setMenu(menu);
  auto* const copy_button = new QPushButton(tr("Copy"));
  copy_button->setAccessibleName(tr("Copy events"));
  copy_button->setToolTip(tr("Copy the selected rows as CSV, or the first 10 000 if none are selected."));
  auto* const save = new QPushButton(tr("Save CSV…"));
  save->setAccessibleName(tr("Save events as CSV"));
  count_->setAccessibleName(tr("Number of events"));
  count_->setFont(Theme::number_font(Theme::instance().body_font()));

  auto* const row = new QHBoxLayout;
  row->setSpacing(spacing::kSmall);
  row->addWidget(kinds);
  row->addWidget(count_, 1);
  row->addWidget(copy_button);
  row->addWidget(save);
  auto* const column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(spacing::kSmall);
  column->addLayout(row);
  column->addWidget(table_, 1);

  connect(table_, &QTableView::clicked, this, [this](const QModelIndex& index) { go_to(index.row()); });
  connect(table_, &QTableView::activated, this, [this](const QModelIndex& index) { go_to(index.row()); });
  connect(copy_button, &QPushButton::clicked, this, &EventLog::copy);
  auto* const key = new QShortcut(QKeySequence::Copy, table_, nullptr, nullptr, Qt::WidgetShortcut);
  connect(key, &QShortcut::activated, this, &EventLog::copy);
  connect(save, &QPushButton::clicked, this, &EventLog::csv_requested);
  connect(model_, &QAbstractItemModel::modelReset, this, [this] {
    show_count();
    mark_frame();
  });
  connect(session, &Session::current_frame_changed, this, &EventLog::mark_frame);
  collecting_.setInterval(0);
  connect(&collecting_, &QTimer::timeout, this, &EventLog::collect_some);
  show_count();
}

EventLog::~EventLog() = default;

QString EventLog::count_text() const { return count_->text(); }

void EventLog::show_count() {
  count_->setText(model_->rowCount() == 1 ? tr("1 event") : tr("%1 events").arg(format_count(model_->rowCount())));
}

void EventLog::go_to(int row) {
  const auto frame = model_->frame_of(row);
  if (frame >= 0) session_->playback()->go_to(frame);
}

void EventLog::mark_frame() {
  // The log follows the cursor, but keeps the user's selection at that frame.
  const auto frame = session_->current_frame();
  if (!isVisible() || frame < 0 || model_->frame_of(table_->currentIndex().row()) == frame) return;
  const int row = model_->row_of(frame);
  if (row >= model_->rowCount()) return;
  if (model_->frame_of(row) == frame) {
    table_->selectRow(row);
  } else {
    table_->clearSelection();
  }
  table_->scrollTo(model_->index(row, 0));
}

void EventLog::copy() {
  QString text = EventModel::csv_header();
  auto rows = table_->selectionModel()->selectedRows();
  std::sort(rows.begin(), rows.end());
  for (const auto& index : rows) text += model_->csv_line(index.row());
  for (int row = 0; rows.isEmpty() && row < std::min(model_->rowCount(), kMostCopied); ++row) {
    text += model_->csv_line(row);
  }
  QGuiApplication::clipboard()->setText(text);
}

void EventLog::save_csv(const QString& path) {
  csv_path_ = path;
  csv_ = EventModel::csv_header().toUtf8();
  next_row_ = 0;
  collecting_.start();
}

void EventLog::collect_some() {
  const int end = std::min(model_->rowCount(), next_row_ + kRowsAtOnce);
  for (; next_row_ < end; ++next_row_) csv_ += model_->csv_line(next_row_).toUtf8();
  if (next_row_ < model_->rowCount()) return;
  collecting_.stop();
  saving_.ask([this, path = csv_path_, csv = std::exchange(csv_, {})](const std::stop_token& stop) {
    QString failure;
    try {
      write_file_atomically(to_path(path), std::string_view(csv.constData(), static_cast<std::size_t>(csv.size())));
    } catch (const std::exception& error) {
      failure = QString::fromUtf8(error.what());
    }
    QMetaObject::invokeMethod(
        this,
        [this, path, failure, stop] {
          if (stop.stop_requested()) return;
          if (failure.isEmpty()) return Q_EMIT csv_saved(path);
          Q_EMIT problem({tr("The events could not be saved"), failure, tr("Choose another folder.")});
        },
        Qt::QueuedConnection);
  });
}

}  // namespace deer
