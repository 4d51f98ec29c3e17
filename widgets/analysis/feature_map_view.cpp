// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/analysis/feature_map_view.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QStackedLayout>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "core/debug/frame_values.h"
#include "sessions/analysis/feature_plane.h"
#include "sessions/analysis/run_tally.h"
#include "sessions/frames/episode_frames.h"
#include "sessions/frames/playback.h"
#include "sessions/series/instruction_at.h"
#include "widgets/analysis/feature_scatter.h"
#include "widgets/base/color_maps.h"
#include "widgets/base/empty_state.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

/// Colours for texts that come in order: neighbours differ in hue.
QColor text_colour(std::size_t number) {
  return QColor::fromHslF(std::fmod(0.58 + 0.381966 * double(number), 1.0), 0.5, 0.5);
}

}  // namespace

FeatureMapView::FeatureMapView(Session* session, QWidget* parent)
    : QWidget(parent),
      session_(session),
      plane_(new FeaturePlane(session, this)),
      tally_(RunTally::of(session)),
      stack_(new QStackedLayout(this)),
      empty_(new EmptyState),
      exit_(new QComboBox),
      colour_(new QComboBox),
      title_(new QLabel),
      scatter_(new FeatureScatter) {
  setAccessibleName(tr("Features"));
  exit_->setAccessibleName(tr("Exit whose features are shown"));
  colour_->setAccessibleName(tr("Colour of the points"));
  colour_->addItems({tr("by exit taken"), tr("by regret"), tr("by instruction")});
  title_->setAccessibleName(tr("What the map shows"));
  title_->setTextFormat(Qt::PlainText);
  title_->setWordWrap(true);
  auto* const content = new QWidget;
  auto* const column = new QVBoxLayout(content);
  column->setContentsMargins(spacing::kMedium, spacing::kSmall, spacing::kMedium, spacing::kSmall);
  column->setSpacing(spacing::kSmall);
  auto* const row = new QHBoxLayout;
  row->setSpacing(spacing::kSmall);
  row->addWidget(title_, 1);
  row->addWidget(exit_);
  row->addWidget(colour_);
  column->addLayout(row);
  column->addWidget(scatter_, 1);
  stack_->addWidget(empty_);
  stack_->addWidget(content);

  connect(plane_, &FeaturePlane::changed, this, &FeatureMapView::show_map);
  connect(scatter_, &FeatureScatter::frame_chosen, session->playback(), &Playback::go_to);
  connect(session, &Session::current_frame_changed, scatter_, &FeatureScatter::set_current);
  connect(exit_, &QComboBox::currentIndexChanged, this, [this] {
    stale_ = true;
    ask_if_shown();
  });
  connect(colour_, &QComboBox::currentIndexChanged, this, &FeatureMapView::recolour);
  connect(session, &Session::model_changed, this, &FeatureMapView::fill_exits);
  connect(tally_, &RunTally::changed, this, [this] {
    stale_ = true;
    ask_if_shown();
  });
  connect(session, &Session::activity_changed, this, &FeatureMapView::ask_if_shown);
  connect(&Theme::instance(), &Theme::changed, this, &FeatureMapView::recolour);
  fill_exits();
  show_map();
}

bool FeatureMapView::is_empty() const { return stack_->currentIndex() == 0; }
QString FeatureMapView::title() const { return title_->text(); }
void FeatureMapView::set_colour(Colour colour) { colour_->setCurrentIndex(static_cast<int>(colour)); }

void FeatureMapView::fill_exits() {
  const QSignalBlocker quiet(exit_);
  const int kept = std::max(0, exit_->currentIndex());
  exit_->clear();
  exit_->addItem(tr("feature at the exit taken"));
  const auto* const model = session_->model();
  const auto exits = model ? model->exit_layers.size() : 0;
  for (std::size_t i = 0; i < exits; ++i) exit_->addItem(tr("feature at exit %1").arg(i + 1));
  exit_->setCurrentIndex(kept < exit_->count() ? kept : 0);
}

std::optional<int> FeatureMapView::layer() const {
  const auto* const model = session_->model();
  const int exit = exit_->currentIndex() - 1;
  if (!model || exit < 0 || exit >= static_cast<int>(model->exit_layers.size())) return std::nullopt;
  return model->exit_layers[static_cast<std::size_t>(exit)];
}

void FeatureMapView::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  ask_if_shown();
}

void FeatureMapView::ask_if_shown() {
  // Costs time on another thread: only for who looks, and once what changes has settled.
  if (!stale_ || !isVisible() || session_->evaluated_count() == 0 ||
      session_->activity() == Session::Activity::running) {
    if (session_->evaluated_count() == 0) show_map();
    return;
  }
  stale_ = false;
  plane_->ask(layer());
}

void FeatureMapView::show_map() {
  const auto* const map = plane_->map();
  const bool any = map && std::ranges::any_of(map->places, [](const auto& place) { return !std::isnan(place[0]); });
  if (!any) {
    show_empty();
    stack_->setCurrentIndex(0);
    return;
  }
  stack_->setCurrentIndex(1);
  title_->setText(tr("%1 frames; the plane holds %2 % of the features' variance")
                      .arg(format_count(static_cast<qint64>(map->frames)),
                           format_number(100 * (map->shares[0] + map->shares[1]), 2)));
  recolour();
}

void FeatureMapView::show_empty() {
  if (session_->evaluated_count() == 0) {
    empty_->set(EmptyState::Icon::chart, tr("Run a model on an episode to see its features in a plane."));
  } else if (plane_->busy() || stale_ || !plane_->map()) {
    empty_->set(EmptyState::Icon::chart, tr("Placing the features…"));
  } else {
    empty_->set(EmptyState::Icon::chart, tr("At least three frames with features are needed."));
  }
}

void FeatureMapView::recolour() {
  const auto* const map = plane_->map();
  if (!map || is_empty()) return;
  const auto* const model = session_->model();
  const auto exits = model ? static_cast<int>(model->exit_layers.size()) : 0;
  const auto by = static_cast<Colour>(colour_->currentIndex());
  double most_regret = 0;
  std::vector<double> regrets(map->places.size(), std::nan(""));
  if (by == Colour::regret) {
    for (std::size_t i = 0; i < regrets.size(); ++i) {
      if (const auto record = session_->record(static_cast<qint64>(i))) regrets[i] = regret(*record);
      if (regrets[i] > most_regret) most_regret = regrets[i];
    }
  }
  QStringList instructions;
  std::vector<FeatureScatter::Point> points;
  for (std::size_t i = 0; i < map->places.size(); ++i) {
    const auto frame = static_cast<qint64>(i);
    const auto record = session_->record(frame);
    if (!record || std::isnan(map->places[i][0])) continue;
    FeatureScatter::Point point{frame, map->places[i], {}, {}};
    const auto taken = exit_name(record->exit_index, record->exit_layer);
    point.text = tr("frame %1: %2").arg(format_count(frame), taken);
    if (by == Colour::exit) {
      point.colour = Theme::instance().exit_color(record->exit_index, exits);
    } else if (by == Colour::regret) {
      point.colour = std::isnan(regrets[i]) ? Theme::instance().colors().muted_text
                                            : viridis(most_regret > 0 ? regrets[i] / most_regret : 0);
      point.text += tr(", regret %1").arg(format_short(regrets[i]));
    } else {
      const auto text = instruction_at(*session_, frame);
      auto number = instructions.indexOf(text);
      if (number < 0) {
        number = instructions.size();
        instructions << text;
      }
      point.colour = text_colour(static_cast<std::size_t>(number));
      if (!text.isEmpty()) point.text += u'\n' + text;
    }
    points.push_back(std::move(point));
  }
  scatter_->set_current(session_->current_frame());
  scatter_->set_points(std::move(points), false);
}

}  // namespace deer
