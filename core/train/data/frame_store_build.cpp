// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/data/frame_store_build.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <system_error>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/json_file.h"
#include "core/episodes/calvin/calvin_dataset.h"
#include "core/episodes/calvin/calvin_frame.h"
#include "core/model/image_preprocess.h"
#include "core/train/base/parallel_work.h"
#include "core/train/data/chunked_file.h"
#include "core/train/data/frame_store_format.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kChunk = 256;  // frames written, and resumed, together

struct Plan {
  std::vector<fs::path> files;           // one a frame
  std::vector<CalvinBlockOrder> orders;  // one a frame
  std::vector<FrameSpan> spans;
  std::vector<FrameStretch> stretches;
  std::uint64_t id = 0;
};

// Frame ids of segments and annotations, as stretches without gaps or overlap.
std::vector<FrameIds> stretches_of(const CalvinSplit& split) {
  auto all = split.segments;
  for (const auto& annotation : split.annotations) all.push_back(annotation.frames);
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<FrameIds> out;
  for (const auto& ids : all) {
    // Adjacent segments are different recordings, so only overlapping ones are merged.
    if (!out.empty() && ids.first <= out.back().last) {
      out.back().last = std::max(out.back().last, ids.last);
    } else {
      out.push_back(ids);
    }
  }
  return out;
}

void plan_split(const CalvinSplit& split, Plan& plan) {
  const auto ids = stretches_of(split);
  std::vector<std::int64_t> first_frames;
  for (const auto& stretch : ids) {
    const auto first = static_cast<std::int64_t>(plan.files.size());
    if (stretch.length() > kMaxStoredFrames - first) {
      throw FileError(split.path, "lists more than " + std::to_string(kMaxStoredFrames) + " frames");
    }
    first_frames.push_back(first);
    plan.stretches.push_back({first, first + stretch.length() - 1, split.name});
    // Detects a missing frame before an absurd range fills the memory with names.
    for (auto id = stretch.first; id <= stretch.last; ++id) {
      auto file = calvin_frame_path(split.path, id, split.frame_digits);
      std::error_code error;
      if (!fs::exists(file, error)) throw FileError(file, "is missing, but the split's index lists it");
      plan.files.push_back(std::move(file));
      plan.orders.push_back(split.block_order(id));
    }
  }
  for (const auto& annotation : split.annotations) {
    const auto after = std::upper_bound(ids.begin(), ids.end(), annotation.frames.first,
                                        [](std::int64_t id, const FrameIds& stretch) { return id < stretch.first; });
    const auto stretch = static_cast<std::size_t>(after - ids.begin()) - 1;
    const auto first = first_frames[stretch] + annotation.frames.first - ids[stretch].first;
    plan.spans.push_back(
        {first, first + annotation.frames.length() - 1, annotation.instruction, annotation.task, split.name});
  }
}

Plan make_plan(const std::vector<fs::path>& sources, std::int64_t image_size) {
  if (sources.empty()) throw Error("a frame store needs at least one dataset");
  Plan plan;
  for (const auto& source : sources) {
    const auto dataset = CalvinDataset::open(source, CacheOptions{});
    for (const auto& split : dataset->splits()) plan_split(split, plan);
  }
  if (plan.files.empty()) throw FileError(sources.front(), "has no frames");
  ContentHash hash;
  hash.add(kFrameStoreVersion);
  hash.add(image_size);
  for (const auto& file : plan.files) {
    struct stat info {};
    if (::stat(file.c_str(), &info) != 0) throw FileError(file, "cannot be read");
    hash.add(file.filename().string());
    hash.add(static_cast<std::int64_t>(info.st_size));
    hash.add(static_cast<std::int64_t>(info.st_mtim.tv_sec));
    hash.add(static_cast<std::int64_t>(info.st_mtim.tv_nsec));
  }
  for (const auto& span : plan.spans) {
    hash.add(span.first);
    hash.add(span.last);
    hash.add(span.instruction);
    hash.add(span.task);
    hash.add(span.split);
  }
  for (const auto& stretch : plan.stretches) hash.add(stretch.first);
  plan.id = hash.value();
  return plan;
}

void store_image(const fs::path& file, const char* key, const ImagePtr& image, int size, std::uint8_t* out) {
  if (!image) throw FileError(file, "'" + std::string(key) + "' is missing");
  const Image crop = resize_and_crop(*image, size);
  const auto pixels = static_cast<std::size_t>(size) * static_cast<std::size_t>(size);
  for (std::size_t channel = 0; channel < 3; ++channel) {
    for (std::size_t i = 0; i < pixels; ++i) out[channel * pixels + i] = crop.rgb[3 * i + channel];
  }
}

template <std::size_t N>
void store_numbers(const std::optional<std::array<double, N>>& numbers, float* out) {
  for (std::size_t i = 0; i < N; ++i) {
    out[i] = numbers ? static_cast<float>((*numbers)[i]) : std::numeric_limits<float>::quiet_NaN();
  }
}

void store_blocks(const fs::path& file, const std::vector<SceneBlock>& blocks, float* out) {
  constexpr auto kMost = static_cast<std::size_t>(FrameStoreLayout::kBlocks);
  if (blocks.size() > kMost) {
    throw FileError(file, "'" + std::string(kSceneBlocksKey) + "' has " + std::to_string(blocks.size()) +
                              " blocks, expected at most " + std::to_string(kMost));
  }
  std::fill_n(out, kMost * SceneBlock::kNumbers, std::numeric_limits<float>::quiet_NaN());
  for (const auto& block : blocks) {
    for (const double number : to_numbers(block)) *out++ = static_cast<float>(number);
  }
}

// Reads and writes one chunk. Counts frames in `done`.
void fill_chunk(const Plan& plan, ChunkedFile& draft, std::int64_t image_size, std::int64_t chunk,
                const std::stop_token& stop, std::atomic<std::int64_t>& done) {
  const auto first = chunk * kChunk;
  const auto count = std::min(kChunk, static_cast<std::int64_t>(plan.files.size()) - first);
  const FrameStoreLayout layout(static_cast<std::int64_t>(plan.files.size()), image_size);
  const auto frames = static_cast<std::size_t>(count);
  const auto image_bytes = static_cast<std::size_t>(layout.image_bytes);
  std::vector<std::uint8_t> static_images(frames * image_bytes);
  std::vector<std::uint8_t> gripper_images(frames * image_bytes);
  std::vector<float> robot(frames * layout.kRobotObs);
  std::vector<float> scene(frames * layout.kSceneObs);
  std::vector<float> actions(frames * layout.kActions);
  constexpr auto kBlocks = static_cast<std::size_t>(FrameStoreLayout::kBlocks * FrameStoreLayout::kBlockNumbers);
  std::vector<float> blocks(frames * kBlocks);
  for (std::size_t i = 0; i < frames; ++i) {
    if (stop.stop_requested()) throw Cancelled();
    const auto& file = plan.files[static_cast<std::size_t>(first) + i];
    Observation frame = read_calvin_frame(file);
    const auto& order = plan.orders[static_cast<std::size_t>(first) + i];
    if (frame.scene_obs) frame.scene_obs = in_standard_order(*frame.scene_obs, order);
    const int size = static_cast<int>(image_size);
    store_image(file, "rgb_static", frame.rgb_static, size, static_images.data() + i * image_bytes);
    store_image(file, "rgb_gripper", frame.rgb_gripper, size, gripper_images.data() + i * image_bytes);
    store_numbers(frame.robot_obs, robot.data() + i * layout.kRobotObs);
    store_numbers(frame.scene_obs, scene.data() + i * layout.kSceneObs);
    store_numbers(frame.rel_action, actions.data() + i * layout.kActions);
    store_blocks(file, frame.blocks, blocks.data() + i * kBlocks);
    ++done;
  }
  constexpr std::int64_t kFloat = sizeof(float);
  draft.write(layout.static_images + first * layout.image_bytes, static_images.data(), static_images.size());
  draft.write(layout.gripper_images + first * layout.image_bytes, gripper_images.data(), gripper_images.size());
  draft.write(layout.robot_obs + first * layout.kRobotObs * kFloat, robot.data(), robot.size() * kFloat);
  draft.write(layout.scene_obs + first * layout.kSceneObs * kFloat, scene.data(), scene.size() * kFloat);
  draft.write(layout.rel_actions + first * layout.kActions * kFloat, actions.data(), actions.size() * kFloat);
  draft.write(layout.blocks + first * static_cast<std::int64_t>(kBlocks) * kFloat, blocks.data(),
              blocks.size() * kFloat);
}

void fill(const Plan& plan, ChunkedFile& draft, const FrameStoreOptions& options) {
  const auto total = static_cast<std::int64_t>(plan.files.size());
  std::atomic<std::int64_t> done{0};
  for (std::int64_t chunk = 0; chunk * kChunk < total; ++chunk) {
    if (draft.is_done(chunk)) done += std::min(kChunk, total - chunk * kChunk);
  }
  draft.fill(
      worker_count(options.workers), options.stop,
      [&](std::int64_t chunk, const std::stop_token& stop) {
        fill_chunk(plan, draft, options.image_size, chunk, stop, done);
      },
      [&] {
        if (options.progress) options.progress(done, total);
      });
}

bool is_current(const fs::path& folder, const Plan& plan) {
  std::error_code error;
  if (!fs::exists(folder / kFrameStoreIndex, error)) return false;
  try {
    return FrameStore::open(folder)->id() == plan.id;
  } catch (const Error&) {
    return false;  // it is rebuilt
  }
}

Json index_of(const Plan& plan, const std::vector<fs::path>& sources, std::int64_t image_size) {
  Json spans = Json::array();
  for (const auto& span : plan.spans) {
    spans.push_back({{"first", span.first},
                     {"last", span.last},
                     {"instruction", span.instruction},
                     {"task", span.task},
                     {"split", span.split}});
  }
  Json stretches = Json::array();
  for (const auto& stretch : plan.stretches) {
    stretches.push_back({{"first", stretch.first}, {"last", stretch.last}, {"split", stretch.split}});
  }
  Json names = Json::array();
  for (const auto& source : sources) names.push_back(source.string());
  return {{"version", kFrameStoreVersion},
          {"id", std::to_string(plan.id)},
          {"frames", plan.files.size()},
          {"image_size", image_size},
          {"sources", names},
          {"spans", spans},
          {"stretches", stretches}};
}

}  // namespace

std::shared_ptr<const FrameStore> make_frame_store(const fs::path& folder, const std::vector<fs::path>& sources,
                                                   const FrameStoreOptions& options) {
  if (options.image_size < 1 || options.image_size > kMaxStoredImageSize) {
    throw Error("image size " + std::to_string(options.image_size) + " is not supported, expected 1 to " +
                std::to_string(kMaxStoredImageSize) + " pixels");
  }
  const Plan plan = make_plan(sources, options.image_size);
  if (is_current(folder, plan)) return FrameStore::open(folder);
  const auto frames = static_cast<std::int64_t>(plan.files.size());
  ChunkedFile draft(folder / kFrameStoreData, plan.id, FrameStoreLayout(frames, options.image_size).end,
                    (frames + kChunk - 1) / kChunk);
  FrameStoreHeader header;
  header.id = plan.id;
  header.frames = frames;
  header.image_size = options.image_size;
  draft.write(0, &header, sizeof header);
  fill(plan, draft, options);
  // From here until the new index is written, the folder has no store.
  std::error_code error;
  fs::remove(folder / kFrameStoreIndex, error);
  draft.publish();
  write_file_atomically(folder / kFrameStoreIndex, index_of(plan, sources, options.image_size).dump(1) + "\n");
  return FrameStore::open(folder);
}

}  // namespace deer
