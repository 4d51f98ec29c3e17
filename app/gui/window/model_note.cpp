// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/window/model_note.h"

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
  connect(&Theme::instance(), &Theme::changed, this, &ModelNote::refresh);
}

void ModelNote::refresh() {
  const auto* const model = session_->model();
  const bool has_note = model && !model->note.empty();
  setVisible(has_note);
  if (!has_note) return;
  setText(tr("%1: %2").arg(QString::fromStdString(model->name), QString::fromStdString(model->note)));
  const auto& theme = Theme::instance();
  auto palette = theme.palette();
  palette.setColor(QPalette::Window,
                   Theme::mix(theme.colors().background, theme.colors().warning, theme.is_dark() ? 0.2 : 0.14));
  setPalette(palette);
}

}  // namespace deer
