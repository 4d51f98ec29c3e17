// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QString>
#include <array>
#include <vector>

#include "sessions/analysis/attention_maps.h"
#include "sessions/series/robot_track.h"

namespace deer {

enum class Camera { fixed, gripper };

/// Overlays of both camera images and their values. GUI thread only.
class CameraOverlays : public QObject {
  Q_OBJECT

 public:
  static constexpr std::array<double, 3> kScales = {1, 5, 20};

  struct Settings {
    bool attention = false;
    int exit = -1;        ///< exit index; -1 for the exit that the views show
    int head = -1;        ///< of the cross-attention; -1 for the mean over all
    bool smooth = false;  ///< weights between patches are interpolated; otherwise each patch is a square
    bool tcp = false;
    double step_scale = 5;  ///< magnification of predicted steps; one of kScales
    bool operator==(const Settings&) const = default;
  };

  /// `session` must outlive it.
  explicit CameraOverlays(Session* session, QObject* parent = nullptr);

  const Settings& settings() const { return settings_; }
  void set(const Settings& settings);

  Session* session() const { return session_; }
  const AttentionMaps& maps() const { return *maps_; }
  RobotTrack& track() const { return *track_; }

  /// Weights of the shown map for a camera, [rows, columns]; empty without a map.
  std::vector<float> weights(Camera camera) const;
  double largest_weight() const;  ///< over both cameras, so that their colours are comparable; 0 without a map

  /// "attention at exit 3, mean of 4 heads"; or why there is none, or how old it is.
  QString attention_text(qint64 frame) const;
  /// Short form for little room: "exit 3, mean".
  QString short_attention_text(qint64 frame) const;
  /// Short text for the button: "none", "attention", "attention, TCP".
  QString summary() const;

 Q_SIGNALS:
  void changed();

 private:
  Session* session_;
  Settings settings_;
  AttentionMaps* maps_;
  RobotTrack* track_;
};

}  // namespace deer
