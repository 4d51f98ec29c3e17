// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>

#include "core/base/atomic_file.h"
#include "core/base/json_file.h"
#include "core/base/utf8.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;
using namespace std::string_literals;

class TestJsonFile : public QObject {
  Q_OBJECT

 private:
  TemporaryFolder folder_;

  Json read(std::string_view text) { return read_json(folder_.write("a.json", text)); }

 private Q_SLOTS:
  void reads_fields() {
    const auto json =
        read(R"({"n": 3, "x": 0.5, "s": "text", "b": true, "z": null, "o": {"k": [1, 2]}, "d": [1, 2.5]})");
    const JsonFields fields("a.json", json);
    QCOMPARE(fields.integer("n"), 3);
    QCOMPARE(fields.integer("none", 7), 7);
    QCOMPARE(fields.integer("z", 8), 8);
    QCOMPARE(fields.number("x"), 0.5);
    QCOMPARE(fields.number("n"), 3.0);
    QCOMPARE(fields.text("s"), "text"s);
    QVERIFY(fields.boolean("b", false));
    QVERIFY(!fields.has("z"));
    QCOMPARE(fields.object("o").integers("k"), (std::vector<std::int64_t>{1, 2}));
    QCOMPARE(fields.numbers("d"), (std::vector<double>{1, 2.5}));
  }

  void names_file_field_found_and_expected() {
    const auto json = read(R"({"n": "three", "o": {"k": -1}})");
    const JsonFields fields("a.json", json);
    DEER_VERIFY_ERROR(fields.integer("n"), "a.json: 'n' is \"three\", expected a whole number");
    DEER_VERIFY_ERROR(fields.number("m"), "a.json: 'm' is missing, expected a number");
    DEER_VERIFY_ERROR(fields.object("o").integer_in("k", 1, 8), "'o.k' is -1, expected a whole number from 1 to 8");
    DEER_VERIFY_ERROR(fields.integers("o"), "expected a list of whole numbers");
    DEER_VERIFY_ERROR(JsonFields("a.json", Json::array()), "content is array, expected an object");
  }

  void survives_every_cut() {
    const std::string whole = R"({"a": [1, 2.5e3, "x\u00e9", {"b": null}], "c": false})";
    for (std::size_t size = 0; size < whole.size(); ++size) {
      DEER_VERIFY_ERROR(read(whole.substr(0, size)), "not valid JSON at byte");
    }
  }

  void refuses_numbers_that_do_not_fit() {
    DEER_VERIFY_ERROR(read("[1e999]"), "not valid JSON");
    const auto json = read(R"({"n": 18446744073709551615, "l": [9223372036854775808]})");
    const JsonFields fields("a.json", json);
    DEER_VERIFY_ERROR(fields.integer("n"), "'n' is 18446744073709551615, expected a whole number");
    DEER_VERIFY_ERROR(fields.integers("l"), "expected a list of whole numbers");
  }

  void refuses_depth() {
    QCOMPARE(read(std::string(100, '[') + std::string(100, ']')).size(), std::size_t{1});
    DEER_VERIFY_ERROR(read(std::string(1'000'000, '[')), "nested more than 128 deep");
  }

  void writes_whole_files_or_none() {
    const auto path = folder_ / "out.json";
    write_file_atomically(path, "one");
    write_file_atomically(path, R"({"two": 2})");
    QCOMPARE(read_json(path).at("two").get<int>(), 2);
    DEER_VERIFY_ERROR(write_file_atomically(folder_ / "missing/out.json", "x"), "out.json: cannot write");
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      QVERIFY(entry.path().string().find(".part") == std::string::npos);
    }
  }

  void repairs_utf8() {
    QCOMPARE(valid_utf8("plain, ü, €, 🦌"), "plain, ü, €, 🦌"s);
    QCOMPARE(valid_utf8("a\xff\x62"), "a\uFFFDb"s);
    QCOMPARE(valid_utf8("\xc3"), "\uFFFD"s);
    QCOMPARE(valid_utf8("\xc0\xaf"), "\uFFFD\uFFFD"s);                 // overlong
    QCOMPARE(valid_utf8("\xed\xa0\x80"), "\uFFFD\uFFFD\uFFFD"s);       // surrogate
    QCOMPARE(valid_utf8("\xf4\x90\x80\x80").size(), std::size_t{12});  // beyond Unicode
  }
};

DEER_SUITE(TestJsonFile)
#include "tst_json_file.moc"
