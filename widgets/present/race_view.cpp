// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/present/race_view.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QPainter>
#include <QSlider>
#include <QToolButton>
#include <algorithm>
#include <cmath>

#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"
#include "widgets/present/present_layout.h"

namespace deer {
namespace {

constexpr int kSettledSteps = 30;               // a picture of the window waits for as many
constexpr double kAsMuch = 1.05;                // smaller savings are none
constexpr int kStepsOfLayer = 20;               // of the slider
constexpr int kLeastText = 13, kMostText = 30;  // pixels

QString flops_text(double gflops) {
  if (gflops <= 0) return {};
  if (gflops >= 1000) return format_quantity(gflops / 1000, RaceView::tr("TFLOPs"));
  return gflops < 0.1 ? format_quantity(gflops * 1000, RaceView::tr("MFLOPs"))
                      : format_quantity(gflops, RaceView::tr("GFLOPs"));
}

QString compute_phrase(double times, bool in_layers) {
  const auto much = [](double value) { return RaceView::tr("%1×").arg(format_fixed(value, 1)); };
  if (times >= kAsMuch) {
    return (in_layers ? RaceView::tr("%1 fewer LLM layers") : RaceView::tr("%1 less LLM compute")).arg(much(times));
  }
  if (times <= 1 / kAsMuch) {
    return (in_layers ? RaceView::tr("%1 more LLM layers") : RaceView::tr("%1 more LLM compute")).arg(much(1 / times));
  }
  return in_layers ? RaceView::tr("as many LLM layers") : RaceView::tr("as much LLM compute");
}

QString depth_text(double layers) { return RaceView::tr("mean depth %1").arg(format_fixed(layers, 2)); }

QToolButton* stage_button(const QString& text, const QString& tip, QHBoxLayout* row) {
  auto* const button = new QToolButton;
  button->setText(text);
  button->setAccessibleName(text);
  button->setToolTip(tip);
  button->setFocusPolicy(Qt::TabFocus);
  row->addWidget(button);
  return button;
}

}  // namespace

RaceView::RaceView(const Race* race, QWidget* parent)
    : QWidget(parent), race_(race), controls_(new QWidget(this)), row_(new QHBoxLayout(controls_)) {
  setAccessibleName(tr("Race"));
  setAttribute(Qt::WA_OpaquePaintEvent);
  setFocusPolicy(Qt::StrongFocus);
  row_->setContentsMargins(0, 0, 0, 0);
  row_->setSpacing(spacing::kSmall);
  row_->addStretch(1);
  depth_ = new QSlider(Qt::Horizontal);
  depth_->setAccessibleName(tr("Mean depth on the right"));
  depth_->setToolTip(tr("Thresholds on the right for this mean depth, from the next step on."));
  depth_->setFocusPolicy(Qt::TabFocus);
  depth_->setFixedWidth(140);
  depth_text_ = new QLabel;
  depth_text_->setFont(Theme::number_font(Theme::instance().body_font()));
  for (QWidget* const part : std::initializer_list<QWidget*>{depth_, depth_text_}) {
    part->hide();
    row_->addWidget(part);
  }
  connect(depth_, &QSlider::valueChanged, this, [this](int value) {
    const double layers = static_cast<double>(value) / kStepsOfLayer;
    depth_text_->setText(depth_text(layers));
    Q_EMIT depth_wanted(layers);
  });
  connect(stage_button(tr("Again"), tr("Run the same race again (R)."), row_), &QToolButton::clicked, this,
          &RaceView::again_requested);
  connect(stage_button(tr("Other table"), tr("Run the task on another table (N)."), row_), &QToolButton::clicked, this,
          &RaceView::other_table_requested);
  video_ = stage_button(tr("Save video…"), tr("Run the race again and save it as a video (V)."), row_);
  connect(video_, &QToolButton::clicked, this, &RaceView::video_requested);
  connect(stage_button(tr("Close"), tr("Close the race (Esc)."), row_), &QToolButton::clicked, this,
          &RaceView::leave_requested);
  for (std::size_t side = 0; side < boxes_.size(); ++side) {
    boxes_[side] = new QComboBox(this);
    boxes_[side]->setFocusPolicy(Qt::TabFocus);
    boxes_[side]->setAccessibleName(side == 0 ? tr("Policy on the left") : tr("Policy on the right"));
    boxes_[side]->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    boxes_[side]->setMinimumContentsLength(12);
    connect(boxes_[side], &QComboBox::activated, this, &RaceView::policies_chosen);
  }
  connect(race, &Race::changed, this, &RaceView::refresh);
  connect(&Theme::instance(), &Theme::changed, this, &RaceView::restyle);
  restyle();
  refresh();
}

void RaceView::set_policies(const QStringList& names, std::array<int, Race::kSides> chosen) {
  for (std::size_t side = 0; side < boxes_.size(); ++side) {
    boxes_[side]->clear();
    boxes_[side]->addItems(names);
    boxes_[side]->setCurrentIndex(chosen[side]);
  }
}

std::array<int, Race::kSides> RaceView::chosen() const {
  return {boxes_[0]->currentIndex(), boxes_[1]->currentIndex()};
}

void RaceView::restyle() {
  auto groove = Theme::instance().palette();
  groove.setColor(QPalette::Highlight, Theme::instance().colors().muted_text);
  depth_->setPalette(groove);
  update();
}

void RaceView::choose(int side, int policy) { boxes_[static_cast<std::size_t>(side)]->setCurrentIndex(policy); }

void RaceView::set_depths(double least, double most, double now) {
  const QSignalBlocker blocker(depth_);
  const auto steps = [](double layers) { return static_cast<int>(std::lround(layers * kStepsOfLayer)); };
  depth_->setRange(steps(least), steps(most));
  depth_->setPageStep(kStepsOfLayer);
  depth_->setValue(steps(now));
  depth_text_->setMinimumWidth(depth_text_->fontMetrics().horizontalAdvance(depth_text(88.88)));
  depth_text_->setText(depth_text(now));
  depth_->show();
  depth_text_->show();
  place();
}

void RaceView::set_video(Video state) {
  video_->setEnabled(state != Video::saving);
  video_->setText(state == Video::saving  ? tr("Saving video")
                  : state == Video::saved ? tr("Video saved")
                                          : tr("Save video…"));
}

void RaceView::add_control(QWidget* control) {
  row_->insertWidget(0, control, 3);
  place();
}

void RaceView::refresh() {
  for (int side = 0; side < Race::kSides; ++side) {
    const auto place = static_cast<std::size_t>(side);
    const auto& image = race_->lane(side).picture;
    if (image == sources_[place]) continue;
    sources_[place] = image;
    pictures_[place] = image && !image->empty()
                           ? QImage(image->rgb.data(), image->width, image->height,
                                    static_cast<qsizetype>(image->width) * 3, QImage::Format_RGB888)
                                 .copy()
                           : QImage();
  }
  const auto state = race_->state();
  const bool over = state == Race::State::finished || state == Race::State::failed;
  setProperty("settled", over || std::min(race_->lane(0).steps, race_->lane(1).steps) >= kSettledSteps);
  setAccessibleDescription(QStringList{boxes_[0]->currentText(), state_text(0), compute_text(0),
                                       boxes_[1]->currentText(), state_text(1), compute_text(1), sentence()}
                               .join(QStringLiteral(", ")));
  update();
}

QString RaceView::state_text(int side) const {
  const auto& lane = race_->lane(side);
  const auto steps = format_count(lane.steps);
  switch (lane.state) {
    case RaceLane::State::waiting:
      return race_->state() == Race::State::opening ? tr("opening…") : QString();
    case RaceLane::State::running:
      return tr("step %1").arg(steps);
    case RaceLane::State::done:
      return tr("✓ done after %1 steps").arg(steps);
    case RaceLane::State::failed:
      return tr("✗ not done after %1 steps").arg(steps);
    case RaceLane::State::stopped:
      return tr("stopped after %1 steps").arg(steps);
  }
  return {};
}

QString RaceView::compute_text(int side) const {
  const auto& lane = race_->lane(side);
  return lane.gflops > 0 ? flops_text(lane.gflops) : tr("%1 layers").arg(format_count(std::llround(lane.layers)));
}

QString RaceView::time_text(int side) const { return format_quantity(race_->lane(side).model_ms / 1000, tr("s")); }

QString RaceView::sentence() const {
  const auto& first = race_->lane(0);
  const auto& second = race_->lane(1);
  if (race_->state() == Race::State::opening) return tr("Opening the model and two copies of the world…");
  if (race_->state() == Race::State::failed) return tr("The race could not go on.");
  const auto saving = race_->saving();
  if (!saving) return {};
  const auto compared = [&](double times) { return compute_phrase(times, saving->in_layers); };
  const auto per_step = tr("%1 per step", "5.6× less LLM compute per step").arg(compared(saving->times));
  using State = RaceLane::State;
  if (race_->state() == Race::State::running) {
    return tr("%1 on the right: %2 so far").arg(boxes_[1]->currentText(), per_step);
  }
  const bool left = first.state == State::done, right = second.state == State::done;
  if (left && right) {
    const auto all = tr("Both did the task: %1 on the right").arg(compared(saving->total_times));
    // One side may need more steps.
    const bool same = std::abs(saving->total_times / saving->times - 1) < kAsMuch - 1;
    return same ? all : tr("%1 (%2)").arg(all, per_step);
  }
  // Without the task done, computing less is no saving.
  if (left) return tr("Only the left side did the task.");
  if (right) return tr("Only the right side did the task, with %1").arg(per_step);
  if (first.state == State::failed && second.state == State::failed) return tr("Neither side did the task.");
  const auto on_the_right = tr("%1 on the right").arg(per_step);
  if (first.state != State::stopped || first.steps < Race::kMostSteps) return on_the_right;
  return tr("%1. Success is unknown: this world cannot score the instruction.").arg(on_the_right);
}

void RaceView::place() {
  const int margin = std::clamp(width() / 60, int{spacing::kMedium}, 2 * spacing::kHuge);
  text_px_ = std::clamp(std::min(width() / 55, height() / 32), kLeastText, kMostText);
  const int line = stage_line_height(text_px_);
  const int control = std::max(controls_->sizeHint().height(), boxes_[0]->sizeHint().height());
  controls_->setGeometry(margin, margin / 2, width() - 2 * margin, control);
  const int top = margin / 2 + control + spacing::kMedium;
  sentence_place_ = QRect(margin, height() - margin / 2 - 2 * line, width() - 2 * margin, 2 * line);
  const int column = (width() - 3 * margin) / 2;
  const int row = std::max(control, line);
  for (int side = 0; side < Race::kSides; ++side) {
    auto& at = places_[static_cast<std::size_t>(side)];
    const int left = margin + side * (column + margin);
    at.box = QRect(left, top + (row - control) / 2, column / 2, control);
    at.state = QRect(left + column / 2 + spacing::kSmall, top, column - column / 2 - spacing::kSmall, row);
    boxes_[static_cast<std::size_t>(side)]->setGeometry(at.box);
    const int meters = 2 * (line + spacing::kTiny);
    const QRect body(
        left, top + row + spacing::kSmall, column,
        sentence_place_.top() - spacing::kSmall - meters - spacing::kSmall - (top + row + spacing::kSmall));
    const int stack = std::max(column / 7, 24);
    const int square = std::max(std::min(body.width() - stack - spacing::kMedium, body.height()), 1);
    const int indent = std::max((body.width() - square - stack - spacing::kMedium) / 2, 0);
    at.picture = QRect(body.left() + indent, body.top() + (body.height() - square) / 2, square, square);
    at.stack = QRect(at.picture.right() + 1 + spacing::kMedium, at.picture.top(), stack, square);
    for (int i = 0; i < 2; ++i) {
      at.meters[static_cast<std::size_t>(i)] =
          QRect(left, body.bottom() + spacing::kSmall + i * (line + spacing::kTiny), column, line);
    }
  }
}

void RaceView::draw_text(QPainter& painter, const QRect& area, int flags, const QString& text) {
  const auto shown = painter.fontMetrics().elidedText(text, Qt::ElideRight, area.width());
  texts_fit_ = texts_fit_ && shown == text && painter.fontMetrics().height() <= area.height();
  painter.drawText(area, flags | Qt::TextSingleLine, shown);
}

void RaceView::paintEvent(QPaintEvent*) {
  const auto& colors = Theme::instance().colors();
  QPainter painter(this);
  texts_fit_ = true;
  painter.fillRect(rect(), colors.background);
  for (int side = 0; side < Race::kSides; ++side) paint_side(painter, side);
  auto font = stage_font(text_px_ * 4 / 3, true);
  while (font.pixelSize() > kLeastText && QFontMetrics(font).horizontalAdvance(sentence()) > sentence_place_.width()) {
    font.setPixelSize(font.pixelSize() - 1);
  }
  painter.setFont(font);
  painter.setPen(colors.text);
  draw_text(painter, sentence_place_, Qt::AlignCenter, sentence());
}

void RaceView::paint_side(QPainter& painter, int side) {
  const auto& colors = Theme::instance().colors();
  const auto& lane = race_->lane(side);
  const auto& other = race_->lane(1 - side);
  const auto& at = places_[static_cast<std::size_t>(side)];
  painter.setFont(stage_font(text_px_, lane.state == RaceLane::State::done));
  painter.setPen(lane.state == RaceLane::State::failed ? colors.error : colors.text);
  draw_text(painter, at.state, Qt::AlignRight | Qt::AlignVCenter, state_text(side));
  const auto& picture = pictures_[static_cast<std::size_t>(side)];
  if (picture.isNull()) {
    painter.fillRect(at.picture, Theme::mix(colors.background, colors.text, 0.06));
  } else {
    painter.setRenderHint(QPainter::SmoothPixmapTransform);
    painter.drawImage(at.picture, picture);
  }
  paint_stack(painter, at.stack, lane);
  const auto share = [](double mine, double theirs) {
    return std::max(mine, theirs) > 0 ? mine / std::max(mine, theirs) : 0;
  };
  const bool known = lane.gflops > 0 || other.gflops > 0;
  paint_meter(painter, at.meters[0], tr("LLM compute"), compute_text(side),
              known ? share(lane.gflops, other.gflops) : share(lane.layers, other.layers));
  paint_meter(painter, at.meters[1], tr("model time"), time_text(side), share(lane.model_ms, other.model_ms));
}

void RaceView::paint_stack(QPainter& painter, const QRect& area, const RaceLane& lane) {
  const auto& theme = Theme::instance();
  const auto& model = race_->model();
  const int layers = model ? std::max(model->layers, 1) : 1;
  const int exits = model ? static_cast<int>(model->exit_layers.size()) : 0;
  const auto edge = [&](int layer) { return area.bottom() + 1 - layer * area.height() / layers; };
  const int gap = area.height() / layers >= 6 ? 2 : 0;
  const auto lit = theme.exit_color(lane.exit_index, exits);
  const auto dark = Theme::mix(theme.colors().background, theme.colors().text, 0.1);
  for (int layer = 0; layer < layers; ++layer) {
    const QRect cell(area.left(), edge(layer + 1), area.width(), edge(layer) - edge(layer + 1) - gap);
    painter.fillRect(cell, layer < lane.depth ? lit : dark);
  }
  if (lane.depth <= 0) return;
  const auto text = tr("%1 of %2", "layers that ran").arg(lane.depth).arg(layers);
  auto font = stage_font(text_px_, true);
  while (font.pixelSize() > 8 && QFontMetrics(font).horizontalAdvance(text) > area.width() - spacing::kTiny) {
    font.setPixelSize(font.pixelSize() - 1);
  }
  painter.setFont(font);
  painter.setPen(Theme::text_on(lit));
  const int height = std::max(edge(0) - edge(lane.depth), 1);
  if (QFontMetrics(font).height() <= height) {
    const QRect room(area.left(), edge(lane.depth), area.width(), height - gap);
    auto behind = QRect(0, 0, area.width(), QFontMetrics(font).height());
    behind.moveCenter(room.center());
    painter.fillRect(behind, lit);
    draw_text(painter, room, Qt::AlignCenter, text);
  } else {
    painter.setPen(theme.colors().text);
    draw_text(painter, QRect(area.left(), area.top(), area.width(), QFontMetrics(font).height()), Qt::AlignCenter,
              text);
  }
}

void RaceView::paint_meter(QPainter& painter, const QRect& area, const QString& name, const QString& value,
                           double share) {
  const auto& colors = Theme::instance().colors();
  painter.setFont(stage_font(text_px_ * 4 / 5, false));
  const QFontMetrics metrics(painter.font());
  const int label =
      std::max(metrics.horizontalAdvance(tr("LLM compute")), metrics.horizontalAdvance(tr("model time"))) +
      spacing::kMedium;
  const int number = metrics.horizontalAdvance(QStringLiteral("000.0 GFLOPs")) + spacing::kMedium;
  painter.setPen(colors.muted_text);
  draw_text(painter, QRect(area.left(), area.top(), label, area.height()), Qt::AlignLeft | Qt::AlignVCenter, name);
  const QRect bar(area.left() + label, area.center().y() - area.height() / 4,
                  std::max(area.width() - label - number, 1), std::max(area.height() / 2, 1));
  painter.fillRect(bar, Theme::mix(colors.background, colors.text, 0.08));
  painter.fillRect(QRect(bar.topLeft(), QSize(static_cast<int>(std::lround(bar.width() * share)), bar.height())),
                   colors.recorded);
  painter.setPen(colors.text);
  draw_text(painter, QRect(area.right() + 1 - number, area.top(), number, area.height()),
            Qt::AlignRight | Qt::AlignVCenter, value);
}

void RaceView::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  place();
}

bool RaceView::event(QEvent* event) {
  // Before the window's shortcuts, which use some of these keys as well.
  if (event->type() == QEvent::ShortcutOverride) {
    const auto key = static_cast<QKeyEvent*>(event)->key();
    if (key == Qt::Key_Escape || key == Qt::Key_R || key == Qt::Key_N || key == Qt::Key_V || key == Qt::Key_Space) {
      event->accept();
      return true;
    }
  }
  return QWidget::event(event);
}

void RaceView::keyPressEvent(QKeyEvent* event) {
  switch (event->key()) {
    case Qt::Key_Escape:
      return Q_EMIT leave_requested();
    case Qt::Key_R:
    case Qt::Key_Space:
      return Q_EMIT again_requested();
    case Qt::Key_V:
      return video_->click();
    case Qt::Key_N:
      return Q_EMIT other_table_requested();
    default:
      QWidget::keyPressEvent(event);
  }
}

// Clicks must not reach what is below.
void RaceView::mousePressEvent(QMouseEvent* event) { event->accept(); }

}  // namespace deer
