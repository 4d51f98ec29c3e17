// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/pickle.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <unordered_map>

#include "core/base/bytes.h"
#include "core/base/error.h"
#include "core/base/number_text.h"
#include "core/base/utf8.h"

namespace deer {

const PickleNode* PickleNode::get(std::string_view key) const {
  for (const auto& [k, v] : entries) {
    if (k->kind == Kind::text && k->text == key) return v;
  }
  return nullptr;
}

bool PickleNode::is_call_of(std::string_view global) const {
  return kind == Kind::call && items[0]->kind == Kind::global && items[0]->text == global;
}

// The stack machine of Python's Lib/pickletools.py, reduced to opcodes that make data.
class PickleMachine {
 public:
  PickleMachine(std::span<const std::byte> bytes, const std::filesystem::path& source,
                std::span<const std::string_view> allowed, std::deque<PickleNode>& nodes)
      : bytes_(bytes), source_(source), allowed_(allowed), nodes_(nodes) {}

  const PickleNode* run() {
    while (true) {
      const char op = static_cast<char>(u8());
      if (op == '.') {
        if (stack_.size() != 1 || !marks_.empty()) fail("ends with a wrong number of values");
        return stack_.back();
      }
      step(op);
    }
  }

 private:
  using Kind = PickleNode::Kind;

  [[noreturn]] void fail(const std::string& why) const {
    throw FileError(source_, "pickled data " + why + " (at byte " + std::to_string(at_) + ")");
  }

  // Reading.
  std::span<const std::byte> take(std::uint64_t count) {
    if (count > bytes_.size() - at_) fail("is cut short");
    const auto out = bytes_.subspan(at_, static_cast<std::size_t>(count));
    at_ += static_cast<std::size_t>(count);
    return out;
  }
  template <typename T>
  T number() {
    return get_number<T>(take(sizeof(T)));
  }
  std::uint8_t u8() { return number<std::uint8_t>(); }
  std::uint32_t u32() { return number<std::uint32_t>(); }
  std::uint64_t u64() { return number<std::uint64_t>(); }
  std::string string(std::uint64_t count) {
    const auto raw = take(count);
    return {reinterpret_cast<const char*>(raw.data()), raw.size()};
  }
  std::string line() {
    const auto rest = bytes_.subspan(at_);
    const auto it = std::find(rest.begin(), rest.end(), std::byte{'\n'});
    if (it == rest.end()) fail("is cut short");
    auto out = string(static_cast<std::uint64_t>(it - rest.begin()));
    ++at_;
    return out;
  }

  // Building.
  PickleNode* make(Kind kind) {
    if (nodes_.size() >= kMaxNodes) fail("holds more than " + std::to_string(kMaxNodes) + " values");
    PickleNode& node = nodes_.emplace_back();
    node.kind = kind;
    return &node;
  }
  PickleNode* push(Kind kind) {
    auto* node = make(kind);
    stack_.push_back(node);
    return node;
  }
  void push_text(Kind kind, std::string text) { push(kind)->text = std::move(text); }
  void push_integer(std::int64_t value) { push(Kind::integer)->integer = value; }
  PickleNode* pop() {
    const std::size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() <= floor) fail("takes more values than it made");
    auto* node = stack_.back();
    stack_.pop_back();
    return node;
  }
  PickleNode* top() {
    const std::size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() <= floor) fail("takes more values than it made");
    return stack_.back();
  }
  std::vector<const PickleNode*> pop_to_mark() {
    if (marks_.empty()) fail("closes a group it never opened");
    std::vector<const PickleNode*> out(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return out;
  }
  void push_group(Kind kind, std::vector<const PickleNode*> items) { push(kind)->items = std::move(items); }
  void push_tuple(std::size_t count) {
    std::vector<const PickleNode*> items(count);
    for (std::size_t i = count; i-- > 0;) items[i] = pop();
    push_group(Kind::tuple, std::move(items));
  }
  void add_entries(PickleNode* target, const std::vector<const PickleNode*>& flat) {
    if (flat.size() % 2 != 0) fail("has a dictionary key without a value");
    if (target->kind != Kind::dict && target->kind != Kind::call) fail("sets items of something that has none");
    for (std::size_t i = 0; i < flat.size(); i += 2) target->entries.emplace_back(flat[i], flat[i + 1]);
  }
  void append(PickleNode* target, const std::vector<const PickleNode*>& more) {
    auto& items = target->kind == Kind::call ? target->appended : target->items;
    if (target->kind != Kind::list && target->kind != Kind::call && target->kind != Kind::set) {
      fail("appends to something that is not a list");
    }
    items.insert(items.end(), more.begin(), more.end());
  }
  void push_global(const std::string& module, const std::string& name) {
    const auto full = module + "." + name;
    const auto matches = [&](std::string_view pattern) {
      return pattern.ends_with('*') ? full.starts_with(pattern.substr(0, pattern.size() - 1)) : full == pattern;
    };
    if (std::none_of(allowed_.begin(), allowed_.end(), matches)) {
      fail("names '" + printable(full) + "', which is not plain data; it was not loaded");
    }
    push_text(Kind::global, full);
  }
  void push_call(const PickleNode* callable, const PickleNode* arguments) {
    if (callable->kind != Kind::global) fail("calls something that is not a known name");
    if (arguments->kind != Kind::tuple) fail("calls with arguments that are not a tuple");
    push_group(Kind::call, {callable, arguments});
  }

  // Little-endian two's complement of any length; more than 8 bytes are kept as they are.
  void push_long(std::uint64_t count) {
    const auto raw = take(count);
    if (raw.size() > 8) {
      push_text(Kind::bytes, {reinterpret_cast<const char*>(raw.data()), raw.size()});
      return;
    }
    auto value = get_number(raw, 0, raw.size());
    if (!raw.empty() && raw.size() < 8 && (raw.back() & std::byte{0x80}) != std::byte{0}) {
      value |= ~std::uint64_t{0} << (8 * raw.size());
    }
    push_integer(static_cast<std::int64_t>(value));
  }
  void push_decimal(std::string digits) {
    if (!digits.empty() && digits.back() == 'L') digits.pop_back();
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || end != digits.data() + digits.size()) fail("has a malformed number");
    push_integer(value);
  }
  void push_float_text(const std::string& digits) {
    const auto value = parse_number(digits);
    if (!value) fail("has a malformed number");
    push(Kind::real)->real = *value;
  }
  void push_big_endian_double() {
    std::uint64_t bits = 0;
    for (const std::byte b : take(8)) bits = (bits << 8) | std::to_integer<std::uint64_t>(b);
    push(Kind::real)->real = std::bit_cast<double>(bits);
  }
  // Protocol 0 text in quotes with Python's escapes; only the escapes of plain data are undone.
  std::string quoted(const std::string& raw) const {
    if (raw.size() < 2 || raw.front() != raw.back() || (raw.front() != '\'' && raw.front() != '"')) {
      fail("has malformed text");
    }
    std::string out;
    for (std::size_t i = 1; i + 1 < raw.size(); ++i) {
      if (raw[i] != '\\' || i + 2 >= raw.size()) {
        out += raw[i];
        continue;
      }
      const char c = raw[++i];
      if (c == 'x' && i + 3 < raw.size()) {
        append_utf8(out, hex(raw, i + 1, 2));
        i += 2;
      } else {
        out += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
      }
    }
    return out;
  }

  unsigned hex(const std::string& raw, std::size_t at, std::size_t digits) const {
    unsigned value = 0;
    if (at + digits > raw.size()) fail("has malformed text");
    const char* end = raw.data() + at + digits;
    const auto [stop, error] = std::from_chars(raw.data() + at, end, value, 16);
    if (error != std::errc{} || stop != end) fail("has malformed text");
    return value;
  }
  // Protocol 0 unicode: Latin-1 bytes with \uXXXX and \UXXXXXXXX for the rest.
  std::string raw_unicode(const std::string& raw) const {
    std::string out;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      const bool escape = raw[i] == '\\' && i + 1 < raw.size();
      if (escape && raw[i + 1] == 'u') {
        append_utf8(out, hex(raw, i + 2, 4));
        i += 5;
      } else if (escape && raw[i + 1] == 'U') {
        append_utf8(out, hex(raw, i + 2, 8));
        i += 9;
      } else {
        append_utf8(out, static_cast<unsigned char>(raw[i]));
      }
    }
    return out;
  }

  void memoize(std::uint64_t index) {
    // An index is at most the number of values made so far, unless somebody wants a huge table.
    if (index > nodes_.size() + 1'000'000) fail("uses an absurd memo index");
    memo_[index] = top();
  }
  void recall(std::uint64_t index) {
    const auto it = memo_.find(index);
    if (it == memo_.end()) fail("refers to a value it never made");
    stack_.push_back(it->second);
    if (stack_.size() > kMaxStack) fail("needs too large a stack");
  }

  void step(char code) {
    if (stack_.size() > kMaxStack || marks_.size() > kMaxStack) fail("needs too large a stack");
    const auto run = handlers()[static_cast<unsigned char>(code)];
    if (run == nullptr) {
      fail("uses opcode " + std::to_string(static_cast<unsigned char>(code)) + ", which plain data does not need");
    }
    run(*this);
  }

  // The opcodes of plain data. Comments give the names of Python's pickletools.
  using Handler = void (*)(PickleMachine&);
  static const std::array<Handler, 256>& handlers() {
    static const auto table = [] {
      std::array<Handler, 256> out{};
      add_stack_opcodes(out);
      add_number_opcodes(out);
      add_text_opcodes(out);
      add_container_opcodes(out);
      add_object_opcodes(out);
      return out;
    }();
    return table;
  }

  static void add_stack_opcodes(std::array<Handler, 256>& out) {
    out[0x80] = [](PickleMachine& m) { m.check_protocol(); };                  // PROTO
    out[0x95] = [](PickleMachine& m) { m.check_frame(); };                     // FRAME
    out['('] = [](PickleMachine& m) { m.marks_.push_back(m.stack_.size()); };  // MARK
    out['0'] = [](PickleMachine& m) { m.pop(); };                              // POP
    out['1'] = [](PickleMachine& m) { m.pop_to_mark(); };                      // POP_MARK
    out['2'] = [](PickleMachine& m) { m.stack_.push_back(m.top()); };          // DUP
    out['p'] = [](PickleMachine& m) { m.memoize(m.decimal_line()); };          // PUT
    out['q'] = [](PickleMachine& m) { m.memoize(m.u8()); };                    // BINPUT
    out['r'] = [](PickleMachine& m) { m.memoize(m.u32()); };                   // LONG_BINPUT
    out[0x94] = [](PickleMachine& m) { m.memoize(m.memo_.size()); };           // MEMOIZE
    out['g'] = [](PickleMachine& m) { m.recall(m.decimal_line()); };           // GET
    out['h'] = [](PickleMachine& m) { m.recall(m.u8()); };                     // BINGET
    out['j'] = [](PickleMachine& m) { m.recall(m.u32()); };                    // LONG_BINGET
  }

  static void add_number_opcodes(std::array<Handler, 256>& out) {
    out['N'] = [](PickleMachine& m) { m.push(Kind::none); };                                  // NONE
    out[0x88] = [](PickleMachine& m) { m.push(Kind::boolean)->integer = 1; };                 // NEWTRUE
    out[0x89] = [](PickleMachine& m) { m.push(Kind::boolean)->integer = 0; };                 // NEWFALSE
    out['I'] = [](PickleMachine& m) { m.push_integer_or_boolean(m.line()); };                 // INT
    out['L'] = [](PickleMachine& m) { m.push_decimal(m.line()); };                            // LONG
    out['J'] = [](PickleMachine& m) { m.push_integer(static_cast<std::int32_t>(m.u32())); };  // BININT
    out['K'] = [](PickleMachine& m) { m.push_integer(m.u8()); };                              // BININT1
    out['M'] = [](PickleMachine& m) { m.push_integer(m.number<std::uint16_t>()); };           // BININT2
    out[0x8a] = [](PickleMachine& m) { m.push_long(m.u8()); };                                // LONG1
    out[0x8b] = [](PickleMachine& m) { m.push_long(m.u32()); };                               // LONG4
    out['F'] = [](PickleMachine& m) { m.push_float_text(m.line()); };                         // FLOAT
    out['G'] = [](PickleMachine& m) { m.push_big_endian_double(); };                          // BINFLOAT
  }

  static void add_text_opcodes(std::array<Handler, 256>& out) {
    out['S'] = [](PickleMachine& m) { m.push_text(Kind::text, m.quoted(m.line())); };       // STRING
    out['V'] = [](PickleMachine& m) { m.push_text(Kind::text, m.raw_unicode(m.line())); };  // UNICODE
    out['X'] = [](PickleMachine& m) { m.push_text(Kind::text, m.string(m.u32())); };        // BINUNICODE
    out[0x8c] = [](PickleMachine& m) { m.push_text(Kind::text, m.string(m.u8())); };        // SHORT_BINUNICODE
    out[0x8d] = [](PickleMachine& m) { m.push_text(Kind::text, m.string(m.u64())); };       // BINUNICODE8
    out['T'] = [](PickleMachine& m) { m.push_text(Kind::bytes, m.string(m.u32())); };       // BINSTRING
    out['U'] = [](PickleMachine& m) { m.push_text(Kind::bytes, m.string(m.u8())); };        // SHORT_BINSTRING
    out['B'] = [](PickleMachine& m) { m.push_text(Kind::bytes, m.string(m.u32())); };       // BINBYTES
    out['C'] = [](PickleMachine& m) { m.push_text(Kind::bytes, m.string(m.u8())); };        // SHORT_BINBYTES
    out[0x8e] = [](PickleMachine& m) { m.push_text(Kind::bytes, m.string(m.u64())); };      // BINBYTES8
    out[0x96] = [](PickleMachine& m) { m.push_text(Kind::bytes, m.string(m.u64())); };      // BYTEARRAY8
  }

  static void add_container_opcodes(std::array<Handler, 256>& out) {
    out[']'] = [](PickleMachine& m) { m.push(Kind::list); };                          // EMPTY_LIST
    out['l'] = [](PickleMachine& m) { m.push_group(Kind::list, m.pop_to_mark()); };   // LIST
    out['a'] = [](PickleMachine& m) { m.append_one(); };                              // APPEND
    out['e'] = [](PickleMachine& m) { m.append_many(); };                             // APPENDS
    out[')'] = [](PickleMachine& m) { m.push(Kind::tuple); };                         // EMPTY_TUPLE
    out['t'] = [](PickleMachine& m) { m.push_group(Kind::tuple, m.pop_to_mark()); };  // TUPLE
    out[0x85] = [](PickleMachine& m) { m.push_tuple(1); };                            // TUPLE1
    out[0x86] = [](PickleMachine& m) { m.push_tuple(2); };                            // TUPLE2
    out[0x87] = [](PickleMachine& m) { m.push_tuple(3); };                            // TUPLE3
    out['}'] = [](PickleMachine& m) { m.push(Kind::dict); };                          // EMPTY_DICT
    out['d'] = [](PickleMachine& m) { m.push_dict(); };                               // DICT
    out['s'] = [](PickleMachine& m) { m.set_item(); };                                // SETITEM
    out['u'] = [](PickleMachine& m) { m.set_items(); };                               // SETITEMS
    out[0x8f] = [](PickleMachine& m) { m.push(Kind::set); };                          // EMPTY_SET
    out[0x90] = [](PickleMachine& m) { m.append_many(); };                            // ADDITEMS
    out[0x91] = [](PickleMachine& m) { m.push_group(Kind::set, m.pop_to_mark()); };   // FROZENSET
  }

  static void add_object_opcodes(std::array<Handler, 256>& out) {
    out['c'] = [](PickleMachine& m) { m.push_line_global(); };                       // GLOBAL
    out[0x93] = [](PickleMachine& m) { m.push_stack_global(); };                     // STACK_GLOBAL
    out['R'] = [](PickleMachine& m) { m.reduce(); };                                 // REDUCE
    out[0x81] = [](PickleMachine& m) { m.reduce(); };                                // NEWOBJ
    out['b'] = [](PickleMachine& m) { m.set_state(); };                              // BUILD
    out['Q'] = [](PickleMachine& m) { m.push_group(Kind::persistent, {m.pop()}); };  // BINPERSID
  }

  void check_protocol() {
    if (const auto protocol = u8(); protocol > 5) {
      fail("uses protocol " + std::to_string(protocol) + ", expected 0 to 5");
    }
  }
  void check_frame() {
    if (u64() > bytes_.size() - at_) fail("is cut short");
  }
  std::uint64_t decimal_line() {
    std::uint64_t out = 0;
    const auto digits = line();
    if (std::from_chars(digits.data(), digits.data() + digits.size(), out).ec != std::errc{}) {
      fail("has a malformed number");
    }
    return out;
  }
  void push_integer_or_boolean(const std::string& digits) {
    if (digits == "00" || digits == "01") {
      push(Kind::boolean)->integer = digits == "01";
    } else {
      push_decimal(digits);
    }
  }
  void append_one() {
    const auto* item = pop();
    append(top(), {item});
  }
  void append_many() {
    const auto more = pop_to_mark();
    append(top(), more);
  }
  void push_dict() {
    const auto flat = pop_to_mark();
    add_entries(push(Kind::dict), flat);
  }
  void set_item() {
    const auto* value = pop();
    const auto* key = pop();
    add_entries(top(), {key, value});
  }
  void set_items() {
    const auto flat = pop_to_mark();
    add_entries(top(), flat);
  }
  void push_line_global() {
    const auto module = line();
    push_global(module, line());
  }
  void push_stack_global() {
    const auto* name = pop();
    const auto* module = pop();
    if (name->kind != Kind::text || module->kind != Kind::text) fail("names something without text");
    push_global(module->text, name->text);
  }
  void reduce() {
    const auto* arguments = pop();
    const auto* callable = pop();
    push_call(callable, arguments);
  }
  void set_state() {
    const auto* state = pop();
    if (top()->kind != Kind::call) fail("sets the state of plain data");
    top()->state = state;
  }

  static constexpr std::size_t kMaxStack = 50'000'000;
  // One byte of pickle can ask for a node of some hundred: bound what a small file can claim.
  static constexpr std::size_t kMaxNodes = 8'000'000;

  std::span<const std::byte> bytes_;
  const std::filesystem::path& source_;
  std::span<const std::string_view> allowed_;
  std::deque<PickleNode>& nodes_;
  std::size_t at_ = 0;
  std::vector<PickleNode*> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint64_t, PickleNode*> memo_;
};

PickleDocument::PickleDocument(std::span<const std::byte> bytes, const std::filesystem::path& source,
                               std::span<const std::string_view> allowed) {
  root_ = PickleMachine(bytes, source, allowed, nodes_).run();
}

}  // namespace deer
