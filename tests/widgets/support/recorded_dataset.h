// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>
#include <utility>

#include "core/episodes/recording_collection.h"
#include "sessions/base/factories.h"

namespace deer::test {

/// One episode of any schema. Picture `c` of each frame is of the colour (0, 80, 60 + 60 c); the last camera has none
/// in odd frames. Column `i` of series `s` in frame `f` is 100 s + 10 i + f / 10.
class MadeRecording final : public RecordingReader {
 public:
  static constexpr int kFrames = 30;

  explicit MadeRecording(RecordingSchema schema) : schema_(std::move(schema)) {}

  std::int64_t length() const override { return kFrames; }
  RecordedFrame load_series(std::int64_t index) override {
    RecordedFrame out;
    out.frame_id = index;
    for (std::size_t s = 0; s < schema_.series.size(); ++s) {
      auto& values = out.series.emplace_back();
      for (std::size_t i = 0; i < schema_.series[s].columns.size(); ++i) {
        values.push_back(static_cast<double>(100 * s + 10 * i) + static_cast<double>(index) / 10);
      }
    }
    return out;
  }
  RecordedFrame load(std::int64_t index, const std::stop_token&) override {
    auto out = load_series(index);
    for (std::size_t c = 0; c < schema_.cameras.size(); ++c) {
      const bool last = c > 0 && c + 1 == schema_.cameras.size();
      out.pictures.push_back(last && index % 2 == 1 ? nullptr : picture(static_cast<int>(c)));
    }
    return out;
  }

  static SourceOpener opener(RecordingSchema schema) {
    return [schema](const std::filesystem::path& path, const OpenSourceOptions& options) {
      RecordingContents contents;
      contents.kind = "test";
      contents.path = path;
      contents.schema = schema;
      EpisodeEntry entry;
      entry.last_frame_id = kFrames - 1;
      contents.entries = {entry};
      contents.open = [schema](std::size_t) {
        OpenedRecording opened;
        opened.title = "made";
        opened.reader = std::make_unique<MadeRecording>(schema);
        return opened;
      };
      return std::make_shared<RecordingCollection>(std::move(contents), options);
    };
  }

 private:
  static ImagePtr picture(int camera) {
    auto out = std::make_shared<Image>();
    out->width = 32;
    out->height = 24;
    for (int i = 0; i < out->width * out->height; ++i) {
      for (const int value : {0, 80, 60 + 60 * camera}) out->rgb.push_back(static_cast<std::uint8_t>(value));
    }
    return out;
  }

  const RecordingSchema schema_;
};

}  // namespace deer::test
