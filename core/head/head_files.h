// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace deer {

class MappedFile;

/// One file of a model's heads.
struct HeadFile {
  std::string name;       ///< see is_head_file()
  std::int64_t size = 0;  ///< bytes, at least 1
  std::string hash;       ///< block_hash() of its content

  bool operator==(const HeadFile&) const = default;
};

inline constexpr std::size_t kHeadBlock = std::size_t{1} << 20;          ///< bytes
inline constexpr std::int64_t kMostHeadBytes = std::int64_t{4} << 30;    ///< of all files of a model's heads
inline constexpr std::int64_t kMostHeadExtra = std::int64_t{512} << 20;  ///< of a calibration set that goes with them

/// config.json, model.safetensors, kGateFile or kCalibrationFile. Nothing else is among a model's heads.
bool is_head_file(std::string_view name);

/// 40 hexadecimal digits for a content that comes in pieces: SHA-1 over "SIZE\n" and the SHA-1s of its blocks of
/// kHeadBlock bytes, as hexadecimal digits, the last block shorter.
class BlockHash {
 public:
  explicit BlockHash(std::int64_t size) : lines_(std::to_string(size) + "\n") {}  ///< that is expected

  void add(std::string_view bytes);
  std::int64_t size() const { return size_; }  ///< added so far
  std::string finish();                        ///< once

 private:
  void end_block();

  std::string lines_;
  std::string block_;
  std::int64_t size_ = 0;
};

/// The same of a file. Throws FileError.
std::string block_hash(const std::filesystem::path& file);

/// 40 hexadecimal digits: SHA-1 over one line "NAME SIZE HASH\n" for each file, in their order.
std::string head_fingerprint(std::span<const HeadFile> files);

/// Throws Error naming the field unless these are the files of a model's heads within the limits: config.json and
/// model.safetensors, each file once, names in ascending order, hashes of 40 hexadecimal digits.
void check_head_files(std::span<const HeadFile> files);

/// What a computer without a model needs to replay its runs: the action heads and the model's config, the learned gate
/// that is in the model's folder, and the calibration set that is there or, made with the model, beside it. Immutable,
/// thread-safe.
class HeadFiles {
 public:
  /// `fingerprint`: model_fingerprint() of the model, or empty. Needs room for the heads in the folder for temporary
  /// files, where nothing is left. Throws Error, also if they are more than kMostHeadBytes.
  static std::shared_ptr<const HeadFiles> of_model(const std::filesystem::path& model, const std::string& fingerprint);

  HeadFiles(const HeadFiles&) = delete;
  HeadFiles& operator=(const HeadFiles&) = delete;

  const std::vector<HeadFile>& list() const { return list_; }
  const std::string& fingerprint() const { return fingerprint_; }  ///< head_fingerprint()

  /// The file's bytes from `offset` on, kHeadBlock at most; empty at its end. `index` is into list().
  std::string_view block(std::size_t index, std::int64_t offset) const;

 private:
  HeadFiles() = default;

  std::vector<HeadFile> list_;
  std::string fingerprint_;
  std::vector<std::shared_ptr<const MappedFile>> contents_;  // of list_; a mapping keeps a file that was removed
};

}  // namespace deer
