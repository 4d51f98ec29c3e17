// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/breakpoint_panel.h"

#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QShortcut>
#include <QTableView>
#include <QVBoxLayout>

#include "sessions/debugger.h"
#include "widgets/breakpoint_model.h"
#include "widgets/expression_edit.h"
#include "widgets/theme.h"

namespace deer {

void style_debug_table(QTableView* table, int stretched_column) {
  table->verticalHeader()->hide();
  table->verticalHeader()->setDefaultSectionSize(table->fontMetrics().height() + spacing::kSmall);
  table->setShowGrid(false);
  table->setWordWrap(false);
  table->setSelectionBehavior(QAbstractItemView::SelectRows);
  table->setTabKeyNavigation(false);
  table->setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
  table->horizontalHeader()->setHighlightSections(false);
  table->horizontalHeader()->setMinimumSectionSize(32);
  table->horizontalHeader()->setSectionResizeMode(QHeaderView::ResizeToContents);
  table->horizontalHeader()->setSectionResizeMode(stretched_column, QHeaderView::Stretch);
  table->setMinimumHeight(table->fontMetrics().height() * 3);
  Theme::instance().style_view(table);
}

QLabel* show_hint_while_empty(QTableView* table, const QString& text) {
  auto* const hint = new QLabel(text, table->viewport());
  hint->setWordWrap(true);
  hint->setAlignment(Qt::AlignCenter);
  hint->setAttribute(Qt::WA_TransparentForMouseEvents);
  auto* const layout = new QVBoxLayout(table->viewport());
  layout->addWidget(hint);
  const auto restyle = [hint] {
    auto palette = hint->palette();
    palette.setColor(QPalette::WindowText, Theme::instance().colors().muted_text);
    hint->setPalette(palette);
  };
  restyle();
  QObject::connect(&Theme::instance(), &Theme::changed, hint, restyle);
  const auto* const model = table->model();
  const auto update = [hint, model] { hint->setVisible(model->rowCount() == 0); };
  update();
  QObject::connect(model, &QAbstractItemModel::modelReset, hint, update);
  QObject::connect(model, &QAbstractItemModel::rowsInserted, hint, update);
  QObject::connect(model, &QAbstractItemModel::rowsRemoved, hint, update);
  return hint;
}

BreakpointPanel::BreakpointPanel(Debugger* debugger, QWidget* parent)
    : QWidget(parent),
      model_(new BreakpointModel(debugger, this)),
      table_(new QTableView),
      edit_(new ExpressionEdit(debugger, tr("New breakpoint"), tr("stop where…  for example depth >= 10"),
                               {{tr("Depth at least…"), QStringLiteral("depth >= 10")},
                                {tr("A delta close to its threshold"), QStringLiteral("closest <= 10%")},
                                {tr("The exits disagree"), QStringLiteral("disagreement > 0.1")},
                                {tr("The gripper flips"), QStringLiteral("gripper_flip")},
                                {tr("The exit changes"), QStringLiteral("exit_change")},
                                {tr("Slower than a frame"), QStringLiteral("latency_ms > 33.3")}})) {
  setAccessibleName(tr("Breakpoints"));
  table_->setModel(model_);
  table_->setAccessibleName(tr("Breakpoints"));
  style_debug_table(table_, BreakpointModel::kCondition);
  table_->setEditTriggers(QAbstractItemView::DoubleClicked | QAbstractItemView::EditKeyPressed);
  auto* const remove = new QPushButton(tr("Remove"));
  remove->setAccessibleName(tr("Remove the breakpoint"));
  remove->setEnabled(false);
  const auto remove_selected = [this] { model_->remove(table_->currentIndex().row()); };
  connect(remove, &QPushButton::clicked, this, remove_selected);
  auto* const key = new QShortcut(QKeySequence::Delete, table_, nullptr, nullptr, Qt::WidgetShortcut);
  connect(key, &QShortcut::activated, this, remove_selected);
  const auto update = [this, remove] { remove->setEnabled(table_->currentIndex().isValid()); };
  connect(table_->selectionModel(), &QItemSelectionModel::currentChanged, this, update);
  connect(model_, &QAbstractItemModel::modelReset, this, update);
  connect(edit_, &ExpressionEdit::entered, model_, &BreakpointModel::add);

  auto* const hint =
      show_hint_while_empty(table_, tr("No breakpoint yet. Playback and live runs stop at frames where one holds."));
  hint->setAccessibleName(tr("Hint"));
  auto* const column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(spacing::kSmall);
  column->addWidget(edit_);
  column->addWidget(table_, 1);
  column->addWidget(remove, 0, Qt::AlignTrailing);
}

}  // namespace deer
