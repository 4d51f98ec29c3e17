// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/serve/messages.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/exits/policy_json.h"
#include "core/serve/picture_size.h"

#ifdef DEER_HAVE_PICTURES
#include "core/episodes/media/thumbnail.h"
#endif

namespace deer::serve {
namespace {

constexpr int kMostLayers = 1 << 16;
constexpr int kMostWidth = 1 << 20;
constexpr int kMostStateLayers = 64;
constexpr std::size_t kActionSize = 7;

[[noreturn]] void refuse(const std::string& field, const std::string& found, const std::string& expected) {
  throw Error(field + ": found " + found + ", expected " + expected);
}

template <typename Values>
void check_finite(const Values& values, const std::string& field) {
  const auto bad = std::find_if(values.begin(), values.end(), [](auto value) { return !std::isfinite(value); });
  if (bad != values.end()) refuse(field, "a value that is not a number", "numbers");
}

void check_range(std::int64_t value, std::int64_t low, std::int64_t high, const std::string& field) {
  if (value < low || value > high) {
    refuse(field, std::to_string(value), std::to_string(low) + " to " + std::to_string(high));
  }
}

template <typename Values>
ActionValues to_action(const Values& values, const std::string& field, std::size_t size = kActionSize) {
  if (static_cast<std::size_t>(values.size()) != size) {
    refuse(field, std::to_string(values.size()) + " numbers", std::to_string(size));
  }
  check_finite(values, field);
  return ActionValues(std::span<const float>(values.data(), size));
}

template <typename Values>
void put(const Values& values, google::protobuf::RepeatedField<float>& out) {
  out.Assign(values.begin(), values.end());
}

void check_series(const google::protobuf::RepeatedField<double>& values, int count, const std::string& field) {
  if (!values.empty() && values.size() != count) {
    refuse(field, std::to_string(values.size()) + " numbers", std::to_string(count) + ", or none");
  }
  check_finite(values, field);
}

ExitReason to_reason(const std::string& name) {
  for (const auto reason : {ExitReason::within_threshold, ExitReason::deepest_allowed, ExitReason::held,
                            ExitReason::scheduled, ExitReason::fixed, ExitReason::forced, ExitReason::repeated}) {
    if (to_string(reason) == name) return reason;
  }
  refuse("reason", "'" + printable(name) + "'", "a reason to exit");
}

ExitProbe to_probe(const wire::Exit& exit, std::size_t action_size) {
  check_range(exit.layer(), 0, kMostLayers, "exits.layer");
  ExitProbe out;
  out.layer = exit.layer();
  out.feature.assign(exit.feature().begin(), exit.feature().end());
  out.action = to_action(exit.action(), "exits.action", action_size);
  out.gripper_logit = exit.gripper_logit();
  out.delta = exit.delta();
  out.threshold = exit.threshold();
  out.evaluated_by_policy = exit.evaluated_by_policy();
  return out;
}

void put_probe(const ExitProbe& probe, bool features, wire::Exit& out) {
  out.set_layer(probe.layer);
  if (features) put(probe.feature, *out.mutable_feature());
  put(probe.action, *out.mutable_action());
  out.set_gripper_logit(probe.gripper_logit);
  out.set_delta(probe.delta);
  out.set_threshold(probe.threshold);
  out.set_evaluated_by_policy(probe.evaluated_by_policy);
}

void put_picture(const Image& image, wire::Picture& out) {
  out.set_width(image.width);
  out.set_height(image.height);
  out.set_data(image.rgb.data(), image.rgb.size());
}

#ifdef DEER_HAVE_PICTURES
ImagePtr decode(std::span<const std::byte> file) { return decode_picture(file); }
#else
ImagePtr decode(std::span<const std::byte>) { throw Error("this build decodes no PNG or JPEG, expected R G B"); }
#endif

std::string in_pixels(int width, int height) { return std::to_string(width) + " x " + std::to_string(height); }

}  // namespace

ImagePtr to_image(const wire::Picture& picture, const char* field) {
  const auto& data = picture.data();
  const auto limit = "1 to " + std::to_string(kMostPixels) + " pixels in both";
  const auto in_bounds = [](int size) { return size >= 1 && size <= kMostPixels; };
  if (picture.width() == 0 && picture.height() == 0) {
    const auto file = std::as_bytes(std::span(data.data(), data.size()));
    const auto size = encoded_picture_size(file);
    if (!size) refuse(field, std::to_string(data.size()) + " bytes of another kind", "a width and height, PNG or JPEG");
    if (!in_bounds(size->width) || !in_bounds(size->height)) refuse(field, in_pixels(size->width, size->height), limit);
    try {
      return decode(file);
    } catch (const Error& error) {
      throw Error(std::string(field) + ": " + error.what());
    }
  }
  if (!in_bounds(picture.width()) || !in_bounds(picture.height())) {
    refuse(field, in_pixels(picture.width(), picture.height()), limit);
  }
  const auto bytes = std::size_t{3} * static_cast<std::size_t>(picture.width() * picture.height());
  if (data.size() != bytes) {
    refuse(field, std::to_string(data.size()) + " bytes",
           std::to_string(bytes) + " for " + in_pixels(picture.width(), picture.height()) + " in R G B");
  }
  auto out = std::make_shared<Image>();
  out->width = picture.width();
  out->height = picture.height();
  out->rgb.assign(data.begin(), data.end());
  return out;
}

FrameInput to_input(const wire::Observation& observation) {
  constexpr int kRobot = 15, kScene = 24;
  if (!observation.has_rgb_static()) refuse("observation.rgb_static", "nothing", "a picture");
  if (observation.instruction().size() > kMostInstruction) {
    refuse("observation.instruction", std::to_string(observation.instruction().size()) + " bytes",
           "at most " + std::to_string(kMostInstruction));
  }
  check_series(observation.robot_obs(), kRobot, "observation.robot_obs");
  check_series(observation.scene_obs(), kScene, "observation.scene_obs");
  FrameInput out;
  out.frame = observation.frame();
  out.rgb_static = to_image(observation.rgb_static(), "observation.rgb_static");
  if (observation.has_rgb_gripper()) out.rgb_gripper = to_image(observation.rgb_gripper(), "observation.rgb_gripper");
  out.instruction = observation.instruction();
  return out;
}

void put_input(const FrameInput& input, wire::Observation& out) {
  out.set_frame(input.frame);
  if (input.rgb_static) put_picture(*input.rgb_static, *out.mutable_rgb_static());
  if (input.rgb_gripper) put_picture(*input.rgb_gripper, *out.mutable_rgb_gripper());
  out.set_instruction(input.instruction);
}

Intervention to_hidden(const wire::StepRequest& request) {
  constexpr int kMostHidden = 64;
  constexpr std::size_t kMostWord = 100;
  if (request.hide_size() > kMostHidden) refuse("hide", std::to_string(request.hide_size()), "at most 64");
  std::vector<std::string> words;
  for (const auto& one : request.hide()) {
    if (one.size() > kMostWord) refuse("hide", std::to_string(one.size()) + " bytes", "at most 100");
    words.push_back("hide=" + one);
  }
  return parse_intervention(words);
}

void put_hidden(const Intervention& intervention, wire::StepRequest& out) {
  constexpr std::string_view kPrefix = "hide=";
  Intervention hidden;
  hidden.knockouts = intervention.knockouts;
  for (const auto& word : to_words(hidden)) out.add_hide(word.substr(kPrefix.size()));
}

RolloutState to_state(const wire::RolloutState& state) {
  check_range(state.state_layers(), 0, kMostStateLayers, "state.state_layers");
  if (state.instruction().size() > kMostInstruction) {
    refuse("state.instruction", std::to_string(state.instruction().size()) + " bytes",
           "at most " + std::to_string(kMostInstruction));
  }
  RolloutState out;
  out.steps = state.steps();
  if (state.has_instruction()) out.instruction = state.instruction();
  if (state.has_held_layer()) out.held_layer = state.held_layer();
  out.state_layers = state.state_layers();
  out.h.assign(state.h().begin(), state.h().end());
  out.c.assign(state.c().begin(), state.c().end());
  if (state.has_repeated()) {
    const auto& repeated = state.repeated();
    out.repeated = {repeated.exit_layer(), to_action(repeated.action(), "state.repeated.action"),
                    repeated.gripper_logit(), to_action(repeated.command(), "state.repeated.command")};
  }
  return out;
}

void put_state(const RolloutState& state, wire::RolloutState& out) {
  out.set_steps(state.steps);
  if (state.instruction) out.set_instruction(*state.instruction);
  if (state.held_layer) out.set_held_layer(*state.held_layer);
  out.set_state_layers(state.state_layers);
  put(state.h, *out.mutable_h());
  put(state.c, *out.mutable_c());
  if (state.repeated) {
    auto& repeated = *out.mutable_repeated();
    repeated.set_exit_layer(state.repeated->exit_layer);
    put(state.repeated->action, *repeated.mutable_action());
    repeated.set_gripper_logit(state.repeated->gripper_logit);
    put(state.repeated->command, *repeated.mutable_command());
  }
}

ExitPolicy to_policy(const std::string& text) {
  constexpr std::size_t kMostText = 1 << 20;
  if (text.size() > kMostText) refuse("policy", std::to_string(text.size()) + " bytes", "at most 1 MiB");
  auto out = policy_from_text(text);
  if (out.gate.fingerprint.empty() && !out.gate.path.empty()) {
    refuse("policy.gate", "a path without a fingerprint", "its fingerprint: a server opens no files that clients name");
  }
  out.gate.path.clear();
  return out;
}

std::string policy_message(const ExitPolicy& policy) {
  auto sent = policy;
  if (!sent.gate.fingerprint.empty()) sent.gate.path.clear();
  return policy_to_json(sent).dump();
}

ModelSummary to_summary(const wire::DescribeReply& reply) {
  ModelSummary out;
  out.name = reply.name();
  out.family = reply.family();
  out.note = reply.note();
  check_range(reply.layers(), 1, kMostLayers, "layers");
  check_range(reply.d_model(), 1, kMostWidth, "d_model");
  check_range(reply.image_size(), 1, kMostPixels, "image_size");
  if (reply.exit_layers().empty()) refuse("exit_layers", "none", "at least one");
  int previous = -1;
  for (const int layer : reply.exit_layers()) {
    check_range(layer, previous + 1, reply.layers() - 1, "exit_layers");
    out.exit_layers.push_back(previous = layer);
  }
  out.layers = reply.layers();
  out.d_model = reply.d_model();
  out.image_size = reply.image_size();
  out.parameters = reply.parameters();
  out.weight_bytes = reply.weight_bytes();
  out.device = reply.device();
  out.dtype = reply.dtype();
  out.load_ms = reply.load_ms();
  out.suggested_thresholds.assign(reply.suggested_thresholds().begin(), reply.suggested_thresholds().end());
  out.gate.fingerprint = reply.gate_fingerprint();
  return out;
}

void put_summary(const ModelSummary& summary, wire::DescribeReply& out) {
  out.set_name(summary.name);
  out.set_family(summary.family);
  out.set_note(summary.note);
  out.mutable_exit_layers()->Assign(summary.exit_layers.begin(), summary.exit_layers.end());
  out.set_layers(summary.layers);
  out.set_d_model(summary.d_model);
  out.set_image_size(summary.image_size);
  out.set_parameters(summary.parameters);
  out.set_weight_bytes(summary.weight_bytes);
  out.set_device(summary.device);
  out.set_dtype(summary.dtype);
  out.set_load_ms(summary.load_ms);
  out.mutable_suggested_thresholds()->Assign(summary.suggested_thresholds.begin(), summary.suggested_thresholds.end());
  out.set_gate_fingerprint(summary.gate.fingerprint);
}

std::vector<HeadFile> to_head(const wire::DescribeReply& reply) {
  if (!reply.has_head()) return {};
  std::vector<HeadFile> out;
  for (const auto& file : reply.head().files()) out.push_back({file.name(), file.size(), file.hash()});
  check_head_files(out);
  if (const auto found = head_fingerprint(out); found != reply.head().fingerprint()) {
    refuse("head.fingerprint", "'" + printable(reply.head().fingerprint()) + "'", found + " for its files");
  }
  return out;
}

void put_head(const HeadFiles& head, wire::Head& out) {
  out.set_fingerprint(head.fingerprint());
  for (const auto& file : head.list()) {
    auto& to = *out.add_files();
    to.set_name(file.name);
    to.set_size(file.size);
    to.set_hash(file.hash);
  }
}

FrameRecord to_record(const wire::StepReply& reply, const ActionLayoutPtr& layout) {
  FrameRecord out;
  out.layout = layout;
  check_range(reply.step(), 0, std::numeric_limits<int>::max(), "step");
  check_range(reply.exit_layer(), 0, kMostLayers, "exit_layer");
  check_range(reply.exit_index(), -1, kMostLayers, "exit_index");
  check_range(reply.prompt_tokens(), 0, kMostWidth, "prompt_tokens");
  out.frame = reply.frame();
  out.step = reply.step();
  out.mode = reply.probe() ? RunMode::probe : RunMode::policy;
  out.prompt_tokens = reply.prompt_tokens();
  out.exit_layer = reply.exit_layer();
  out.exit_index = reply.exit_index();
  out.reason = to_reason(reply.reason());
  out.exits.reserve(static_cast<std::size_t>(reply.exits_size()));
  for (const auto& exit : reply.exits()) out.exits.push_back(to_probe(exit, layout->size()));
  if (reply.has_predecessor()) out.predecessor = to_probe(reply.predecessor(), layout->size());
  out.action = to_action(reply.action(), "action", layout->size());
  out.gripper_logit = reply.gripper_logit();
  out.command = to_action(reply.command(), "command", layout->size());
  const auto& times = reply.times_ms();
  out.times = {times.preprocess(), times.vision(), times.resampler(),
               times.llm(),        times.head(),   std::clamp(reply.reused_pictures(), 0, 2)};
  return out;
}

void put_record(const FrameRecord& record, bool features, wire::StepReply& out) {
  out.set_frame(record.frame);
  out.set_step(record.step);
  out.set_probe(record.mode == RunMode::probe);
  out.set_prompt_tokens(record.prompt_tokens);
  out.set_exit_layer(record.exit_layer);
  out.set_exit_index(record.exit_index);
  out.set_reason(std::string(to_string(record.reason)));
  for (const auto& probe : record.exits) put_probe(probe, features, *out.add_exits());
  if (record.has_predecessor()) put_probe(record.predecessor, features, *out.mutable_predecessor());
  put(record.action, *out.mutable_action());
  out.set_gripper_logit(record.gripper_logit);
  put(record.command, *out.mutable_command());
  auto& times = *out.mutable_times_ms();
  times.set_preprocess(record.times.preprocess_ms);
  times.set_vision(record.times.vision_ms);
  times.set_resampler(record.times.resampler_ms);
  times.set_llm(record.times.llm_ms);
  times.set_head(record.times.head_ms);
  out.set_reused_pictures(record.times.reused_pictures);
}

void put_cost(const StepCost& cost, wire::Cost& out) {
  out.set_vision(cost.vision);
  out.set_resampler(cost.resampler);
  out.set_llm(cost.llm);
  out.set_head(cost.head);
  out.set_gate(cost.gate);
  out.set_total(cost.total());
}

AttentionMap to_attention(const wire::AttendReply& reply) {
  constexpr int kMostHeads = 4096;
  AttentionMap out;
  check_range(reply.heads(), 1, kMostHeads, "heads");
  check_range(reply.rows(), 1, kMostPixels, "rows");
  check_range(reply.columns(), 1, kMostPixels, "columns");
  if (reply.views_size() != static_cast<int>(out.views.size())) {
    refuse("views", std::to_string(reply.views_size()), std::to_string(out.views.size()));
  }
  out.frame = reply.frame();
  out.exit_layer = reply.exit_layer();
  out.cross_layer = reply.cross_layer();
  out.heads = reply.heads();
  out.rows = reply.rows();
  out.columns = reply.columns();
  out.tokens = reply.tokens();
  out.learnt_share = reply.learnt_share();
  const auto weights = std::int64_t{reply.heads()} * reply.rows() * reply.columns();
  for (std::size_t i = 0; i < out.views.size(); ++i) {
    const auto& view = reply.views(static_cast<int>(i));
    if (view.weights_size() != weights) {
      refuse("views.weights", std::to_string(view.weights_size()) + " numbers", std::to_string(weights));
    }
    out.views[i].grid = {view.x(), view.y(), view.width(), view.height()};
    out.views[i].weights.assign(view.weights().begin(), view.weights().end());
  }
  return out;
}

void put_attention(const AttentionMap& map, wire::AttendReply& out) {
  out.set_frame(map.frame);
  out.set_exit_layer(map.exit_layer);
  out.set_cross_layer(map.cross_layer);
  out.set_heads(map.heads);
  out.set_rows(map.rows);
  out.set_columns(map.columns);
  out.set_tokens(map.tokens);
  out.set_learnt_share(map.learnt_share);
  for (const auto& view : map.views) {
    auto& to = *out.add_views();
    to.set_x(view.grid.x);
    to.set_y(view.grid.y);
    to.set_width(view.grid.width);
    to.set_height(view.grid.height);
    put(view.weights, *to.mutable_weights());
  }
}

}  // namespace deer::serve
