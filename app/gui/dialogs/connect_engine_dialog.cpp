// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/dialogs/connect_engine_dialog.h"

#include <QComboBox>
#include <QDialogButtonBox>
#include <QFileDialog>
#include <QFormLayout>
#include <QFrame>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QVBoxLayout>
#include <algorithm>

#include "app/gui/dialogs/plain_buttons.h"
#include "core/base/error.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr int kFieldWidth = 380;  // px

QLineEdit* add_file_row(QFormLayout* form, const QString& label, const QString& when_empty, QDialog* dialog) {
  auto* const edit = new QLineEdit;
  edit->setAccessibleName(label);
  edit->setPlaceholderText(when_empty);
  edit->setMinimumWidth(kFieldWidth);
  auto* const browse = new QPushButton(ConnectEngineDialog::tr("Browse…"));
  browse->setAccessibleName(ConnectEngineDialog::tr("Browse for: %1").arg(label));
  browse->setAutoDefault(false);
  QObject::connect(browse, &QPushButton::clicked, dialog, [dialog, edit, label] {
    const auto path = QFileDialog::getOpenFileName(dialog, label, edit->text());
    if (!path.isEmpty()) edit->setText(path);
  });
  auto* const row = new QHBoxLayout;
  row->setSpacing(spacing::kSmall);
  row->addWidget(edit, 1);
  row->addWidget(browse);
  form->addRow(label, row);
  return edit;
}

QLabel* add_fact(QFormLayout* form, const QString& label) {
  auto* const value = new QLabel;
  value->setAccessibleName(label);
  value->setTextFormat(Qt::PlainText);
  value->setTextInteractionFlags(Qt::TextSelectableByMouse);
  auto* const name = new QLabel(label);
  auto palette = name->palette();
  palette.setColor(QPalette::WindowText, Theme::instance().colors().muted_text);
  name->setPalette(palette);
  form->addRow(name, value);
  return value;
}

}  // namespace

ConnectEngineDialog::ConnectEngineDialog(const std::vector<EngineAddress>& recent, Check check, QWidget* parent)
    : QDialog(parent), recent_(recent), check_(std::move(check)), address_(new QComboBox), note_(new QLabel) {
  setWindowTitle(tr("Connect to engine"));
  setAccessibleName(windowTitle());
  address_->setAccessibleName(tr("Address"));
  address_->setEditable(true);
  address_->setInsertPolicy(QComboBox::NoInsert);
  address_->lineEdit()->setPlaceholderText(tr("HOST:PORT or unix:PATH, for example 127.0.0.1:8477"));
  for (const auto& one : recent_) address_->addItem(one.address);

  auto* const form = new QFormLayout;
  form->setHorizontalSpacing(spacing::kLarge);
  form->setVerticalSpacing(spacing::kSmall);
  form->addRow(tr("Address"), address_);
  token_file_ = add_file_row(form, tr("Token file"), tr("None: the server needs no token"), this);
  token_file_->setToolTip(
      tr("A file that only you may read, with the server's token in its first line. The token "
         "itself is not saved."));
  tls_ca_ = add_file_row(form, tr("TLS certificates"), tr("The system's"), this);
  tls_ca_->setToolTip(
      tr("A PEM file with the certificates that vouch for the server. Addresses of other computers are "
         "reached by TLS only."));

  auto* const facts = new QFrame;
  facts->setFrameShape(QFrame::StyledPanel);
  auto* const facts_form = new QFormLayout(facts);
  facts_form->setContentsMargins(spacing::kMedium, spacing::kMedium, spacing::kMedium, spacing::kMedium);
  facts_form->setHorizontalSpacing(spacing::kLarge);
  facts_form->setVerticalSpacing(spacing::kTiny);
  model_ = add_fact(facts_form, tr("Model"));
  exits_ = add_fact(facts_form, tr("Exits"));
  device_ = add_fact(facts_form, tr("Device"));
  fingerprint_ = add_fact(facts_form, tr("Fingerprint"));
  fingerprint_->setFont(Theme::number_font(fingerprint_->font()));

  note_->setAccessibleName(tr("State of the connection"));
  note_->setTextFormat(Qt::PlainText);
  note_->setWordWrap(true);
  // Room for the longest text, so that an answer moves nothing.
  note_->setMinimumHeight(3 * fontMetrics().lineSpacing());
  note_->setAlignment(Qt::AlignTop | Qt::AlignLeading);

  auto* const buttons = new QDialogButtonBox(QDialogButtonBox::Cancel);
  ask_ = buttons->addButton(tr("Check"), QDialogButtonBox::ActionRole);
  connect_ = buttons->addButton(tr("Connect"), QDialogButtonBox::AcceptRole);
  make_plain(buttons);
  ask_->setAccessibleName(tr("Check"));
  ask_->setToolTip(tr("Ask the server which model it has."));
  ask_->setAutoDefault(false);
  connect_->setAccessibleName(tr("Connect"));
  auto* const layout = new QVBoxLayout(this);
  layout->setContentsMargins(spacing::kLarge, spacing::kLarge, spacing::kLarge, spacing::kLarge);
  layout->setSpacing(spacing::kLarge);
  layout->addLayout(form);
  layout->addWidget(facts);
  layout->addWidget(note_);
  layout->addWidget(buttons);
  // Once they are in the dialog: Enter connects.
  buttons->button(QDialogButtonBox::Cancel)->setAutoDefault(false);
  connect_->setDefault(true);

  connect(buttons, &QDialogButtonBox::accepted, this, &QDialog::accept);
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
  connect(ask_, &QPushButton::clicked, this, &ConnectEngineDialog::ask);
  connect(address_, &QComboBox::activated, this, [this](int index) {
    if (index >= 0 && index < static_cast<int>(recent_.size())) fill_in(recent_[static_cast<std::size_t>(index)]);
  });
  connect(address_, &QComboBox::editTextChanged, this, &ConnectEngineDialog::change);
  connect(token_file_, &QLineEdit::textChanged, this, &ConnectEngineDialog::change);
  connect(tls_ca_, &QLineEdit::textChanged, this, &ConnectEngineDialog::change);
  fill_in(recent_.empty() ? EngineAddress() : recent_.front());
  change();
  address_->lineEdit()->selectAll();
}

EngineAddress ConnectEngineDialog::engine() const {
  return {address_->currentText().trimmed(), token_file_->text().trimmed(), tls_ca_->text().trimmed()};
}

void ConnectEngineDialog::fill_in(const EngineAddress& engine) {
  address_->setEditText(engine.address);
  token_file_->setText(engine.token_file);
  tls_ca_->setText(engine.tls_ca);
}

// An answer is of what was asked.
void ConnectEngineDialog::change() {
  ++number_;
  task_.forget();
  const bool has_address = !engine().address.isEmpty();
  ask_->setEnabled(has_address);
  connect_->setEnabled(has_address);
  for (auto* const fact : {model_, exits_, device_, fingerprint_}) fact->setText(QStringLiteral("–"));
  show_text(tr("The model runs on the other computer, where “deer serve” was started. Pictures are sent there; its "
               "action heads are fetched once, so that other thresholds are replayed here."),
            false);
}

void ConnectEngineDialog::ask() {
  change();
  ask_->setEnabled(false);
  show_text(tr("Asking %1…").arg(engine().address), false);
  task_.ask([this, number = number_, engine = engine(), check = check_](const std::stop_token& stop) {
    const auto answer = [this, number](auto tell) {
      QMetaObject::invokeMethod(
          this,
          [this, number, tell = std::move(tell)] {
            if (number != number_) return;
            ask_->setEnabled(true);
            tell();
          },
          Qt::QueuedConnection);
    };
    try {
      answer([this, found = check(engine, stop)] { show_answer(found); });
    } catch (const Cancelled&) {
    } catch (const std::exception& error) {
      answer([this, text = QString::fromUtf8(error.what())] { show_text(text, true); });
    }
  });
}

void ConnectEngineDialog::show_answer(const EngineCheck& found) {
  const auto& model = found.model;
  model_->setText(tr("%1 (%2, %3 layers)")
                      .arg(QString::fromStdString(model.name), QString::fromStdString(model.family))
                      .arg(model.layers));
  QStringList depths;
  for (const int layer : model.exit_layers) depths << QString::number(layer + 1);
  exits_->setText(tr("%1, at depths %2").arg(depths.size()).arg(depths.join(QStringLiteral(", "))));
  device_->setText(QString::fromStdString(model.device + " · " + model.dtype));
  fingerprint_->setText(found.fingerprint.empty() ? tr("not available") : QString::fromStdString(found.fingerprint));
  show_text(tr("The server answers (Deerscope %1).").arg(QString::fromStdString(found.version)), false);
}

void ConnectEngineDialog::show_text(const QString& text, bool is_problem) {
  const auto& colors = Theme::instance().colors();
  auto palette = note_->palette();
  palette.setColor(QPalette::WindowText, is_problem ? colors.error : colors.muted_text);
  note_->setPalette(palette);
  note_->setText(text);
}

}  // namespace deer
