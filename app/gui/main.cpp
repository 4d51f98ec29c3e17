// SPDX-License-Identifier: GPL-3.0-or-later
#include <QApplication>
#include <QIcon>
#include <QScreen>
#include <cstdio>

#include "app/gui/parts/present_part.h"
#include "app/gui/start/launch_options.h"
#include "app/gui/start/screenshot.h"
#include "app/gui/start/translations.h"
#include "app/gui/window/main_window.h"
#include "core/base/version.h"
#include "core/episodes/camera/live_camera.h"
#include "core/model/cpu_setup.h"
#include "sessions/base/paths.h"
#include "widgets/base/theme.h"

namespace {

int run(QApplication& application, const deer::LaunchOptions& options) {
  const bool picture = !options.screenshot.isEmpty();
  deer::Session session;
  deer::MainWindow window(&session, deer::SessionStore(picture ? std::filesystem::path("/nonexistent")
                                                               : deer::SessionStore::default_folder()));
  window.set_saves_session(!picture);
  if (!options.theme.isEmpty()) window.set_theme(options.theme);
  if (picture) {
    auto* const screenshot = new deer::Screenshot(options, &session, &window);
    screenshot->set_runner([&window](const QString& id) { return window.commands()->trigger(id); });
    QObject::connect(screenshot, &deer::Screenshot::finished, &application, &QCoreApplication::exit);
  }
  if (picture) {
    window.resize(options.size.isValid() ? options.size : QSize(1600, 1000));
  } else if (options.asks_for_something()) {
    window.restore_layout();
  } else {
    window.restore_last();
  }
  if (!picture && options.size.isValid()) window.resize(options.size);
  window.show();

  if (options.demo) window.open_demo();
  if (!options.model.isEmpty()) session.open_model(deer::to_path(options.model), window.engine_options());
  if (!options.episode.isEmpty()) session.open_source(deer::to_path(options.episode), {}, options.index);
  if (!options.trace.isEmpty()) session.open_source(deer::to_path(options.trace), {}, options.index);
  window.open_paths(options.paths);
  if (!options.world.isEmpty()) window.open_world({options.world, options.seed});
  if (!options.camera.isEmpty()) window.open_cameras(options.cameras());
  const bool runs_by_itself =
      options.demo || !options.trace.isEmpty() || !options.world.isEmpty() || !options.camera.isEmpty();
  if (options.run && !runs_by_itself) session.run_episode();
  if (options.present) window.present()->enter(!picture);
  return application.exec();
}

}  // namespace

int main(int argc, char** argv) {
  deer::set_up_cpu(argv);
  QStringList arguments;
  for (int i = 0; i < argc; ++i) arguments << QString::fromLocal8Bit(argv[i]);
  const auto launch = deer::parse_launch(arguments);
  if (launch.end_with) {
    std::fprintf(*launch.end_with == 0 ? stdout : stderr, "%s\n", qUtf8Printable(launch.message));
    return *launch.end_with;
  }
  // A 3D view that moves between windows keeps its resources only if contexts share them.
  QCoreApplication::setAttribute(Qt::AA_ShareOpenGLContexts);
  QApplication application(argc, argv);
  QCoreApplication::setApplicationName(QStringLiteral("deerscope"));
  QCoreApplication::setApplicationVersion(QString::fromLatin1(deer::kVersion));
  QGuiApplication::setApplicationDisplayName(QStringLiteral("Deerscope"));
  QGuiApplication::setDesktopFileName(QStringLiteral("deerscope"));
  QGuiApplication::setWindowIcon(QIcon(QStringLiteral(":/icons/deerscope-256.png")));
  deer::install_translations(&application);
  deer::Theme::instance().apply();
  const int result = run(application, launch.options);
  // Libraries should not go before the threads that use them; a camera that hangs is not waited for long.
  deer::LiveCamera::wait_for_readers(std::chrono::milliseconds(500));
  return result;
}
