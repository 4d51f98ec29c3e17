// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/present/present_view.h"

#include <QKeyEvent>
#include <QTimer>
#include <algorithm>
#include <cmath>

#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr int kHintMs = 4000, kPointerMs = 2000;
constexpr double kAsGood = 1.05;  // smaller savings are shown as none

}  // namespace

PresentView::PresentView(QWidget* parent)
    : QWidget(parent), hint_timer_(new QTimer(this)), pointer_timer_(new QTimer(this)) {
  setAccessibleName(tr("Presentation"));
  setAttribute(Qt::WA_OpaquePaintEvent);
  setFocusPolicy(Qt::StrongFocus);
  setMouseTracking(true);
  hint_timer_->setSingleShot(true);
  hint_timer_->setInterval(kHintMs);
  connect(hint_timer_, &QTimer::timeout, this, [this] {
    hint_.clear();
    update();
  });
  pointer_timer_->setSingleShot(true);
  pointer_timer_->setInterval(kPointerMs);
  connect(pointer_timer_, &QTimer::timeout, this, [this] { setCursor(Qt::BlankCursor); });
  connect(&Theme::instance(), &Theme::changed, this, qOverload<>(&QWidget::update));
}

void PresentView::set_model(int layers, std::vector<int> exit_depths) {
  layers_ = layers;
  exit_depths_ = std::move(exit_depths);
  update();
}

void PresentView::start_anew(qint64 frames, bool growing) {
  depths_.assign(static_cast<std::size_t>(frames), 0);
  growing_ = growing;
  update();
}

void PresentView::grow(qint64 frames) {
  depths_.resize(static_cast<std::size_t>(std::max<qint64>(frames, 0)), 0);
  update();
}

void PresentView::set_depths(qint64 first, std::span<const quint16> depths) {
  const auto end = static_cast<std::size_t>(first) + depths.size();
  if (end > depths_.size()) depths_.resize(end, 0);
  std::copy(depths.begin(), depths.end(), depths_.begin() + static_cast<std::ptrdiff_t>(first));
  update();
}

void PresentView::set_frame(PresentFrame frame) {
  frame_ = std::move(frame);
  if (!frame_.picture.isNull()) aspect_ = static_cast<double>(frame_.picture.width()) / frame_.picture.height();
  QStringList said{depth_text(), saving_text(), success_text(), frame_.tasks ? frame_.instruction : QString(),
                   frame_.problem};
  said.removeAll(QString());
  setAccessibleDescription(said.join(QStringLiteral(", ")));
  update();
}

void PresentView::show_hint(const QString& text) {
  hint_ = text;
  hint_timer_->start();
  pointer_timer_->start();
  update();
}

QColor PresentView::stage_color() const { return Theme::text_on(Theme::instance().colors().text); }

QString PresentView::depth_text() const {
  if (frame_.depth <= 0) return tr("depth not evaluated");
  return layers_ > 0 ? tr("depth %1 of %2").arg(frame_.depth).arg(layers_) : tr("depth %1").arg(frame_.depth);
}

QString PresentView::saving_text() const {
  const auto block = blocks()[1];
  return std::isnan(frame_.saving) ? tr("LLM compute not evaluated")
                                   : tr("%1 %2", "3.6× less LLM compute").arg(block.number, block.words);
}

QString PresentView::success_text() const {
  if (!frame_.tasks) return frame_.instruction;
  return tr("tasks done %1 of %2").arg(frame_.tasks->done).arg(frame_.tasks->ended);
}

std::vector<PresentBlock> PresentView::blocks() const {
  const auto& theme = Theme::instance();
  const auto& ink = theme.colors().text;
  const QString none(QChar(0x2013));
  const auto room_of = [](int count) { return QString(QString::number(count).size(), u'0'); };

  PresentBlock depth{none, room_of(layers_), tr("not evaluated"), {tr("not evaluated")}, ink};
  const auto layers = layers_ > 0 ? tr("of %1 layers").arg(layers_) : tr("layers");
  depth.other_words << layers;
  if (frame_.depth > 0) {
    depth.number = QString::number(frame_.depth);
    depth.words = layers;
    depth.strong = true;
    depth.color = theme.exit_color(frame_.exit_index, static_cast<int>(exit_depths_.size()));
  }

  const auto made = frame_.saving_in_layers ? tr("fewer LLM layers") : tr("less LLM compute");
  const auto possible = frame_.saving_in_layers ? tr("fewer LLM layers possible") : tr("less LLM compute possible");
  const auto less = frame_.saving_is_possible ? possible : made;
  const auto full = frame_.saving_in_layers ? tr("of all LLM layers") : tr("of full LLM compute");
  PresentBlock saving{none, QStringLiteral("0.0×"), less, {made, possible, full}, ink};
  if (!std::isnan(frame_.saving)) {
    saving.number = tr("%1×").arg(format_fixed(frame_.saving, 1));
    if (frame_.saving < kAsGood) saving.words = full;
  }

  PresentBlock success{{}, {}, frame_.instruction, {}, ink};
  if (frame_.tasks) {
    success = {none, room_of(frame_.tasks->ended), tr("no task finished yet"), {tr("no task finished yet")}, ink};
    const auto ended = tr("of %1 tasks done").arg(frame_.tasks->ended);
    success.other_words << ended;
    if (frame_.tasks->ended > 0) {
      success.number = QString::number(frame_.tasks->done);
      success.words = ended;
    }
  }
  return {depth, saving, success};
}

QColor PresentView::color_of_depth(int depth) const {
  const auto place = std::find(exit_depths_.begin(), exit_depths_.end(), depth);
  const int index = place == exit_depths_.end() ? -1 : static_cast<int>(place - exit_depths_.begin());
  return Theme::instance().exit_color(index, static_cast<int>(exit_depths_.size()));
}

bool PresentView::event(QEvent* event) {
  // Before the window's shortcuts, which also use Esc.
  if (event->type() == QEvent::ShortcutOverride && static_cast<QKeyEvent*>(event)->key() == Qt::Key_Escape) {
    event->accept();
    return true;
  }
  return QWidget::event(event);
}

void PresentView::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Escape) return Q_EMIT leave_requested();
  QWidget::keyPressEvent(event);
}

// Prevents clicks from reaching hidden widgets below the stage.
void PresentView::mousePressEvent(QMouseEvent* event) { event->accept(); }

void PresentView::mouseMoveEvent(QMouseEvent*) {
  unsetCursor();
  pointer_timer_->start();
}

void PresentView::mouseDoubleClickEvent(QMouseEvent*) { Q_EMIT leave_requested(); }

bool PresentView::focusNextPrevChild(bool) { return true; }

}  // namespace deer
