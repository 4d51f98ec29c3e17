// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/analysis/runs_view.h"

#include <QHBoxLayout>
#include <QHeaderView>
#include <QKeyEvent>
#include <QMenu>
#include <QPainter>
#include <QPixmap>
#include <QPushButton>
#include <QStackedLayout>
#include <QTableView>
#include <QVBoxLayout>

#include "widgets/analysis/runs_model.h"
#include "widgets/base/empty_state.h"
#include "widgets/base/table_style.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr int kSwatch = 14;

QIcon swatch(const QColor& color) {
  QPixmap picture(kSwatch, kSwatch);
  picture.fill(color);
  return picture;
}

}  // namespace

RunsView::RunsView(Session* session, QWidget* parent)
    : QWidget(parent),
      session_(session),
      model_(new RunsModel(session, this)),
      table_(new QTableView),
      keep_(new QPushButton(tr("Keep this run"))),
      remove_(new QPushButton(tr("Remove…"))),
      empty_(new EmptyState),
      stack_(new QStackedLayout(this)) {
  setAccessibleName(tr("Runs"));
  setMinimumSize(240, 120);
  table_->setAccessibleName(tr("Kept runs"));
  table_->setModel(model_);
  style_list_table(table_, RunsModel::kDetails);
  table_->setSelectionMode(QAbstractItemView::SingleSelection);
  table_->setEditTriggers(QAbstractItemView::DoubleClicked | QAbstractItemView::EditKeyPressed);
  table_->setTextElideMode(Qt::ElideRight);
  table_->setContextMenuPolicy(Qt::CustomContextMenu);
  using Model = RunsModel;
  // Model and policy take what is left, elided.
  show_columns_that_fit(
      table_, {Model::kName, Model::kColor, Model::kDepth, Model::kSaving, Model::kDistance, Model::kBaseline}, 3);
  table_->installEventFilter(this);
  auto* const trace = new QPushButton(tr("Add a trace…"));
  trace->setAccessibleName(tr("Add a trace of this episode"));
  trace->setToolTip(tr("List a trace of this episode among its runs."));
  keep_->setAccessibleName(tr("Keep the current run"));
  remove_->setAccessibleName(tr("Remove the selected run"));
  auto* const bar = new QHBoxLayout;
  bar->setSpacing(spacing::kSmall);
  bar->addWidget(keep_);
  bar->addWidget(trace);
  bar->addStretch(1);
  bar->addWidget(remove_);
  auto* const content = new QWidget;
  auto* const column = new QVBoxLayout(content);
  column->setContentsMargins(spacing::kMedium, spacing::kSmall, spacing::kMedium, spacing::kSmall);
  column->setSpacing(spacing::kSmall);
  column->addLayout(bar);
  column->addWidget(table_, 1);
  stack_->addWidget(empty_);
  stack_->addWidget(content);

  connect(keep_, &QPushButton::clicked, this, &RunsView::keep_requested);
  connect(trace, &QPushButton::clicked, this, &RunsView::trace_requested);
  connect(remove_, &QPushButton::clicked, this, [this] {
    if (const auto id = selected(); !id.isEmpty()) Q_EMIT remove_requested(id);
  });
  connect(table_, &QTableView::clicked, this, &RunsView::click);
  connect(table_, &QTableView::customContextMenuRequested, this, &RunsView::show_menu);
  connect(table_->selectionModel(), &QItemSelectionModel::currentRowChanged, this, &RunsView::update_state);
  connect(model_, &RunsModel::modelReset, this, &RunsView::update_state);
  connect(session, &Session::activity_changed, this, &RunsView::update_state);
  connect(&Theme::instance(), &Theme::changed, table_->viewport(), qOverload<>(&QWidget::update));
  update_state();
}

void RunsView::update_state() {
  const bool any = model_->rowCount() > 0;
  keep_->setEnabled(session_->evaluated_count() > 0);
  remove_->setEnabled(!selected().isEmpty());
  if (!any) {
    empty_->set(EmptyState::Icon::list,
                tr("Run the model: its run is listed here, and the runs that you keep stay beside it."));
  }
  stack_->setCurrentIndex(any ? 1 : 0);
}

QString RunsView::selected() const {
  const auto* const run = model_->run(table_->currentIndex().row());
  return run && table_->currentIndex().isValid() ? run->id : QString();
}

void RunsView::begin_naming(const QString& id) {
  const int row = model_->row_of(id);
  if (row < 0) return;
  const auto index = model_->index(row, RunsModel::kName);
  table_->setCurrentIndex(index);
  table_->scrollTo(index);
  table_->setFocus(Qt::OtherFocusReason);
  table_->edit(index);
}

void RunsView::click(const QModelIndex& index) {
  const auto* const run = model_->run(index.row());
  if (!run) return;
  if (index.column() == RunsModel::kBaseline && model_->kept()->fits(*run)) {
    model_->kept()->set_baseline(QString(run->id));
  } else if (index.column() == RunsModel::kColor) {
    choose_color(*run, table_->viewport()->mapToGlobal(table_->visualRect(index).bottomLeft()));
  }
}

void RunsView::choose_color(const KeptRun& run, const QPoint& place) {
  auto* const menu = new QMenu(this);
  menu->setAttribute(Qt::WA_DeleteOnClose);
  for (int color = 0; color < Theme::kRunColors; ++color) {
    menu->addAction(swatch(Theme::instance().run_color(color)), tr("Colour %1").arg(color + 1), this,
                    [this, id = run.id, color] { model_->kept()->set_color(id, color); });
  }
  menu->popup(place);
}

void RunsView::show_menu(const QPoint& place) {
  const auto index = table_->indexAt(place);
  const auto* const run = index.isValid() ? model_->run(index.row()) : nullptr;
  if (!run) return;
  const QString id = run->id;
  const auto at = table_->viewport()->mapToGlobal(place);
  auto* const menu = new QMenu(this);
  menu->setAttribute(Qt::WA_DeleteOnClose);
  auto* const baseline = menu->addAction(tr("Use as baseline"), this, [this, id] { model_->kept()->set_baseline(id); });
  baseline->setEnabled(model_->kept()->fits(*run));
  menu->addAction(tr("Rename"), this, [this, id] { begin_naming(id); });
  menu->addAction(tr("Change colour"), this, [this, id, at] {
    if (const auto* const chosen = model_->kept()->run(id)) choose_color(*chosen, at);
  });
  menu->addSeparator();
  menu->addAction(tr("Remove…"), this, [this, id] { Q_EMIT remove_requested(id); });
  menu->popup(at);
}

bool RunsView::eventFilter(QObject* watched, QEvent* event) {
  if (watched == table_ && event->type() == QEvent::KeyPress) {
    const auto key = static_cast<QKeyEvent*>(event)->key();
    if (const auto id = selected(); key == Qt::Key_Delete && !id.isEmpty()) {
      Q_EMIT remove_requested(id);
      return true;
    }
  }
  return QWidget::eventFilter(watched, event);
}

}  // namespace deer
