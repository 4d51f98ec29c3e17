// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/head/head_cache.h"

#include <numeric>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/model/heads_folder.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path, const HeadFile& file) {
  std::error_code error;
  if (!fs::is_regular_file(path, error) || static_cast<std::int64_t>(fs::file_size(path, error)) != file.size) {
    return false;
  }
  try {
    return block_hash(path) == file.hash;
  } catch (const FileError&) {
    return false;
  }
}

[[noreturn]] void refuse(const HeadFile& file, const std::string& found, const std::string& expected) {
  throw Error("the action heads' " + file.name + " was not received as it was announced: found " + found +
              ", expected " + expected);
}

}  // namespace

fs::path keep_heads(const fs::path& cache, std::span<const HeadFile> files, const HeadReader& read,
                    const ProgressCallback& progress, const std::stop_token& stop) {
  check_head_files(files);
  const auto folder = cache / (head_fingerprint(files) + kHeadsExtension);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw FileError(folder, "cannot create this folder: " + error.message());
  const auto total = std::accumulate(files.begin(), files.end(), std::int64_t{0},
                                     [](auto sum, const auto& f) { return sum + f.size; });
  std::int64_t done = 0;
  for (const auto& file : files) {
    if (stop.stop_requested()) throw Cancelled();
    const auto path = folder / file.name;
    if (is_there(path, file)) {
      done += file.size;
      continue;
    }
    // It takes its name only if everything is right.
    write_file_atomically(path, [&](std::ostream& out) {
      BlockHash hash(file.size);
      read(file, [&](std::string_view bytes) {
        if (stop.stop_requested()) throw Cancelled();
        hash.add(bytes);
        if (hash.size() > file.size) refuse(file, "more bytes", std::to_string(file.size) + " bytes");
        out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        if (progress) progress("Fetching the action heads", done + hash.size(), total);
      });
      if (hash.size() != file.size) {
        refuse(file, std::to_string(hash.size()) + " bytes", std::to_string(file.size) + " bytes");
      }
      if (const auto found = hash.finish(); found != file.hash) refuse(file, "the fingerprint " + found, file.hash);
    });
    done += file.size;
  }
  return folder;
}

}  // namespace deer
