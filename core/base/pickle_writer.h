// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace deer {

/// Builds a pickle (protocol 2 or 3) of plain values and of calls. Values go onto a stack: a container is
/// begin(), its items, and the end_…() that takes everything since begin().
class PickleWriter {
 public:
  void begin();
  void end_list();
  void end_tuple();
  void end_dict();               ///< of key, value, key, value, …
  void end_tuple_of(int items);  ///< takes the last 1 to 3 values; needs no begin()
  void empty_tuple();
  void empty_dict();
  void set_items();  ///< of the dictionary before begin()

  void none();
  void boolean(bool value);
  void integer(std::int64_t value);
  void real(double value);
  void text(std::string_view utf8);
  void bytes(std::string_view raw);  ///< protocol 3; throws Error if there are 4 GB or more

  void global(std::string_view module, std::string_view name);
  void call();                            ///< of a global with the tuple of arguments after it
  void set_state();                       ///< of an object to the value after it
  void persistent();                      ///< the value is the identifier of something kept elsewhere
  void value(const PickleWriter& whole);  ///< what another writer built

  /// The pickle of the one value that was built.
  std::string finish(int protocol) const;

 private:
  void counted(char opcode, std::string_view content);

  std::string out_;
};

}  // namespace deer
