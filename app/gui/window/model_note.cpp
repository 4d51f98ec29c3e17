// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/window/model_note.h"

#include "sessions/series/recorded_actions.h"
#include "sessions/session/live_session.h"
#include "sessions/session/trace_session.h"
#include "widgets/base/theme.h"

namespace deer {

ModelNote::ModelNote(Session* session, QWidget* parent) : QLabel(parent), session_(session) {
  setAccessibleName(tr("Note of the model"));
  setTextFormat(Qt::PlainText);
  setWordWrap(true);
  setAutoFillBackground(true);
  setContentsMargins(spacing::kMedium, spacing::kTiny, spacing::kMedium, spacing::kTiny);
  hide();
  connect(session_, &Session::model_changed, this, &ModelNote::refresh);
  connect(session_, &Session::episode_changed, this, &ModelNote::refresh);
  connect(&Theme::instance(), &Theme::changed, this, &ModelNote::refresh);
}

QString ModelNote::unfit() const {
  const auto* const model = session_->model();
  const auto* const episode = session_->episode();
  if (!model || !episode || session_->live()->is_open() || session_->trace()->metadata()) return {};
  const auto& info = episode->info();
  const auto name = QString::fromStdString(model->name);
  if (!info.has_static_camera || !info.has_gripper_camera) {
    const auto missing = info.has_static_camera    ? tr("no gripper camera")
                         : info.has_gripper_camera ? tr("no static camera")
                                                   : tr("neither camera");
    return info.cameras.size() < 2
               ? tr("%1 cannot run here: it sees a static and a gripper camera, and this episode has %2.")
                     .arg(name, missing)
               : tr("%1 cannot run here: it sees a static and a gripper camera, and %2 is chosen in File › Mapping of "
                    "the dataset.")
                     .arg(name, missing);
  }
  if (!records_model_actions(*session_)) {
    const auto width = info.action_layout->width();
    if (width == model->layout->width()) {
      return tr("The recorded actions have other columns than those of %1, so they are not compared.").arg(name);
    }
    return tr("The recorded actions (%1 values) are not those of %2 (%3 values), so they are not compared.")
        .arg(width)
        .arg(name)
        .arg(model->layout->width());
  }
  return {};
}

void ModelNote::refresh() {
  const auto* const model = session_->model();
  QStringList lines;
  if (model && !model->note.empty()) {
    lines << tr("%1: %2").arg(QString::fromStdString(model->name), QString::fromStdString(model->note));
  }
  if (const auto problem = unfit(); !problem.isEmpty()) lines << problem;
  setVisible(!lines.isEmpty());
  if (lines.isEmpty()) return;
  setText(lines.join(u'\n'));
  const auto& theme = Theme::instance();
  auto palette = theme.palette();
  palette.setColor(QPalette::Window,
                   Theme::mix(theme.colors().background, theme.colors().warning, theme.is_dark() ? 0.2 : 0.14));
  setPalette(palette);
}

}  // namespace deer
