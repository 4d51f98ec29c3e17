// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/actions/action_view.h"

#include <QLabel>
#include <QSpinBox>
#include <QVBoxLayout>

#include "sessions/frames/episode_frames.h"
#include "sessions/series/recorded_actions.h"
#include "widgets/actions/action_table.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"

namespace deer {

ActionView::ActionView(Session* session, QWidget* parent)
    : FrameView(session, tr("the action at every exit"), parent),
      title_(new QLabel),
      step_(new QSpinBox),
      table_(new ActionTable(ActionTable::Columns::all)) {
  setAccessibleName(tr("Action by exit"));
  title_->setAccessibleName(tr("Frame"));
  title_->setFont(Theme::number_font(Theme::instance().body_font()));
  step_->setAccessibleName(tr("Step of the chunk"));
  step_->setToolTip(tr("Step of the prediction to show."));
  step_->setPrefix(tr("step "));
  step_->setMinimum(1);
  step_->hide();
  connect(step_, &QSpinBox::valueChanged, this,
          [this](int step) { table_->actions()->set_step(static_cast<std::size_t>(step - 1)); });
  auto* content = new QWidget;
  auto* column = new QVBoxLayout(content);
  column->setContentsMargins(spacing::kMedium, spacing::kSmall, spacing::kMedium, spacing::kSmall);
  column->setSpacing(spacing::kSmall);
  auto* head = new QHBoxLayout;
  head->addWidget(title_, 1);
  head->addWidget(step_);
  column->addLayout(head);
  column->addWidget(table_, 1);
  set_content(content);
}

ActionModel* ActionView::model() const { return table_->actions(); }

void ActionView::show_record(const FrameRecordPtr& record) {
  const ModelSummary* model = session()->model();
  if (!model) return;
  const ObservationPtr observation = session()->frames()->observation(record->frame);
  table_->show_record(model->exit_layers, record,
                      observation ? comparable_action(*session(), *observation) : std::span<const double>());
  const auto& layout = table_->actions()->layout();
  const auto steps = static_cast<int>(layout.steps());
  step_->setVisible(steps > 1);
  step_->setMaximum(steps);
  step_->setSuffix(tr(" of %1").arg(steps));
  table_->actions()->set_selected(session()->selection()->selected_exit());
  title_->setText(
      layout.is_deer() ? tr("frame %1 · movement in one step, world frame").arg(format_count(record->frame))
      : steps > 1 ? tr("frame %1 · %2 values, %3 steps").arg(format_count(record->frame)).arg(layout.width()).arg(steps)
                  : tr("frame %1 · %2 values").arg(format_count(record->frame)).arg(layout.width()));
}

}  // namespace deer
