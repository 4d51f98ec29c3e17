// SPDX-License-Identifier: GPL-3.0-or-later
#include <torch/csrc/api/include/torch/version.h>

#include <algorithm>
#include <iostream>

#include "app/cli/commands/commands.h"
#include "app/cli/support/broken_frames.h"
#include "app/cli/support/episode_options.h"
#include "app/cli/support/option_checks.h"
#include "app/cli/support/policy_options.h"
#include "app/cli/support/progress.h"
#include "app/cli/support/slice.h"
#include "app/cli/support/stop_on_signal.h"
#include "core/base/error.h"
#include "core/episodes/media/thumbnail.h"
#include "core/episodes/open/open_source.h"
#include "core/exits/policy_json.h"
#include "core/model/model_fingerprint.h"
#include "core/trace/describe_model.h"
#include "core/trace/trace_reader.h"
#include "core/trace/trace_writer.h"

namespace deer::cli {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string model;
  std::string source;
  std::string out;
  std::vector<std::size_t> index;
  std::string split;
  std::int64_t frames = -1;
  std::string features = "float32";
  int thumbnails = 0;
  bool resume = false;
  bool overwrite = false;
  Slice slice;
  PolicyOptions policy;
  std::string gripper;
  std::string map;
  std::string instruction;
  EngineOptions engine;
};

// The requested episodes; otherwise annotations, or whole episodes if there are none.
std::vector<std::size_t> all_episodes(const EpisodeCollection& data, const Arguments& a) {
  const auto& episodes = data.episodes();
  for (const auto index : a.index) {
    check_index(data, index);
    if (const auto& split = episodes[index].split; !a.split.empty() && split != a.split) {
      throw Error("--index " + std::to_string(index) + " is in the split '" + printable(split) + "', not in '" +
                  printable(a.split) + "' (see deer info)");
    }
  }
  if (!a.index.empty()) return a.index;
  std::vector<std::size_t> annotated;
  std::vector<std::size_t> others;
  for (std::size_t i = 0; i < episodes.size(); ++i) {
    if (!a.split.empty() && episodes[i].split != a.split) continue;
    (episodes[i].kind == EpisodeEntry::Kind::language_annotation ? annotated : others).push_back(i);
  }
  const auto& chosen = annotated.empty() ? others : annotated;
  if (chosen.empty()) throw FileError(a.source, "has no episode in its split '" + a.split + "'");
  return chosen;
}

std::vector<std::size_t> chosen_episodes(const EpisodeCollection& data, const Arguments& a) {
  std::vector<std::size_t> out;
  const auto all = all_episodes(data, a);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (a.slice.has(static_cast<std::int64_t>(i))) out.push_back(all[i]);
  }
  return out;
}

std::int64_t length_of(const EpisodeCollection& data, std::size_t index, const Arguments& a) {
  const auto length = episode_length(data, index);
  return a.frames >= 0 ? std::min(length, a.frames) : length;
}

TraceMetadata describe(const Engine& engine, const Arguments& a) {
  auto m = describe_model(engine.summary());
  m.model_path = fs::absolute(a.model).lexically_normal().string();
  m.model_hash = model_fingerprint(a.model);
  m.features = a.features == "float16" ? FeatureType::float16 : FeatureType::float32;
  m.policy = policy_to_json(engine.policy());
  m.versions["libtorch"] = TORCH_VERSION;
  return m;
}

// Number of chosen episodes that are complete in the trace, and their frames.
struct Done {
  std::size_t episodes = 0;
  std::int64_t frames = 0;
};

Done already_done(const Arguments& a, const TraceMetadata& wanted, const EpisodeCollection& data,
                  const std::vector<std::size_t>& chosen, const std::string& source) {
  const auto trace = TraceReader::open(a.out);
  const auto& found = trace->metadata();
  if (found.model_hash != wanted.model_hash || found.exit_layers != wanted.exit_layers ||
      found.policy != wanted.policy || found.features != wanted.features || found.dtype != wanted.dtype) {
    throw FileError(a.out, "was recorded with a different model or other settings, so it cannot be resumed");
  }
  Done done;
  const auto is_of = [&](std::int64_t frame, std::size_t index) {
    if (frame >= trace->frames()) return false;
    const auto found_there = trace->details(frame, 1)[0];
    return found_there.source == source && found_there.episode == static_cast<std::int32_t>(index);
  };
  for (const auto index : chosen) {
    auto frames = length_of(data, index, a);
    // Fewer, where some could not be read; the episode is complete if another one follows.
    while (frames > 0 && !is_of(done.frames + frames - 1, index)) --frames;
    const auto after = done.frames + frames;
    const bool complete = frames == length_of(data, index, a);
    if (!complete && after == trace->frames()) break;
    if (!complete && std::none_of(chosen.begin(), chosen.end(), [&](auto other) { return is_of(after, other); })) {
      throw FileError(a.out, "holds other episodes, so it cannot be resumed");
    }
    done.frames = after;
    ++done.episodes;
  }
  return done;
}

void trace(const Arguments& a) {
  if (fs::exists(a.out) && !a.resume && !a.overwrite) {
    throw FileError(a.out, "already exists: use --resume to continue it or --overwrite to replace it");
  }
  if (fs::exists(a.out) && a.overwrite && !TraceReader::looks_like_trace(a.out)) {
    throw FileError(a.out, "is not a trace, so --overwrite does not replace it");
  }
  const StopOnSignal signals("frame");
  OpenSourceOptions source_options;
  source_options.gripper = a.gripper;
  source_options.instruction = a.instruction;
  source_options.map = a.map;
  const auto data = open_source(a.source, source_options);
  print_warnings(*data);
  const auto chosen = chosen_episodes(*data, a);
  const auto source_name = fs::absolute(a.source).lexically_normal().string();
  const auto engine = Engine::load(a.model, a.engine, {}, signals.token());
  engine->set_policy(a.policy.apply(engine->policy(), &engine->summary()));

  const auto metadata = describe(*engine, a);
  Done done;
  std::unique_ptr<TraceWriter> writer;
  if (a.resume && fs::exists(a.out)) {
    done = already_done(a, metadata, *data, chosen, source_name);
    writer = TraceWriter::append_to(a.out, {}, done.frames);
  } else {
    writer = TraceWriter::create(a.out, metadata);
  }
  std::int64_t total = 0;
  for (const auto index : chosen) total += length_of(*data, index, a);

  Progress progress;
  const auto before = static_cast<double>(done.frames);
  bool stopped = false;
  BrokenFrames broken;
  for (auto e = done.episodes; e < chosen.size() && !stopped; ++e) {
    FrameSourcePtr source;
    try {
      source = data->open(chosen[e]);
    } catch (const FileError& problem) {
      broken.add("episode " + std::to_string(chosen[e]) + ": " + problem.what(), length_of(*data, chosen[e], a));
      continue;
    }
    require_cameras(*source);
    const auto frames = std::min(source->length().value_or(0), length_of(*data, chosen[e], a));
    engine->reset();
    for (std::int64_t i = 0; i < frames && !stopped; ++i) {
      source->prefetch(i + 1);
      ObservationPtr seen;
      try {
        seen = source->read(i);
        broken.add_good();
      } catch (const FileError& problem) {
        broken.add(problem.what());
        continue;
      }
      const auto& instruction = a.instruction.empty() ? seen->instruction : a.instruction;
      const auto record = engine->step({i, seen->rgb_static, seen->rgb_gripper, instruction}, RunMode::probe);
      TraceFrame frame;
      frame.source = source_name;
      frame.episode = static_cast<std::int32_t>(chosen[e]);
      frame.frame_id = seen->frame_id;
      frame.instruction = instruction;
      const auto action = recorded_action(*seen);
      frame.recorded_action.assign(action.begin(), action.end());
      if (a.thumbnails > 0) frame.thumbnail = jpeg_thumbnail(*seen->rgb_static, a.thumbnails);
      writer->append(*record, frame);
      const auto count = static_cast<double>(writer->frames());
      progress.show("frame " + std::to_string(writer->frames()) + " of " + std::to_string(total), count,
                    static_cast<double>(total), before);
      stopped = signals.token().stop_requested();
    }
  }
  progress.finish();
  const auto written = writer->frames();
  writer->close();
  std::cout << written << " frames in " << a.out << (stopped ? " (stopped; use --resume to continue)" : "") << '\n';
  broken.finish();
}

}  // namespace

void add_trace(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  auto* command =
      app.add_subcommand("trace", "Run every exit of a model on recorded episodes and save a trace for deer replay");
  command->add_option("MODEL", a->model, "Model folder")->required();
  command->add_option("SOURCE", a->source, kEpisodeHelp)->required();
  command->add_option("--out", a->out, "Trace file to write (HDF5)")->check(output_file())->required();
  command
      ->add_option("--index", a->index, "Run only these episodes, from 0 (see deer info); default: all annotated ones")
      ->check(whole_number())
      ->delimiter(',');
  command->add_option("--split", a->split, "Use only this split: training or validation");
  command->add_option("--frames", a->frames, "Maximum frames per episode")->check(at_least_zero());
  command->add_option("--features", a->features, "float32, or float16 (half the size, but replays are not exact)")
      ->capture_default_str()
      ->check(CLI::IsMember({"float32", "float16"}));
  command->add_option("--thumbnails", a->thumbnails, "Width of stored JPEG thumbnails in pixels; 0: none")
      ->capture_default_str()
      ->check(CLI::Range(0, 4096));
  command->add_flag("--resume", a->resume, "Continue a stopped or killed trace after its last complete episode");
  command->add_flag("--overwrite", a->overwrite, "Replace an existing trace")->excludes("--resume");
  add_slice_option(*command, a->slice, "deer replay and deer study take the traces of all");
  a->policy.add_to(*command);
  command->add_option("--gripper", a->gripper, "Second video or image folder: the gripper camera");
  add_map_option(*command, a->map);
  command->add_option("--instruction", a->instruction, "Instruction to use instead of the recorded ones");
  add_engine_options(*command, a->engine);
  command->callback([a] { trace(*a); });
}

}  // namespace deer::cli
