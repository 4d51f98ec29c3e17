// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/exits/run_result.h"

#include <QLabel>
#include <QVBoxLayout>
#include <cmath>

#include "sessions/analysis/run_summary.h"
#include "sessions/analysis/run_tally.h"
#include "sessions/session/live_session.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"
#include "widgets/exits/exit_histogram.h"

namespace deer {

RunResult::RunResult(Session* session, QWidget* parent)
    : QWidget(parent),
      session_(session),
      tally_(RunTally::of(session)),
      summary_(new RunSummary(session, this)),
      depth_(new QLabel),
      saving_(new QLabel),
      basis_(new QLabel),
      histogram_(new ExitHistogram) {
  const Theme& theme = Theme::instance();
  depth_->setAccessibleName(tr("Mean depth"));
  depth_->setFont(Theme::number_font(theme.title_font()));
  saving_->setAccessibleName(tr("Saving and error"));
  saving_->setFont(Theme::number_font(theme.body_font()));
  basis_->setAccessibleName(tr("Basis of the result"));
  basis_->setFont(Theme::number_font(theme.label_font()));
  basis_->setWordWrap(true);
  auto* const column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(spacing::kTiny);
  column->addWidget(depth_);
  column->addWidget(saving_);
  column->addWidget(basis_);
  column->addWidget(histogram_);

  connect(tally_, &RunTally::started_anew, this, &RunResult::refresh);
  connect(tally_, &RunTally::changed, this, &RunResult::refresh);
  connect(summary_, &RunSummary::changed, this, &RunResult::refresh);
  connect(session, &Session::activity_changed, this, &RunResult::refresh);
  connect(session, &Session::policy_changed, this, &RunResult::refresh);
  connect(session, &Session::model_changed, this, &RunResult::refresh);
  connect(&Theme::instance(), &Theme::changed, this, &RunResult::restyle);
  restyle();
  refresh();
}

QString RunResult::depth_text() const { return depth_->text(); }

QString RunResult::saving_text() const {
  if (tally_->evaluated() == 0) return {};
  QStringList parts;
  if (const auto saving = summary_->saving(summary_->frames() - 1)) {
    const auto times = format_fixed(saving->times, 1);
    parts << (saving->times < 1.005 ? tr("full depth, no saving")
              : saving->in_layers   ? tr("%1× fewer layers").arg(times)
                                    : tr("%1× less LLM compute").arg(times));
  }
  if (const double distance = tally_->mean_distance(); std::isfinite(distance)) {
    parts << tr("%1 from the deepest exit").arg(format_quantity(distance, tally_->distance_unit(), 2));
  }
  return parts.join(u'\n');
}

QString RunResult::basis_text() const {
  const auto evaluated = tally_->evaluated();
  const auto* const live = session_->live();
  if (evaluated == 0 && live->is_open()) return tr("start the live run to see the effect of this policy");
  if (evaluated == 0) return tr("run the model to see the effect of this policy");
  if (!session_->records_current()) return tr("applying the change to %1 frames…").arg(format_count(evaluated));
  if (live->is_open() && session_->activity() == Session::Activity::live) {
    return live->mode() == RunMode::probe ? tr("possible over %1 frames: every exit runs").arg(format_count(evaluated))
                                          : tr("as executed, %1 frames").arg(format_count(evaluated));
  }
  if (live->several_policies()) return tr("as executed under several policies, %1 frames").arg(format_count(evaluated));
  if (session_->fixed_count() > 0) {
    return tr("exact, %1 frames; %2 of them as executed, without all exits")
        .arg(format_count(evaluated), format_count(session_->fixed_count()));
  }
  return tr("exact, %1 frames").arg(format_count(evaluated));
}

void RunResult::refresh() {
  const ModelSummary* const model = session_->model();
  if (!model) return;
  depth_->setText(tr("Mean depth %1 of %2").arg(format_short(tally_->mean_depth())).arg(model->layers));
  const auto saving = saving_text();
  saving_->setText(saving);
  saving_->setVisible(!saving.isEmpty());
  basis_->setText(basis_text());
  histogram_->set_counts(tally_->by_exit(), session_->records_current());
}

void RunResult::restyle() {
  auto palette = basis_->palette();
  palette.setColor(QPalette::WindowText, Theme::instance().colors().muted_text);
  basis_->setPalette(palette);
}

}  // namespace deer
