// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace deer {

/// One value of a pickle. Nodes live in their PickleDocument and refer to each other by pointer, so
/// shared and even cyclic structures cost nothing special.
struct PickleNode {
  enum class Kind {
    none,
    boolean,     ///< integer is 0 or 1
    integer,     ///< integer; larger ones than 64 bits become `bytes`
    real,        ///< real
    text,        ///< text, UTF-8
    bytes,       ///< text holds the raw bytes
    list,        ///< items
    tuple,       ///< items
    set,         ///< items
    dict,        ///< entries
    global,      ///< text is "module.name"; never resolved
    call,        ///< items = {callable, arguments}; entries, appended and state as set afterwards; never run
    persistent,  ///< items = {id}; torch.save's reference to a storage
  };

  Kind kind = Kind::none;
  std::int64_t integer = 0;
  double real = 0;
  std::string text;
  std::vector<const PickleNode*> items;
  std::vector<std::pair<const PickleNode*, const PickleNode*>> entries;
  std::vector<const PickleNode*> appended;  ///< what APPENDS added to a call's result
  const PickleNode* state = nullptr;        ///< what BUILD gave a call's result

  /// The value of a text key in `entries`, or null.
  const PickleNode* get(std::string_view key) const;
  bool is(Kind k) const { return kind == k; }
  /// True for a call of the global named `module.name`.
  bool is_call_of(std::string_view global) const;
};

/// Reads a pickle (protocols 0 to 5) as data. Nothing is imported and nothing is run: a class or
/// function becomes a `global` node, calling one a `call` node, and only names that `allowed` lists
/// are let through; any other ends the reading with a FileError that names it.
class PickleDocument {
 public:
  /// `source` names the file in messages. `allowed` holds full names ("module.name"); one that ends
  /// in '*' allows every name that begins so. Throws FileError if the pickle is malformed or uses
  /// an opcode outside the data subset.
  PickleDocument(std::span<const std::byte> bytes, const std::filesystem::path& source,
                 std::span<const std::string_view> allowed);

  PickleDocument(PickleDocument&&) = default;
  PickleDocument& operator=(PickleDocument&&) = default;

  const PickleNode& root() const { return *root_; }

 private:
  friend class PickleMachine;
  std::deque<PickleNode> nodes_;
  const PickleNode* root_ = nullptr;
};

}  // namespace deer
