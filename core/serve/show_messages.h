// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

#include "core/serve/messages.h"
#include "core/serve/shown_run.h"

namespace deer::serve {

/// A run to show, as a message describes it. Throws Error naming the field, as all of messages.h.
ShownRunPtr to_run(const wire::ShownRun& message);

/// What was seen, without time and episode. `field`: the message's name in errors.
Observation to_observation(const wire::Observation& message, const std::string& field);

/// A frame of a run with this summary, which came `timestamp_s` seconds after the run began.
ShownRun::Frame to_frame(const wire::ShownFrame& message, const ModelSummary& summary, double timestamp_s);

}  // namespace deer::serve
