// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/parts/views_part.h"

#include <QApplication>
#include <QFileDialog>
#include <QPointer>
#include <QThreadPool>

#include "app/gui/commands/command_table.h"
#include "core/base/error.h"
#include "core/budget/thresholds_file.h"
#include "sessions/analysis/calibration_watch.h"
#include "sessions/analysis/comparison.h"
#include "sessions/base/paths.h"
#include "sessions/frames/playback.h"
#include "widgets/actions/action_model.h"
#include "widgets/actions/action_plots.h"
#include "widgets/actions/action_view.h"
#include "widgets/analysis/compare_view.h"
#include "widgets/analysis/latency_view.h"
#include "widgets/analysis/similarity_view.h"
#include "widgets/budget/calibration_view.h"
#include "widgets/episodes/frame_inspector.h"
#include "widgets/exits/delta_view.h"
#include "widgets/exits/exit_steps.h"
#include "widgets/exports/view_exports.h"
#include "widgets/exports/view_values.h"
#include "widgets/timeline/timeline_view.h"

namespace deer {

ViewsPart::ViewsPart(Session* session, Budget* budget, QWidget* window)
    : QObject(window),
      session_(session),
      window_(window),
      watch_(new CalibrationWatch(session, budget, this)),
      exports_(new ViewExports(window)),
      exits_(new ExitSteps(session, window)),
      action_plots_(new ActionPlots(session, window)),
      calibration_(new CalibrationView(session, watch_, window)),
      latency_(new LatencyView(session, window)),
      comparison_(new Comparison(session, this)),
      compare_(new CompareView(session, comparison_, window)) {
  connect(calibration_, &CalibrationView::open_calibration_requested, this, &ViewsPart::open_calibration_requested);
  connect(watch_, &CalibrationWatch::drift_found, this, &ViewsPart::warn_of_drift);
  connect(exports_, &ViewExports::problem, this, &ViewsPart::problem);
  connect(comparison_, &Comparison::problem, this, &ViewsPart::problem);
  choose_trace_ = [window] {
    return QFileDialog::getOpenFileName(window, tr("Compare with a trace"), {},
                                        tr("Traces (*.h5 *.hdf5);;All files (*)"));
  };
}

void ViewsPart::warn_of_drift() {
  QStringList exits;
  for (const int exit : watch_->drifted()) exits << QString::number(exit + 1);
  Q_EMIT warning(
      {tr("The run has drifted from its calibration set"),
       exits.size() == 1
           ? tr("The deltas of exit %1 are not those that the set holds.").arg(exits.first())
           : tr("The deltas of exits %1 are not those that the set holds.").arg(exits.join(QStringLiteral(", "))),
       tr("Thresholds made with it will not keep the budget here. The Calibration panel shows how far they "
          "are apart; calibrate on data like this.")});
}

bool ViewsPart::comparing() const { return comparison_->has_kept(); }

void ViewsPart::add_exports() {
  auto* const session = session_;
  exports_->add(exits_, tr("the exits of a frame"), [this] { return exit_step_values(*exits_->model()); });
  exports_->add(action_plots_, tr("actions over time"), [this] { return action_values(*action_plots_); });
  exports_->add(calibration_, tr("calibration health"), [this] { return calibration_values(*watch_); });
  exports_->add(latency_, tr("latency and memory"), [this] { return latency_values(*latency_->latency()); });
  exports_->add(compare_, tr("the comparison"), [this] { return comparison_values(*comparison_); });
  for (auto* const view : window_->findChildren<SimilarityView*>()) {
    exports_->add(view, tr("similarity"), [view] { return similarity_values(*view); });
  }
  for (auto* const view : window_->findChildren<ActionView*>()) {
    exports_->add(view, tr("the action of a frame"), [view] { return model_values(*view->model()); });
  }
  for (auto* const view : window_->findChildren<DeltaView*>()) {
    exports_->add(view, tr("the deltas of a frame"),
                  [session, view] { return delta_values(*session, view->shown_frame()); });
  }
  for (auto* const view : window_->findChildren<TimelineView*>()) {
    exports_->add(view, tr("the timeline"), [session] { return timeline_values(*session); });
  }
  for (auto* const view : window_->findChildren<FrameInspector*>()) {
    exports_->add(view, tr("the frame"), [session, view] { return delta_values(*session, view->shown_frame()); });
  }
}

void ViewsPart::add_commands(CommandTable* commands) {
  const auto exits = tr("E&xits");
  const auto seen = [this] { return session_->record(session_->current_frame()) != nullptr; };
  commands->add({.id = "exits.deeper",
                 .menu = exits,
                 .text = tr("Step one exit &deeper"),
                 .tip = tr("Go on to the next exit of this frame, as the model would."),
                 .shortcuts = {QKeySequence(Qt::SHIFT | Qt::Key_Down)},
                 .run = [this] { exits_->step_exit(1); },
                 .enabled = seen,
                 .separator_before = true});
  commands->add({.id = "exits.shallower",
                 .menu = exits,
                 .text = tr("Step one exit &back"),
                 .tip = tr("Go back to the exit before of this frame."),
                 .shortcuts = {QKeySequence(Qt::SHIFT | Qt::Key_Up)},
                 .run = [this] { exits_->step_exit(-1); },
                 .enabled = seen});

  const auto menu = tr("&Edit");
  const auto any = [this] { return exports_->current() != nullptr; };
  const auto values = [this] { return exports_->has_values(exports_->current()); };
  commands->add({.id = "export.copy_values",
                 .menu = menu,
                 .text = tr("Copy the view’s &values"),
                 .tip = tr("Copy the numbers of the view that was used last, for a spreadsheet."),
                 .shortcuts = {QKeySequence(Qt::CTRL | Qt::ALT | Qt::Key_C)},
                 .run = [this] { exports_->copy_values(exports_->current()); },
                 .enabled = values,
                 .separator_before = true});
  commands->add({.id = "export.copy_picture",
                 .menu = menu,
                 .text = tr("Copy the view’s p&icture"),
                 .tip = tr("Copy the view that was used last as a picture."),
                 .run = [this] { exports_->copy_picture(exports_->current()); },
                 .enabled = any});
  commands->add({.id = "export.values",
                 .menu = menu,
                 .text = tr("Save the view’s v&alues…"),
                 .tip = tr("Write the numbers of the view that was used last as CSV or NPZ."),
                 .shortcuts = {QKeySequence(Qt::CTRL | Qt::ALT | Qt::Key_V)},
                 .run = [this] { exports_->ask_values(exports_->current()); },
                 .enabled = values});
  commands->add({.id = "export.picture",
                 .menu = menu,
                 .text = tr("Save the view’s pict&ure…"),
                 .tip = tr("Write the view that was used last as PNG, SVG or PDF."),
                 .shortcuts = {QKeySequence(Qt::CTRL | Qt::ALT | Qt::Key_P)},
                 .run = [this] { exports_->ask_picture(exports_->current()); },
                 .enabled = any});
  connect(exports_, &ViewExports::current_changed, commands, &CommandTable::update);
  add_compare_commands(commands);
}

void ViewsPart::compare_with(const ExitPolicy& policy) {
  if (!comparison_->has_kept()) comparison_->keep();
  session_->set_policy(policy);
  Q_EMIT compare_requested();
}

void ViewsPart::compare_with_thresholds() {
  const auto path = QFileDialog::getOpenFileName(window_, tr("Compare with thresholds"), {},
                                                 tr("Thresholds (*.json *.txt);;All files (*)"));
  if (path.isEmpty()) return;
  QThreadPool::globalInstance()->start([self = QPointer(this), path] {
    std::optional<ThresholdsFile> file;
    QString failure;
    try {
      file = read_thresholds(to_path(path));
    } catch (const std::exception& error) {
      failure = QString::fromUtf8(error.what());
    }
    QMetaObject::invokeMethod(
        qApp,
        [self, file, failure] {
          if (!self) return;
          if (!file) return Q_EMIT self->problem({tr("The thresholds could not be read"), failure, {}});
          auto policy = self->session_->policy();
          policy.criterion = file->criterion;
          policy.delta_type = file->delta_type;
          policy.thresholds = file->thresholds;
          policy.max_layer.reset();
          const auto* const model = self->session_->model();
          const auto exits = model ? model->exit_layers : std::vector<int>{};
          // Fewer thresholds than exits: the others lie beyond the budget they were made for.
          if (!policy.thresholds.empty() && policy.thresholds.size() < exits.size()) {
            policy.max_layer = exits[policy.thresholds.size() - 1] + 1;
          }
          self->compare_with(policy);
        },
        Qt::QueuedConnection);
  });
}

void ViewsPart::compare_with_trace() {
  const auto path = choose_trace_();
  if (path.isEmpty()) return;
  comparison_->keep_trace(to_path(path));
  Q_EMIT compare_requested();
}

void ViewsPart::add_compare_commands(CommandTable* commands) {
  const auto menu = tr("&Compare");
  const auto run = [this] { return session_->evaluated_count() > 0; };
  const auto kept = [this] { return comparison_->has_kept(); };
  commands->add({.id = "compare.keep",
                 .menu = menu,
                 .text = tr("&Keep this run"),
                 .tip = tr("Remember the run as it stands, to compare another policy or model with it."),
                 .shortcuts = {QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_K)},
                 .run =
                     [this] {
                       comparison_->keep();
                       Q_EMIT compare_requested();
                     },
                 .enabled = run});
  commands->add({.id = "compare.thresholds",
                 .menu = menu,
                 .text = tr("Compare with &thresholds…"),
                 .tip = tr("Keep this run, and put the thresholds of a file in force beside it."),
                 .run = [this] { compare_with_thresholds(); },
                 .enabled = run});
  commands->add({.id = "compare.trace",
                 .menu = menu,
                 .text = tr("Compare with a t&race…"),
                 .tip = tr("Put what a trace of this episode holds beside the run as it stands."),
                 .run = [this] { compare_with_trace(); },
                 .enabled = [this] { return session_->shared_episode() != nullptr; }});
  commands->add({.id = "compare.deepest",
                 .menu = menu,
                 .text = tr("Compare with the &deepest exit"),
                 .tip = tr("Keep this run, and leave every frame at the deepest exit beside it."),
                 .run =
                     [this] {
                       ExitPolicy policy;
                       policy.criterion = Criterion::fixed_exit;
                       compare_with(policy);
                     },
                 .enabled = run});
  commands->add({.id = "compare.selected",
                 .menu = menu,
                 .text = tr("Compare with the &selected exit"),
                 .tip = tr("Keep this run, and leave every frame at the exit that is singled out (keys 1 to 9)."),
                 .run =
                     [this] {
                       const auto& exits = session_->model()->exit_layers;
                       ExitPolicy policy;
                       policy.criterion = Criterion::fixed_exit;
                       policy.fixed_layer = exits[static_cast<std::size_t>(session_->selected_exit())];
                       compare_with(policy);
                     },
                 .enabled = [this, run] { return run() && session_->model() && session_->selected_exit() >= 0; }});
  const auto go = [this](int direction) {
    const auto frame = comparison_->next_differing(session_->current_frame(), direction);
    if (frame) session_->playback()->go_to(*frame);
  };
  commands->add({.id = "compare.next",
                 .menu = menu,
                 .text = tr("&Next difference"),
                 .tip = tr("Go on to the next frame in which the two runs differ."),
                 .shortcuts = {QKeySequence(Qt::Key_N)},
                 .run = [go] { go(1); },
                 .enabled = kept,
                 .separator_before = true});
  commands->add({.id = "compare.previous",
                 .menu = menu,
                 .text = tr("&Previous difference"),
                 .tip = tr("Go back to the frame before in which the two runs differ."),
                 .shortcuts = {QKeySequence(Qt::SHIFT | Qt::Key_N)},
                 .run = [go] { go(-1); },
                 .enabled = kept});
  commands->add({.id = "compare.forget",
                 .menu = menu,
                 .text = tr("&Forget the kept run"),
                 .tip = tr("End the comparison."),
                 .run = [this] { comparison_->forget(); },
                 .enabled = kept,
                 .separator_before = true});
  connect(comparison_, &Comparison::started_anew, commands, &CommandTable::update);
}

}  // namespace deer
