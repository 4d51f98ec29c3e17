// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/support/lerobot_output.h"

#include <algorithm>
#include <string>

#include "app/cli/support/progress.h"
#include "core/base/error.h"
#include "core/episodes/lerobot/lerobot_writer.h"

namespace deer::cli {
namespace {

constexpr const char* kHeldOut = "validation";
constexpr std::size_t kMostLookedAt = 200;  // episodes

// The first episode may lack a camera that others have.
void look_ahead(const EpisodeCollection& data, const std::vector<std::size_t>& episodes, LerobotExport& out,
                const std::stop_token& stop) {
  for (std::size_t i = 0; i < episodes.size() && i < kMostLookedAt && !stop.stop_requested(); ++i) {
    try {
      const auto source = data.open(episodes[i]);
      if (source->length().value_or(0) > 0) out.look_at(source->info(), *source->read(0));
    } catch (const FileError&) {
      // Told when its turn comes.
    }
    if (out.has_seen_all()) return;
  }
}

bool has_numbers(const Observation& seen) {
  return seen.robot_obs || seen.rel_action || seen.action || !seen.state.empty() || !seen.other_action.empty();
}

class EpisodeWriter {
 public:
  EpisodeWriter(LerobotExport& out, BrokenFrames* broken) : out_(out), broken_(broken) {}

  // Null for one that is left out.
  FrameSourcePtr open(const EpisodeCollection& data, std::size_t index) {
    try {
      return data.open(index);
    } catch (const FileError& problem) {
      if (!broken_) throw;
      broken_->add("episode " + std::to_string(index) + ": " + problem.what(), 0);
      ++unread_.episodes;
      return nullptr;
    }
  }

  void write(FrameSource& source) {
    const auto length = source.length().value_or(0);
    for (std::int64_t i = 0; i < length; ++i) {
      source.prefetch(i + 1);
      const auto seen = read(source, i);
      if (!seen) continue;
      try {
        out_.add(source.info(), *seen, nullptr);
        if (broken_) broken_->add_good();
      } catch (const FrameMismatch& problem) {
        if (!broken_) throw;
        broken_->add(source.info().title + ", frame " + std::to_string(i) + ": " + problem.what());
      }
    }
    out_.end_episode();
  }

  const UnreadParts& unread() const { return unread_; }

 private:
  // Its numbers alone where a picture is broken; null for a frame that is left out.
  ObservationPtr read(FrameSource& source, std::int64_t index) {
    try {
      return source.read(index);
    } catch (const FileError& problem) {
      if (!broken_) throw;
      try {
        auto state = source.read_state(index);
        if (state && has_numbers(*state)) {
          broken_->add(problem.what(), 0);
          ++unread_.pictures;
          return state;
        }
      } catch (const FileError&) {
        // The first problem is the one to tell.
      }
      broken_->add(problem.what());
      return nullptr;
    }
  }

  LerobotExport& out_;
  BrokenFrames* const broken_;
  UnreadParts unread_;
};

}  // namespace

std::vector<std::size_t> annotated_episodes(const EpisodeCollection& data) {
  std::vector<std::size_t> annotated, all;
  for (std::size_t i = 0; i < data.episodes().size(); ++i) {
    all.push_back(i);
    if (data.episodes()[i].kind == EpisodeEntry::Kind::language_annotation) annotated.push_back(i);
  }
  return annotated.empty() ? all : annotated;
}

UnreadParts write_episodes(const EpisodeCollection& data, const std::vector<std::size_t>& episodes, LerobotExport& out,
                           BrokenFrames* broken, const std::stop_token& stop) {
  auto sorted = episodes;
  const auto held_out =
      std::stable_partition(sorted.begin(), sorted.end(), [&](auto i) { return data.episodes()[i].split != kHeldOut; });
  look_ahead(data, sorted, out, stop);
  EpisodeWriter writer(out, broken);
  Progress progress;
  std::size_t done = 0;
  for (auto it = sorted.begin(); it != sorted.end() && !stop.stop_requested(); ++it) {
    if (it == held_out) out.begin_split(kHeldOut);
    if (const auto source = writer.open(data, *it)) writer.write(*source);
    ++done;
    progress.show("writing episode " + std::to_string(done) + " of " + std::to_string(sorted.size()) + ", " +
                      std::to_string(out.frames()) + " frames",
                  static_cast<double>(done), static_cast<double>(sorted.size()));
  }
  progress.finish();
  return writer.unread();
}

}  // namespace deer::cli
