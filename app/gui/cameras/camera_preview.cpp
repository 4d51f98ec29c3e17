// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/cameras/camera_preview.h"

#include <QMouseEvent>
#include <QPainter>
#include <QPainterPath>

#include "app/gui/cameras/camera_text.h"
#include "core/base/error.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr int kLookEveryMs = 50;
constexpr int kLeastCrop = 8;  // pixels of the widget; less is a slip of the hand

}  // namespace

CameraPreview::CameraPreview(QWidget* parent) : QWidget(parent) {
  setAccessibleName(tr("Camera preview"));
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
  connect(&timer_, &QTimer::timeout, this, &CameraPreview::look);
  connect(&Theme::instance(), &Theme::changed, this, qOverload<>(&QWidget::update));
}

CameraPreview::~CameraPreview() = default;

void CameraPreview::start(const CameraSettings& settings) {
  stop();
  settings_ = settings;
  if (settings.source.empty()) return;
  CameraSettings plain{.source = settings.source, .exposure = settings.exposure, .repeat = true};
  try {
    camera_ = std::make_unique<LiveCamera>("preview", std::move(plain), &open_camera_device, CameraTimeouts(), [] {});
  } catch (const Error& error) {
    return say(QString::fromStdString(error.what()));
  }
  say(tr("connecting"));
  timer_.start(kLookEveryMs);
}

void CameraPreview::stop() {
  timer_.stop();
  camera_.reset();
  shown_number_ = -1;
  newest_.reset();
  picture_ = {};
  drag_from_.reset();
  say({});
  update();
}

void CameraPreview::adjust(const CameraSettings& settings) {
  settings_ = settings;
  show_image();
}

void CameraPreview::say(const QString& text) {
  if (text == text_) return;
  text_ = text;
  Q_EMIT text_changed(text_);
  update();
}

void CameraPreview::look() {
  const auto frames = camera_->frames();
  if (!frames.empty() && frames.back().number != shown_number_) {
    shown_number_ = frames.back().number;
    newest_ = frames.back().image;
    show_image();
  }
  const auto report = camera_->report();
  auto text = camera_state_text(report);
  if (report.state == CameraState::live && !picture_.isNull()) {
    text = tr("%1 × %2, %3")
               .arg(picture_.width())
               .arg(picture_.height())
               .arg(format_quantity(report.frames_per_second, tr("Hz")));
  } else if (!report.problem.empty()) {
    text += QStringLiteral(": ") + QString::fromStdString(report.problem);
  }
  if (!report.note.empty()) text += QStringLiteral(" · ") + QString::fromStdString(report.note);
  say(text);
}

void CameraPreview::show_image() {
  if (!newest_) return;
  auto whole = settings_;
  whole.crop = {};
  const auto image = adjusted(newest_, whole);
  picture_ = QImage(image->rgb.data(), image->width, image->height, static_cast<qsizetype>(image->width) * 3,
                    QImage::Format_RGB888)
                 .copy();
  update();
}

QRect CameraPreview::picture_rect() const {
  if (picture_.isNull()) return {};
  const auto size = picture_.size().scaled(this->size(), Qt::KeepAspectRatio);
  return {QPoint((width() - size.width()) / 2, (height() - size.height()) / 2), size};
}

QRect CameraPreview::crop_rect() const {
  const auto area = picture_rect();
  if (area.isEmpty()) return {};
  const QRect part = QRect(settings_.crop.x, settings_.crop.y, settings_.crop.width, settings_.crop.height)
                         .intersected(picture_.rect());
  if (part.isEmpty()) return area;
  const double scale = double(area.width()) / picture_.width();
  return QRectF(area.left() + part.left() * scale, area.top() + part.top() * scale, part.width() * scale,
                part.height() * scale)
      .toAlignedRect()
      .intersected(area);
}

QSize CameraPreview::sizeHint() const { return {320, 240}; }
QSize CameraPreview::minimumSizeHint() const { return {200, 150}; }

void CameraPreview::paintEvent(QPaintEvent*) {
  const auto& colors = Theme::instance().colors();
  QPainter painter(this);
  painter.fillRect(rect(), colors.surface);
  if (picture_.isNull()) {
    painter.setPen(colors.muted_text);
    painter.drawText(rect().adjusted(spacing::kMedium, spacing::kMedium, -spacing::kMedium, -spacing::kMedium),
                     Qt::AlignCenter | Qt::TextWordWrap,
                     text_.isEmpty() ? tr("Choose a source, then show its picture here.") : text_);
    return;
  }
  const auto area = picture_rect();
  painter.setRenderHint(QPainter::SmoothPixmapTransform);
  painter.drawImage(area, picture_);
  const auto part = drag_from_ ? dragged_ : crop_rect();
  if (part == area || part.isEmpty()) return;
  QPainterPath outside;
  outside.addRect(area);
  outside.addRect(part);
  auto shade = colors.background;
  shade.setAlphaF(0.7F);
  painter.fillPath(outside, shade);
  painter.setPen(QPen(colors.accent, 2));
  painter.drawRect(part.adjusted(0, 0, -1, -1));
}

void CameraPreview::mousePressEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton || !picture_rect().contains(event->pos())) return;
  drag_from_ = event->pos();
  dragged_ = {};
}

void CameraPreview::mouseMoveEvent(QMouseEvent* event) {
  if (!drag_from_) return;
  dragged_ = QRect(*drag_from_, event->pos()).normalized().intersected(picture_rect());
  update();
}

void CameraPreview::mouseReleaseEvent(QMouseEvent*) {
  if (!drag_from_) return;
  drag_from_.reset();
  const auto area = picture_rect();
  if (dragged_.width() >= kLeastCrop && dragged_.height() >= kLeastCrop && !area.isEmpty()) {
    const double scale = double(picture_.width()) / area.width();
    const auto pixels = [&](int from_edge) { return qRound(from_edge * scale); };
    Q_EMIT crop_chosen({pixels(dragged_.left() - area.left()), pixels(dragged_.top() - area.top()),
                        std::max(1, pixels(dragged_.width())), std::max(1, pixels(dragged_.height()))});
  }
  update();
}

void CameraPreview::mouseDoubleClickEvent(QMouseEvent*) {
  drag_from_.reset();
  Q_EMIT crop_chosen({});
}

}  // namespace deer
