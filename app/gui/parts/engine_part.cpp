// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/parts/engine_part.h"

#include "app/gui/commands/command_table.h"
#include "app/gui/dialogs/connect_engine_dialog.h"

namespace deer {

EnginePart::EnginePart(Session* session, QWidget* window) : QObject(window), session_(session), window_(window) {}

void EnginePart::use(Engines* engines) {
  engines_ = engines;
  // The message goes with the model, as one about its opening does.
  constexpr auto id = ProblemId::model_not_opened;
  connect(engines, &Engines::lost, this, [this](const QString& address) {
    Q_EMIT warning({tr("Connection to %1 lost; trying again…").arg(address),
                    tr("The run waits for the server and then continues where it was. Esc cancels it."),
                    {},
                    id});
  });
  connect(engines, &Engines::found, this, [this](const QString& address) {
    Q_EMIT settled(id);
    Q_EMIT note({tr("Connected again."), tr("%1 answers, and the run continues.").arg(address), {}});
  });
  connect(engines, &Engines::given_up, this, [this] { Q_EMIT settled(id); });
}

std::filesystem::path EnginePart::lasting_path(const std::filesystem::path& model) const {
  return engines_ ? engines_->lasting_path(model) : model;
}

void EnginePart::add_commands(CommandTable* commands) {
  if (!can_connect_engines()) return;
  commands->add(tr("&Model"), {{.id = "model.connect",
                                .text = tr("Connect to &engine…"),
                                .tip = tr("Run a model on another computer, where deer serve was started."),
                                .run = [this] { choose(); },
                                .enabled = [this] { return engines_ != nullptr; },
                                .separator_before = true}});
}

void EnginePart::choose() {
  auto* const dialog = new ConnectEngineDialog(engines_->recent(), &check_engine, window_);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  connect(dialog, &QDialog::accepted, this, [this, dialog] { open(dialog->engine()); });
  dialog->open();
}

void EnginePart::open(const EngineAddress& engine) {
  Q_EMIT opening(ProblemId::model_not_opened);
  session_->open_model(engines_->add(engine));
}

}  // namespace deer
