// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/calvin/calvin_scene.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "core/episodes/numpy/numpy_pickle.h"

namespace deer {
namespace {

// scene_obs: slider, drawer, button, switch, bulb, LED, then position and Euler angles of each block.
constexpr std::size_t kFirstBlock = 6;
constexpr std::size_t kBlockNumbers = 6;

std::optional<FrameIds> frames_of(const PickleNode& node) {
  if (const auto array = NumpyPickle::array(node)) {
    if (array->count() != 2 || !array->type().is_number() || array->type().kind == 'f') return std::nullopt;
    return FrameIds{array->integer(0), array->integer(1)};
  }
  const auto items = NumpyPickle::sequence(node);
  if (!items || items->size() != 2) return std::nullopt;
  const auto first = NumpyPickle::integer(*(*items)[0]), last = NumpyPickle::integer(*(*items)[1]);
  return first && last ? std::optional(FrameIds{*first, *last}) : std::nullopt;
}

}  // namespace

std::optional<CalvinBlockOrder> calvin_block_order(std::string_view scene) {
  using enum BlockColour;
  if (scene == "calvin_scene_A") return CalvinBlockOrder{pink, blue, red};
  if (scene == "calvin_scene_B") return kStandardBlockOrder;
  if (scene == "calvin_scene_C") return CalvinBlockOrder{blue, red, pink};
  if (scene == "calvin_scene_D") return kStandardBlockOrder;
  return std::nullopt;
}

std::optional<CalvinBlockOrder> calvin_block_order(std::span<const std::string> blocks) {
  if (blocks.size() != kStandardBlockOrder.size()) return std::nullopt;
  constexpr std::array kNames = {"red", "blue", "pink"};
  CalvinBlockOrder out = kStandardBlockOrder;
  std::array<int, 3> seen{};
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    for (std::size_t colour = 0; colour < kNames.size(); ++colour) {
      if (blocks[i].find(kNames[colour]) == std::string::npos) continue;
      out[i] = kStandardBlockOrder[colour];
      ++seen[colour];
    }
  }
  return seen == std::array{1, 1, 1} ? std::optional(out) : std::nullopt;
}

std::vector<CalvinSceneFrames> read_calvin_scenes(const std::filesystem::path& path,
                                                  std::vector<std::string>& warnings) {
  const auto pickle = NumpyPickle::from_npy(MappedFile::open(path)->bytes(), path);
  const PickleNode* root = &pickle.root();
  if (const auto items = NumpyPickle::sequence(*root); items && items->size() == 1) root = items->front();
  if (!root->is(PickleNode::Kind::dict)) throw FileError(path, "does not hold a dictionary of scenes");
  std::vector<CalvinSceneFrames> out;
  for (const auto& [key, value] : root->entries) {
    const auto name = NumpyPickle::text(*key);
    const auto frames = frames_of(*value);
    if (!name || !frames || frames->first < 0 || frames->first > frames->last) {
      warnings.push_back(
          FileError(path, "scene '" + printable(name.value_or("?")) + "' is not a pair of frame ids; it was skipped")
              .what());
      continue;
    }
    out.push_back({printable(*name), *frames});
  }
  return out;
}

std::vector<SceneBlock> calvin_blocks(const std::array<double, 24>& scene_obs, const CalvinBlockOrder& order) {
  std::vector<SceneBlock> out;
  for (std::size_t i = 0; i < order.size(); ++i) {
    SceneBlock block;
    const auto* const at = scene_obs.data() + kFirstBlock + kBlockNumbers * i;
    std::copy_n(at, 3, block.position.begin());
    std::copy_n(at + 3, 3, block.euler.begin());
    block.colour = order[i];
    out.push_back(block);
  }
  return out;
}

std::array<double, 24> in_standard_order(std::array<double, 24> scene_obs, const CalvinBlockOrder& order) {
  const auto given = scene_obs;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto to = static_cast<std::size_t>(
        std::find(kStandardBlockOrder.begin(), kStandardBlockOrder.end(), order[i]) - kStandardBlockOrder.begin());
    std::copy_n(given.begin() + kFirstBlock + kBlockNumbers * i, kBlockNumbers,
                scene_obs.begin() + kFirstBlock + kBlockNumbers * to);
  }
  return scene_obs;
}

}  // namespace deer
