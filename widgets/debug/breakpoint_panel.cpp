// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/debug/breakpoint_panel.h"

#include <QLabel>
#include <QTableView>

#include "sessions/debug/debugger.h"
#include "widgets/base/table_style.h"
#include "widgets/debug/breakpoint_model.h"
#include "widgets/debug/expression_edit.h"
#include "widgets/debug/expression_list.h"

namespace deer {

BreakpointPanel::BreakpointPanel(Debugger* debugger, QWidget* parent)
    : QWidget(parent),
      model_(new BreakpointModel(debugger, this)),
      edit_(new ExpressionEdit(debugger, tr("New breakpoint"), tr("for example depth >= 10"),
                               {{tr("Depth at least…"), QStringLiteral("depth >= 10")},
                                {tr("Delta close to its threshold"), QStringLiteral("closest <= 10%")},
                                {tr("Exits disagree"), QStringLiteral("disagreement > 0.1")},
                                {tr("Gripper flips"), QStringLiteral("gripper_flip")},
                                {tr("Exit changes"), QStringLiteral("exit_change")},
                                {tr("Slower than the frame rate"), QStringLiteral("latency_ms > 33.3")}})) {
  table_ = lay_out({model_, edit_, tr("Breakpoints"), tr("Remove the breakpoint"), BreakpointModel::kCondition,
                    [this](int row) { model_->remove(row); }},
                   this);
  connect(edit_, &ExpressionEdit::entered, model_, &BreakpointModel::add);
  auto* const hint =
      show_hint_while_empty(table_, tr("No breakpoints yet. Playback and live runs stop at frames that match one."));
  hint->setAccessibleName(tr("Hint"));
}

}  // namespace deer
