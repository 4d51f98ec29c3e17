// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/commands/command_palette.h"

#include <QKeyEvent>
#include <QLineEdit>
#include <QListView>
#include <QPainter>
#include <QStandardItemModel>
#include <QStyledItemDelegate>
#include <QVBoxLayout>
#include <algorithm>

#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr int kIdRole = Qt::UserRole + 1;
constexpr int kKeysRole = Qt::UserRole + 2;
constexpr int kMenuRole = Qt::UserRole + 3;

/// Menu, text on the left; keys on the right.
class CommandDelegate : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;

  void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override {
    const auto& colors = Theme::instance().colors();
    painter->save();
    if (option.state & QStyle::State_Selected) painter->fillRect(option.rect, colors.selection);
    const auto area = option.rect.adjusted(spacing::kMedium, 0, -spacing::kMedium, 0);
    const auto menu = index.data(kMenuRole).toString();
    const auto menu_width = option.fontMetrics.horizontalAdvance(menu) + spacing::kSmall;
    painter->setPen(colors.muted_text);
    painter->drawText(area, Qt::AlignVCenter | Qt::AlignLeft, menu);
    painter->drawText(area, Qt::AlignVCenter | Qt::AlignRight, index.data(kKeysRole).toString());
    painter->setPen(colors.text);
    painter->drawText(area.adjusted(menu_width, 0, 0, 0), Qt::AlignVCenter | Qt::AlignLeft,
                      index.data(Qt::DisplayRole).toString());
    painter->restore();
  }

  QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex&) const override {
    return {200, option.fontMetrics.height() + 2 * spacing::kSmall - 2};
  }
};

}  // namespace

int match_score(const QString& text, const QString& query) {
  int score = 0;
  qsizetype at = 0;
  qsizetype before = -2;
  for (const auto letter : query) {
    if (letter.isSpace()) continue;
    // A letter right after the previous one counts most, then one that begins a word.
    qsizetype best = -1;
    int best_score = -1;
    for (qsizetype i = at; i < text.size(); ++i) {
      if (text[i].toCaseFolded() != letter.toCaseFolded()) continue;
      const bool begins = i == 0 || !text[i - 1].isLetterOrNumber();
      const int here = i == before + 1 ? 4 : begins ? 3 : 1;
      if (here > best_score) {
        best = i;
        best_score = here;
      }
      if (here == 4) break;
    }
    if (best < 0) return -1;
    score += best_score;
    before = best;
    at = best + 1;
  }
  return score;
}

CommandPalette::CommandPalette(CommandTable* commands, QWidget* parent)
    : QDialog(parent, Qt::Popup | Qt::FramelessWindowHint), commands_(commands) {
  setAccessibleName(tr("Command palette"));
  setWindowTitle(tr("Commands"));
  search_ = new QLineEdit(this);
  search_->setPlaceholderText(tr("Search commands"));
  search_->setAccessibleName(tr("Search commands"));
  search_->setClearButtonEnabled(true);
  search_->installEventFilter(this);
  list_ = new QListView(this);
  list_->setAccessibleName(tr("Commands"));
  list_->setItemDelegate(new CommandDelegate(list_));
  list_->setFrameShape(QFrame::NoFrame);
  list_->setFocusPolicy(Qt::NoFocus);
  list_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  list_->setEditTriggers(QAbstractItemView::NoEditTriggers);
  model_ = new QStandardItemModel(this);
  list_->setModel(model_);
  auto* const layout = new QVBoxLayout(this);
  layout->setContentsMargins(spacing::kSmall, spacing::kSmall, spacing::kSmall, spacing::kSmall);
  layout->setSpacing(spacing::kSmall);
  layout->addWidget(search_);
  layout->addWidget(list_);
  connect(search_, &QLineEdit::textChanged, this, &CommandPalette::refill);
  connect(search_, &QLineEdit::returnPressed, this, [this] { run(list_->currentIndex()); });
  connect(list_, &QListView::clicked, this, &CommandPalette::run);
  resize(560, 420);
}

void CommandPalette::showEvent(QShowEvent* event) {
  QDialog::showEvent(event);
  if (parentWidget()) {
    const auto window = parentWidget()->window()->frameGeometry();
    move(window.center().x() - width() / 2, window.top() + 72);
  }
  search_->clear();
  refill();
  search_->setFocus();
}

void CommandPalette::refill() {
  commands_->update();
  const auto query = search_->text();
  std::vector<std::pair<int, const Command*>> found;
  for (const auto& command : commands_->commands()) {
    const auto* const action = commands_->action(command.id);
    if (!action->isEnabled() || command.id == u"view.palette") continue;
    const auto text = without_marks(action->text());
    const int score = std::max(match_score(text, query) * 2, match_score(menu_path(command) + u' ' + text, query));
    if (score >= 0) found.emplace_back(score, &command);
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  model_->clear();
  for (const auto& [score, command] : found) {
    auto* const item = new QStandardItem(without_marks(commands_->action(command->id)->text()));
    item->setData(command->id, kIdRole);
    item->setData(shortcut_text(*command), kKeysRole);
    item->setData(menu_path(*command), kMenuRole);
    item->setToolTip(command->tip);
    model_->appendRow(item);
  }
  list_->setCurrentIndex(model_->index(0, 0));
}

QStringList CommandPalette::shown() const {
  QStringList ids;
  for (int row = 0; row < model_->rowCount(); ++row) ids << model_->item(row)->data(kIdRole).toString();
  return ids;
}

void CommandPalette::run(const QModelIndex& index) {
  if (!index.isValid()) return;
  const auto id = index.data(kIdRole).toString();
  accept();
  commands_->trigger(id);
}

bool CommandPalette::eventFilter(QObject* watched, QEvent* event) {
  if (watched == search_ && event->type() == QEvent::KeyPress) {
    const auto key = static_cast<QKeyEvent*>(event)->key();
    const int rows = model_->rowCount();
    if ((key == Qt::Key_Down || key == Qt::Key_Up) && rows > 0) {
      const int row = (list_->currentIndex().row() + (key == Qt::Key_Down ? 1 : rows - 1)) % rows;
      list_->setCurrentIndex(model_->index(row, 0));
      return true;
    }
  }
  return QDialog::eventFilter(watched, event);
}

}  // namespace deer
