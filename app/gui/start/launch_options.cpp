// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/start/launch_options.h"

#include <QCommandLineParser>
#include <QCoreApplication>
#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "app/gui/start/engines.h"
#include "app/gui/start/shown_runs.h"
#include "app/gui/start/world.h"
#include "core/base/version.h"
#include "core/episodes/open/path_kind.h"
#include "sessions/base/paths.h"

namespace deer {
namespace {

struct LaunchText {
  Q_DECLARE_TR_FUNCTIONS(deer::LaunchOptions)
};

/// What is wrong with an option's value; empty if nothing is.
using Fault = QString;

/// One option of the command line.
struct Option {
  QStringList names;
  QString help;
  QString value_name;  ///< empty: a flag
  std::function<Fault(LaunchOptions* options, const QStringList& values)> read;
};

using Read = decltype(Option::read);

Read flag(bool LaunchOptions::*field) {
  return [field](LaunchOptions* options, const QStringList&) {
    options->*field = true;
    return Fault();
  };
}

Read text(QString LaunchOptions::*field) {
  return [field](LaunchOptions* options, const QStringList& values) {
    options->*field = values.last();
    return Fault();
  };
}

template <typename Integer>
Read whole_number(const QString& name, Integer LaunchOptions::*field) {
  return [name, field](LaunchOptions* options, const QStringList& values) {
    bool ok = false;
    const auto value = values.last().toULongLong(&ok);
    if (!ok || !std::in_range<Integer>(value)) {
      return LaunchText::tr("--%1 is '%2', expected a whole number from 0").arg(name, values.last());
    }
    options->*field = static_cast<Integer>(value);
    return Fault();
  };
}

Fault read_commands(LaunchOptions* options, const QStringList& values) {
  options->commands = values;
  return {};
}

Fault read_theme(LaunchOptions* options, const QStringList& values) {
  options->theme = values.last();
  const QStringList themes{QStringLiteral("light"), QStringLiteral("dark"), QStringLiteral("system")};
  if (themes.contains(options->theme)) return {};
  return LaunchText::tr("--theme is '%1', expected light, dark or system").arg(options->theme);
}

Fault read_size(LaunchOptions* options, const QStringList& values) {
  const auto parts = values.last().split(u'x', Qt::KeepEmptyParts, Qt::CaseInsensitive);
  bool width_ok = false;
  bool height_ok = false;
  if (parts.size() == 2) options->size = QSize(parts[0].toInt(&width_ok), parts[1].toInt(&height_ok));
  const bool sane = width_ok && height_ok && options->size.width() >= 320 && options->size.height() >= 240 &&
                    options->size.width() <= 16384 && options->size.height() <= 16384;
  return sane ? Fault() : LaunchText::tr("--size is '%1', expected something like 1280x800").arg(values.last());
}

Fault read_world(LaunchOptions* options, const QStringList& values) {
  options->world = values.last();
  return has_simulated_world() ? Fault() : LaunchText::tr("--world: this build has no simulator (DEER_SIM is off)");
}

Fault read_race(LaunchOptions* options, const QStringList&) {
  options->race = true;
  return has_simulated_world() ? Fault() : LaunchText::tr("--race: this build has no simulator (DEER_SIM is off)");
}

Fault read_camera(LaunchOptions* options, const QStringList& values) {
  options->camera = values.last();
  return options->camera.isEmpty() ? LaunchText::tr("--camera needs a source") : Fault();
}

Fault read_listen(LaunchOptions* options, const QStringList& values) {
  options->listen = values.last();
  if (!can_show_runs()) return LaunchText::tr("--listen: this build has no gRPC (DEER_SERVE is off)");
  return options->listen.isEmpty() ? LaunchText::tr("--listen needs an address") : Fault();
}

Fault read_engine(LaunchOptions* options, const QStringList& values) {
  options->engine.address = values.last();
  if (!can_connect_engines()) return LaunchText::tr("--engine: this build has no gRPC (DEER_SERVE is off)");
  return options->engine.address.isEmpty() ? LaunchText::tr("--engine needs an address") : Fault();
}

Read engine_file(QString EngineAddress::*field) {
  return [field](LaunchOptions* options, const QStringList& values) {
    options->engine.*field = values.last();
    return Fault();
  };
}

std::vector<Option> option_table() {
  const auto name = [](const char* one) { return QStringList{QString::fromLatin1(one)}; };
  const auto number = LaunchText::tr("number");
  return {
      {name("model"), LaunchText::tr("Open this model."), LaunchText::tr("folder"), text(&LaunchOptions::model)},
      {name("engine"),
       LaunchText::tr("Run the model of the deer serve at this address, such as gpu-server:8477, as if it were here."),
       LaunchText::tr("address"), read_engine},
      {name("token-file"), LaunchText::tr("With --engine: file whose first line is the server's token."),
       LaunchText::tr("file"), engine_file(&EngineAddress::token_file)},
      {name("tls-ca"),
       LaunchText::tr("With --engine: certificates (PEM) that vouch for the server; default: the system's."),
       LaunchText::tr("file"), engine_file(&EngineAddress::tls_ca)},
      {name("episode"), LaunchText::tr("Open this dataset, folder of images or video."), LaunchText::tr("path"),
       text(&LaunchOptions::episode)},
      {name("map"), LaunchText::tr("Read this JSON file, which says what the dataset's cameras and columns are."),
       LaunchText::tr("file"), text(&LaunchOptions::map)},
      {name("trace"), LaunchText::tr("Open this recorded run."), LaunchText::tr("file"), text(&LaunchOptions::trace)},
      {name("index"), LaunchText::tr("Show this episode of the dataset or trace, from 0."), number,
       whole_number(QStringLiteral("index"), &LaunchOptions::index)},
      {name("frame"), LaunchText::tr("Show this frame of the episode, from 0."), number,
       whole_number(QStringLiteral("frame"), &LaunchOptions::frame)},
      {name("run"), LaunchText::tr("Run the model over the episode."), {}, flag(&LaunchOptions::run)},
      {name("demo"),
       LaunchText::tr("Open and run the demo that comes with Deerscope."),
       {},
       flag(&LaunchOptions::demo)},
      {name("world"), LaunchText::tr("Open the simulated world with this instruction, live."),
       LaunchText::tr("instruction"), read_world},
      {name("seed"), LaunchText::tr("World seed (0 or greater)."), number,
       whole_number(QStringLiteral("seed"), &LaunchOptions::seed)},
      {name("race"),
       LaunchText::tr("Run a task in two simulated worlds side by side, at full depth and with the model's policy; "
                      "--world and --seed choose it. Without --model: with the demo's."),
       {},
       read_race},
      {name("video"), LaunchText::tr("With --race: save the race as a video, then exit."), LaunchText::tr("file.mp4"),
       text(&LaunchOptions::video)},
      {name("camera"),
       LaunchText::tr("Open this camera, live: a device (0, /dev/video0), a URL, a GStreamer pipeline or a video."),
       LaunchText::tr("source"), read_camera},
      {name("gripper-camera"), LaunchText::tr("Gripper camera source (requires --camera)."), LaunchText::tr("source"),
       text(&LaunchOptions::gripper_camera)},
      {name("instruction"), LaunchText::tr("What the model is told, with --camera."), LaunchText::tr("text"),
       text(&LaunchOptions::instruction)},
      {name("listen"),
       LaunchText::tr("Wait at this address, such as 127.0.0.1:8478, for another program's run (deerscope.connect in "
                      "Python) or a robot that the model shall control (deerscope.Engine), and show it live."),
       LaunchText::tr("address"), read_listen},
      {name("present"), LaunchText::tr("Start in Present mode, full screen."), {}, flag(&LaunchOptions::present)},
      {name("screenshot"), LaunchText::tr("Save a screenshot when loading and evaluation finish, then exit."),
       LaunchText::tr("file.png"), text(&LaunchOptions::screenshot)},
      {name("command"),
       LaunchText::tr(
           "With --screenshot: run this command first, for example view.layout_debug. Can be repeated. If it "
           "opens a dialog, the screenshot shows the dialog."),
       LaunchText::tr("id"), read_commands},
      {name("theme"), LaunchText::tr("light, dark or system."), LaunchText::tr("name"), read_theme},
      {name("size"), LaunchText::tr("Window size."), LaunchText::tr("WIDTHxHEIGHT"), read_size},
      {{QStringLiteral("h"), QStringLiteral("help")}, LaunchText::tr("Show this help."), {}, {}},
      {{QStringLiteral("v"), QStringLiteral("version")}, LaunchText::tr("Show the version."), {}, {}},
  };
}

/// What is wrong with options that are right one by one.
Fault fault_of(const LaunchOptions& options) {
  if (!options.gripper_camera.isEmpty() && options.camera.isEmpty()) {
    return LaunchText::tr("--gripper-camera needs --camera");
  }
  if (!options.instruction.isEmpty() && options.camera.isEmpty()) {
    return LaunchText::tr("--instruction needs --camera");
  }
  if (!options.map.isEmpty() && options.episode.isEmpty()) return LaunchText::tr("--map needs --episode");
  if (options.engine.address.isEmpty() && !options.engine.token_file.isEmpty()) {
    return LaunchText::tr("--token-file needs --engine");
  }
  if (options.engine.address.isEmpty() && !options.engine.tls_ca.isEmpty()) {
    return LaunchText::tr("--tls-ca needs --engine");
  }
  if (!options.engine.address.isEmpty() && !options.model.isEmpty()) {
    return LaunchText::tr("--engine and --model exclude each other");
  }
  if (!options.video.isEmpty() && !options.race) return LaunchText::tr("--video needs --race");
  if (!options.video.isEmpty() && !options.screenshot.isEmpty())
    return LaunchText::tr("--video and --screenshot exclude each other");
  if (!options.commands.isEmpty() && options.screenshot.isEmpty())
    return LaunchText::tr("--command needs --screenshot");
  if (options.run && !options.asks_for_something()) {
    return LaunchText::tr("--run needs --model or --engine and --episode, or --demo");
  }
  return {};
}

ParsedLaunch end_with(int code, const QString& message) {
  return {.options = {}, .message = message, .end_with = code};
}

ParsedLaunch refuse(const Fault& fault) {
  return end_with(2, LaunchText::tr("deerscope: %1; deerscope --help lists the options").arg(fault));
}

}  // namespace

bool LaunchOptions::asks_for_something() const {
  return demo || race || !model.isEmpty() || !engine.address.isEmpty() || !episode.isEmpty() || !trace.isEmpty() ||
         !world.isEmpty() || !camera.isEmpty() || !listen.isEmpty() || !paths.isEmpty();
}

bool LaunchOptions::asks_for_model() const {
  return demo || race || !model.isEmpty() || !engine.address.isEmpty() || !listen.isEmpty() ||
         std::any_of(paths.begin(), paths.end(),
                     [](const QString& path) { return path_kind(to_path(path)) == PathKind::model; });
}

bool LaunchOptions::asks_for_episode() const {
  return demo || !episode.isEmpty() || !trace.isEmpty() || (!world.isEmpty() && !race) || !camera.isEmpty() ||
         !listen.isEmpty() || std::any_of(paths.begin(), paths.end(), [](const QString& path) {
           const auto kind = path_kind(to_path(path));
           return kind == PathKind::data || kind == PathKind::video || kind == PathKind::scene;
         });
}

CameraSourceOptions LaunchOptions::cameras() const {
  CameraSourceOptions out;
  out.fixed.source = camera.toStdString();
  if (!gripper_camera.isEmpty()) out.gripper = CameraSettings{.source = gripper_camera.toStdString()};
  out.instruction = instruction.toStdString();
  return out;
}

ParsedLaunch parse_launch(const QStringList& arguments) {
  const auto table = option_table();
  QCommandLineParser parser;
  parser.setApplicationDescription(
      LaunchText::tr("See how a robot policy with dynamic early exit decides how many layers to run."));
  for (const auto& option : table) parser.addOption({option.names, option.help, option.value_name});
  parser.addPositionalArgument(
      QStringLiteral("paths"),
      LaunchText::tr("Models, datasets, folders, videos, traces, robots (URDF), MuJoCo scenes, "
                     "calibration sets or thresholds to open."),
      QStringLiteral("[path...]"));
  if (!parser.parse(arguments)) {
    auto fault = parser.errorText();
    if (fault.endsWith(u'.')) fault.chop(1);
    return refuse(fault);
  }
  if (parser.isSet(QStringLiteral("version"))) {
    return end_with(0, QStringLiteral("deerscope %1").arg(QString::fromLatin1(kVersion)));
  }
  if (parser.isSet(QStringLiteral("help"))) {
    return end_with(0, parser.helpText().replace(QStringLiteral("<executable_name>"), QStringLiteral("deerscope")));
  }
  ParsedLaunch out;
  out.options.paths = parser.positionalArguments();
  for (const auto& option : table) {
    const auto& name = option.names.last();
    if (!option.read || !parser.isSet(name)) continue;
    if (const auto fault = option.read(&out.options, parser.values(name)); !fault.isEmpty()) return refuse(fault);
  }
  if (const auto fault = fault_of(out.options); !fault.isEmpty()) return refuse(fault);
  return out;
}

}  // namespace deer
