// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/episodes/frame_inspector.h"

#include <QLabel>
#include <QScrollArea>
#include <QVBoxLayout>

#include "sessions/frames/episode_frames.h"
#include "sessions/series/recorded_actions.h"
#include "widgets/actions/action_table.h"
#include "widgets/analysis/stage_bars.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"
#include "widgets/exits/exit_details.h"
#include "widgets/exits/frame_deltas.h"

namespace deer {
namespace {

constexpr int kLeastWidth = 250;  // of names, values and bars without the scroll bar, pixels

}  // namespace

FrameInspector::FrameInspector(Session* session, QWidget* parent)
    : FrameView(session, tr("the details of a frame"), parent),
      title_(new QLabel),
      place_(new QLabel),
      deltas_(new FrameDeltas(session)),
      exit_(new ExitDetails),
      action_title_(new QLabel),
      actions_(new ActionTable(ActionTable::Columns::summary)),
      stages_(new StageBars) {
  setAccessibleName(tr("Frame inspector"));
  const Theme& theme = Theme::instance();
  title_->setAccessibleName(tr("Frame"));
  title_->setFont(Theme::number_font(theme.title_font()));
  place_->setAccessibleName(tr("Place in the episode"));
  place_->setFont(Theme::number_font(theme.label_font()));
  place_->setWordWrap(true);
  place_->setToolTip(
      tr("Time since the start of the episode, number of this frame in the dataset, and steps since the "
         "history was last reset."));
  action_title_->setAccessibleName(tr("Action"));
  action_title_->setFont(theme.label_font());

  auto* const inner = new QWidget;
  auto* const column = new QVBoxLayout(inner);
  column->setContentsMargins(spacing::kMedium, spacing::kSmall, spacing::kMedium, spacing::kSmall);
  column->setSpacing(spacing::kSmall);
  auto* const head = new QVBoxLayout;
  head->setSpacing(0);
  head->addWidget(title_);
  head->addWidget(place_);
  column->addLayout(head);
  column->addWidget(deltas_);
  column->addWidget(exit_);
  column->addSpacing(spacing::kTiny);
  column->addWidget(action_title_);
  column->addWidget(actions_);
  column->addSpacing(spacing::kTiny);
  column->addWidget(stages_);
  column->addStretch(1);

  auto* const scroll = new QScrollArea;
  scroll->setWidget(inner);
  scroll->setWidgetResizable(true);
  scroll->setFrameShape(QFrame::NoFrame);
  scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  scroll->setMinimumWidth(kLeastWidth);
  set_content(scroll);
  connect(&Theme::instance(), &Theme::changed, this, &FrameInspector::restyle);
  restyle();
}

QString FrameInspector::value(const QString& name) const {
  for (const QLabel* label : findChildren<QLabel*>()) {
    if (label->accessibleName() == name) return label->text();
  }
  return {};
}

QString FrameInspector::place_text(const FrameRecord& record, const Observation* observation) const {
  QStringList parts;
  if (observation) {
    parts << format_quantity(observation->timestamp_s, tr("s"), 4) << tr("frame id %1").arg(observation->frame_id);
  }
  parts << tr("step %1").arg(format_count(record.step));
  return parts.join(QStringLiteral(" · "));
}

void FrameInspector::show_record(const FrameRecordPtr& record) {
  const ModelSummary* const model = session()->model();
  const ObservationPtr observation = session()->frames()->observation(record->frame);
  title_->setText(tr("Frame %1").arg(format_count(record->frame)));
  place_->setText(place_text(*record, observation.get()));
  deltas_->show_record(*record);
  exit_->show_exit(*record, model, session()->selection()->selected_exit());
  const auto& layout = *record->layout;
  action_title_->setText(layout.steps() > 1 ? tr("Action, step 1 of %1").arg(layout.steps())
                         : layout.is_deer() ? tr("Action, world frame")
                                            : tr("Action"));
  if (model) {
    actions_->show_record(model->exit_layers, record,
                          observation ? comparable_action(*session(), *observation) : std::span<const double>());
  }
  stages_->set_times(record->times);
}

void FrameInspector::restyle() {
  for (auto* const label : {place_, action_title_}) {
    auto palette = label->palette();
    palette.setColor(QPalette::WindowText, Theme::instance().colors().muted_text);
    label->setPalette(palette);
  }
}

}  // namespace deer
