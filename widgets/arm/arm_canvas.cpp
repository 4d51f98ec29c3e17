// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/arm/arm_canvas.h"

#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QTimer>
#include <QWheelEvent>
#include <algorithm>
#include <cmath>

#include "widgets/base/axis_colors.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr int kSettleMs = 90;  // delay after the last change before drawing with smooth edges
constexpr double kAtOnceMs = 12;
constexpr double kDegreesPerPixel = 0.4;
constexpr double kAxisLabelAt = 0.083;  // m along an axis
constexpr int kKeyDegrees = 5, kKeyPixels = 24;
constexpr double kKeyZoom = 1.2;
constexpr int kChip = 17;             // of the legend
constexpr int kLeastForLegend = 190;  // pixels of width

}  // namespace

ArmCanvas::ArmCanvas(QWidget* parent) : QWidget(parent), settle_(new QTimer(this)) {
  setAccessibleName(tr("Arm in space"));
  setAccessibleDescription(
      tr("Drag to turn, Shift+drag to pan, wheel to zoom, double-click to reset. Alt+arrows turn, "
         "Alt+Shift+arrows pan, + and − zoom."));
  setFocusPolicy(Qt::StrongFocus);
  setAttribute(Qt::WA_OpaquePaintEvent);
  camera_ = ArmCamera::preset(preset_, {});
  settle_->setSingleShot(true);
  settle_->setInterval(kSettleMs);
  connect(settle_, &QTimer::timeout, this, [this] { draw(true); });
}

ArmCanvas::~ArmCanvas() = default;

QString ArmCanvas::problem() const { return renderer_ ? renderer_->problem() : QString(); }

void ArmCanvas::set_state(const ArmStatePtr& state) {
  if (state == state_) return;
  const bool moved = state_ && state && state_->world_from_tcp.position != state->world_from_tcp.position;
  const bool first = !state_ && state;
  state_ = state;
  if (preset_ == ArmCamera::Preset::follow && state && (moved || first)) {
    camera_.focus = state->world_from_tcp.position;
  }
  state ? draw_quickly() : update();
}

void ArmCanvas::set_notes(const QStringList& notes) {
  if (notes == notes_) return;
  notes_ = notes;
  update();
}

void ArmCanvas::set_preset(ArmCamera::Preset preset) {
  preset_ = preset;
  set_camera(ArmCamera::preset(preset, state_ ? state_->world_from_tcp.position : Vector3{}));
  Q_EMIT preset_changed();
}

void ArmCanvas::set_camera(const ArmCamera& camera) {
  camera_ = camera;
  draw_quickly();
}

void ArmCanvas::draw_quickly() {
  // If smooth drawing is fast, the quick image is not needed.
  const bool smooth = last_smooth_ms_ > 0 && last_smooth_ms_ < kAtOnceMs;
  draw(smooth);
  smooth ? settle_->stop() : settle_->start();
}

void ArmCanvas::draw(bool smooth) {
  if (!state_ || !isVisible() || width() < 2 || height() < 2) return;
  if (!renderer_) {
    renderer_ = new ArmRenderer(this);
    connect(renderer_, &ArmRenderer::drawn, this, &ArmCanvas::take);
    connect(renderer_, &ArmRenderer::failed, this, &ArmCanvas::failed);
    if (!renderer_->problem().isEmpty()) {
      // The view removes the canvas: not during its show event.
      QMetaObject::invokeMethod(this, &ArmCanvas::failed, Qt::QueuedConnection);
      return;
    }
  }
  ArmPicture wanted;
  wanted.state = state_;
  wanted.camera = camera_;
  wanted.pixel_ratio = devicePixelRatioF();
  wanted.pixels = (QSizeF(size()) * wanted.pixel_ratio).toSize();
  wanted.smooth = smooth;
  wanted.number = ++asked_;
  renderer_->request(wanted);
}

void ArmCanvas::take(const ArmPicture& picture, const QImage& image, double milliseconds) {
  image_ = image;
  drawn_ = picture;
  last_draw_ms_ = milliseconds;
  if (picture.smooth) last_smooth_ms_ = milliseconds;
  update();
  Q_EMIT drawn();
}

bool ArmCanvas::is_settled() const {
  return !image_.isNull() && drawn_.state == state_ && drawn_.camera == camera_ && drawn_.smooth &&
         drawn_.pixels == (QSizeF(size()) * devicePixelRatioF()).toSize();
}

QImage ArmCanvas::picture() {
  QImage out(size() * devicePixelRatioF(), QImage::Format_RGB32);
  out.setDevicePixelRatio(devicePixelRatioF());
  render(&out, {}, {}, QWidget::DrawWindowBackground | QWidget::DrawChildren);
  return out;
}

void ArmCanvas::paintEvent(QPaintEvent*) {
  const auto& theme = Theme::instance();
  QPainter painter(this);
  if (!state_ || image_.isNull()) {
    painter.fillRect(rect(), theme.colors().background);
    return;
  }
  // While the view resizes, the last image is stretched until the next one arrives.
  painter.setRenderHint(QPainter::SmoothPixmapTransform, image_.size() != size() * devicePixelRatioF());
  painter.drawImage(rect(), image_);
  painter.setRenderHint(QPainter::Antialiasing);
  paint_axes(painter);
  paint_labels(painter, paint_legend(painter));
  if (hasFocus()) {
    painter.setPen(QPen(theme.colors().accent, 1));
    painter.setBrush(Qt::NoBrush);
    painter.drawRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5));
  }
}

void ArmCanvas::paint_axes(QPainter& painter) const {
  const auto& state = *drawn_.state;
  painter.setFont(Theme::instance().label_font());
  const QFontMetrics metrics(painter.font());
  const std::array<QString, 3> names = {QStringLiteral("x"), QStringLiteral("y"), QStringLiteral("z")};
  const auto colors = axis_colors(state.dark);
  for (std::size_t axis = 0; axis < 3; ++axis) {
    Vector3 tip{};
    tip[axis] = kAxisLabelAt;
    const auto at = drawn_.camera.project(state.world_from_tcp * tip, size());
    if (!at) continue;
    painter.setPen(colors[axis]);
    painter.drawText(*at + QPointF(-metrics.horizontalAdvance(names[axis]) / 2.0, metrics.ascent() / 2.0 - 1),
                     names[axis]);
  }
}

void ArmCanvas::paint_labels(QPainter& painter, int legend_width) const {
  const auto& theme = Theme::instance();
  const auto& state = *drawn_.state;
  painter.setFont(theme.label_font());
  const QFontMetrics metrics(painter.font());
  const auto chip = [&](const QString& text, bool left, int line) {
    const auto shown = metrics.elidedText(text, Qt::ElideRight, width() - 4 * spacing::kSmall);
    const QSize box(metrics.horizontalAdvance(shown) + 2 * spacing::kSmall, metrics.height() + spacing::kTiny);
    const int step = box.height() + spacing::kTiny;
    const int x = left ? spacing::kSmall : width() - spacing::kSmall - box.width();
    const int y = height() - spacing::kSmall - box.height() - line * step;
    painter.setPen(Qt::NoPen);
    painter.setBrush(theme.colors().surface);
    painter.drawRoundedRect(QRect(QPoint(x, y), box), spacing::kTiny, spacing::kTiny);
    painter.setPen(theme.colors().text);
    painter.drawText(QRect(QPoint(x, y), box), Qt::AlignCenter, shown);
  };
  const bool leading = !isRightToLeft();
  // Gripper opening in millimetres, and the command.
  const auto gripper = tr("gripper %1, %2")
                           .arg(format_fixed(state.opening_m * 1000, 1) + QChar(0x00a0) + tr("mm"),
                                state.commanded_open ? tr("open") : tr("closed"));
  painter.setFont(Theme::number_font(theme.label_font()));
  const bool beside = legend_width + metrics.horizontalAdvance(gripper) + 5 * spacing::kSmall < width();
  int line = beside ? 0 : 1;
  if (state.knows_opening) chip(gripper, !leading, line++);
  painter.setFont(theme.label_font());
  for (const auto& note : notes_) chip(note, !leading, line++);
}

int ArmCanvas::paint_legend(QPainter& painter) const {
  const auto& theme = Theme::instance();
  const auto& state = *drawn_.state;
  if (width() < kLeastForLegend) return 0;
  auto font = Theme::number_font(theme.label_font());
  painter.setFont(font);
  const QFontMetrics metrics(font);
  // Shallow to deep, the executed one framed; if not all fit, the first, the taken and the last.
  std::vector<const ArmHand*> shown;
  for (const auto& hand : state.predictions) {
    if (hand.exit >= 0) shown.push_back(&hand);
  }
  std::sort(shown.begin(), shown.end(), [](const ArmHand* a, const ArmHand* b) { return a->exit < b->exit; });
  const int room = width() * 3 / 5;
  if (static_cast<int>(shown.size()) * (kChip + 2) > room) {
    std::vector<const ArmHand*> few;
    for (const auto* const hand : shown) {
      if (hand == shown.front() || hand == shown.back() || hand->executed || hand->singled_out) few.push_back(hand);
    }
    shown = few;
  }
  const auto name = tr("recorded");
  const int text = metrics.horizontalAdvance(name);
  const int exits = static_cast<int>(shown.size()) * (kChip + 2);
  // The recorded hand is drawn in outline, and so is its mark.
  const bool names_recorded = state.recorded && exits + kChip + text + spacing::kSmall <= room + kChip;
  const int all = exits + (names_recorded ? spacing::kTiny + kChip + 2 + text : -2);
  if (shown.empty() && !names_recorded) return 0;
  const bool mirrored = isRightToLeft();
  int x = spacing::kSmall + spacing::kTiny;
  const int y = height() - spacing::kSmall - kChip - 2;
  const auto place = [&](int wide) {
    const QRect box(mirrored ? width() - x - wide : x, y, wide, kChip);
    x += wide + 2;
    return box;
  };
  const int left = mirrored ? width() - spacing::kSmall - all - 2 * spacing::kTiny : spacing::kSmall;
  painter.setPen(Qt::NoPen);
  painter.setBrush(theme.colors().surface);
  painter.drawRoundedRect(QRect(left, y - 2, all + 2 * spacing::kTiny, kChip + 4), spacing::kTiny, spacing::kTiny);
  for (const auto* const hand : shown) {
    const QRect box = place(kChip);
    painter.setPen(Qt::NoPen);
    painter.setBrush(hand->color);
    painter.drawRoundedRect(box, 3, 3);
    if (hand->executed || hand->singled_out) {
      painter.setPen(QPen(hand->executed ? theme.colors().text : theme.colors().accent, 2));
      painter.setBrush(Qt::NoBrush);
      painter.drawRoundedRect(QRectF(box).adjusted(-0.5, -0.5, 0.5, 0.5), 3, 3);
    }
    painter.setPen(Theme::text_on(hand->color));
    painter.drawText(box, Qt::AlignCenter, QString::number(hand->exit + 1));
  }
  const int used = all + 2 * spacing::kTiny;
  if (!names_recorded) return used;
  x += spacing::kTiny;
  const QRect mark = place(kChip);
  painter.setPen(QPen(state.recorded->color, 1.5));
  painter.setBrush(Qt::NoBrush);
  painter.drawRoundedRect(QRectF(mark).adjusted(1, 3, -1, -3), 1, 1);
  painter.setPen(theme.colors().text);
  painter.drawText(place(text), Qt::AlignCenter, name);
  return used;
}

void ArmCanvas::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  draw_quickly();
}

void ArmCanvas::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  draw_quickly();
}

void ArmCanvas::changeEvent(QEvent* event) {
  if (event->type() == QEvent::ParentChange || event->type() == QEvent::FontChange) draw_quickly();
  QWidget::changeEvent(event);
}

void ArmCanvas::mousePressEvent(QMouseEvent* event) {
  const auto button = event->button();
  if (!state_ || dragging_ != Qt::NoButton || (button != Qt::LeftButton && button != Qt::MiddleButton)) {
    return QWidget::mousePressEvent(event);
  }
  dragging_ = button;
  pressed_at_ = event->position();
  setCursor(Qt::ClosedHandCursor);
}

void ArmCanvas::mouseMoveEvent(QMouseEvent* event) {
  if (dragging_ == Qt::NoButton) return QWidget::mouseMoveEvent(event);
  const QPointF by = event->position() - pressed_at_;
  if (by.isNull()) return;
  pressed_at_ = event->position();
  auto camera = camera_;
  if (dragging_ == Qt::MiddleButton || event->modifiers() & Qt::ShiftModifier) {
    camera.pan(by, size());
  } else {
    camera.orbit(-by.x() * kDegreesPerPixel, by.y() * kDegreesPerPixel);
  }
  set_camera(camera);
}

void ArmCanvas::mouseReleaseEvent(QMouseEvent* event) {
  if (event->button() != dragging_) return QWidget::mouseReleaseEvent(event);
  dragging_ = Qt::NoButton;
  unsetCursor();
}

void ArmCanvas::mouseDoubleClickEvent(QMouseEvent* event) {
  if (event->button() == Qt::LeftButton) reset_camera();
}

void ArmCanvas::wheelEvent(QWheelEvent* event) {
  if (!state_ || event->angleDelta().y() == 0) return event->ignore();
  auto camera = camera_;
  camera.zoom(std::pow(1.0015, event->angleDelta().y()), event->position(), size());
  set_camera(camera);
  event->accept();
}

bool ArmCanvas::event(QEvent* event) {
  // Before the window's shortcuts.
  if (event->type() == QEvent::ShortcutOverride) {
    const auto* const key = static_cast<QKeyEvent*>(event);
    const bool arrow = key->key() >= Qt::Key_Left && key->key() <= Qt::Key_Down;
    if (arrow && key->modifiers() & Qt::AltModifier) {
      event->accept();
      return true;
    }
  }
  return QWidget::event(event);
}

void ArmCanvas::keyPressEvent(QKeyEvent* event) {
  auto camera = camera_;
  const QPointF middle = rect().center();
  const bool alt = event->modifiers() & Qt::AltModifier;
  const bool moves = event->modifiers() & Qt::ShiftModifier;
  const auto go = [&](double x, double y) {
    moves ? camera.pan(QPointF(x, y) * kKeyPixels, size()) : camera.orbit(-x * kKeyDegrees, y * kKeyDegrees);
  };
  switch (event->key()) {
    case Qt::Key_Left:
    case Qt::Key_Right:
      if (!alt) return QWidget::keyPressEvent(event);
      go(event->key() == Qt::Key_Left ? -1 : 1, 0);
      break;
    case Qt::Key_Up:
    case Qt::Key_Down:
      if (!alt) return QWidget::keyPressEvent(event);
      go(0, event->key() == Qt::Key_Up ? -1 : 1);
      break;
    case Qt::Key_Plus:
    case Qt::Key_Equal:
      camera.zoom(kKeyZoom, middle, size());
      break;
    case Qt::Key_Minus:
      camera.zoom(1 / kKeyZoom, middle, size());
      break;
    default:
      return QWidget::keyPressEvent(event);
  }
  set_camera(camera);
}

}  // namespace deer
