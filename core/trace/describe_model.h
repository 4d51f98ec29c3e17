// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/exits/engine.h"
#include "core/trace/trace.h"

namespace deer {

/// Metadata for a new trace of this model, without the model's hash, the policy and the versions of libraries.
TraceMetadata describe_model(const ModelSummary& model);

/// What a trace says of its model: all that views, and a replay of its recorded actions, need.
ModelSummary recorded_model(const TraceMetadata& metadata);

}  // namespace deer
