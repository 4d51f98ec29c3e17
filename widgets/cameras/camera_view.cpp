// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/cameras/camera_view.h"

#include <QAction>
#include <QContextMenuEvent>
#include <QMenu>
#include <QPainter>
#include <QPainterPath>
#include <QTimer>
#include <QVBoxLayout>

#include "sessions/frames/episode_frames.h"
#include "sessions/session/live_session.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"
#include "widgets/cameras/overlay_picker.h"

namespace deer {
namespace {

constexpr int kDimAfterMs = 150;

QImage to_qimage(const Image& image) {
  return QImage(image.rgb.data(), image.width, image.height, static_cast<qsizetype>(image.width) * 3,
                QImage::Format_RGB888)
      .copy();
}

}  // namespace

CameraView::CameraView(Session* session, Camera camera, QWidget* parent)
    : QWidget(parent), session_(session), camera_(camera), empty_(new EmptyState(this)), dim_timer_(new QTimer(this)) {
  setMouseTracking(true);
  setAccessibleName(camera == Camera::fixed ? tr("Static camera") : tr("Gripper camera"));
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(empty_);

  dim_timer_->setSingleShot(true);
  dim_timer_->setInterval(kDimAfterMs);
  connect(dim_timer_, &QTimer::timeout, this, [this] {
    dimmed_ = true;
    update();
  });
  connect(empty_, &EmptyState::action_triggered, this, &CameraView::open_dataset_requested);
  connect(session, &Session::episode_changed, this, &CameraView::start_anew);
  connect(session, &Session::current_frame_changed, this, &CameraView::refresh);
  connect(session->selection(), &Selection::hovered_frame_changed, this, &CameraView::refresh);
  connect(session->frames(), &EpisodeFrames::ready, this, &CameraView::refresh);
  connect(session, &Session::activity_changed, this, [this] {
    if (state_ != State::picture) refresh();
  });
  connect(&Theme::instance(), &Theme::changed, this, qOverload<>(&QWidget::update));
  start_anew();
}

void CameraView::set_pixelated(bool pixelated) {
  pixelated_ = pixelated;
  update();
}

void CameraView::start_anew() {
  picture_ = {};
  source_.reset();
  picture_frame_ = -1;
  dimmed_ = false;
  dim_timer_->stop();
  refresh();
}

void CameraView::refresh() {
  const qint64 frame =
      session_->selection()->hovered_frame() >= 0 ? session_->selection()->hovered_frame() : session_->current_frame();
  const FrameSource* episode = session_->episode();
  if (!episode || frame < 0) {
    const bool opening = session_->activity() == Session::Activity::opening_source;
    const bool waiting = opening || session_->live()->is_open();
    empty_->set(EmptyState::Icon::picture,
                opening   ? session_->progress().text
                : waiting ? tr("Waiting for the first frame…")
                          : tr("Open an episode to see the camera."),
                waiting || camera_ == Camera::gripper ? QString() : tr("Open dataset…"));
    return show_state(waiting ? State::loading : State::empty);
  }
  if (camera_ == Camera::gripper && !episode->info().has_gripper_camera) {
    empty_->set(EmptyState::Icon::picture, tr("No gripper camera in this source"));
    return show_state(State::empty);
  }
  if (camera_ == Camera::fixed && !episode->info().has_static_camera) {
    empty_->set(EmptyState::Icon::picture, tr("No static camera in this source"));
    return show_state(State::empty);
  }
  const ObservationPtr observation = session_->frames()->observation(frame);
  if (observation) {
    const ImagePtr image = camera_ == Camera::fixed ? observation->rgb_static : observation->rgb_gripper;
    dim_timer_->stop();
    dimmed_ = false;
    if (!image || image->empty()) {
      const QString reason = session_->frames()->problem(frame);
      empty_->set(EmptyState::Icon::picture, tr("No image from this camera in this frame."), {}, reason);
      return show_state(State::empty);
    }
    if (image != source_) {
      source_ = image;
      picture_ = to_qimage(*image);
    }
    picture_frame_ = frame;
    return show_state(State::picture);
  }
  const QString problem = session_->frames()->problem(frame);
  if (!problem.isEmpty()) {
    dim_timer_->stop();
    dimmed_ = false;
    empty_->set(EmptyState::Icon::problem, tr("Frame %1 cannot be read.").arg(format_count(frame)), {}, problem);
    return show_state(State::problem);
  }
  if (picture_.isNull()) {
    empty_->set(EmptyState::Icon::picture, tr("Loading frame %1…").arg(format_count(frame)));
    return show_state(State::loading);
  }
  if (!dimmed_ && !dim_timer_->isActive()) dim_timer_->start();
  show_state(State::picture);
}

void CameraView::show_state(State state) {
  const bool other = state != state_;
  state_ = state;
  empty_->setVisible(state != State::picture);
  // Querying its size for every frame would cost more than the image.
  if (other || picture_rect() != picker_in_) place_picker();
  update();
}

QRect CameraView::picture_rect() const {
  if (picture_.isNull()) return {};
  QSize size = picture_.size().scaled(this->size(), Qt::KeepAspectRatio);
  if (pixelated_) {
    // Integer multiples of screen pixels keep every source pixel equally wide.
    const qreal ratio = devicePixelRatioF();
    const int times = static_cast<int>(size.width() * ratio) / picture_.width();
    if (times >= 1) size = QSizeF(picture_.width() * times / ratio, picture_.height() * times / ratio).toSize();
  }
  return QRect(QPoint((width() - size.width()) / 2, (height() - size.height()) / 2), size);
}

QSize CameraView::sizeHint() const { return camera_ == Camera::fixed ? QSize(400, 400) : QSize(252, 252); }
QSize CameraView::minimumSizeHint() const { return {120, 120}; }

void CameraView::paintEvent(QPaintEvent*) {
  if (state_ != State::picture || picture_.isNull()) return;
  QPainter painter(this);
  const QRect target = picture_rect();
  if (dimmed_) painter.setOpacity(0.45);
  const qreal ratio = devicePixelRatioF();
  if (pixelated_) {
    painter.drawImage(target, picture_);
  } else {
    // QPainter's smooth scaling skips pixels when shrinking.
    QImage scaled = picture_.scaled(target.size() * ratio, Qt::IgnoreAspectRatio, Qt::SmoothTransformation);
    scaled.setDevicePixelRatio(ratio);
    painter.drawImage(target.topLeft(), scaled);
  }
  painter.setOpacity(1);
  painter.setRenderHint(QPainter::Antialiasing);
  draw_overlays(&painter);

  draw_caption(&painter, target);
  draw_legend(&painter, target.bottom() + 1 - spacing::kSmall);
  if (camera_ == Camera::fixed) session_->live()->picture_shown(picture_frame_);
}

void CameraView::draw_caption(QPainter* painter, const QRect& target) const {
  const Theme& theme = Theme::instance();
  const QFont font = theme.label_font();
  const QFontMetrics metrics(font);
  const QString caption = camera_ == Camera::fixed ? tr("static camera") : tr("gripper camera");
  const QString shown = metrics.elidedText(caption, Qt::ElideRight, target.width() - 4 * spacing::kSmall);
  const QSize size(metrics.horizontalAdvance(shown) + 2 * spacing::kSmall, metrics.height() + spacing::kTiny);
  const int x = isRightToLeft() ? target.right() + 1 - spacing::kSmall - size.width() : target.left() + spacing::kSmall;
  const QRect box(QPoint(x, target.top() + spacing::kSmall), size);
  painter->setFont(font);
  painter->setPen(Qt::NoPen);
  painter->setBrush(theme.colors().surface);
  painter->drawRoundedRect(box, spacing::kTiny, spacing::kTiny);
  painter->setPen(Theme::text_on(theme.colors().surface));
  painter->drawText(box, Qt::AlignCenter, shown);
}

void CameraView::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  place_picker();
  update();
}

void CameraView::contextMenuEvent(QContextMenuEvent* event) {
  QMenu menu(this);
  QAction* pixels = menu.addAction(tr("Show pixels"));
  pixels->setCheckable(true);
  pixels->setChecked(pixelated_);
  connect(pixels, &QAction::toggled, this, &CameraView::set_pixelated);
  if (overlays_) {
    OverlayPicker::fill(menu.addMenu(tr("Overlay")), overlays_);
  }
  menu.exec(event->globalPos());
}

}  // namespace deer
