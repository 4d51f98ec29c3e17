// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/support/lerobot_output.h"

#include <algorithm>
#include <string>

#include "app/cli/support/progress.h"
#include "core/base/error.h"

namespace deer::cli {
namespace {

constexpr const char* kHeldOut = "validation";

}  // namespace

std::vector<std::size_t> annotated_episodes(const EpisodeCollection& data) {
  std::vector<std::size_t> annotated, all;
  for (std::size_t i = 0; i < data.episodes().size(); ++i) {
    all.push_back(i);
    if (data.episodes()[i].kind == EpisodeEntry::Kind::language_annotation) annotated.push_back(i);
  }
  return annotated.empty() ? all : annotated;
}

void write_episodes(const EpisodeCollection& data, const std::vector<std::size_t>& episodes, LerobotExport& out,
                    const std::function<void(const std::string&)>& broken, const std::stop_token& stop) {
  auto sorted = episodes;
  const auto held_out =
      std::stable_partition(sorted.begin(), sorted.end(), [&](auto i) { return data.episodes()[i].split != kHeldOut; });
  Progress progress;
  std::size_t done = 0;
  for (auto it = sorted.begin(); it != sorted.end() && !stop.stop_requested(); ++it) {
    if (it == held_out) out.begin_split(kHeldOut);
    const auto source = data.open(*it);
    const auto length = source->length().value_or(0);
    for (std::int64_t i = 0; i < length; ++i) {
      source->prefetch(i + 1);
      try {
        out.add(source->info(), *source->read(i), nullptr);
      } catch (const FileError& problem) {
        if (!broken) throw;
        broken(problem.what());
      }
    }
    out.end_episode();
    ++done;
    progress.show("writing episode " + std::to_string(done) + " of " + std::to_string(sorted.size()) + ", " +
                      std::to_string(out.frames()) + " frames",
                  static_cast<double>(done), static_cast<double>(sorted.size()));
  }
  progress.finish();
}

}  // namespace deer::cli
