// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/parts/help_part.h"

#include <QDialogButtonBox>
#include <QLabel>
#include <QVBoxLayout>

#include "app/gui/bars/message_bar.h"
#include "app/gui/commands/command_table.h"
#include "app/gui/commands/shortcut_dialog.h"
#include "app/gui/dialogs/guide_dialog.h"
#include "app/gui/dialogs/plain_buttons.h"
#include "core/base/version.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

void show_once(QDialog* dialog) {
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->show();
}

}  // namespace

HelpPart::HelpPart(MessageBar* messages, std::function<void()> open_demo, QWidget* window)
    : QObject(window), window_(window), messages_(messages), open_demo_(std::move(open_demo)) {}

void HelpPart::add_commands(CommandTable* commands) {
  commands->add(tr("&Help"), {{.id = "help.demo",
                               .text = tr("Open &demo"),
                               .tip = tr("Open the demo model and episodes, and run one."),
                               .shortcuts = {QKeySequence(tr("Ctrl+D"))},
                               .run = open_demo_},
                              {.id = "help.guide",
                               .text = tr("User &guide"),
                               .tip = tr("Show what you can do here and how, task by task."),
                               .shortcuts = {QKeySequence(tr("F1"))},
                               .run = [this] { show_once(new GuideDialog(window_)); }},
                              {.id = "help.keys",
                               .text = tr("&Keys"),
                               .tip = tr("List every key and what it does."),
                               .shortcuts = {QKeySequence(tr("?"))},
                               .run = [this, commands] { show_once(new ShortcutDialog(*commands, window_)); }},
                              {.id = "help.dismiss",
                               .text = tr("Dismiss &messages"),
                               .tip = tr("Clear the messages at the top of the window."),
                               .shortcuts = {QKeySequence(tr("Ctrl+Backspace"))},
                               .run = [this] { messages_->dismiss_all(); },
                               .enabled = [this] { return messages_->count() > 0; }},
                              {.id = "help.about",
                               .text = tr("&About Deerscope"),
                               .tip = tr("Show version, license and sources."),
                               .run = [this] { show_about(); },
                               .separator_before = true}});
}

void HelpPart::show_about() {
  auto* const dialog = new QDialog(window_);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setWindowTitle(tr("About Deerscope"));
  auto* const title = new QLabel(tr("Deerscope %1").arg(QString::fromLatin1(kVersion)), dialog);
  title->setFont(Theme::instance().title_font());
  auto* const text = new QLabel(
      tr("Shows, frame by frame, how a robot policy with dynamic early exit decides how many of its layers to run.\n\n"
         "The policy is DeeR-VLA: Yue et al., “DeeR-VLA: Dynamic Inference of Multimodal Large Language Models for "
         "Efficient Robot Execution”, NeurIPS 2024, arXiv 2411.02359.\n\n"
         "Free software under the GNU General Public License, version 3 or later. It comes with no warranty. "
         "It sends nothing over the network.\n\nQt %1")
          .arg(QString::fromLatin1(qVersion())),
      dialog);
  text->setWordWrap(true);
  text->setMinimumWidth(420);
  text->setTextInteractionFlags(Qt::TextSelectableByMouse);
  auto* const buttons = new QDialogButtonBox(QDialogButtonBox::Close, dialog);
  make_plain(buttons);
  connect(buttons, &QDialogButtonBox::rejected, dialog, &QDialog::reject);
  auto* const layout = new QVBoxLayout(dialog);
  layout->setContentsMargins(spacing::kHuge, spacing::kHuge, spacing::kHuge, spacing::kLarge);
  layout->setSpacing(spacing::kLarge);
  layout->addWidget(title);
  layout->addWidget(text);
  layout->addWidget(buttons);
  dialog->open();
}

}  // namespace deer
