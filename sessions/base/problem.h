// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>

namespace deer {

/// Which problem it is, for code that acts on it later: titles are translated and may change. A problem that nothing
/// refers to later is `other`.
enum class ProblemId {
  other,
  model_not_opened,
  data_not_opened,
  live_not_opened,
  no_model,    ///< a run was asked for, and no model is open
  no_episode,  ///< likewise, and no episode is open
  stopped_at_breakpoint,
  nothing_found,
  file_saved,
};

/// A problem for the person to read: what happened, where, what to do next.
struct Problem {
  QString title;    ///< "Cannot open the episode"
  QString details;  ///< the engine's message, with the file's name
  QString advice;   ///< what to do next; may be empty
  ProblemId id = ProblemId::other;
};

}  // namespace deer
