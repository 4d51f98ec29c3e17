// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/dialogs/mapping_page.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QKeyEvent>
#include <QLabel>
#include <QPushButton>
#include <QSignalBlocker>
#include <QTableView>
#include <QVBoxLayout>
#include <algorithm>

#include "widgets/base/table_style.h"
#include "widgets/base/theme.h"

namespace deer {

MappingPage::MappingPage(const QString& title, const RecordingSchema& schema, QWidget* parent)
    : QWidget(parent),
      columns_(new MappingColumns(schema, this)),
      series_(new QComboBox),
      table_(new QTableView),
      up_(new QPushButton(tr("Move up"))),
      down_(new QPushButton(tr("Move down"))),
      radians_(new QPushButton(tr("Degrees to radians"))) {
  const auto name = [&](QWidget* widget, const QString& what) {
    widget->setAccessibleName(tr("%1: %2").arg(title, what));
  };
  name(series_, tr("series"));
  series_->addItem(tr("As checked below"), QString());
  for (const auto& series : schema.series) {
    const auto shown = QString::fromStdString(series.name);
    series_->addItem(tr("%1 (%2)").arg(shown).arg(series.columns.size()), shown);
  }
  name(table_, tr("columns"));
  table_->setModel(columns_);
  style_row_table(table_);
  table_->setSelectionMode(QAbstractItemView::ExtendedSelection);
  table_->setEditTriggers(QAbstractItemView::DoubleClicked | QAbstractItemView::EditKeyPressed);
  table_->horizontalHeader()->setSectionResizeMode(MappingColumns::kName, QHeaderView::Stretch);
  name(up_, up_->text());
  name(down_, down_->text());
  name(radians_, radians_->text());
  radians_->setToolTip(tr("Show the selected columns, which are stored in degrees, in radians."));
  auto* const hint = new QLabel(
      tr("Double-click a cell to edit it. With several rows selected, an entry applies to all of them; Space checks "
         "them."));
  hint->setWordWrap(true);
  hint->setFont(Theme::instance().label_font());

  auto* const top = new QHBoxLayout;
  top->setSpacing(spacing::kSmall);
  auto* const label = new QLabel(tr("Series"));
  label->setBuddy(series_);
  top->addWidget(label);
  top->addWidget(series_, 1);
  top->addWidget(up_);
  top->addWidget(down_);
  top->addWidget(radians_);
  auto* const layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, spacing::kSmall, 0, 0);
  layout->setSpacing(spacing::kSmall);
  layout->addLayout(top);
  layout->addWidget(table_, 1);
  layout->addWidget(hint);

  connect(series_, &QComboBox::activated, this, [this](int index) {
    if (index > 0) columns_->choose_series(series_->itemData(index).toString().toStdString());
    show_series();
  });
  connect(columns_, &MappingColumns::changed, this, &MappingPage::show_series);
  connect(columns_, &MappingColumns::edited, this, [this](const QModelIndex& index, const QVariant& value) {
    const auto rows = selected_rows();
    if (spreading_ || rows.size() < 2 || !rows.contains(index.row()) || index.column() == MappingColumns::kName) return;
    spreading_ = true;
    columns_->set_cells(rows, index.column(), value);
    spreading_ = false;
  });
  table_->installEventFilter(this);
  connect(up_, &QPushButton::clicked, this, [this] { move(-1); });
  connect(down_, &QPushButton::clicked, this, [this] { move(1); });
  connect(radians_, &QPushButton::clicked, this, [this] { columns_->turn_to_radians(selected_rows()); });
  connect(table_->selectionModel(), &QItemSelectionModel::selectionChanged, this, &MappingPage::update_buttons);
  connect(columns_, &QAbstractItemModel::modelReset, this, &MappingPage::update_buttons);
  show_series();
  update_buttons();
}

// Space checks all selected rows, not the current one alone.
bool MappingPage::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() != QEvent::KeyPress || static_cast<QKeyEvent*>(event)->key() != Qt::Key_Space) {
    return QWidget::eventFilter(watched, event);
  }
  const auto rows = selected_rows();
  if (rows.isEmpty()) return true;
  const int state = columns_->index(rows.front(), MappingColumns::kSource).data(Qt::CheckStateRole).toInt();
  columns_->set_cells(rows, MappingColumns::kSource, state == Qt::Checked ? Qt::Unchecked : Qt::Checked);
  return true;
}

QList<int> MappingPage::selected_rows() const {
  QList<int> out;
  for (const auto& index : table_->selectionModel()->selectedRows()) out << index.row();
  std::sort(out.begin(), out.end());
  return out;
}

void MappingPage::move(int by) {
  auto rows = selected_rows();
  if (by > 0) std::reverse(rows.begin(), rows.end());
  for (const int row : rows) {
    if (!columns_->move(row, by)) return;
  }
  if (!rows.isEmpty()) table_->scrollTo(columns_->index(rows.front() + by, 0));
  update_buttons();
}

void MappingPage::show_series() {
  const QSignalBlocker block(series_);
  const auto whole = QString::fromStdString(columns_->whole_series());
  series_->setCurrentIndex(whole.isEmpty() ? 0 : series_->findData(whole));
}

void MappingPage::update_buttons() {
  const auto rows = selected_rows();
  up_->setEnabled(!rows.isEmpty() && rows.front() > 0);
  down_->setEnabled(!rows.isEmpty() && rows.back() + 1 < columns_->rowCount());
  radians_->setEnabled(!rows.isEmpty());
}

}  // namespace deer
