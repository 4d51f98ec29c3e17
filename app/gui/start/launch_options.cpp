// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/start/launch_options.h"

#include <QCommandLineParser>
#include <QCoreApplication>

#include "app/gui/start/world.h"
#include "core/base/version.h"

namespace deer {
namespace {

struct Words {
  Q_DECLARE_TR_FUNCTIONS(deer::LaunchOptions)
};

}  // namespace

CameraSourceOptions LaunchOptions::cameras() const {
  CameraSourceOptions out;
  out.fixed.source = camera.toStdString();
  if (!gripper_camera.isEmpty()) out.gripper = CameraSettings{.source = gripper_camera.toStdString()};
  return out;
}

ParsedLaunch parse_launch(const QStringList& arguments) {
  QCommandLineParser parser;
  parser.setApplicationDescription(Words::tr("See how a robot policy with dynamic early exit decides how deep to go."));
  const auto value = [&](const char* name, const QString& what, const QString& placeholder) {
    const QCommandLineOption option(QString::fromLatin1(name), what, placeholder);
    parser.addOption(option);
    return option;
  };
  const auto flag = [&](const QStringList& names, const QString& what) {
    const QCommandLineOption option(names, what);
    parser.addOption(option);
    return option;
  };
  const auto model = value("model", Words::tr("Open this model."), Words::tr("folder"));
  const auto episode = value("episode", Words::tr("Open this dataset, folder of images or video."), Words::tr("path"));
  const auto trace = value("trace", Words::tr("Open this recorded run."), Words::tr("file"));
  const auto index = value("index", Words::tr("Show this episode of it, from 0."), Words::tr("number"));
  const auto frame = value("frame", Words::tr("Show this frame of it, from 0."), Words::tr("number"));
  const auto run = flag({QStringLiteral("run")}, Words::tr("Run the model over the episode."));
  const auto demo = flag({QStringLiteral("demo")}, Words::tr("Open and run the demo that comes with the program."));
  const auto world =
      value("world", Words::tr("Open the simulated world with this instruction, live."), Words::tr("instruction"));
  const auto seed = value("seed", Words::tr("Which simulated world, from 0."), Words::tr("number"));
  const auto camera = value(
      "camera", Words::tr("Open this camera, live: a device (0, /dev/video0), a URL, a GStreamer pipeline or a video."),
      Words::tr("source"));
  const auto gripper_camera = value("gripper-camera", Words::tr("The gripper camera beside it."), Words::tr("source"));
  const auto present = flag({QStringLiteral("present")}, Words::tr("Begin in Present mode, on the whole screen."));
  const auto screenshot =
      value("screenshot", Words::tr("Write a picture of the window once all is loaded and evaluated, and end."),
            Words::tr("file.png"));
  const auto command =
      value("command",
            Words::tr("With --screenshot: run this command before, for example view.layout_debug; may be given "
                      "again. If a dialog is open then, the picture is of it."),
            Words::tr("id"));
  const auto theme = value("theme", Words::tr("light, dark or system."), Words::tr("name"));
  const auto size = value("size", Words::tr("Size of the window."), Words::tr("WIDTHxHEIGHT"));
  const auto help = flag({QStringLiteral("h"), QStringLiteral("help")}, Words::tr("Show this help."));
  const auto version = flag({QStringLiteral("v"), QStringLiteral("version")}, Words::tr("Show the version."));
  parser.addPositionalArgument(QStringLiteral("paths"),
                               Words::tr("Models, datasets, folders, videos or traces to open."),
                               QStringLiteral("[path...]"));

  ParsedLaunch out;
  const auto fail = [&](const QString& message) {
    out.message = Words::tr("deerscope: %1; deerscope --help lists the options").arg(message);
    out.end_with = 2;
    return out;
  };
  if (!parser.parse(arguments)) return fail(parser.errorText());
  if (parser.isSet(version)) {
    out.message = QStringLiteral("deerscope %1").arg(QString::fromLatin1(kVersion));
    out.end_with = 0;
    return out;
  }
  if (parser.isSet(help)) {
    out.message = parser.helpText().replace(QStringLiteral("<executable_name>"), QStringLiteral("deerscope"));
    out.end_with = 0;
    return out;
  }
  auto& options = out.options;
  options.model = parser.value(model);
  options.episode = parser.value(episode);
  options.trace = parser.value(trace);
  options.run = parser.isSet(run);
  options.demo = parser.isSet(demo);
  options.world = parser.value(world);
  options.camera = parser.value(camera);
  options.gripper_camera = parser.value(gripper_camera);
  options.present = parser.isSet(present);
  options.screenshot = parser.value(screenshot);
  options.commands = parser.values(command);
  options.theme = parser.value(theme);
  options.paths = parser.positionalArguments();
  bool ok = true;
  if (parser.isSet(index)) options.index = parser.value(index).toULongLong(&ok);
  if (!ok) return fail(Words::tr("--index is '%1', expected a whole number from 0").arg(parser.value(index)));
  if (parser.isSet(seed)) options.seed = parser.value(seed).toULongLong(&ok);
  if (!ok) return fail(Words::tr("--seed is '%1', expected a whole number from 0").arg(parser.value(seed)));
  if (parser.isSet(world) && !has_simulated_world()) {
    return fail(Words::tr("--world: this build has no simulator (DEER_SIM is off)"));
  }
  if (parser.isSet(camera) && options.camera.isEmpty()) return fail(Words::tr("--camera needs a source"));
  if (parser.isSet(gripper_camera) && options.camera.isEmpty())
    return fail(Words::tr("--gripper-camera needs --camera"));
  if (parser.isSet(frame)) options.frame = parser.value(frame).toLongLong(&ok);
  if (!ok || options.frame < -1) {
    return fail(Words::tr("--frame is '%1', expected a whole number from 0").arg(parser.value(frame)));
  }
  static const QStringList themes{QStringLiteral("light"), QStringLiteral("dark"), QStringLiteral("system")};
  if (parser.isSet(theme) && !themes.contains(options.theme)) {
    return fail(Words::tr("--theme is '%1', expected light, dark or system").arg(options.theme));
  }
  if (parser.isSet(size)) {
    const auto parts = parser.value(size).split(u'x', Qt::KeepEmptyParts, Qt::CaseInsensitive);
    bool width_ok = false;
    bool height_ok = false;
    if (parts.size() == 2) options.size = QSize(parts[0].toInt(&width_ok), parts[1].toInt(&height_ok));
    const bool sane = width_ok && height_ok && options.size.width() >= 320 && options.size.height() >= 240 &&
                      options.size.width() <= 16384 && options.size.height() <= 16384;
    if (!sane) return fail(Words::tr("--size is '%1', expected something like 1280x800").arg(parser.value(size)));
  }
  const bool something = options.asks_for_something();
  if (!options.commands.isEmpty() && options.screenshot.isEmpty())
    return fail(Words::tr("--command needs --screenshot"));
  if (options.run && !something) return fail(Words::tr("--run needs --model and --episode, or --demo"));
  return out;
}

}  // namespace deer
