// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/debug/watch_panel.h"

#include <QHeaderView>
#include <QLabel>
#include <QPainter>
#include <QTableView>

#include "widgets/base/table_style.h"
#include "widgets/base/theme.h"
#include "widgets/debug/expression_edit.h"
#include "widgets/debug/expression_list.h"
#include "widgets/debug/watch_model.h"

namespace deer {

void CourseDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const {
  QStyledItemDelegate::paint(painter, option, index);
  const auto* const model = qobject_cast<const WatchModel*>(index.model());
  if (!model) return;
  const auto& course = model->course(index.row());
  const auto all = course.all();
  if (all.count == 0) return;
  const auto area = option.rect.adjusted(spacing::kTiny, 3, -spacing::kTiny, -3);
  const auto frames = course.size();
  const double span = double(all.max) - double(all.min);
  const auto y_of = [&](float value) {
    const double share = span > 0 ? (double(value) - double(all.min)) / span : 0.5;
    return area.bottom() - static_cast<int>(share * (area.height() - 1) + 0.5);
  };
  const auto& colors = Theme::instance().colors();
  painter->save();
  painter->setRenderHint(QPainter::Antialiasing, false);
  painter->setPen(colors.text);
  for (int x = 0; x < area.width(); ++x) {
    const auto first = frames * x / area.width();
    const auto last = std::max(first, frames * (x + 1) / area.width() - 1);
    const auto extent = course.extent(first, last);
    if (extent.count > 0) painter->drawLine(area.left() + x, y_of(extent.min), area.left() + x, y_of(extent.max));
  }
  const auto frame = model->shown_frame();
  if (frame >= 0 && frame < frames) {
    const auto x = area.left() + static_cast<int>((2 * frame + 1) * area.width() / (2 * frames));
    painter->setPen(colors.accent);
    painter->drawLine(x, option.rect.top(), x, option.rect.bottom());
  }
  painter->restore();
}

WatchPanel::WatchPanel(Session* session, Debugger* debugger, QWidget* parent)
    : QWidget(parent),
      model_(new WatchModel(session, debugger, this)),
      edit_(new ExpressionEdit(debugger, tr("New watch"), tr("for example delta / threshold"),
                               {{tr("Distance to the threshold"), QStringLiteral("closest")},
                                {tr("Disagreement between exits"), QStringLiteral("disagreement")},
                                {tr("Regret"), QStringLiteral("regret")},
                                {tr("GFLOPs of the language model"), QStringLiteral("llm_gflops")},
                                {tr("Time of a frame in ms"), QStringLiteral("latency_ms")}})) {
  table_ = lay_out({model_, edit_, tr("Watches"), tr("Remove the watch"), WatchModel::kCourse,
                    [this](int row) { model_->remove(row); }},
                   this);
  table_->setItemDelegateForColumn(WatchModel::kCourse, new CourseDelegate(table_));
  table_->setSelectionMode(QAbstractItemView::SingleSelection);
  auto* const header = table_->horizontalHeader();
  header->setSectionResizeMode(WatchModel::kExpression, QHeaderView::Interactive);
  header->setSectionResizeMode(WatchModel::kValue,
                               QHeaderView::Interactive);  // so that changing numbers do not move the columns
  header->resizeSection(WatchModel::kExpression, 190);
  header->resizeSection(WatchModel::kValue, 90);
  connect(edit_, &ExpressionEdit::entered, model_, &WatchModel::add);
  connect(&Theme::instance(), &Theme::changed, table_->viewport(), qOverload<>(&QWidget::update));
  auto* const hint =
      show_hint_while_empty(table_, tr("No watches yet. A watch shows its value at the cursor and over the episode."));
  hint->setAccessibleName(tr("Hint"));
}

}  // namespace deer
