// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/cameras/camera_picker.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QFileDialog>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalBlocker>
#include <QSpinBox>
#include <QVBoxLayout>

#include "app/gui/cameras/camera_preview.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr int kMostCropPixels = 65536;

}  // namespace

CameraPicker::CameraPicker(const QString& title, const std::vector<ListedCamera>& found, const CameraSettings& before,
                           QWidget* parent)
    : QWidget(parent),
      source_(new QComboBox),
      browse_(new QPushButton(tr("Video…"))),
      turn_(new QComboBox),
      flip_horizontal_(new QCheckBox(tr("Flip left and right"))),
      flip_vertical_(new QCheckBox(tr("Flip top and bottom"))),
      crop_{},
      whole_(new QPushButton(tr("Full picture"))),
      by_hand_(new QCheckBox(tr("Set exposure"))),
      exposure_(new QDoubleSpinBox),
      show_(new QPushButton(tr("Show picture"))),
      preview_(new CameraPreview),
      state_(new QLabel) {
  setAccessibleName(title);
  for (auto*& box : crop_) box = new QSpinBox;
  source_->setEditable(true);
  for (const auto& camera : found) {
    source_->addItem(tr("%1 – %2").arg(QString::fromStdString(camera.device), QString::fromStdString(camera.name)),
                     QString::fromStdString(camera.device));
  }
  for (int turns = 0; turns < 4; ++turns) turn_->addItem(tr("%1°").arg(90 * turns));
  build(title);
  show_settings(before);

  const auto edited = [this] { apply(); };
  connect(source_, &QComboBox::currentTextChanged, this, [this] {
    stop_preview();
    Q_EMIT changed();
  });
  connect(turn_, &QComboBox::currentIndexChanged, this, edited);
  for (auto* const box : {flip_horizontal_, flip_vertical_}) connect(box, &QCheckBox::toggled, this, edited);
  for (auto* const box : crop_) connect(box, &QSpinBox::valueChanged, this, edited);
  connect(whole_, &QPushButton::clicked, this, [this] { Q_EMIT preview_->crop_chosen({}); });
  connect(by_hand_, &QCheckBox::toggled, exposure_, &QWidget::setEnabled);
  // The exposure is set when the driver is opened.
  const auto reopen = [this] {
    if (preview_->running()) preview_->start(settings());
  };
  connect(by_hand_, &QCheckBox::toggled, this, reopen);
  connect(exposure_, &QDoubleSpinBox::editingFinished, this, reopen);
  connect(browse_, &QPushButton::clicked, this, &CameraPicker::choose_file);
  connect(show_, &QPushButton::toggled, this, [this](bool on) {
    on ? preview_->start(settings()) : preview_->stop();
    show_->setText(on ? tr("Hide picture") : tr("Show picture"));
  });
  connect(preview_, &CameraPreview::text_changed, state_, &QLabel::setText);
  connect(preview_, &CameraPreview::crop_chosen, this, [this](const CameraCrop& crop) {
    auto now = settings();
    now.crop = crop;
    show_settings(now);
    apply();
  });
}

void CameraPicker::build(const QString& title) {
  const auto name = [&](QWidget* widget, const QString& what) {
    widget->setAccessibleName(tr("%1: %2").arg(title, what));
  };
  name(source_, tr("source"));
  source_->lineEdit()->setPlaceholderText(tr("Device, URL or GStreamer pipeline"));
  source_->lineEdit()->setAccessibleName(source_->accessibleName());
  source_->setToolTip(
      tr("A device (0 or /dev/video0), a URL (rtsp, http and others), a GStreamer pipeline such as "
         "“v4l2src ! video/x-raw,width=640”, or a video file, which plays at its own rate."));
  source_->setMinimumWidth(220);
  name(browse_, tr("choose a video"));
  name(turn_, tr("turn clockwise"));
  name(flip_horizontal_, flip_horizontal_->text());
  name(flip_vertical_, flip_vertical_->text());
  const QString edges[4] = {tr("crop from left"), tr("crop from top"), tr("crop width"), tr("crop height")};
  const QString prefixes[4] = {tr("left "), tr("top "), tr("width "), tr("height ")};
  for (int i = 0; i < 4; ++i) {
    name(crop_[i], edges[i]);
    crop_[i]->setRange(0, kMostCropPixels);
    crop_[i]->setPrefix(prefixes[i]);
    crop_[i]->setSuffix(tr(" px"));
    crop_[i]->setToolTip(
        tr("In pixels of the rotated picture. You can also drag over the preview; double-click to reset."));
  }
  for (int i : {2, 3}) crop_[i]->setSpecialValueText(prefixes[i] + tr("all"));
  name(whole_, whole_->text());
  name(by_hand_, by_hand_->text());
  by_hand_->setToolTip(tr("Off: automatic exposure."));
  name(exposure_, tr("exposure"));
  exposure_->setRange(0, 1e6);
  exposure_->setDecimals(0);
  exposure_->setValue(100);
  exposure_->setEnabled(false);
  exposure_->setToolTip(
      tr("In the driver's units, 100 µs for most webcams. The preview shows whether the camera accepts it."));
  name(show_, show_->text());
  show_->setCheckable(true);
  name(preview_, tr("preview"));
  name(state_, tr("state"));
  state_->setTextFormat(Qt::PlainText);
  state_->setWordWrap(true);
  state_->setMinimumHeight(2 * fontMetrics().lineSpacing());  // typing moves nothing
  state_->setAlignment(Qt::AlignTop | Qt::AlignLeading);

  auto* const heading = new QLabel(title);
  heading->setFont(Theme::instance().title_font());
  const auto row = [](std::initializer_list<QWidget*> widgets, bool stretch = false) {
    auto* const out = new QHBoxLayout;
    out->setSpacing(spacing::kSmall);
    for (auto* const widget : widgets) out->addWidget(widget);
    if (stretch) out->addStretch(1);
    return out;
  };
  auto* const form = new QFormLayout;
  form->setHorizontalSpacing(spacing::kMedium);
  form->setVerticalSpacing(spacing::kSmall);
  auto* const source = row({source_, browse_});
  source->setStretch(0, 1);
  form->addRow(tr("Source"), source);
  form->addRow(tr("Turn"), row({turn_}, true));
  form->addRow(QString(), row({flip_horizontal_, flip_vertical_}, true));
  form->addRow(tr("Crop"), row({crop_[0], crop_[1]}));
  form->addRow(QString(), row({crop_[2], crop_[3], whole_}));
  form->addRow(QString(), row({by_hand_, exposure_}, true));
  auto* const layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(spacing::kSmall);
  layout->addWidget(heading);
  layout->addLayout(form);
  layout->addLayout(row({show_}, true));
  layout->addWidget(preview_, 1);
  layout->addWidget(state_);
}

void CameraPicker::show_settings(const CameraSettings& settings) {
  const QSignalBlocker block_source(source_), block_turn(turn_), block_h(flip_horizontal_), block_v(flip_vertical_);
  const auto text = QString::fromStdString(settings.source);
  if (this->settings().source != settings.source) {
    const int listed = source_->findData(text);
    source_->setCurrentIndex(listed);
    if (listed < 0) source_->setEditText(text);
  }
  turn_->setCurrentIndex(settings.quarter_turns);
  flip_horizontal_->setChecked(settings.flip_horizontal);
  flip_vertical_->setChecked(settings.flip_vertical);
  const int values[4] = {settings.crop.x, settings.crop.y, settings.crop.width, settings.crop.height};
  for (int i = 0; i < 4; ++i) {
    const QSignalBlocker block(crop_[i]);
    crop_[i]->setValue(values[i]);
  }
  by_hand_->setChecked(settings.exposure.has_value());
  exposure_->setEnabled(settings.exposure.has_value());
  if (settings.exposure) exposure_->setValue(*settings.exposure);
}

CameraSettings CameraPicker::settings() const {
  CameraSettings out;
  const auto text = source_->currentText().trimmed();
  const int listed = source_->findText(text, Qt::MatchExactly | Qt::MatchCaseSensitive);
  out.source = (listed < 0 ? text : source_->itemData(listed).toString()).toStdString();
  out.quarter_turns = turn_->currentIndex();
  out.flip_horizontal = flip_horizontal_->isChecked();
  out.flip_vertical = flip_vertical_->isChecked();
  out.crop = {crop_[0]->value(), crop_[1]->value(), crop_[2]->value(), crop_[3]->value()};
  if (by_hand_->isChecked()) out.exposure = exposure_->value();
  return out;
}

void CameraPicker::stop_preview() { show_->setChecked(false); }

void CameraPicker::apply() {
  preview_->adjust(settings());
  Q_EMIT changed();
}

void CameraPicker::choose_file() {
  const auto path = QFileDialog::getOpenFileName(this, tr("Choose a video"), {},
                                                 tr("Videos (*.mp4 *.avi *.mkv *.mov *.webm *.m4v);;All files (*)"));
  if (!path.isEmpty()) source_->setEditText(path);
}

}  // namespace deer
