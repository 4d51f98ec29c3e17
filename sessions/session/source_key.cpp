// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/session/source_key.h"

#include <QStringList>

#include "sessions/base/paths.h"

namespace deer {

QString mapping_key(const EpisodeCollection* collection) {
  const auto* const described = collection ? collection->description() : nullptr;
  if (!described || described->mapping == guess_mapping(described->schema)) return {};
  return QString::fromStdString(
      mapping_to_json(described->mapping).dump(-1, ' ', false, Json::error_handler_t::replace));
}

QString source_key(const EpisodeCollection* collection, const OpenSourceOptions& options,
                   std::optional<std::size_t> index) {
  if (!collection || !index) return {};
  return QStringList{to_qstring(collection->path()), to_qstring(options.gripper), mapping_key(collection),
                     QString::fromStdString(options.instruction), QString::number(*index)}
      .join(u'\n');
}

}  // namespace deer
