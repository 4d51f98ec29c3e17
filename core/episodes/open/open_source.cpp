// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/open/open_source.h"

#include <algorithm>
#include <string_view>
#include <system_error>

#include "core/base/bytes.h"
#include "core/base/error.h"
#include "core/base/lfs_pointer.h"
#include "core/base/mapped_file.h"
#include "core/base/zip_archive.h"
#include "core/episodes/calvin/calvin_dataset.h"
#include "core/episodes/calvin/calvin_frame.h"
#include "core/episodes/hdf5/hdf5_dataset.h"
#include "core/episodes/hdf5/hdf5_file.h"
#include "core/episodes/lerobot/lerobot_dataset.h"
#include "core/episodes/lerobot/lerobot_index.h"
#include "core/episodes/media/media_files.h"
#include "core/episodes/open/warned_collection.h"
#include "core/episodes/rlds/rlds_dataset.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOpens = "Deerscope opens CALVIN, LeRobot, RLDS and HDF5 datasets, image folders and videos";

// Formats of robot data that are recognised but not read; empty: none of them.
std::string unread_format(const fs::path& path, std::string_view head) {
  std::error_code error;
  for (const char* name : {".zgroup", ".zarray", "zarr.json"}) {
    if (fs::exists(path / name, error)) return "a Zarr store";
  }
  if (path.filename() == "data.mdb" || fs::exists(path / "data.mdb", error)) return "an LMDB database";
  if (fs::exists(path / "metadata.yaml", error)) return "a ROS 2 bag";
  if (head.starts_with("\x89MCAP")) return "an MCAP recording";
  if (head.starts_with("#ROSBAG")) return "a ROS bag";
  if (head.starts_with("SQLite format 3")) return "an SQLite database (a ROS 2 bag?)";
  if (head.starts_with("PAR1")) return "one Parquet file: open the folder of its dataset, which has meta/info.json";
  return {};
}

// The only folder in `path`, as an archive unpacked into a folder of its own name leaves it; empty if there are others.
fs::path only_folder(const fs::path& path) {
  std::error_code error;
  fs::path out;
  for (auto it = fs::directory_iterator(path, error); !error && it != fs::end(it); it.increment(error)) {
    const auto name = it->path().filename().string();
    if (name.starts_with('.') || name == "__MACOSX" || !it->is_directory(error)) continue;
    if (!out.empty()) return {};
    out = it->path();
  }
  return out;
}

std::shared_ptr<const EpisodeCollection> open_folder(const fs::path& path, const OpenSourceOptions& options) {
  if (CalvinDataset::is_split(path) || CalvinDataset::is_dataset(path)) {
    return CalvinDataset::open(path, options.cache);
  }
  if (is_lerobot(path)) return open_lerobot(path, options);
  if (const auto rlds = find_rlds(path)) return open_rlds(*rlds, options);
  std::error_code error;
  if (fs::is_directory(path / "static", error)) return open_images(path, options);
  // One name is enough; a folder with millions of files is not listed completely for a message.
  std::size_t seen = 0;
  bool frames = false;
  for (auto it = fs::directory_iterator(path, error); !error && it != fs::end(it) && seen < 10'000;
       it.increment(error)) {
    ++seen;
    frames = calvin_frame_id(it->path()) >= 0;
    if (frames) break;
  }
  if (error) throw FileError(path, "cannot list the folder: " + error.message());
  if (seen == 0) throw FileError(path, "is an empty folder, expected a dataset, images or a video");
  if (frames) {
    throw FileError(path,
                    "holds CALVIN frames, but neither ep_start_end_ids.npy nor lang_annotations/auto_lang_ann.npy "
                    "that define the episodes");
  }
  if (!list_images(path).empty()) return open_images(path, options);
  if (!list_hdf5(path).empty()) return open_hdf5(path, options);
  if (const auto unread = unread_format(path, {}); !unread.empty()) {
    throw FileError(path, "is " + unread + "; " + kOpens);
  }
  if (const auto below = only_folder(path); !below.empty()) {
    try {
      const auto inside = open_folder(below, options);
      return with_warning(inside, FileError(path, "holds one folder, which is opened instead: " +
                                                      printable(below.filename().string(), 300))
                                      .what());
    } catch (const FileError&) {
      // What was looked for in `path` says more.
    }
  }
  throw FileError(path,
                  "contains nothing to open; looked for training/ or validation/, ep_start_end_ids.npy, "
                  "lang_annotations/auto_lang_ann.npy (CALVIN), meta/info.json (LeRobot), dataset_info.json and "
                  "features.json (RLDS), HDF5 files (h5, hdf5), static/, and images (" +
                      std::string(kImageFormats) + ")");
}

std::shared_ptr<const EpisodeCollection> open_file(const fs::path& path, const OpenSourceOptions& options) {
  const auto file = MappedFile::open(path);
  if (file->size() == 0) {
    throw FileError(path, "is an empty file, expected a video, an image, a CALVIN frame or an HDF5 file with episodes");
  }
  if ((path.extension() == ".h5" || path.extension() == ".hdf5") && !Hdf5File::looks_like_hdf5(path)) {
    refuse_lfs_pointer(path);
    throw FileError(path, "is not a trace or a dataset: it is not an HDF5 file");
  }
  const auto head = file->bytes().first(std::min<std::size_t>(file->size(), 16));
  const auto frame_id = calvin_frame_id(path);
  if (frame_id >= 0 && CalvinDataset::is_split(fs::absolute(path).parent_path())) {
    return CalvinDataset::open(fs::absolute(path).parent_path(), options.cache, frame_id);
  }
  if (ZipArchive::looks_like_zip(head) || frame_id >= 0) return open_calvin_frame(path, options.cache);
  if (Hdf5File::looks_like_hdf5(path)) return open_hdf5(path, options);
  refuse_lfs_pointer(path);
  if (looks_like_image(path)) return open_images(path, options);
  if (looks_like_video(path)) return open_video(path, options);
  if (const auto unread = unread_format(path, as_text(head)); !unread.empty()) {
    throw FileError(path, "is " + unread + "; " + kOpens);
  }
  if (path.filename().string().find(".tfrecord") != std::string::npos) {
    throw FileError(path, "is one TFRecord file: open its folder, which has features.json");
  }
  throw FileError(path, std::string("has an unknown format; expected a video (mp4, avi, mkv, …), an image (") +
                            kImageFormats + "), a CALVIN frame (npz), an HDF5 file with episodes, or a folder");
}

}  // namespace

std::shared_ptr<const EpisodeCollection> open_source(const fs::path& path, const OpenSourceOptions& options) {
  if (path.empty()) throw Error("no path given, expected a dataset, an image folder or a video");
  std::error_code error;
  const auto status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) throw FileError(path, "does not exist");
  if (error) throw FileError(path, "cannot open: " + error.message());
  auto out = fs::is_directory(status) ? open_folder(path, options) : open_file(path, options);
  if (!options.gripper.empty() && out->kind() != "images" && out->kind() != "video") {
    throw FileError(path,
                    "has its own cameras (" + out->kind() +
                        "): a second video or folder for the gripper camera is only for image folders and videos");
  }
  if (options.map.empty() || out->description() != nullptr) return out;
  return with_warning(
      out, FileError(options.map, "is not used: it is for LeRobot, RLDS and HDF5 datasets, and " +
                                      printable(path.string(), 1000) + " is of another kind (" + out->kind() + ")")
               .what());
}

}  // namespace deer
