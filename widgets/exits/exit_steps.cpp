// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/exits/exit_steps.h"

#include <QFormLayout>
#include <QHeaderView>
#include <QLabel>
#include <QScrollArea>
#include <QTableView>
#include <QVBoxLayout>
#include <algorithm>
#include <array>
#include <cmath>

#include "core/model/model_config.h"
#include "widgets/actions/action_model.h"
#include "widgets/actions/dimension_text.h"
#include "widgets/base/budget_text.h"
#include "widgets/base/form_field.h"
#include "widgets/base/number_format.h"
#include "widgets/base/table_style.h"
#include "widgets/base/theme.h"
#include "widgets/exits/exit_steps_model.h"

namespace deer {

ExitSteps::ExitSteps(Session* session, QWidget* parent)
    : FrameView(session, tr("the exits of a frame"), parent),
      title_(new QLabel),
      table_(new QTableView),
      model_(new ExitStepsModel(this)) {
  setAccessibleName(tr("Exit by exit"));
  title_->setAccessibleName(tr("Frame"));
  title_->setFont(Theme::number_font(Theme::instance().body_font()));
  table_->setAccessibleName(tr("Exits of the frame"));
  table_->setModel(model_);
  style_row_table(table_);
  table_->setMinimumHeight(96);
  // Decision columns come first; others are shown if they fit, since the fields below repeat them.
  std::vector<int> columns{ExitStepsModel::kExit,     ExitStepsModel::kDelta,     ExitStepsModel::kThreshold,
                           ExitStepsModel::kDecision, ExitStepsModel::kWouldStop, ExitStepsModel::kChange};
  for (int column = ExitStepsModel::kDepth; column < ExitStepsModel::kColumnCount; ++column) columns.push_back(column);
  show_columns_that_fit(table_, std::move(columns), 3);

  auto* inner = new QWidget;
  auto* form = new QFormLayout(inner);
  form->setContentsMargins(0, 0, 0, 0);
  form->setHorizontalSpacing(spacing::kMedium);
  form->setVerticalSpacing(spacing::kTiny);
  form->setRowWrapPolicy(QFormLayout::WrapLongRows);
  form->setLabelAlignment(Qt::AlignLeading | Qt::AlignTop);
  form->setFormAlignment(Qt::AlignLeading | Qt::AlignTop);
  form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
  decision_ = add_form_field(form, tr("decision"), tr("The policy’s decision at this exit, and the reason."));
  hidden_ = add_form_field(form, tr("hidden state"),
                           tr("Change of the pooled hidden state since the previous exit, relative to its length."));
  action_ = add_form_field(form, tr("action"), tr("Output of the action head here: one step in the world frame."));
  gripper_ = add_form_field(form, tr("gripper"), tr("Predicted probability of opening."));
  cost_ =
      add_form_field(form, tr("cost so far"),
                     tr("From the images up to this exit; a multiply-add counts as one operation. ≈: the time of the "
                        "layers that ran, divided evenly."));
  next_ = add_form_field(form, tr("next exit"), tr("Output of the next deeper exit, compared with this one."));
  auto* scroll = new QScrollArea;
  scroll->setWidget(inner);
  scroll->setWidgetResizable(true);
  scroll->setFrameShape(QFrame::NoFrame);
  scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);

  auto* content = new QWidget;
  auto* column = new QVBoxLayout(content);
  column->setContentsMargins(spacing::kMedium, spacing::kSmall, spacing::kMedium, spacing::kSmall);
  column->setSpacing(spacing::kSmall);
  column->addWidget(title_);
  column->addWidget(table_, 1);
  column->addWidget(scroll, 1);
  set_content(content);

  connect(table_->selectionModel(), &QItemSelectionModel::currentRowChanged, this, [this](const QModelIndex& now) {
    if (!setting_ && now.isValid()) this->session()->selection()->set_selected_exit(now.row());
    show_row();
  });
  const auto take_model = [this] {
    const auto* const model = this->session()->model();
    costs_.reset();
    if (model && model->config) costs_.emplace(*model->config);
  };
  connect(session, &Session::model_changed, this, take_model);
  take_model();
}

int ExitSteps::current_row() const { return table_->currentIndex().row(); }

QString ExitSteps::value(const QString& field) const {
  for (const QLabel* label : findChildren<QLabel*>()) {
    if (label->accessibleName() == field) return label->text();
  }
  return {};
}

void ExitSteps::step_exit(int rows) {
  if (model_->rowCount() == 0) return;
  const int from = std::max(current_row(), 0);
  session()->selection()->set_selected_exit(std::clamp(from + rows, 0, model_->rowCount() - 1));
}

void ExitSteps::show_record(const FrameRecordPtr& record) {
  const auto* const model = session()->model();
  if (!model) return;
  const int rows = model_->rowCount();
  if (costs_) costs_->set_gate(gate_cost(session()->policy(), model->gate));
  model_->set(frame_steps(*record, model->exit_layers, session()->policy(), costs_ ? &*costs_ : nullptr),
              record->layout);
  title_->setText(
      tr("frame %1 · %2").arg(format_count(record->frame), exit_name(record->exit_index, record->exit_layer)));
  // As high as its rows, so that the details of the selected one follow directly below.
  if (model_->rowCount() != rows) {
    table_->setMaximumHeight(table_->horizontalHeader()->sizeHint().height() +
                             model_->rowCount() * table_->verticalHeader()->defaultSectionSize() + spacing::kSmall);
  }
  const int wanted =
      session()->selection()->selected_exit() >= 0 ? session()->selection()->selected_exit() : record->exit_index;
  setting_ = true;
  wanted >= 0 ? table_->setCurrentIndex(model_->index(wanted, 0)) : table_->clearSelection();
  setting_ = false;
  show_row();
}

QString ExitSteps::next_text(const FrameStep& step, int row) const {
  if (row + 1 >= model_->rowCount()) return tr("none: this is the deepest");
  const auto& next = model_->steps()[static_cast<std::size_t>(row + 1)];
  if (!step.evaluated || !next.evaluated) return tr("not evaluated");
  if (!model_->layout().is_deer()) {
    return tr("exit %1 differs by %2; grippers %3; %4")
        .arg(next.exit_index + 1)
        .arg(format_number(step.next_difference), step.next_turns_gripper ? tr("reversed") : tr("the same"),
             ExitStepsModel::why(next));
  }
  std::array<float, 6> moved{};
  for (std::size_t i = 0; i < moved.size(); ++i) moved[i] = next.action[i] - step.action[i];
  return tr("exit %1 differs by %2: %3 mm, %4 °; gripper %5; %6")
      .arg(next.exit_index + 1)
      .arg(format_number(step.next_difference), deer_axes_text(moved, 0), deer_axes_text(moved, 3),
           step.next_turns_gripper ? tr("reversed") : tr("the same"), ExitStepsModel::why(next));
}

QString ExitSteps::action_text(const FrameStep& step) const {
  if (!step.evaluated) return tr("not evaluated");
  if (!model_->layout().is_deer()) return action_lines(model_->layout(), step.action);
  const std::span<const float, 6> arm(step.action.data(), 6);
  return tr("%1 mm\n%2 °").arg(deer_axes_text(arm, 0), deer_axes_text(arm, 3));
}

QString ExitSteps::gripper_text(const FrameStep& step) const {
  if (!step.evaluated) return tr("not evaluated");
  if (!model_->layout().is_deer()) {
    QStringList parts;
    for (const auto gripper : model_->layout().grippers()) {
      const auto value = static_cast<double>(step.action[gripper]);
      parts << tr("%1 %2").arg(dimension_name(model_->layout().dimensions()[gripper]),
                               model_->layout().opens(gripper, value) ? tr("opens") : tr("closes"));
    }
    return parts.isEmpty() ? tr("none") : parts.join(QStringLiteral(", "));
  }
  const auto probability = static_cast<double>(step.action[ActionModel::kGripper]);
  return tr("%1 % open: %2").arg(format_fixed(probability * 100, 0), probability > 0.5 ? tr("opens") : tr("closes"));
}

void ExitSteps::show_row() {
  const int row = current_row();
  if (row < 0 || row >= model_->rowCount()) {
    for (auto* const label : {decision_, hidden_, action_, gripper_, cost_, next_}) label->clear();
    return;
  }
  const auto& step = model_->steps()[static_cast<std::size_t>(row)];
  decision_->setText(ExitStepsModel::why(step));
  hidden_->setText(std::isnan(step.change)
                       ? tr("not evaluated")
                       : tr("changed by %1 % of its length").arg(format_fixed(step.change * 100, 1)));
  action_->setText(action_text(step));
  gripper_->setText(gripper_text(step));
  QStringList costs;
  if (std::isfinite(step.llm_gflops)) {
    costs << tr("%1 in the LLM").arg(BudgetText::cost(step.llm_gflops, CostUnit::gflops))
          << tr("%1 total").arg(BudgetText::cost(step.total_gflops, CostUnit::gflops));
  }
  if (std::isfinite(step.total_ms)) {
    const auto time = format_fixed(step.total_ms, 1) + QChar(0x00a0) + tr("ms");
    costs << (step.ms_measured ? time : tr("≈ %1").arg(time));
  }
  cost_->setText(costs.isEmpty() ? tr("unknown") : costs.join(QStringLiteral(", ")));
  next_->setText(next_text(step, row));
}

}  // namespace deer
