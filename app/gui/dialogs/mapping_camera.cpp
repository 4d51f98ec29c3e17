// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/dialogs/mapping_camera.h"

#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QPainter>
#include <QVBoxLayout>

#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr QSize kPictureSize(260, 180);

}  // namespace

MappingCamera::MappingCamera(const QString& title, const std::vector<RecordedCamera>& cameras, QWidget* parent)
    : QWidget(parent), cameras_(new QComboBox), flip_(new QCheckBox(tr("Turn upside down"))), area_(new QWidget) {
  setAccessibleName(title);
  cameras_->setAccessibleName(title);
  cameras_->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  cameras_->setMinimumContentsLength(16);
  cameras_->addItem(tr("None"), QString());
  for (const auto& camera : cameras) {
    const auto name = QString::fromStdString(camera.name);
    cameras_->addItem(name, name);
    cameras_->setItemData(cameras_->count() - 1,
                          camera.width > 0 && camera.height > 0
                              ? tr("%1, %2 × %3 pixels").arg(name).arg(camera.width).arg(camera.height)
                              : name,
                          Qt::ToolTipRole);
  }
  flip_->setAccessibleName(tr("%1: %2").arg(title, flip_->text()));
  flip_->setToolTip(tr("For pictures that are stored with the bottom row first."));
  area_->setMinimumSize(kPictureSize);
  area_->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
  auto* const heading = new QLabel(title);
  heading->setFont(Theme::instance().title_font());
  heading->setBuddy(cameras_);
  auto* const layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(spacing::kSmall);
  layout->addWidget(heading);
  layout->addWidget(cameras_);
  layout->addWidget(area_, 1);
  layout->addWidget(flip_);
  connect(cameras_, &QComboBox::currentIndexChanged, this, [this] {
    flip_->setEnabled(cameras_->currentIndex() > 0);
    Q_EMIT camera_changed();
  });
  connect(flip_, &QCheckBox::clicked, this, &MappingCamera::flip_changed);
  connect(&Theme::instance(), &Theme::changed, this, qOverload<>(&QWidget::update));
  flip_->setEnabled(false);
}

void MappingCamera::choose(const std::string& camera) {
  cameras_->setCurrentIndex(std::max(cameras_->findData(QString::fromStdString(camera)), 0));
}

std::string MappingCamera::chosen() const { return cameras_->currentData().toString().toStdString(); }

void MappingCamera::set_flipped(bool flipped) { flip_->setChecked(flipped); }

void MappingCamera::show_text(const QString& text) {
  picture_ = {};
  text_ = text;
  update();
}

void MappingCamera::show_picture(const ImagePtr& picture) {
  if (!picture || picture->empty()) return show_text(tr("No picture in the first frame"));
  text_.clear();
  picture_ = QImage(picture->rgb.data(), picture->width, picture->height, static_cast<qsizetype>(picture->width) * 3,
                    QImage::Format_RGB888)
                 .copy();
  update();
}

QRect MappingCamera::picture_rect() const {
  if (picture_.isNull()) return {};
  const auto room = area_->geometry();
  const auto size = picture_.size().scaled(room.size(), Qt::KeepAspectRatio);
  return {room.center() - QPoint(size.width() / 2, size.height() / 2), size};
}

void MappingCamera::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  const auto& colors = Theme::instance().colors();
  if (picture_.isNull()) {
    painter.fillRect(area_->geometry(), colors.surface);
    painter.setPen(colors.muted_text);
    painter.drawText(area_->geometry().adjusted(spacing::kSmall, spacing::kSmall, -spacing::kSmall, -spacing::kSmall),
                     Qt::AlignCenter | Qt::TextWordWrap, text_);
    return;
  }
  painter.setRenderHint(QPainter::SmoothPixmapTransform);
  painter.drawImage(picture_rect(), picture_);
}

}  // namespace deer
