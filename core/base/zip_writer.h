// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <string_view>

namespace deer {

/// Writes zip files to a stream, member by member. One thread at a time.
class ZipWriter {
 public:
  /// With a `level` from 1 (fast) to 9, members are deflated. With 0 they are stored, their contents aligned to
  /// 64 bytes as PyTorch aligns them. The stream must outlive the writer. Throws Error for another level.
  explicit ZipWriter(std::ostream& out, int level = 0);
  ~ZipWriter();
  ZipWriter(const ZipWriter&) = delete;
  ZipWriter& operator=(const ZipWriter&) = delete;

  /// Throws Error if `content` has 4 GB or more. Failures of the stream are left to whoever owns it.
  void add(std::string_view name, std::span<const std::byte> content);

  /// Ends the file. What is added later begins another one in the same stream.
  void finish();

  std::uint64_t size() const { return at_; }  ///< bytes written of this file

 private:
  struct Deflater;
  std::string deflated(std::string_view name, std::span<const std::byte> content);
  void write(std::string_view bytes);

  std::ostream& out_;
  std::unique_ptr<Deflater> deflater_;  // empty: members are stored
  std::string directory_;
  std::uint64_t at_ = 0;
  std::uint64_t count_ = 0;
};

}  // namespace deer
