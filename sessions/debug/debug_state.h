// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <QStringList>
#include <map>
#include <vector>

namespace deer {

struct Breakpoint {
  QString condition;  ///< an Expression over the values of FrameValues
  bool enabled = true;

  bool operator==(const Breakpoint&) const = default;
};

/// What a person set up to debug with: kept from one start to the next.
struct DebugState {
  static constexpr int kMostEntries = 200;  ///< of each list

  std::vector<Breakpoint> breakpoints;
  QStringList watches;
  std::map<QString, std::vector<qint64>> bookmarks;  ///< frames by episode; see episode_key()

  bool operator==(const DebugState&) const = default;
};

}  // namespace deer
