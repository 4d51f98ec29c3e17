// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/parts/compare_part.h"

#include <QFileDialog>

#include "app/gui/commands/command_table.h"
#include "core/base/error.h"
#include "core/budget/thresholds_file.h"
#include "sessions/analysis/comparison.h"
#include "sessions/base/paths.h"
#include "sessions/frames/episode_frames.h"
#include "sessions/frames/playback.h"
#include "sessions/session/model_queries.h"
#include "widgets/analysis/compare_view.h"
#include "widgets/exports/view_exports.h"
#include "widgets/exports/view_values.h"
#include "widgets/timeline/timeline_view.h"

namespace deer {
ComparePart::ComparePart(Session* session, QWidget* window)
    : QObject(window),
      session_(session),
      window_(window),
      comparison_(new Comparison(session, this)),
      view_(new CompareView(session, comparison_, window)) {
  connect(session->queries(), &ModelQueries::replayed_under, this,
          [this](const ExitPolicy& policy, const std::vector<FrameRecordPtr>& records) {
            auto* const kept = comparison_->kept();
            kept->set_baseline(kept->keep_what_if(records, policy));
          });
  connect(session->queries(), &ModelQueries::replay_failed, this, [this](const QString& reason) {
    Q_EMIT problem({tr("The run could not be compared"), reason, tr("Run the model over the episode first.")});
  });
  choose_trace_ = [window] {
    return QFileDialog::getOpenFileName(window, tr("Compare with a trace"), {},
                                        tr("Traces (*.h5 *.hdf5);;All files (*)"));
  };
}

bool ComparePart::comparing() const { return comparison_->has_kept(); }

void ComparePart::show_runs_in(TimelineView* timeline) {
  const auto show = [this, timeline] {
    std::vector<TimelineRun> runs;
    for (std::size_t i = 0; i < comparison_->runs(); ++i) {
      const auto* const run = comparison_->run(i);
      if (run) runs.push_back({comparison_->depth_of(i), run->color});
    }
    timeline->set_runs(runs);
  };
  connect(comparison_, &Comparison::started_anew, timeline, show);
  connect(comparison_, &Comparison::changed, timeline, show);
}

void ComparePart::use_run_as_baseline() {
  const auto id = comparison_->kept()->keep();
  if (!id.isEmpty()) comparison_->kept()->set_baseline(id);
  Q_EMIT panel_requested();
}

void ComparePart::hide_runs() { comparison_->kept()->hide_all(); }

void ComparePart::compare_with(const ExitPolicy& policy) {
  session_->queries()->replay_under(policy);
  Q_EMIT panel_requested();
}

void ComparePart::compare_with_exit(std::optional<int> layer) {
  ExitPolicy policy;
  policy.criterion = Criterion::fixed_exit;
  policy.fixed_layer = layer;
  compare_with(policy);
}

void ComparePart::choose_thresholds() {
  const auto path = QFileDialog::getOpenFileName(window_, tr("Compare with thresholds"), {},
                                                 tr("Thresholds (*.json *.txt);;All files (*)"));
  if (!path.isEmpty()) compare_with_thresholds(path);
}

void ComparePart::compare_with_thresholds(const QString& file) {
  reading_.ask([this, path = to_path(file)](const std::stop_token& stop) {
    std::optional<ThresholdsFile> read;
    QString failure;
    try {
      read = read_thresholds(path);
    } catch (const std::exception& error) {
      failure = QString::fromUtf8(error.what());
    }
    QMetaObject::invokeMethod(
        this,
        [this, read, failure, stop] {
          if (stop.stop_requested()) return;
          if (!read) return Q_EMIT problem({tr("The thresholds could not be read"), failure, {}});
          const auto* const model = session_->model();
          if (!model) return;
          try {
            compare_with(deer::apply(*read, *model, session_->policy()));
          } catch (const Error& error) {
            Q_EMIT problem({tr("The thresholds do not fit the model"), QString::fromUtf8(error.what()), {}});
          }
        },
        Qt::QueuedConnection);
  });
}

void ComparePart::compare_with_trace() {
  const auto path = choose_trace_();
  if (path.isEmpty()) return;
  comparison_->kept()->keep_trace(to_path(path));
  Q_EMIT panel_requested();
}

void ComparePart::go_to_difference(int direction) {
  const auto frame = comparison_->next_differing(session_->current_frame(), direction);
  if (frame) session_->playback()->go_to(*frame);
}

void ComparePart::add_commands(CommandTable* commands) {
  const auto has_run = [this] { return session_->evaluated_count() > 0; };
  const auto is_comparing = [this] { return comparing(); };
  commands->add(
      tr("&Compare"),
      {{.id = "compare.keep",
        .text = tr("Use this run as &baseline"),
        .tip = tr("Keep the current run and compare another policy or model with it, frame by frame."),
        .shortcuts = {QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_K)},
        .run = [this] { use_run_as_baseline(); },
        .enabled = has_run},
       {.id = "compare.thresholds",
        .text = tr("Compare with &thresholds…"),
        .tip = tr("Compare with this run under thresholds from a file. Its own policy stays."),
        .run = [this] { choose_thresholds(); },
        .enabled = has_run},
       {.id = "compare.trace",
        .text = tr("Compare with a t&race…"),
        .tip = tr("Compare the current run with a trace of this episode."),
        .run = [this] { compare_with_trace(); },
        .enabled = [this] { return session_->frames()->source() != nullptr; }},
       {.id = "compare.deepest",
        .text = tr("Compare with the &deepest exit"),
        .tip = tr("Compare with this run if every frame exited at the deepest exit."),
        .run = [this] { compare_with_exit(std::nullopt); },
        .enabled = has_run},
       {.id = "compare.selected",
        .text = tr("Compare with the &selected exit"),
        .tip = tr("Compare with this run if every frame exited at the selected exit (keys 1 to 9)."),
        .run =
            [this] {
              const auto& exits = session_->model()->exit_layers;
              compare_with_exit(exits[static_cast<std::size_t>(session_->selection()->selected_exit())]);
            },
        .enabled = [this,
                    has_run] { return has_run() && session_->model() && session_->selection()->selected_exit() >= 0; }},
       {.id = "compare.next",
        .text = tr("&Next difference"),
        .tip = tr("Go to the next frame where the two runs differ."),
        .shortcuts = {QKeySequence(Qt::Key_N)},
        .run = [this] { go_to_difference(1); },
        .enabled = is_comparing,
        .separator_before = true},
       {.id = "compare.previous",
        .text = tr("&Previous difference"),
        .tip = tr("Go to the previous frame where the two runs differ."),
        .shortcuts = {QKeySequence(Qt::SHIFT | Qt::Key_N)},
        .run = [this] { go_to_difference(-1); },
        .enabled = is_comparing},
       {.id = "compare.forget",
        .text = tr("&Hide all kept runs"),
        .tip = tr("End the comparison. The runs stay in the list."),
        .run = [this] { hide_runs(); },
        .enabled = is_comparing,
        .separator_before = true}});
  connect(comparison_, &Comparison::started_anew, commands, &CommandTable::update);
}

void ComparePart::add_exports(ViewExports* exports) {
  exports->add(view_, tr("the comparison"), [this] { return comparison_values(*comparison_); });
}

}  // namespace deer
