// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/commands/shortcut_dialog.h"

#include <QDialogButtonBox>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QTableWidget>
#include <QVBoxLayout>

#include "app/gui/commands/command_table.h"
#include "app/gui/dialogs/plain_buttons.h"
#include "widgets/base/theme.h"

namespace deer {

ShortcutDialog::ShortcutDialog(const CommandTable& commands, QWidget* parent) : QDialog(parent) {
  setWindowTitle(tr("Keys"));
  setAccessibleName(tr("List of keys"));
  auto* const table = new QTableWidget(this);
  table->setAccessibleName(tr("Keys and what they do"));
  table->setColumnCount(3);
  table->setHorizontalHeaderLabels({tr("Keys"), tr("Command"), tr("What it does")});
  table->setEditTriggers(QAbstractItemView::NoEditTriggers);
  table->setSelectionBehavior(QAbstractItemView::SelectRows);
  table->setFrameShape(QFrame::NoFrame);
  table->setShowGrid(false);
  table->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  table->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
  table->verticalHeader()->hide();
  table->horizontalHeader()->setHighlightSections(false);
  table->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  for (const auto& command : commands.commands()) {
    if (command.shortcuts.isEmpty()) continue;
    const int row = table->rowCount();
    table->insertRow(row);
    table->setItem(row, 0, new QTableWidgetItem(shortcut_text(command)));
    table->setItem(row, 1, new QTableWidgetItem(without_marks(command.text)));
    table->setItem(row, 2, new QTableWidgetItem(command.tip));
  }
  // Sentences wrap rather than being cut off.
  table->horizontalHeader()->setSectionResizeMode(QHeaderView::ResizeToContents);
  table->horizontalHeader()->setSectionResizeMode(2, QHeaderView::Stretch);
  table->verticalHeader()->setSectionResizeMode(QHeaderView::ResizeToContents);
  Theme::instance().style_view(table);
  auto* const search = new QLineEdit(this);
  search->setPlaceholderText(tr("Search keys and commands"));
  search->setAccessibleName(search->placeholderText());
  search->setClearButtonEnabled(true);
  connect(search, &QLineEdit::textChanged, table, [table](const QString& text) {
    for (int row = 0; row < table->rowCount(); ++row) {
      bool found = false;
      for (int column = 0; column < 3; ++column) {
        found = found || table->item(row, column)->text().contains(text, Qt::CaseInsensitive);
      }
      table->setRowHidden(row, !found);
    }
  });
  auto* const mouse =
      new QLabel(tr("In every plot the wheel zooms at the pointer, dragging pans (in the timeline with "
                    "Shift), and a double click shows everything. Ctrl+J and then letters of the menu and "
                    "the command reach what has no key of its own."),
                 this);
  mouse->setWordWrap(true);
  auto* const buttons = new QDialogButtonBox(QDialogButtonBox::Close, this);
  make_plain(buttons);
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
  auto* const layout = new QVBoxLayout(this);
  layout->setSpacing(spacing::kMedium);
  layout->addWidget(search);
  layout->addWidget(table);
  layout->addWidget(mouse);
  layout->addWidget(buttons);
  resize(760, 620);
}

}  // namespace deer
