// SPDX-License-Identifier: GPL-3.0-or-later
// Overlays of a camera view.
#include <QHelpEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QToolTip>
#include <algorithm>

#include "widgets/base/color_maps.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"
#include "widgets/cameras/attention_layer.h"
#include "widgets/cameras/camera_view.h"
#include "widgets/cameras/overlay_picker.h"
#include "widgets/cameras/tcp_layer.h"

namespace deer {
namespace {

constexpr int kBarHeight = 8;
constexpr int kRoomyHeight = 340;  // px; for smaller images the legend is short
constexpr int kTwoLinesHeight = 200;
constexpr int kFewWordsWidth = 60;

QString percent(double share) { return format_quantity(share * 100, QStringLiteral("%")); }

}  // namespace

void CameraView::set_overlays(CameraOverlays* overlays) {
  overlays_ = overlays;
  connect(overlays, &CameraOverlays::changed, this, qOverload<>(&QWidget::update));
  if (camera_ != Camera::fixed) return;
  picker_ = new OverlayPicker(overlays, this);
  connect(overlays, &CameraOverlays::changed, this, &CameraView::place_picker);
  place_picker();
}

void CameraView::place_picker() {
  if (!picker_) return;
  const QRect target = picture_rect();
  picker_in_ = target;
  // The caption uses the other corner.
  const int caption = QFontMetrics(Theme::instance().label_font()).horizontalAdvance(tr("static camera"));
  const int room = target.width() - caption - 5 * spacing::kSmall;
  picker_->set_short(false);
  if (picker_->sizeHint().width() > room) picker_->set_short(true);
  const QSize wanted = picker_->sizeHint();
  const bool beside = wanted.width() <= room;
  picker_->setVisible(state_ == State::picture && wanted.width() + 2 * spacing::kSmall <= target.width());
  const int left =
      isRightToLeft() ? target.left() + spacing::kSmall : target.right() + 1 - spacing::kSmall - wanted.width();
  // Below the caption if there is no room next to it.
  const int down = beside ? 0 : QFontMetrics(Theme::instance().label_font()).height() + 2 * spacing::kTiny;
  picker_->setGeometry(left, target.top() + spacing::kSmall + down, wanted.width(), wanted.height());
}

QRectF CameraView::patch_grid() const {
  if (!overlays_ || !overlays_->settings().attention || !overlays_->maps().map() || picture_.isNull()) return {};
  const auto& grid = overlays_->maps().map()->views[camera_ == Camera::fixed ? 0 : 1].grid;
  const QRectF target = picture_rect();
  const double x_scale = target.width() / picture_.width();
  const double y_scale = target.height() / picture_.height();
  return QRectF(target.left() + grid.x * x_scale, target.top() + grid.y * y_scale, grid.width * x_scale,
                grid.height * y_scale) &
         target;
}

void CameraView::draw_overlays(QPainter* painter) const {
  if (!overlays_) return;
  const auto grid = patch_grid();
  if (!grid.isEmpty()) {
    const auto& map = *overlays_->maps().map();
    const QSize size = (grid.size() * devicePixelRatioF()).toSize();
    painter->drawImage(grid, attention_image(overlays_->weights(camera_), map.rows, map.columns,
                                             overlays_->largest_weight(), size, overlays_->settings().smooth));
    if (hovered_patch_ && !hovered_patch_text().isEmpty()) {
      painter->setBrush(Qt::NoBrush);
      painter->setRenderHint(QPainter::Antialiasing, false);
      const QRect frame = patch_rect(grid, map.rows, map.columns, *hovered_patch_).toRect();
      const auto& colors = Theme::instance().colors();
      for (const auto& [color, width] : {std::pair{colors.surface, 3}, std::pair{colors.text, 1}}) {
        painter->setPen(QPen(color, width));
        painter->drawRect(frame);
      }
      painter->setRenderHint(QPainter::Antialiasing);
    }
  }
  if (overlays_->settings().tcp) {
    const QRectF target = picture_rect();
    painter->save();
    painter->setClipRect(target);
    draw_tcp(painter, tcp_marks(*overlays_, camera_, picture_frame_, picture_.size()), [&](QPointF at) {
      return QPointF(target.left() + at.x() * target.width() / picture_.width(),
                     target.top() + at.y() * target.height() / picture_.height());
    });
    painter->restore();
  }
}

QStringList CameraView::overlay_texts() const {
  QStringList out;
  if (!overlays_ || state_ != State::picture) return out;
  const auto& settings = overlays_->settings();
  if (settings.tcp) {
    const auto marks = tcp_marks(*overlays_, camera_, picture_frame_, picture_.size());
    out << (marks.problem.isEmpty() ? tr("TCP · next steps %1×").arg(settings.step_scale, 0, 'f', 0) : marks.problem);
  }
  if (settings.attention) {
    out << overlays_->attention_text(picture_frame_);
    const auto weights = overlays_->weights(camera_);
    if (!weights.empty()) {
      double share = 0;
      for (const float weight : weights) share += static_cast<double>(weight);
      const auto hovered = hovered_patch_text();
      out << (hovered.isEmpty() ? tr("in this image: %1").arg(percent(share)) : hovered);
    }
  }
  return out;
}

QString CameraView::hovered_patch_text() const {
  const auto weights = overlays_ ? overlays_->weights(camera_) : std::vector<float>();
  if (!hovered_patch_ || weights.empty()) return {};
  const auto& map = *overlays_->maps().map();
  if (hovered_patch_->x() >= map.columns || hovered_patch_->y() >= map.rows) return {};
  const auto place = static_cast<std::size_t>(hovered_patch_->y() * map.columns + hovered_patch_->x());
  return tr("row %1, column %2: %3")
      .arg(hovered_patch_->y() + 1)
      .arg(hovered_patch_->x() + 1)
      .arg(percent(static_cast<double>(weights[place])));
}

QStringList CameraView::short_overlay_texts() const {
  QStringList out;
  const auto& settings = overlays_->settings();
  if (settings.tcp) out << overlay_texts().first();
  if (settings.attention) {
    const auto hovered = hovered_patch_text();
    out << (hovered.isEmpty() ? overlays_->short_attention_text(picture_frame_) : hovered);
  }
  return out;
}

void CameraView::draw_legend(QPainter* painter, int bottom) const {
  if (!overlays_) return;
  const QRect target = picture_rect();
  const bool roomy = target.height() >= kRoomyHeight;
  auto texts = roomy ? overlay_texts() : short_overlay_texts();
  if (texts.isEmpty()) return;
  if (target.height() < kTwoLinesHeight) texts = {texts.last()};
  const Theme& theme = Theme::instance();
  const QFont font = Theme::number_font(theme.label_font());
  const QFontMetrics metrics(font);
  const QString zero = QStringLiteral("0");
  const QString most = percent(overlays_->largest_weight());
  bool bar = !patch_grid().isEmpty();
  const int available = target.width() - 4 * spacing::kSmall;
  const int numbers_width = metrics.horizontalAdvance(zero + most) + 2 * spacing::kTiny;
  const int bar_length = std::clamp(available - numbers_width, 8, roomy ? 72 : 40);
  const int bar_width = bar_length + numbers_width;
  if (bar && !roomy && available < bar_width + kFewWordsWidth) {
    // One or the other; the tooltip has the full text.
    if (hovered_patch_text().isEmpty()) {
      texts.last().clear();
    } else {
      bar = false;
    }
  }
  // With little room the bar is before the last line's text, otherwise below it.
  const int indent = bar && !roomy && !texts.last().isEmpty() ? bar_width + spacing::kSmall : 0;
  int width = bar ? bar_width : 0;
  for (const auto& text : texts) {
    width = std::max(width, metrics.horizontalAdvance(text) + (&text == &texts.last() ? indent : 0));
  }
  width = std::min(width, available);
  const int lines = static_cast<int>(texts.size()) + (bar && roomy ? 1 : 0);
  const QSize size(width + 2 * spacing::kSmall, lines * metrics.height() + spacing::kTiny);
  const bool left = !isRightToLeft();
  const int x = left ? target.left() + spacing::kSmall : target.right() + 1 - spacing::kSmall - size.width();
  const QRect box(QPoint(x, bottom - spacing::kTiny - size.height()), size);
  if (box.top() < target.top() || width < 40) return;
  painter->setFont(font);
  painter->setPen(Qt::NoPen);
  painter->setBrush(theme.colors().surface);
  painter->drawRoundedRect(box, spacing::kTiny, spacing::kTiny);
  painter->setPen(theme.colors().text);
  QRect line(box.left() + spacing::kSmall, box.top() + spacing::kTiny / 2, width, metrics.height());
  const auto alignment = Qt::AlignVCenter | (left ? Qt::AlignLeft : Qt::AlignRight);
  for (const auto& text : texts) {
    const bool last = &text == &texts.last();
    const QRect room = last ? line.adjusted(left ? indent : 0, 0, left ? 0 : -indent, 0) : line;
    painter->drawText(room, alignment, metrics.elidedText(text, Qt::ElideRight, room.width()));
    if (!last || (bar && roomy)) line.translate(0, metrics.height());
  }
  if (!bar) return;
  const QRect place(left ? line.left() : line.right() + 1 - bar_width, line.top(), bar_width, line.height());
  painter->drawText(place, Qt::AlignVCenter | Qt::AlignLeft, zero);
  painter->drawText(place, Qt::AlignVCenter | Qt::AlignRight, most);
  const QRect strip(place.left() + metrics.horizontalAdvance(zero) + spacing::kTiny,
                    place.center().y() - kBarHeight / 2, bar_length, kBarHeight);
  // On the average grey of an image.
  painter->fillRect(strip, Qt::gray);
  for (int i = 0; i < bar_length; ++i) {
    painter->fillRect(strip.left() + i, strip.top(), 1, kBarHeight, attention_color((i + 0.5) / bar_length));
  }
}

bool CameraView::event(QEvent* event) {
  if (event->type() == QEvent::ToolTip) {
    // The full text, if the legend has no room for it.
    const auto texts = overlay_texts();
    if (!texts.isEmpty()) QToolTip::showText(static_cast<QHelpEvent*>(event)->globalPos(), texts.join(u'\n'), this);
    return true;
  }
  return QWidget::event(event);
}

void CameraView::mouseMoveEvent(QMouseEvent* event) {
  QWidget::mouseMoveEvent(event);
  std::optional<QPoint> patch;
  if (const auto grid = patch_grid(); !grid.isEmpty() && state_ == State::picture) {
    const auto& map = *overlays_->maps().map();
    patch = patch_at(grid, map.rows, map.columns, event->position());
  }
  if (patch == hovered_patch_) return;
  hovered_patch_ = patch;
  update();
}

void CameraView::leaveEvent(QEvent* event) {
  QWidget::leaveEvent(event);
  if (!hovered_patch_) return;
  hovered_patch_.reset();
  update();
}

}  // namespace deer
