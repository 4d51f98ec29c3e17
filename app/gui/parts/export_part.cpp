// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/parts/export_part.h"

#include <QFileDialog>

#include "app/gui/commands/command_table.h"
#include "widgets/actions/action_model.h"
#include "widgets/actions/action_plots.h"
#include "widgets/actions/action_view.h"
#include "widgets/analysis/feature_map_view.h"
#include "widgets/analysis/latency_view.h"
#include "widgets/analysis/similarity_view.h"
#include "widgets/episodes/frame_inspector.h"
#include "widgets/exits/delta_view.h"
#include "widgets/exports/view_exports.h"
#include "widgets/exports/view_values.h"
#include "widgets/timeline/timeline_view.h"

namespace deer {
namespace {

/// Every `View` of the window, with what `values` makes of it.
template <typename View, typename Values>
void add_each(QWidget* window, ViewExports* exports, const QString& name, Values values) {
  for (auto* const view : window->findChildren<View*>()) {
    exports->add(view, name, [view, values] { return values(*view); });
  }
}

}  // namespace

ExportPart::ExportPart(Session* session, QWidget* window)
    : QObject(window), session_(session), window_(window), exports_(new ViewExports(window)) {
  connect(exports_, &ViewExports::problem, this, &ExportPart::problem);
  connect(exports_, &ViewExports::saved, this, [this](const QString& path) {
    Q_EMIT settled(ProblemId::file_saved);
    Q_EMIT note({.title = tr("File saved"), .details = path, .advice = {}, .id = ProblemId::file_saved});
  });
}

void ExportPart::add_views() {
  auto* const session = session_;
  const auto of_frame = [session](const FrameView& view) { return delta_values(*session, view.shown_frame()); };
  add_each<ActionPlots>(window_, exports_, tr("actions over time"),
                        [](const ActionPlots& view) { return action_values(view); });
  add_each<LatencyView>(window_, exports_, tr("latency and memory"),
                        [](const LatencyView& view) { return latency_values(*view.latency()); });
  add_each<SimilarityView>(window_, exports_, tr("similarity"),
                           [](const SimilarityView& view) { return similarity_values(view); });
  add_each<FeatureMapView>(window_, exports_, tr("the map of features"),
                           [session](const FeatureMapView& view) { return feature_values(*session, view); });
  add_each<ActionView>(window_, exports_, tr("the action of a frame"),
                       [](const ActionView& view) { return model_values(*view.model()); });
  add_each<DeltaView>(window_, exports_, tr("the deltas of a frame"), of_frame);
  add_each<TimelineView>(window_, exports_, tr("the timeline"),
                         [session](const TimelineView&) { return timeline_values(*session); });
  add_each<FrameInspector>(window_, exports_, tr("the frame"), of_frame);
}

void ExportPart::save_window() {
  const auto path = QFileDialog::getSaveFileName(window_, tr("Save picture of the window"),
                                                 QStringLiteral("deerscope.png"), tr("PNG (*.png)"));
  if (!path.isEmpty()) exports_->save_image(window_->grab().toImage(), path);
}

void ExportPart::add_window_command(CommandTable* commands, const QString& menu) {
  commands->add(menu, {{.id = "file.save_picture",
                        .text = tr("&Save picture of the window…"),
                        .tip = tr("Save a picture of the window as PNG."),
                        .shortcuts = {QKeySequence(tr("Ctrl+Shift+S"))},
                        .run = [this] { save_window(); }}});
}

void ExportPart::add_commands(CommandTable* commands) {
  const auto has_view = [this] { return exports_->current() != nullptr; };
  const auto has_values = [this] { return exports_->has_values(exports_->current()); };
  commands->add(tr("&Edit"),
                {{.id = "export.copy_values",
                  .text = tr("Copy the view’s &values"),
                  .tip = tr("Copy the values of the last used view, for a spreadsheet."),
                  .shortcuts = {QKeySequence(Qt::CTRL | Qt::ALT | Qt::Key_C)},
                  .run = [this] { exports_->copy_values(exports_->current()); },
                  .enabled = has_values,
                  .separator_before = true},
                 {.id = "export.copy_picture",
                  .text = tr("Copy the view’s p&icture"),
                  .tip = tr("Copy a picture of the last used view."),
                  .run = [this] { exports_->copy_picture(exports_->current()); },
                  .enabled = has_view},
                 {.id = "export.values",
                  .text = tr("Save the view’s v&alues…"),
                  .tip = tr("Save the values of the last used view as CSV or NPZ."),
                  .shortcuts = {QKeySequence(Qt::CTRL | Qt::ALT | Qt::Key_V)},
                  .run = [this] { exports_->ask_values(exports_->current()); },
                  .enabled = has_values},
                 {.id = "export.picture",
                  .text = tr("Save the view’s pict&ure…"),
                  .tip = tr("Save a picture of the last used view as PNG, SVG or PDF."),
                  .shortcuts = {QKeySequence(Qt::CTRL | Qt::ALT | Qt::Key_P)},
                  .run = [this] { exports_->ask_picture(exports_->current()); },
                  .enabled = has_view},
                 {.id = "export.figure",
                  .text = tr("Save &figure of the view for print…"),
                  .tip = tr("Save the last used view for print: light colours, no buttons; PDF, SVG or PNG."),
                  .run = [this] { exports_->ask_figure(exports_->current()); },
                  .enabled = has_view}});
  connect(exports_, &ViewExports::current_changed, commands, &CommandTable::update);
}

}  // namespace deer
