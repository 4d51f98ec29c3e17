// SPDX-License-Identifier: GPL-3.0-or-later
#include <QApplication>
#include <QIcon>
#include <QScreen>
#include <QStandardPaths>
#include <clocale>
#include <cstdio>
#include <cstdlib>

#include "app/gui/launch.h"
#include "app/gui/parts/engine_part.h"
#include "app/gui/parts/race_part.h"
#include "app/gui/start/engines.h"
#include "app/gui/start/shown_runs.h"
#include "app/gui/start/translations.h"
#include "app/gui/window/main_window.h"
#include "app/gui/window/preferences_part.h"
#include "app/gui/window/session_restore.h"
#include "core/base/version.h"
#include "core/episodes/camera/live_camera.h"
#include "core/model/cpu_setup.h"
#include "sessions/analysis/episode_runs.h"
#include "sessions/base/paths.h"
#include "sessions/runs/kept_runs.h"
#include "sessions/store/mapping_store.h"
#include "sessions/traces/trace_episodes.h"
#include "widgets/base/theme.h"

namespace {

// Qt aborts where there is no display. Said once, and with what can be done instead.
void explain_missing_display(QtMsgType type, const QMessageLogContext& context, const QString& text) {
  if (type == QtFatalMsg && text.contains(QLatin1String("platform plugin"))) {
    std::fputs(
        "deerscope: no display can be opened (DISPLAY, WAYLAND_DISPLAY). Without one, use deer, or "
        "QT_QPA_PLATFORM=offscreen deerscope … --screenshot FILE\n",
        stderr);
    std::_Exit(1);
  }
  if (type == QtWarningMsg && text.contains(QLatin1String("display"))) return;  // says less than the above
  std::fprintf(stderr, "%s\n", qUtf8Printable(qFormatLogMessage(type, context, text)));
}

int run(QApplication& application, const deer::LaunchOptions& options) {
  const bool picture = !options.screenshot.isEmpty();
  const auto runs = deer::make_shown_runs();
  const auto cache = deer::to_path(QStandardPaths::writableLocation(QStandardPaths::CacheLocation));
  const auto settings = picture ? std::filesystem::path("/nonexistent") : deer::SessionStore::default_folder();
  deer::Engines engines(settings, cache / "heads", !picture);
  const auto factory = engines.factory(deer::engines_with(runs));
  deer::Session session(factory, deer::with_mappings(&deer::open_recording, deer::MappingStore(settings / "mappings")));
  deer::MainWindow window(&session, deer::SessionStore(settings));
  window.findChild<deer::EnginePart*>()->use(&engines);
  window.race()->set_makers(factory, &deer::world_opener);
  window.restore()->set_saves(!picture);
  if (!picture) {
    const auto kept = cache / "runs";
    session.keep_runs_in(kept);
    deer::EpisodeRuns::of(&session)->keep_in(kept);
    deer::KeptRuns::of(&session)->keep_in(kept / "kept");
  }
  if (!options.theme.isEmpty()) window.preferences()->set_theme(options.theme);
  if (picture) {
    QObject::connect(deer::start_screenshot(options, &window), &deer::Screenshot::finished, &application,
                     &QCoreApplication::exit);
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

  deer::open_launched(options, &window);
  deer::wait_for_runs(options, &window, runs);
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
  const auto handler = qInstallMessageHandler(explain_missing_display);
  QApplication application(argc, argv);
  qInstallMessageHandler(handler);
  // Qt takes the system's decimal comma; libraries that read files with strtod want a point.
  std::setlocale(LC_NUMERIC, "C");
  QCoreApplication::setApplicationName(QStringLiteral("deerscope"));
  QCoreApplication::setApplicationVersion(QString::fromLatin1(deer::kVersion));
  QGuiApplication::setApplicationDisplayName(QStringLiteral("Deerscope"));
  QGuiApplication::setDesktopFileName(QStringLiteral("deerscope"));
  QGuiApplication::setWindowIcon(QIcon(QStringLiteral(":/icons/deerscope-256.png")));
  deer::install_translations(&application);
  deer::Theme::instance().apply();
  const int result = run(application, launch.options);
  // Threads must end before the libraries they use are unloaded; a camera that hangs gets half a second.
  deer::LiveCamera::wait_for_readers(std::chrono::milliseconds(500));
  return result;
}
