// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/start/demo.h"

#include <QCoreApplication>
#include <array>
#include <system_error>

#include "sessions/base/paths.h"
#include "sessions/session/session.h"

namespace deer {
namespace {

bool is_folder(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

}  // namespace

std::optional<Demo> find_demo() {
  const auto program = to_path(QCoreApplication::applicationDirPath());
  const std::array folders{program / ".." / DEER_DATA_FOLDER / "demo", std::filesystem::path(DEER_RESOURCES) / "demo"};
  for (const auto& folder : folders) {
    const Demo demo{(folder / "model").lexically_normal(), (folder / "episodes").lexically_normal()};
    if (is_folder(demo.model) && is_folder(demo.episodes)) return demo;
  }
  return std::nullopt;
}

void show_deepest_when_run(Session* session) {
  auto* const waiting = new QObject(session);
  const auto look = [session, waiting] {
    if (session->activity() != Session::Activity::idle || session->frame_count() == 0 ||
        session->evaluated_count() < session->frame_count()) {
      return;
    }
    waiting->deleteLater();
    QObject::disconnect(session, nullptr, waiting, nullptr);
    if (session->current_frame() > 0) return;
    qint64 deepest = 0;
    int depth = 0;
    for (qint64 frame = 0; frame < session->frame_count(); ++frame) {
      const auto record = session->record(frame);
      if (record && record->depth() >= depth) {
        depth = record->depth();
        deepest = frame;
      }
    }
    session->set_current_frame(deepest);
  };
  QObject::connect(
      session, &Session::episode_changed, waiting,
      [session, waiting, look] {
        QObject::connect(session, &Session::activity_changed, waiting, look);
        QObject::connect(session, &Session::episode_changed, waiting, &QObject::deleteLater);
      },
      Qt::SingleShotConnection);
}

}  // namespace deer
