// SPDX-License-Identifier: GPL-3.0-or-later
// Opcodes: Python's Lib/pickletools.py.
#include "core/base/pickle_writer.h"

#include <bit>
#include <limits>

#include "core/base/bytes.h"
#include "core/base/error.h"

namespace deer {

void PickleWriter::begin() { out_ += '('; }
void PickleWriter::end_list() { out_ += 'l'; }
void PickleWriter::end_tuple() { out_ += 't'; }
void PickleWriter::end_dict() { out_ += 'd'; }
void PickleWriter::end_tuple_of(int items) { out_ += static_cast<char>(0x84 + items); }
void PickleWriter::empty_tuple() { out_ += ')'; }
void PickleWriter::empty_dict() { out_ += '}'; }
void PickleWriter::set_items() { out_ += 'u'; }
void PickleWriter::none() { out_ += 'N'; }
void PickleWriter::boolean(bool value) { out_ += value ? '\x88' : '\x89'; }
void PickleWriter::call() { out_ += 'R'; }
void PickleWriter::set_state() { out_ += 'b'; }
void PickleWriter::persistent() { out_ += 'Q'; }
void PickleWriter::value(const PickleWriter& whole) { out_ += whole.out_; }

void PickleWriter::integer(std::int64_t value) {
  if (value == static_cast<std::int32_t>(value)) {
    out_ += 'J';
    put_number(out_, static_cast<std::uint32_t>(value));
  } else {
    out_ += "\x8a\x08";
    put_number(out_, static_cast<std::uint64_t>(value));
  }
}

void PickleWriter::real(double value) {
  out_ += 'G';  // big-endian, unlike everything else
  const auto bits = std::bit_cast<std::uint64_t>(value);
  for (int shift = 56; shift >= 0; shift -= 8) out_ += static_cast<char>((bits >> shift) & 0xFF);
}

void PickleWriter::counted(char opcode, std::string_view content) {
  if (content.size() > std::numeric_limits<std::uint32_t>::max()) throw Error("a value is too large to be pickled");
  out_ += opcode;
  put_number(out_, static_cast<std::uint32_t>(content.size()));
  out_ += content;
}

void PickleWriter::text(std::string_view utf8) { counted('X', utf8); }
void PickleWriter::bytes(std::string_view raw) { counted('B', raw); }

void PickleWriter::global(std::string_view module, std::string_view name) {
  out_ += 'c';
  out_ += module;
  out_ += '\n';
  out_ += name;
  out_ += '\n';
}

std::string PickleWriter::finish(int protocol) const {
  return std::string("\x80") + static_cast<char>(protocol) + out_ + '.';
}

}  // namespace deer
