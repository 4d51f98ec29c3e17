// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/budget/cost_model.h"
#include "core/exits/engine.h"
#include "core/head/head_files.h"
#include "core/serve/engine.pb.h"

namespace deer::serve {

namespace wire = deerscope::v1;

/// Of engine.proto. A change that an older program would misread gets a new number.
inline constexpr int kProtocol = 1;
inline constexpr int kMostPixels = 4096;               ///< width and height of a picture
inline constexpr int kMostBytes = 32 << 20;            ///< of a message, in both directions
inline constexpr std::size_t kMostInstruction = 4096;  ///< bytes

/// From and to messages. Whatever comes from the network is checked: the functions that read throw Error naming the
/// field, what was found and what was expected; nothing is allocated before its size is known to be in bounds.
/// Thread-safe: they share nothing.

/// A picture as it was sent, or a decoded PNG or JPEG.
ImagePtr to_image(const wire::Picture& picture, const char* field);
FrameInput to_input(const wire::Observation& observation);

/// Pictures go raw: encoding them takes longer than a loopback or a local network.
void put_input(const FrameInput& input, wire::Observation& out);

/// Cameras that are hidden from the attention, and nothing else.
Intervention to_hidden(const wire::StepRequest& request);
void put_hidden(const Intervention& intervention, wire::StepRequest& out);

RolloutState to_state(const wire::RolloutState& state);
void put_state(const RolloutState& state, wire::RolloutState& out);

/// A policy for a server, which opens no files that others name: a gate by its fingerprint, or none for the model's.
ExitPolicy to_policy(const std::string& text);
std::string policy_message(const ExitPolicy& policy);

/// `exit_layers` and sizes must make sense; what only describes the model is taken as it is.
ModelSummary to_summary(const wire::DescribeReply& reply);
void put_summary(const ModelSummary& summary, wire::DescribeReply& out);

/// Empty if the server sends none.
std::vector<HeadFile> to_head(const wire::DescribeReply& reply);
void put_head(const HeadFiles& head, wire::Head& out);

/// Actions of `layout`; DeeR's unless another is given.
FrameRecord to_record(const wire::StepReply& reply, const ActionLayoutPtr& layout = ActionLayout::deer());
/// Without features unless asked for; times and state are the caller's.
void put_record(const FrameRecord& record, bool features, wire::StepReply& out);
void put_cost(const StepCost& cost, wire::Cost& out);

AttentionMap to_attention(const wire::AttendReply& reply);
void put_attention(const AttentionMap& map, wire::AttendReply& out);

}  // namespace deer::serve
