// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/analysis/feature_plane.h"

#include "core/base/error.h"
#include "sessions/frames/episode_frames.h"
#include "sessions/traces/recorded_run.h"

namespace deer {
namespace {

constexpr std::size_t kMostMapped = 20'000;  // frames whose features are held at once

}  // namespace

FeaturePlane::FeaturePlane(Session* session, QObject* parent) : QObject(parent), session_(session) {
  connect(session, &Session::episode_changed, this, &FeaturePlane::forget);
  connect(session, &Session::model_changed, this, &FeaturePlane::forget);
}

void FeaturePlane::forget() {
  task_.forget();
  ++number_;
  map_.reset();
  busy_ = false;
  Q_EMIT changed();
}

void FeaturePlane::ask(std::optional<int> layer) {
  std::vector<FrameRecordPtr> records;
  for (qint64 frame = 0; frame < session_->frame_count(); ++frame) records.push_back(session_->record(frame));
  // Features of a trace that are too many to be kept are read for it.
  const auto run = std::dynamic_pointer_cast<const RecordedRun>(session_->frames()->source());
  busy_ = true;
  task_.ask([this, number = ++number_, records = std::move(records), run, layer](const std::stop_token& stop) {
    FeatureMap map;
    try {
      auto featured = records;
      const auto step = std::max<std::size_t>(1, (records.size() + kMostMapped - 1) / kMostMapped);
      for (std::size_t i = 0; run && i < featured.size(); ++i) {
        if (stop.stop_requested()) return;
        if (!featured[i] || has_features(*featured[i])) continue;
        if (i % step != 0) {
          featured[i] = nullptr;
          continue;
        }
        const auto read = run->records(featured[i]->frame, 1, true);
        if (read.empty()) continue;
        // The exit taken is the session's, the features are the run's.
        auto both = *read.front();
        both.exit_layer = featured[i]->exit_layer;
        featured[i] = std::make_shared<const FrameRecord>(std::move(both));
      }
      map = map_features(featured, layer, 1000, stop);
    } catch (const Cancelled&) {
      return;
    } catch (const std::exception& error) {
      qWarning("map of features: %s", error.what());
      map.places.resize(records.size(), {kNotEvaluated, kNotEvaluated});
    }
    QMetaObject::invokeMethod(
        this,
        [this, number, map = std::move(map)] {
          if (number != number_) return;
          map_ = map;
          busy_ = false;
          Q_EMIT changed();
        },
        Qt::QueuedConnection);
  });
  Q_EMIT changed();
}

}  // namespace deer
