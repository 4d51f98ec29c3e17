// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QSize>
#include <QString>
#include <QStringList>
#include <optional>

#include "app/gui/start/engine_memory.h"
#include "core/episodes/camera/camera_source.h"

namespace deer {

/// What the command line asks for.
struct LaunchOptions {
  QString model;
  EngineAddress engine;  ///< no address: none
  QString episode;
  QString map;  ///< a Mapping for the episode's dataset; empty: remembered or guessed
  std::size_t index = 0;
  qint64 frame = -1;  ///< zero-based; -1: not asked for
  bool run = false;
  bool demo = false;
  QString trace;
  QString world;      ///< the instruction in the simulated world; empty: not opened
  bool race = false;  ///< two worlds side by side, with that instruction and seed
  QString video;      ///< of the race; empty: none
  quint64 seed = 0;
  QString camera;  ///< source of the static camera; empty: no cameras
  QString gripper_camera;
  QString instruction;  ///< for cameras
  QString listen;       ///< address at which runs of other programs are awaited; empty: nowhere
  bool present = false;
  QString screenshot;
  QStringList commands;  ///< ids, run when everything is loaded and evaluated
  QString theme;         ///< empty: from the preferences
  QSize size;            ///< invalid: as last time
  QStringList paths;     ///< anything else to open

  bool asks_for_something() const;
  bool asks_for_model() const;    ///< asks the disk of what kind the paths are
  bool asks_for_episode() const;  ///< likewise; recorded or live
  CameraSourceOptions cameras() const;
};

struct ParsedLaunch {
  LaunchOptions options;
  QString message;              ///< to print before exiting
  std::optional<int> end_with;  ///< exit code, if the program is to exit at once
};

/// Reads `arguments`, the program's name first. Needs no application object.
ParsedLaunch parse_launch(const QStringList& arguments);

}  // namespace deer
