// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/dialogs/layout_dialogs.h"

#include <QDialogButtonBox>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QPushButton>
#include <QSignalBlocker>
#include <QVBoxLayout>

#include "app/gui/dialogs/plain_buttons.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

bool contains(const QStringList& names, const QString& name) { return names.contains(name, Qt::CaseInsensitive); }

QStringList names_of(const std::vector<NamedLayout>& layouts) {
  QStringList names;
  for (const auto& layout : layouts) names << layout.name;
  return names;
}

QVBoxLayout* layout_dialog_column(QDialog* dialog) {
  auto* const layout = new QVBoxLayout(dialog);
  layout->setContentsMargins(spacing::kLarge, spacing::kLarge, spacing::kLarge, spacing::kLarge);
  layout->setSpacing(spacing::kLarge);
  return layout;
}

QLabel* make_note(const QString& accessible_name) {
  auto* const note = new QLabel;
  note->setAccessibleName(accessible_name);
  note->setWordWrap(true);
  // Room for two lines, so that typing moves nothing.
  note->setMinimumHeight(2 * note->fontMetrics().lineSpacing());
  note->setAlignment(Qt::AlignTop | Qt::AlignLeading);
  auto palette = note->palette();
  palette.setColor(QPalette::WindowText, Theme::instance().colors().muted_text);
  note->setPalette(palette);
  return note;
}

}  // namespace

QString layout_name_problem(const QString& name, const QStringList& taken) {
  if (name.trimmed().isEmpty()) return SaveLayoutDialog::tr("Give the layout a name.");
  if (contains(taken, name.trimmed()))
    return SaveLayoutDialog::tr("A layout of this name exists. Choose another name.");
  return {};
}

SaveLayoutDialog::SaveLayoutDialog(QStringList built_in, const std::vector<NamedLayout>& saved, QWidget* parent)
    : QDialog(parent),
      built_in_(std::move(built_in)),
      saved_(names_of(saved)),
      name_(new QLineEdit),
      note_(make_note(tr("What will happen"))) {
  setWindowTitle(tr("Save layout"));
  setAccessibleName(windowTitle());
  name_->setAccessibleName(tr("Name of the layout"));
  name_->setMaxLength(NamedLayout::kLongestName);
  name_->setMinimumWidth(320);
  auto* const form = new QFormLayout;
  form->setHorizontalSpacing(spacing::kLarge);
  form->addRow(tr("Name"), name_);
  auto* const buttons = new QDialogButtonBox(QDialogButtonBox::Save | QDialogButtonBox::Cancel);
  make_plain(buttons);
  save_ = buttons->button(QDialogButtonBox::Save);
  connect(buttons, &QDialogButtonBox::accepted, this, &QDialog::accept);
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
  connect(name_, &QLineEdit::textChanged, this, &SaveLayoutDialog::update_note);
  auto* const layout = layout_dialog_column(this);
  layout->addLayout(form);
  layout->addWidget(note_);
  layout->addWidget(buttons);
  update_note();
}

QString SaveLayoutDialog::name() const { return name_->text().trimmed(); }

void SaveLayoutDialog::update_note() {
  const auto problem = layout_name_problem(name(), built_in_);
  const bool full = saved_.size() >= qsizetype(SessionStore::kMostLayouts) && !contains(saved_, name());
  save_->setEnabled(problem.isEmpty() && !full);
  note_->setText(!problem.isEmpty()         ? problem
                 : full                     ? tr("Layout limit reached. Delete one first.")
                 : contains(saved_, name()) ? tr("Replaces the saved layout of this name.")
                                            : tr("Saves the position and size of every panel."));
}

ManageLayoutsDialog::ManageLayoutsDialog(QStringList built_in, std::vector<NamedLayout> saved, QWidget* parent)
    : QDialog(parent),
      built_in_(std::move(built_in)),
      layouts_(std::move(saved)),
      list_(new QListWidget),
      note_(make_note(tr("What went wrong"))),
      use_(new QPushButton(tr("&Use"))),
      rename_(new QPushButton(tr("&Rename"))),
      remove_(new QPushButton(tr("&Delete"))),
      up_(new QPushButton(tr("Move u&p"))),
      down_(new QPushButton(tr("Move dow&n"))) {
  setWindowTitle(tr("Layouts"));
  setAccessibleName(windowTitle());
  list_->setAccessibleName(tr("Saved layouts"));
  list_->setEditTriggers(QAbstractItemView::EditKeyPressed);
  list_->setMinimumSize(260, 200);
  Theme::instance().style_view(list_);
  auto* const side = new QVBoxLayout;
  side->setSpacing(spacing::kSmall);
  for (auto* const button : {use_, rename_, remove_, up_, down_}) {
    button->setAccessibleName(button->text().remove(u'&'));
    button->setAutoDefault(false);
    side->addWidget(button);
  }
  side->addStretch(1);
  auto* const row = new QHBoxLayout;
  row->setSpacing(spacing::kMedium);
  row->addWidget(list_, 1);
  row->addLayout(side);
  auto* const buttons = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel);
  make_plain(buttons);
  connect(buttons, &QDialogButtonBox::accepted, this, &QDialog::accept);
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
  connect(list_, &QListWidget::currentRowChanged, this, &ManageLayoutsDialog::update_buttons);
  connect(list_, &QListWidget::itemChanged, this, [this](QListWidgetItem* item) { renamed(list_->row(item)); });
  connect(use_, &QPushButton::clicked, this, [this] {
    const auto& layout = layouts_[static_cast<std::size_t>(list_->currentRow())];
    Q_EMIT chosen(layout.layout, layout.name);
  });
  connect(rename_, &QPushButton::clicked, this, [this] { list_->editItem(list_->currentItem()); });
  connect(remove_, &QPushButton::clicked, this, &ManageLayoutsDialog::remove);
  connect(up_, &QPushButton::clicked, this, [this] { move(-1); });
  connect(down_, &QPushButton::clicked, this, [this] { move(1); });
  auto* const layout = layout_dialog_column(this);
  layout->addLayout(row);
  layout->addWidget(note_);
  layout->addWidget(buttons);
  fill(0);
}

void ManageLayoutsDialog::fill(int current) {
  const QSignalBlocker block(list_);
  list_->clear();
  for (const auto& layout : layouts_) {
    auto* const item = new QListWidgetItem(layout.name, list_);
    item->setFlags(item->flags() | Qt::ItemIsEditable);
  }
  list_->setCurrentRow(std::min(current, list_->count() - 1));
  note_->setText(layouts_.empty() ? tr("No saved layouts. Use View › Layouts › Save layout as… to save one.")
                                  : QString());
  update_buttons();
}

void ManageLayoutsDialog::renamed(int row) {
  auto& layout = layouts_[static_cast<std::size_t>(row)];
  const auto name = list_->item(row)->text().trimmed().left(NamedLayout::kLongestName);
  auto taken = names_of(layouts_);
  taken.removeAt(row);
  const auto problem = layout_name_problem(name, built_in_ + taken);
  if (problem.isEmpty()) layout.name = name;
  fill(row);
  note_->setText(problem);
}

void ManageLayoutsDialog::remove() {
  const int row = list_->currentRow();
  layouts_.erase(layouts_.begin() + row);
  fill(row);
}

void ManageLayoutsDialog::move(int rows) {
  const int row = list_->currentRow();
  std::swap(layouts_[static_cast<std::size_t>(row)], layouts_[static_cast<std::size_t>(row + rows)]);
  fill(row + rows);
}

void ManageLayoutsDialog::update_buttons() {
  const int row = list_->currentRow();
  for (auto* const button : {use_, rename_, remove_}) button->setEnabled(row >= 0);
  up_->setEnabled(row > 0);
  down_->setEnabled(row >= 0 && row + 1 < list_->count());
}

}  // namespace deer
