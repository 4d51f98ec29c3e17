// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/base/table_style.h"

#include <QEvent>
#include <QHeaderView>
#include <QLabel>
#include <QTableView>
#include <QVBoxLayout>
#include <algorithm>
#include <utility>

#include "widgets/base/theme.h"

namespace deer {
namespace {

class FittingColumns : public QObject {
 public:
  FittingColumns(QTableView* table, std::vector<int> order, std::size_t always)
      : QObject(table), table_(table), order_(std::move(order)), always_(always) {
    for (QWidget* const part : {static_cast<QWidget*>(table), table->viewport()}) part->installEventFilter(this);
    connect(table->model(), &QAbstractItemModel::modelReset, this, &FittingColumns::fit);
    fit();
  }

 protected:
  bool eventFilter(QObject*, QEvent* event) override {
    if (event->type() == QEvent::Resize) fit();
    return false;
  }

 private:
  void fit() {
    const int room = table_->viewport()->width();  // beside the scroll bar
    const auto* const header = table_->horizontalHeader();
    const bool equal = header->sectionResizeMode(order_.front()) == QHeaderView::Stretch;
    int sum = 0, widest = 0;
    for (std::size_t i = 0; i < order_.size(); ++i) {
      const int column = order_[i];
      const int wanted =
          std::max(header->sectionSizeHint(column), static_cast<QAbstractItemView*>(table_)->sizeHintForColumn(column));
      widest = std::max(widest, wanted);
      sum = equal ? widest * static_cast<int>(i + 1) : sum + wanted;
      table_->setColumnHidden(column, i >= always_ && sum > room);
    }
  }

  QTableView* table_;
  std::vector<int> order_;
  std::size_t always_;
};

}  // namespace

void style_table(QTableView* table) {
  table->setShowGrid(false);
  table->setSelectionMode(QAbstractItemView::SingleSelection);
  table->setEditTriggers(QAbstractItemView::NoEditTriggers);
  table->setTabKeyNavigation(false);
  table->setCornerButtonEnabled(false);
  auto* const rows = table->verticalHeader();
  rows->setMinimumSectionSize(1);
  rows->setDefaultSectionSize(QFontMetrics(Theme::instance().body_font()).height() + spacing::kTiny);
  rows->setHighlightSections(false);
  table->horizontalHeader()->setHighlightSections(false);
  Theme::instance().style_view(table);
}

void style_row_table(QTableView* table) {
  style_table(table);
  table->setSelectionBehavior(QAbstractItemView::SelectRows);
  table->setIconSize({10, 10});
  table->verticalHeader()->hide();
  table->horizontalHeader()->setMinimumSectionSize(24);
  table->horizontalHeader()->setSectionResizeMode(QHeaderView::ResizeToContents);
  table->setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
}

void style_list_table(QTableView* table, int stretched_column) {
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

void show_columns_that_fit(QTableView* table, std::vector<int> order, std::size_t always) {
  new FittingColumns(table, std::move(order), always);
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

}  // namespace deer
