// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/pickle.h"
#include "core/episodes/numpy/npy.h"

namespace deer {

/// A pickle that numpy wrote: plain values, lists, tuples, dictionaries, numpy arrays and scalars.
/// The names that numpy's own pickles need are recognised as data; any other name is refused.
/// Nothing is imported and nothing is run.
class NumpyPickle {
 public:
  /// `bytes` is a pickle, `file` names it in messages. Throws FileError.
  NumpyPickle(std::span<const std::byte> bytes, const std::filesystem::path& file);

  /// The pickle inside an .npy file of objects, as np.save(…, allow_pickle=True) writes it.
  static NumpyPickle from_npy(std::span<const std::byte> bytes, const std::filesystem::path& file);

  const PickleNode& root() const { return document_.root(); }

  // Readings of one value, whatever way it was pickled. All return empty or null if it is not that.

  /// A text key of a dictionary (text, or a Python 2 string); the last if there are several.
  static const PickleNode* entry(const PickleNode& dictionary, std::string_view key);
  /// Items of a list, a tuple or an array of objects (flattened).
  static std::optional<std::vector<const PickleNode*>> sequence(const PickleNode& node);
  /// A whole number, Python's or numpy's.
  static std::optional<std::int64_t> integer(const PickleNode& node);
  /// Text, Python's or numpy's.
  static std::optional<std::string> text(const PickleNode& node);
  /// An array of numbers or text. Its size is checked against its data.
  static std::optional<NpyArray> array(const PickleNode& node);

 private:
  PickleDocument document_;
};

}  // namespace deer
