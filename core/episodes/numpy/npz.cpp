// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/numpy/npz.h"

#include <string>

#include "core/base/error.h"

namespace deer {

const ZipArchive::Member* NpzFile::member(std::string_view key) const {
  return archive_.find(std::string(key) + ".npy");
}

NpyArray NpzFile::array(std::string_view key, std::uint64_t size_limit) const {
  const auto* found = member(key);
  if (found == nullptr) throw FileError(path(), "'" + std::string(key) + "' is missing");
  return NpyArray::parse(archive_.read(*found, size_limit), path(), key);
}

}  // namespace deer
