// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/cameras/camera_wall.h"

#include <QMenu>
#include <QPainter>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "sessions/frames/episode_frames.h"
#include "widgets/base/empty_state.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

QStringList camera_names(const SourceInfo& info) {
  QStringList out;
  for (const auto& name : info.cameras) out << QString::fromStdString(name);
  if (!out.isEmpty()) return out;
  if (info.has_static_camera) out << CameraWall::tr("static camera");
  if (info.has_gripper_camera) out << CameraWall::tr("gripper camera");
  return out;
}

// As cameras are named: all of the dataset's, otherwise those two.
std::vector<ImagePtr> camera_pictures(const SourceInfo& info, const Observation& seen) {
  if (!info.cameras.empty()) return seen.pictures;
  std::vector<ImagePtr> out;
  if (info.has_static_camera) out.push_back(seen.rgb_static);
  if (info.has_gripper_camera) out.push_back(seen.rgb_gripper);
  return out;
}

}  // namespace

CameraWall::CameraWall(Session* session, QWidget* parent)
    : QWidget(parent), session_(session), choose_(new QToolButton(this)), empty_(new EmptyState(this)) {
  setAccessibleName(tr("All cameras"));
  choose_->setAccessibleName(tr("Choose cameras"));
  choose_->setText(tr("Cameras"));
  choose_->setPopupMode(QToolButton::InstantPopup);
  choose_->setAutoRaise(true);
  choose_->setMenu(new QMenu(choose_));
  auto* const layout = new QVBoxLayout(this);
  layout->setContentsMargins(spacing::kSmall, spacing::kSmall, spacing::kSmall, spacing::kSmall);
  layout->setSpacing(spacing::kSmall);
  layout->addWidget(choose_, 0, Qt::AlignLeading);
  layout->addWidget(empty_, 1);
  layout->addStretch(0);
  connect(empty_, &EmptyState::action_triggered, this, &CameraWall::open_dataset_requested);
  connect(choose_->menu(), &QMenu::aboutToShow, this, &CameraWall::fill_menu);
  connect(session, &Session::episode_changed, this, &CameraWall::start_anew);
  connect(session, &Session::current_frame_changed, this, &CameraWall::refresh);
  connect(session->selection(), &Selection::hovered_frame_changed, this, &CameraWall::refresh);
  connect(session->frames(), &EpisodeFrames::ready, this, &CameraWall::refresh);
  connect(&Theme::instance(), &Theme::changed, this, qOverload<>(&QWidget::update));
  start_anew();
}

QStringList CameraWall::shown() const {
  QStringList out;
  for (const auto& camera : cameras_) {
    if (!hidden_.contains(camera)) out << camera;
  }
  return out;
}

void CameraWall::set_shown(const QString& camera, bool shown) {
  if (shown) {
    hidden_.remove(camera);
  } else {
    hidden_.insert(camera);
  }
  refresh();
}

void CameraWall::fill_menu() {
  auto* const menu = choose_->menu();
  menu->clear();
  for (const auto& camera : cameras_) {
    auto text = camera;
    auto* const action = menu->addAction(text.replace(u'&', QStringLiteral("&&")));
    action->setCheckable(true);
    action->setChecked(!hidden_.contains(camera));
    connect(action, &QAction::toggled, this, [this, camera](bool on) { set_shown(camera, on); });
  }
}

void CameraWall::start_anew() {
  const auto* const episode = session_->episode();
  cameras_ = episode ? camera_names(episode->info()) : QStringList();
  pictures_.assign(static_cast<std::size_t>(cameras_.size()), {});
  sources_.assign(pictures_.size(), nullptr);
  frame_ = -1;
  refresh();
}

void CameraWall::refresh() {
  const auto* const episode = session_->episode();
  const bool any = !shown().isEmpty();
  choose_->setVisible(!cameras_.isEmpty());
  empty_->setVisible(!any);
  if (!episode) {
    empty_->set(EmptyState::Icon::picture, tr("Open a dataset to see its cameras."), tr("Open dataset…"));
  } else if (!any) {
    empty_->set(EmptyState::Icon::picture,
                cameras_.isEmpty() ? tr("This episode has no cameras.") : tr("No camera is chosen."));
  }
  const auto hovered = session_->selection()->hovered_frame();
  const auto frame = hovered >= 0 ? hovered : session_->current_frame();
  if (!isVisible() || !episode || frame < 0) return update();
  // Without it the pictures before stay.
  if (const auto seen = session_->frames()->observation(frame)) {
    const auto found = camera_pictures(episode->info(), *seen);
    for (std::size_t i = 0; i < pictures_.size(); ++i) {
      const auto image = i < found.size() ? found[i] : nullptr;
      if (image == sources_[i]) continue;
      sources_[i] = image;
      pictures_[i] = image && !image->empty() ? QImage(image->rgb.data(), image->width, image->height,
                                                       static_cast<qsizetype>(image->width) * 3, QImage::Format_RGB888)
                                                    .copy()
                                              : QImage();
    }
    frame_ = frame;
  }
  update();
}

QRect CameraWall::room() const {
  auto out = rect().adjusted(spacing::kSmall, spacing::kSmall, -spacing::kSmall, -spacing::kSmall);
  if (!choose_->isHidden()) out.setTop(choose_->geometry().bottom() + 1 + spacing::kSmall);
  return out;
}

std::vector<QRect> CameraWall::tiles() const {
  const int count = static_cast<int>(shown().size());
  const auto area = room();
  if (count == 0 || area.width() < 1 || area.height() < 1) return {};
  // As many columns as make the largest pictures of 4 : 3.
  int columns = 1;
  double best = 0;
  for (int tried = 1; tried <= count; ++tried) {
    const int rows = (count + tried - 1) / tried;
    const double width = std::min(double(area.width()) / tried, double(area.height()) / rows * 4 / 3);
    if (width <= best) continue;
    best = width;
    columns = tried;
  }
  const int rows = (count + columns - 1) / columns;
  std::vector<QRect> out;
  for (int i = 0; i < count; ++i) {
    const int x = i % columns, y = i / columns;
    const int left = area.left() + area.width() * x / columns, right = area.left() + area.width() * (x + 1) / columns;
    const int top = area.top() + area.height() * y / rows, bottom = area.top() + area.height() * (y + 1) / rows;
    out.emplace_back(left, top, std::max(right - left - spacing::kTiny, 1), std::max(bottom - top - spacing::kTiny, 1));
  }
  return out;
}

QRect CameraWall::fitted(const QRect& tile, std::size_t camera) const {
  if (pictures_[camera].isNull()) return {};
  const auto size = pictures_[camera].size().scaled(tile.size(), Qt::KeepAspectRatio);
  return {tile.center() - QPoint(size.width() / 2, size.height() / 2), size};
}

QRect CameraWall::picture_rect(const QString& camera) const {
  const auto place = shown().indexOf(camera);
  const auto all = tiles();
  if (place < 0 || static_cast<std::size_t>(place) >= all.size()) return {};
  return fitted(all[static_cast<std::size_t>(place)], static_cast<std::size_t>(cameras_.indexOf(camera)));
}

void CameraWall::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  const auto& theme = Theme::instance();
  const auto& colors = theme.colors();
  painter.setFont(theme.label_font());
  const QFontMetrics metrics(theme.label_font());
  const auto names = shown();
  const auto all = tiles();
  const qreal ratio = devicePixelRatioF();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& tile = all[i];
    const auto& name = names[static_cast<qsizetype>(i)];
    const auto camera = static_cast<std::size_t>(cameras_.indexOf(name));
    auto target = fitted(tile, camera);
    if (target.isEmpty()) {
      target = tile;
      painter.fillRect(tile, colors.surface);
      painter.setPen(colors.muted_text);
      painter.drawText(tile, Qt::AlignCenter | Qt::TextWordWrap,
                       frame_ < 0 ? tr("Loading…") : tr("No picture in this frame"));
    } else {
      auto scaled = pictures_[camera].scaled(target.size() * ratio, Qt::IgnoreAspectRatio, Qt::SmoothTransformation);
      scaled.setDevicePixelRatio(ratio);
      painter.drawImage(target.topLeft(), scaled);
    }
    const auto text = metrics.elidedText(name, Qt::ElideLeft, target.width() - 4 * spacing::kSmall);
    const QSize size(metrics.horizontalAdvance(text) + 2 * spacing::kSmall, metrics.height() + spacing::kTiny);
    const QRect box(target.topLeft() + QPoint(spacing::kTiny, spacing::kTiny), size);
    painter.setPen(Qt::NoPen);
    painter.setBrush(colors.surface);
    painter.drawRoundedRect(box, spacing::kTiny, spacing::kTiny);
    painter.setPen(Theme::text_on(colors.surface));
    painter.drawText(box, Qt::AlignCenter, text);
  }
}

void CameraWall::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  update();
}

void CameraWall::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  refresh();
}

}  // namespace deer
