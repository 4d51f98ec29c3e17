// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/data/export_command.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "app/cli/support/broken_frames.h"
#include "app/cli/support/episode_options.h"
#include "app/cli/support/lerobot_output.h"
#include "app/cli/support/option_checks.h"
#include "app/cli/support/progress.h"
#include "app/cli/support/stop_on_signal.h"
#include "core/base/error.h"
#include "core/base/number_text.h"
#include "core/episodes/lerobot/lerobot_writer.h"
#include "core/episodes/media/thumbnail.h"
#include "core/episodes/open/open_source.h"
#include "core/trace/trace_reader.h"

namespace deer::cli {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string source;
  std::string out;
  std::vector<std::size_t> index;
  OpenSourceOptions open;
  std::string gripper;
  std::string map;
  LerobotExport::Options lerobot;
  bool images = false;
};

/// The frames that a trace refers to.
class ReferredFrames {
 public:
  ReferredFrames(const TraceReader& trace, OpenSourceOptions options) : trace_(trace), options_(std::move(options)) {}

  /// What the model saw in a frame of the trace, as far as it is still there.
  Observation observation(std::int64_t frame, const TraceSpan& span) {
    const auto kept = trace_.details(frame, 1, true).front();
    Observation out;
    const auto index = span.first_frame + frame - span.first;
    if (auto* const episode = open(span)) {
      if (index >= 0 && index < episode->length().value_or(0)) {
        const auto seen = episode->read(index);
        if (seen->frame_id == kept.frame_id) out = *seen;
      }
    }
    if (!out.rgb_static && !kept.thumbnail.empty()) {
      out.rgb_static = decode_picture(std::as_bytes(std::span(kept.thumbnail)));
    }
    out.instruction = kept.instruction;
    if (!trace_.metadata().layout->is_deer()) {
      out.rel_action.reset();
      out.other_action = kept.recorded_action;
    } else if (kept.recorded_action.size() == 7) {
      std::copy_n(kept.recorded_action.begin(), 7, out.rel_action.emplace().begin());
    }
    return out;
  }

  SourceInfo info() const {
    SourceInfo out = episode_ ? episode_->info() : SourceInfo();
    if (!trace_.metadata().layout->is_deer()) out.action_layout = trace_.metadata().layout;
    return out;
  }

 private:
  FrameSource* open(const TraceSpan& span) {
    if (span.source.empty() || span.episode < 0) return nullptr;
    const auto key = std::pair(span.source, span.episode);
    if (key == key_) return episode_.get();
    key_ = key;
    episode_.reset();
    auto path = fs::path(span.source);
    std::error_code error;
    if (!fs::exists(path, error)) path = trace_.path().parent_path() / path.filename();
    if (!fs::exists(path, error)) {
      if (missing_.insert(span.source).second) {
        std::cerr << "deer: note: " << span.source << " is not there: its frames have no pictures and states\n";
      }
      return nullptr;
    }
    auto& data = data_[path.string()];
    if (!data) data = open_source(path, options_);
    if (static_cast<std::size_t>(span.episode) < data->episodes().size()) {
      episode_ = data->open(static_cast<std::size_t>(span.episode));
    }
    return episode_.get();
  }

  const TraceReader& trace_;
  const OpenSourceOptions options_;
  std::map<std::string, std::shared_ptr<const EpisodeCollection>> data_;
  std::set<std::string> missing_;
  std::pair<std::string, std::int32_t> key_;
  FrameSourcePtr episode_;
};

void write_trace(const Arguments& a, LerobotExport& out, BrokenFrames& broken, const std::stop_token& stop) {
  const auto trace = TraceReader::open(a.source);
  ReferredFrames frames(*trace, a.open);
  Progress progress;
  std::size_t episode = 0;
  bool wanted = false;
  for (const auto& span : trace->spans()) {
    if (span.starts_episode) {
      out.end_episode();
      if (stop.stop_requested()) break;
      wanted = a.index.empty() || std::find(a.index.begin(), a.index.end(), episode) != a.index.end();
      ++episode;
    }
    for (auto frame = span.first; wanted && frame < span.first + span.count; ++frame) {
      std::optional<Observation> seen;
      FrameRecordPtr record;
      try {
        record = trace->records(frame, 1, false).front();
        seen = frames.observation(frame, span);
      } catch (const FileError& problem) {
        broken.add(problem.what());
      }
      try {
        if (seen) out.add(frames.info(), *seen, record.get());
        if (seen) broken.add_good();
      } catch (const FrameMismatch& problem) {
        broken.add("frame " + std::to_string(frame) + ": " + problem.what());
      }
      progress.show("frame " + std::to_string(frame + 1) + " of " + std::to_string(trace->frames()),
                    static_cast<double>(frame + 1), static_cast<double>(trace->frames()));
    }
  }
  out.end_episode();
  progress.finish();
}

std::shared_ptr<const EpisodeCollection> open_dataset(Arguments& a) {
  auto data = open_source(a.source, a.open);
  print_warnings(*data);
  for (const auto index : a.index) check_index(*data, index);
  if (a.lerobot.robot.empty() && data->description()) a.lerobot.robot = data->description()->schema.robot;
  return data;
}

// Exit status 1 where the dataset lacks something.
void tell_what_is_missing(const UnreadParts& unread, const LerobotExport& out, const BrokenFrames& broken) {
  for (const auto& camera : out.left_out()) {
    std::cerr << "deer: note: " << printable(camera)
              << " is left out: no frame that was looked at has a picture of it, "
              << "and the dataset does not tell its size\n";
  }
  if (unread.episodes > 0) {
    std::cerr << "deer: skipped " << counted(unread.episodes, "episode") << " that could not be opened\n";
  }
  if (unread.pictures > 0) {
    std::cerr << "deer: " << counted(unread.pictures, "frame")
              << " with pictures that could not be read; the pictures before them are repeated, or they are black\n";
  }
  broken.finish();
  if (unread.episodes > 0 || unread.pictures > 0) throw CLI::RuntimeError(1);
}

void run_export(Arguments a) {
  a.open.gripper = a.gripper;
  a.open.map = a.map;
  a.lerobot.videos = !a.images;
  const bool is_trace = TraceReader::looks_like_trace(a.source);
  const auto data = is_trace ? nullptr : open_dataset(a);
  if (is_trace) a.lerobot.predictions = TraceReader::open(a.source)->metadata().layout;
  const StopOnSignal signals("episode");
  LerobotExport out(a.out, a.lerobot);
  out.make_folder();
  BrokenFrames broken;
  UnreadParts unread;
  try {
    if (is_trace) {
      write_trace(a, out, broken, signals.token());
    } else {
      unread =
          write_episodes(*data, a.index.empty() ? annotated_episodes(*data) : a.index, out, &broken, signals.token());
    }
    out.finish();
  } catch (const std::exception&) {
    out.give_up();
    throw;
  }
  std::printf("%s, %s in %s%s\n", counted(out.episodes(), "episode").c_str(), counted(out.frames(), "frame").c_str(),
              a.out.c_str(), signals.token().stop_requested() ? " (stopped)" : "");
  tell_what_is_missing(unread, out, broken);
}

}  // namespace

void add_export(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  auto* command =
      app.add_subcommand("export", "Write a dataset, or a trace with what its model did, as a LeRobot dataset");
  command->add_option("SOURCE", a->source, std::string(kEpisodeHelp) + ", or trace")->required();
  command->add_option("OUT", a->out, "Folder for the LeRobot dataset (v3.0), new or empty")->required();
  command
      ->add_option("--index", a->index,
                   "Write only these episodes, from 0 (see deer info); default: all annotated ones")
      ->check(whole_number())
      ->delimiter(',');
  command->add_option("--robot", a->lerobot.robot, "Robot type to store; default: the dataset's");
  command->add_flag("--images", a->images, "Store pictures as PNG inside Parquet, without loss, instead of as videos");
  command->add_option("--gripper", a->gripper, "Second video or image folder: the gripper camera");
  add_map_option(*command, a->map);
  command->add_option("--instruction", a->open.instruction, "Instruction to use instead of the recorded ones");
  command->callback([a] { run_export(*a); });
}

}  // namespace deer::cli
