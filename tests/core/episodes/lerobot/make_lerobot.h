// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#ifdef DEER_HAVE_ARROW

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/image.h"

namespace deer::test {

/// Writes a LeRobot dataset as LeRobot lays it out, with Arrow's own writer and OpenCV's. Two cameras, "front" and
/// "wrist"; frame n of the dataset shows n and 100 + n. Actions of episode e are 1000 e + 100 frame + column, states
/// (frame, -0.5). 10 Hz.
class MadeLerobot {
 public:
  enum class Pictures { videos, stored, none };

  MadeLerobot(std::filesystem::path root, std::string version, Pictures pictures = Pictures::videos);
  void add_episode(const std::string& task, int frames);
  void finish();  ///< writes what is of the whole dataset
  /// After finish() with Pictures::none: one short video under the names of all. For v2, whose episodes have
  /// videos of their own.
  void share_one_video() const;

  std::vector<std::string> action_names = {"x", "y", "gripper"};
  bool alternate = false;  ///< rows of the episodes in a file

  /// What a picture shows, from 0 to 255.
  static int number_of(const Image& image);

 private:
  struct Episode {
    std::string task;
    int frames;
    int first;
  };

  bool is_v3() const { return version_ == "v3.0"; }
  void write_data(const std::filesystem::path& file, std::size_t first, std::size_t last) const;
  void write_videos(const std::string& camera, const std::filesystem::path& file, int first, int frames) const;
  void write_info() const;
  void write_tables() const;

  const std::filesystem::path root_;
  const std::string version_;
  const Pictures pictures_;
  std::vector<Episode> episodes_;
  std::vector<std::string> tasks_;
};

}  // namespace deer::test

#endif
