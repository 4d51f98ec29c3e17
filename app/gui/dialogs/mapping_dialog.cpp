// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/dialogs/mapping_dialog.h"

#include <QCheckBox>
#include <QDialogButtonBox>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QTabWidget>
#include <QVBoxLayout>

#include "app/gui/dialogs/mapping_camera.h"
#include "app/gui/dialogs/mapping_page.h"
#include "app/gui/dialogs/plain_buttons.h"
#include "core/episodes/recording_collection.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr std::size_t kDeerWidth = 7;

}  // namespace

MappingDialog::MappingDialog(const DatasetDescription& data, const QString& dataset, QWidget* parent)
    : QDialog(parent),
      schema_(data.schema),
      cameras_{new MappingCamera(tr("Static camera"), schema_.cameras),
               new MappingCamera(tr("Gripper camera"), schema_.cameras)},
      instruction_(new QLineEdit),
      state_(new MappingPage(tr("State"), schema_)),
      action_(new MappingPage(tr("Action"), schema_)),
      deer_action_(new QCheckBox(tr("DeeR's relative action: x y z, the turns about them, and the gripper"))),
      note_(new QLabel),
      waiting_(tr("Loading the first frame…")) {
  setWindowTitle(tr("Mapping of %1").arg(dataset));
  setAccessibleName(tr("Mapping"));
  instruction_->setAccessibleName(tr("Instruction"));
  instruction_->setPlaceholderText(tr("As recorded"));
  instruction_->setToolTip(tr("Replaces the recorded instructions."));
  deer_action_->setAccessibleName(deer_action_->text());
  deer_action_->setToolTip(
      tr("The seven checked columns, in this order and scaled to position × 50 and angle × 20, are compared with the "
         "model's action."));
  note_->setAccessibleName(tr("What will happen"));
  note_->setWordWrap(true);
  note_->setTextFormat(Qt::PlainText);
  note_->setMinimumHeight(2 * fontMetrics().lineSpacing());
  note_->setAlignment(Qt::AlignTop | Qt::AlignLeading);
  lay_out();

  for (auto* const camera : cameras_) {
    connect(camera, &MappingCamera::camera_changed, this, [this] {
      show_pictures();
      update_note();
    });
    connect(camera, &MappingCamera::flip_changed, this, [this, camera](bool flipped) {
      if (flipped) {
        flipped_.insert(camera->chosen());
      } else {
        flipped_.erase(camera->chosen());
      }
      show_pictures();
    });
  }
  connect(deer_action_, &QCheckBox::toggled, this, &MappingDialog::update_note);
  for (auto* const page : {state_, action_}) {
    connect(page->columns(), &MappingColumns::changed, this, &MappingDialog::update_note);
  }
  set_mapping(data.mapping);
}

void MappingDialog::lay_out() {
  auto* const pictures = new QVBoxLayout;
  pictures->setSpacing(spacing::kLarge);
  for (auto* const camera : cameras_) pictures->addWidget(camera, 1);
  auto* const action = new QWidget;
  auto* const action_layout = new QVBoxLayout(action);
  action_layout->setContentsMargins(0, 0, 0, 0);
  action_layout->setSpacing(spacing::kSmall);
  action_layout->addWidget(action_, 1);
  action_layout->addWidget(deer_action_);
  auto* const tabs = new QTabWidget;
  tabs->setAccessibleName(tr("State and action"));
  tabs->setDocumentMode(true);
  tabs->addTab(state_, tr("State"));
  tabs->addTab(action, tr("Action"));
  auto* const form = new QFormLayout;
  form->setHorizontalSpacing(spacing::kLarge);
  form->addRow(tr("Instruction"), instruction_);
  auto* const numbers = new QVBoxLayout;
  numbers->setSpacing(spacing::kMedium);
  numbers->addLayout(form);
  numbers->addWidget(tabs, 1);
  auto* const body = new QHBoxLayout;
  body->setSpacing(spacing::kHuge);
  body->addLayout(pictures, 2);
  body->addLayout(numbers, 5);

  auto* const buttons = new QDialogButtonBox;
  auto* const open = buttons->addButton(tr("Open…"), QDialogButtonBox::ResetRole);
  auto* const save = buttons->addButton(tr("Save…"), QDialogButtonBox::ResetRole);
  auto* const guess = buttons->addButton(tr("Guess"), QDialogButtonBox::ResetRole);
  buttons->addButton(QDialogButtonBox::Cancel);
  apply_ = buttons->addButton(tr("Apply"), QDialogButtonBox::AcceptRole);
  make_plain(buttons);
  open->setAccessibleName(tr("Open a mapping"));
  open->setToolTip(tr("Read a mapping from a file, as --map of deer does."));
  save->setAccessibleName(tr("Save the mapping"));
  save->setToolTip(tr("Write this mapping to a file for --map of deer."));
  guess->setAccessibleName(tr("Guess the mapping"));
  guess->setToolTip(tr("Back to what the names in the dataset suggest."));
  apply_->setAccessibleName(apply_->text());
  auto* const layout = new QVBoxLayout(this);
  layout->setContentsMargins(spacing::kLarge, spacing::kLarge, spacing::kLarge, spacing::kLarge);
  layout->setSpacing(spacing::kMedium);
  layout->addLayout(body, 1);
  layout->addWidget(note_);
  layout->addWidget(buttons);
  resize(1040, 660);

  connect(open, &QPushButton::clicked, this, &MappingDialog::open_requested);
  connect(save, &QPushButton::clicked, this, &MappingDialog::save_requested);
  connect(guess, &QPushButton::clicked, this, [this] { set_mapping(guess_mapping(schema_)); });
  connect(buttons, &QDialogButtonBox::accepted, this, &QDialog::accept);
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
}

Mapping MappingDialog::mapping() const {
  Mapping out;
  out.static_camera = cameras_[0]->chosen();
  out.gripper_camera = cameras_[1]->chosen();
  for (const auto& camera : schema_.cameras) {
    if (flipped_.contains(camera.name)) out.flipped.push_back(camera.name);
  }
  out.state = state_->columns()->chosen();
  out.action = action_->columns()->chosen();
  out.deer_action = deer_action_->isChecked();
  out.instruction = instruction_->text().trimmed().toStdString();
  return out;
}

void MappingDialog::set_mapping(const Mapping& mapping) {
  flipped_ = {mapping.flipped.begin(), mapping.flipped.end()};
  cameras_[0]->choose(mapping.static_camera);
  cameras_[1]->choose(mapping.gripper_camera);
  state_->columns()->set(mapping.state);
  action_->columns()->set(mapping.action);
  deer_action_->setChecked(mapping.deer_action);
  instruction_->setText(QString::fromStdString(mapping.instruction));
  show_pictures();
  update_note();
}

void MappingDialog::show_frame(RecordedFrame frame) {
  state_->columns()->set_frame(frame);
  action_->columns()->set_frame(frame);
  frame_ = std::move(frame);
  show_pictures();
}

void MappingDialog::show_frame_problem(const QString& problem) {
  waiting_ = problem;
  show_pictures();
}

void MappingDialog::show_file_problem(const QString& problem) {
  problem_ = problem;
  update_note();
}

QString MappingDialog::note() const { return note_->text(); }

void MappingDialog::show_pictures() {
  for (auto* const shown : cameras_) {
    const auto name = shown->chosen();
    const bool flipped = flipped_.contains(name);
    shown->set_flipped(flipped);
    if (name.empty()) {
      shown->show_text(tr("No camera chosen"));
      continue;
    }
    if (!frame_) {
      shown->show_text(waiting_);
      continue;
    }
    for (std::size_t i = 0; i < schema_.cameras.size() && i < frame_->pictures.size(); ++i) {
      if (schema_.cameras[i].name != name) continue;
      const auto& picture = frame_->pictures[i];
      shown->show_picture(picture && flipped ? upside_down(*picture) : picture);
    }
  }
}

void MappingDialog::update_note() {
  const auto columns = action_->columns()->chosen().size();
  const bool both = !cameras_[0]->chosen().empty() && !cameras_[1]->chosen().empty();
  const bool wrong = deer_action_->isChecked() && columns != kDeerWidth;
  const auto& colors = Theme::instance().colors();
  QString text;
  if (!problem_.isEmpty()) {
    text = problem_;
  } else if (wrong) {
    text = tr("DeeR's relative action has seven columns, but %1 are checked.").arg(columns);
  } else {
    text = both ? tr("The model sees the static and the gripper camera.")
                : tr("A model needs a static and a gripper camera; without both, the episode is only shown.");
    text += u' ' + tr("Apply opens the episode again, and is remembered for this dataset.");
  }
  apply_->setEnabled(!wrong);
  note_->setText(text);
  auto palette = note_->palette();
  palette.setColor(QPalette::WindowText, wrong || !problem_.isEmpty() ? colors.error : colors.muted_text);
  note_->setPalette(palette);
  problem_.clear();
}

}  // namespace deer
