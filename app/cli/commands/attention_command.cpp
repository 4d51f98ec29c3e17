// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <array>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "app/cli/commands/commands.h"
#include "app/cli/support/episode_options.h"
#include "app/cli/support/option_checks.h"
#include "app/cli/support/policy_options.h"
#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/json_file.h"
#include "core/episodes/numpy/npy_writer.h"
#include "core/episodes/open/open_source.h"
#include "core/exits/engine.h"

namespace deer::cli {
namespace {

struct Arguments {
  std::string model;
  std::string episode;
  std::size_t index = 0;
  std::int64_t frame = 0;
  std::optional<int> exit_layer;
  int head = -1;
  std::string gripper;
  std::string map;
  std::string instruction;
  std::string out;
  EngineOptions engine;
};

constexpr std::array kCameras = {"static", "gripper"};

Json describe(const AttentionMap& map, int head) {
  Json out = {{"frame", map.frame},
              {"exit_layer", map.exit_layer},
              {"cross_attention_layer", map.cross_layer},
              {"heads", map.heads},
              {"rows", map.rows},
              {"columns", map.columns},
              {"tokens", map.tokens},
              {"learnt_share", map.learnt_share}};
  out["head"] = head < 0 ? Json("mean") : Json(head);
  for (std::size_t camera = 0; camera < kCameras.size(); ++camera) {
    const auto weights = map.weights(camera, head);
    const auto largest = std::max_element(weights.begin(), weights.end());
    const auto place = static_cast<int>(largest - weights.begin());
    double share = 0;
    for (const float weight : weights) share += static_cast<double>(weight);
    out[kCameras[camera]] = {
        {"share", share},
        {"largest", {{"row", place / map.columns}, {"column", place % map.columns}, {"weight", *largest}}}};
  }
  return out;
}

void write_npz(const AttentionMap& map, const std::filesystem::path& file) {
  const auto size = [](int value) { return static_cast<std::uint64_t>(value); };
  NpzPacker packer;
  for (std::size_t camera = 0; camera < kCameras.size(); ++camera) {
    const auto& view = map.views[camera];
    const std::string name = kCameras[camera];
    packer.add(name, NpyView::of<float>('f', {size(map.heads), size(map.rows), size(map.columns)}, view.weights));
    const std::vector<double> grid = {view.grid.x, view.grid.y, view.grid.width, view.grid.height};
    packer.add(name + "_grid", NpyView::of<double>('f', {4}, grid));
  }
  write_file_atomically(file, packer.finish());
}

void attend(const Arguments& a) {
  OpenSourceOptions options;
  options.gripper = a.gripper;
  options.instruction = a.instruction;
  options.map = a.map;
  const auto data = open_source(a.episode, options);
  print_warnings(*data);
  check_index(*data, a.index);
  const auto source = data->open(a.index);
  require_cameras(*source);
  const auto length = source->length().value_or(0);
  if (a.frame < 0 || a.frame >= length) {
    throw Error("--frame " + std::to_string(a.frame) + " does not exist: the episode has " + std::to_string(length) +
                " frames");
  }
  const auto seen = source->read(a.frame);
  const auto engine = Engine::load(a.model, a.engine);
  const int layer = a.exit_layer.value_or(engine->summary().exit_layers.back());
  const auto& text = a.instruction.empty() ? seen->instruction : a.instruction;
  const auto map = engine->attend({a.frame, seen->rgb_static, seen->rgb_gripper, text}, layer);
  if (a.head >= map.heads) {
    throw Error("--head " + std::to_string(a.head) + " does not exist: the cross-attention has heads 0 to " +
                std::to_string(map.heads - 1));
  }
  if (!a.out.empty()) write_npz(map, a.out);
  std::cout << describe(map, a.head).dump() << '\n';
}

}  // namespace

void add_attention(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  auto* command = app.add_subcommand("attention", "Show where an exit looks in a frame, by patch of both images");
  command->add_option("MODEL", a->model, "Model folder")->required();
  command->add_option("EPISODE", a->episode, kEpisodeHelp)->required();
  command->add_option("--index", a->index, "Episode of the dataset, from 0 (see deer info)")
      ->capture_default_str()
      ->check(whole_number());
  command->add_option("--frame", a->frame, "Frame of the episode, from 0")->capture_default_str();
  command->add_option("--exit", a->exit_layer, "Exit after this layer (zero-based); default: the deepest");
  command->add_option("--head", a->head, "Attention head, from 0; default: mean over heads")->check(at_least_zero());
  command->add_option("--gripper", a->gripper, "Second video or image folder: the gripper camera");
  add_map_option(*command, a->map);
  command->add_option("--instruction", a->instruction, "Instruction to use instead of the recorded one");
  command->add_option("--out", a->out, "Write every head's weights to this NPZ file")->check(output_file());
  add_engine_options(*command, a->engine);
  command->callback([a] { attend(*a); });
}

}  // namespace deer::cli
