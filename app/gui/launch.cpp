// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/launch.h"

#include <QCoreApplication>
#include <cstdio>

#include "app/gui/bars/message_bar.h"
#include "app/gui/parts/camera_part.h"
#include "app/gui/parts/engine_part.h"
#include "app/gui/parts/present_part.h"
#include "app/gui/parts/race_part.h"
#include "app/gui/window/main_window.h"
#include "app/gui/window/open_files.h"
#include "core/base/error.h"
#include "sessions/base/paths.h"

namespace deer {
namespace {

struct OpenedText {
  Q_DECLARE_TR_FUNCTIONS(deer::Launch)
};

// Ends the program with the video, or with what went wrong, in one line.
void end_with_video(MainWindow* window) {
  QObject::connect(window->race(), &RacePart::video_saved, window, [] { QCoreApplication::exit(0); });
  QObject::connect(window->messages(), &MessageBar::added, window, [](MessageBar::Level level, const Problem& problem) {
    if (level != MessageBar::Level::error) return;
    std::fprintf(stderr, "deerscope: %s: %s\n", qUtf8Printable(problem.title), qUtf8Printable(problem.details));
    QCoreApplication::exit(1);
  });
}

}  // namespace

void open_launched(const LaunchOptions& options, MainWindow* window) {
  auto* const session = window->session();
  auto* const files = window->files();
  if (options.frame >= 0) {
    QObject::connect(
        session, &Session::episode_changed, window,
        [session, frame = options.frame] { session->set_current_frame(frame); }, Qt::SingleShotConnection);
  }
  const bool names_model = !options.model.isEmpty() || !options.engine.address.isEmpty() || !options.paths.isEmpty();
  const bool demo = options.demo || (options.race && !names_model);
  if (!options.model.isEmpty()) files->open_model(options.model);
  if (!options.engine.address.isEmpty()) window->findChild<EnginePart*>()->open(options.engine);
  if (demo) files->open_demo(options.model.isEmpty() && options.engine.address.isEmpty());
  if (!options.episode.isEmpty()) {
    OpenSourceOptions source;
    if (!options.map.isEmpty()) source.map = std::filesystem::absolute(to_path(options.map));
    files->open_source(options.episode, source, options.index);
  }
  if (!options.trace.isEmpty()) files->open_source(options.trace, {}, options.index);
  files->open_paths(options.paths, options.index);
  if (!options.world.isEmpty() && !options.race) files->open_world({options.world, options.seed});
  if (!options.video.isEmpty()) end_with_video(window);
  if (options.race)
    window->race()->enter_when_ready({.instruction = options.world, .seed = options.seed}, options.video);
  if (!options.camera.isEmpty()) window->cameras()->open(options.cameras());
  const bool runs_by_itself =
      options.demo || !options.trace.isEmpty() || !options.world.isEmpty() || !options.camera.isEmpty();
  if (options.run && !runs_by_itself) session->run_episode();
  if (options.present) window->present()->enter(options.screenshot.isEmpty());
}

ShownRunOpener* wait_for_runs(const LaunchOptions& options, MainWindow* window, const ShownRunsPtr& runs) {
  if (options.listen.isEmpty()) return nullptr;
  try {
    auto* const opener = new ShownRunOpener(window->session(), runs, options.listen, window);
    window->messages()->add(MessageBar::Level::note,
                            {OpenedText::tr("Waiting for a run or a robot at %1").arg(opener->address()),
                             OpenedText::tr("A run appears here when another program sends it (deerscope.connect() in "
                                            "Python), a robot when it asks for actions (deerscope.Engine())."),
                             {}});
    return opener;
  } catch (const Error& error) {
    window->messages()->add(MessageBar::Level::error,
                            {OpenedText::tr("Cannot wait for runs and robots"), QString::fromUtf8(error.what()),
                             OpenedText::tr("Choose another address for --listen.")});
    return nullptr;
  }
}

Screenshot* start_screenshot(const LaunchOptions& options, MainWindow* window, const Screenshot::Patience& patience) {
  auto* const screenshot = new Screenshot(options, window->session(), window, patience);
  screenshot->set_runner([window](const QString& id) { return window->commands()->trigger(id); });
  QObject::connect(window->messages(), &MessageBar::added, screenshot,
                   [screenshot](MessageBar::Level level, const Problem& problem) {
                     if (level == MessageBar::Level::error) screenshot->fail(problem);
                   });
  return screenshot;
}

}  // namespace deer
