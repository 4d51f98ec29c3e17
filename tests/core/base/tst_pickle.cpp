// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>

#include "core/base/pickle.h"
#include "tests/support/make_zip.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;
using namespace std::string_literals;

namespace {

PickleDocument load(const std::string& bytes, std::vector<std::string_view> allowed = {}) {
  return {std::as_bytes(std::span(bytes)), "data.pkl", allowed};
}

// Python: {'a': [1, -2, 2.5, None, True], 'b': (b'x\xff', 'ü', {7})} in each protocol.
const std::vector<std::string> kSame = {
    "(dp0\nVa\np1\n(lp2\nI1\naI-2\naF2.5\naNaI01\nasVb\np3\n(c_codecs\nencode\np4\n("
    "Vx\xff\np5\nVlatin1\np6\ntp7\nRp8\nV\xfc\np9\n"
    "(lp10\nI7\natp11\ns."s,
    "\x80\x02}q\0(X\x01\0\0\0aq\x01]q\x02(K\x01J\xfe\xff\xff\xffG@\x04\0\0\0\0\0\0N\x88"s
    "eX\x01\0\0\0bq\x03"s
    "c_codecs\nencode\nq\x04X\x03\0\0\0x\xc3\xbfq\x05X\x06\0\0\0latin1q\x06\x86q\x07Rq\x08X\x02\0\0\0\xc3\xbcq\x09]q\x0aK\x07"s
    "a\x87q\x0bu."s,
    "\x80\x04\x95\x30\0\0\0\0\0\0\0}\x94(\x8c\x01"s
    "a\x94]\x94(K\x01J\xfe\xff\xff\xffG@\x04\0\0\0\0\0\0N\x88"s
    "e\x8c\x01"s
    "b\x94"s
    "C\x02x\xff\x94\x8c\x02\xc3\xbc\x94\x8f\x94(K\x07\x90\x87\x94u."s,
};

}  // namespace

class TestPickle : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void reads_every_protocol() {
    for (const auto& bytes : kSame) {
      const auto document = load(bytes, {"_codecs.encode"});
      const auto& root = document.root();
      QVERIFY(root.is(PickleNode::Kind::dict));
      const auto& a = *root.get("a");
      QCOMPARE(a.items.size(), std::size_t{5});
      QCOMPARE(a.items[0]->integer, 1);
      QCOMPARE(a.items[1]->integer, -2);
      QCOMPARE(a.items[2]->real, 2.5);
      QVERIFY(a.items[3]->is(PickleNode::Kind::none));
      QVERIFY(a.items[4]->integer == 1);
      const auto& b = *root.get("b");
      QVERIFY(b.is(PickleNode::Kind::tuple));
      QCOMPARE(b.items.size(), std::size_t{3});
      QVERIFY(b.items[0]->is_call_of("_codecs.encode") || b.items[0]->text == "x\xff");
      QCOMPARE(b.items[1]->text, "ü"s);
      QCOMPARE(b.items[2]->items.size(), std::size_t{1});
      QCOMPARE(b.items[2]->items[0]->integer, 7);
    }
  }

  void reads_escapes_and_long_numbers() {
    QCOMPARE(load("V\\u20ac\\U0001f98c\xe9\n."s).root().text, "€🦌é"s);
    QCOMPARE(load("S'a\\x41\\n\\''\n."s).root().text, "aA\n'"s);
    QCOMPARE(load("\x8a\x01\xff."s).root().integer, -1);
    QCOMPARE(load("\x8a\x02\xff\x00."s).root().integer, 255);
    QCOMPARE(load("\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80."s).root().integer,
             std::numeric_limits<std::int64_t>::min());
    QVERIFY(load("\x8a\x09\x01\x01\x01\x01\x01\x01\x01\x01\x01."s).root().is(PickleNode::Kind::bytes));
    QCOMPARE(load("L123L\n."s).root().integer, 123);
  }

  void runs_nothing() {
    // What pickle.dumps makes of an object whose __reduce__ is (os.system, ('id',)), three ways.
    const std::vector<std::string> attacks = {
        "cposix\nsystem\n(Vid\ntR."s,
        "\x80\x04\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94."s,
        "\x80\x02"s
        "c__builtin__\neval\nX\x02\0\0\0id\x85R."s,
    };
    for (const auto& bytes : attacks) {
      const auto message = error_of([&] { load(bytes, {"_codecs.encode", "numpy.dtype"}); });
      QVERIFY2(message.starts_with("data.pkl: ") && message.find("which is not plain data") != std::string::npos,
               message.c_str());
    }
    DEER_VERIFY_ERROR(load(attacks[0]), "'posix.system'");
    // Opcodes that make objects some other way.
    DEER_VERIFY_ERROR(load("(iposix\nsystem\n."s), "opcode 105");
    DEER_VERIFY_ERROR(load("(cposix\nsystem\no."s), "posix.system");
    DEER_VERIFY_ERROR(load("\x82\x01."s), "opcode 130");
    // Calling a string, or what a call gave.
    DEER_VERIFY_ERROR(load("Vposix.system\n(Vid\ntR."s), "calls something that is not a known name");
    DEER_VERIFY_ERROR(load("cos\nx\n)R)R."s, {"os.x"}), "calls something that is not a known name");
    // A name put together on the stack is checked like any other.
    DEER_VERIFY_ERROR(load("\x8c\x02os\x8c\x06system\x93."s, {"os.path"}), "'os.system'");
  }

  void survives_every_cut_and_change() {
    for (const auto& whole : kSame) {
      for (std::size_t size = 0; size < whole.size(); ++size) {
        const auto message = error_of([&] { load(whole.substr(0, size), {"_codecs.encode"}); });
        QVERIFY2(!message.empty(), std::to_string(size).c_str());
      }
      for (std::size_t i = 0; i < whole.size(); ++i) {
        for (int value = 0; value < 256; ++value) {
          auto bytes = whole;
          bytes[i] = static_cast<char>(value);
          error_of([&] { load(bytes, {"_codecs.encode"}); });  // an error or data, nothing else
        }
      }
    }
  }

  void refuses_nonsense() {
    DEER_VERIFY_ERROR(load(""), "cut short");
    DEER_VERIFY_ERROR(load("."s), "wrong number of values");
    DEER_VERIFY_ERROR(load("NN."s), "wrong number of values");
    DEER_VERIFY_ERROR(load("(."s), "wrong number of values");
    DEER_VERIFY_ERROR(load("a."s), "takes more values than it made");
    DEER_VERIFY_ERROR(load("N(a."s), "takes more values than it made");  // not across the mark
    DEER_VERIFY_ERROR(load("t."s), "closes a group it never opened");
    DEER_VERIFY_ERROR(load("h\x05."s), "refers to a value it never made");
    DEER_VERIFY_ERROR(load("\x80\x09N."s), "protocol 9");
    DEER_VERIFY_ERROR(load("X\xff\xff\xff\xff."s), "cut short");
    DEER_VERIFY_ERROR(load("\x8e\xff\xff\xff\xff\xff\xff\xff\xffx."s), "cut short");
    DEER_VERIFY_ERROR(load("\x95\xff\xff\xff\xff\xff\xff\xff\xffN."s), "cut short");
    DEER_VERIFY_ERROR(load("}(Vx\nu."s), "dictionary key without a value");
    DEER_VERIFY_ERROR(load("NNa."s), "appends to something that is not a list");
    DEER_VERIFY_ERROR(load("Fabc\n."s), "malformed number");
    DEER_VERIFY_ERROR(load("S'\\xg1'\n."s), "malformed text");
    DEER_VERIFY_ERROR(load("Np99999999999\n."s), "absurd memo index");
  }

  void refuses_to_grow_without_measure() {
    DEER_VERIFY_ERROR(load(std::string(9'000'000, 'N')), "holds more than 8000000 values");
  }

  void does_not_recurse() {
    // A list in a list, 300,000 deep, is fine to read and to forget.
    const std::size_t depth = 300'000;
    const auto document = load(std::string(depth, ']') + std::string(depth - 1, 'a') + ".");
    QCOMPARE(document.root().items.size(), std::size_t{1});
    // A list that holds itself.
    const auto self = load(
        "]q\x01h\x01"s
        "a."s);
    QCOMPARE(self.root().items[0], &self.root());
  }
};

DEER_SUITE(TestPickle)
#include "tst_pickle.moc"
