// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/session/source_key.h"

#include <QStringList>

#include "sessions/base/paths.h"

namespace deer {

QString source_key(const EpisodeCollection* collection, const OpenSourceOptions& options,
                   std::optional<std::size_t> index) {
  if (!collection || !index) return {};
  return QStringList{to_qstring(collection->path()), to_qstring(options.gripper), to_qstring(options.map),
                     QString::fromStdString(options.instruction), QString::number(*index)}
      .join(u'\n');
}

}  // namespace deer
