// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QSize>
#include <QString>
#include <QStringList>
#include <optional>

#include "core/episodes/camera/camera_source.h"

namespace deer {

/// What the command line asks for.
struct LaunchOptions {
  QString model;
  QString episode;
  std::size_t index = 0;
  qint64 frame = -1;  ///< zero-based; -1: where it would be anyway
  bool run = false;
  bool demo = false;
  QString trace;
  QString world;  ///< the instruction in the simulated world; empty: not opened
  quint64 seed = 0;
  QString camera;  ///< source of the static camera; empty: no cameras
  QString gripper_camera;
  bool present = false;
  QString screenshot;
  QStringList commands;  ///< by id, to be run once all is loaded and evaluated
  QString theme;         ///< empty: as the preferences say
  QSize size;            ///< invalid: as before
  QStringList paths;     ///< whatever else is to be opened

  bool asks_for_something() const {
    return demo || !model.isEmpty() || !episode.isEmpty() || !trace.isEmpty() || !world.isEmpty() ||
           !camera.isEmpty() || !paths.isEmpty();
  }
  CameraSourceOptions cameras() const;
};

struct ParsedLaunch {
  LaunchOptions options;
  QString message;              ///< to print before ending
  std::optional<int> end_with;  ///< exit code, if the program is to end at once
};

/// Reads `arguments`, the program's name first. Needs no application object.
ParsedLaunch parse_launch(const QStringList& arguments);

}  // namespace deer
