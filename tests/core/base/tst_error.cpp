// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <string>

#include "core/base/error.h"
#include "core/base/json_file.h"
#include "tests/support/suite.h"

using namespace deer;
using namespace std::string_literals;

class TestError : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void text_is_one_printable_line() {
    QCOMPARE(printable("a\tb\nc\x7F"), "a?b?c?"s);
    QCOMPARE(printable("Würfel 立方体"), "Würfel 立方体"s);
    QCOMPARE(printable("a\xff\xc3"), "a\uFFFD\uFFFD"s);
    QCOMPARE(printable("\xed\xa0\x80"), "\uFFFD\uFFFD\uFFFD"s);  // half of a surrogate pair
  }

  void text_is_cut_between_characters() {
    QCOMPARE(printable("abcd", 4), "abcd"s);
    QCOMPARE(printable("abcde", 4), "abcd…"s);
    QCOMPARE(printable("aü", 3), "aü"s);
    QCOMPARE(printable("aüb", 2), "a…"s);
    QCOMPARE(printable("", 0), ""s);
  }

  void messages_can_be_written_as_json() {
    const Json json = FileError("folder/na\xffme", "is missing").what();
    QCOMPARE(json.dump(), "\"folder/na\uFFFDme: is missing\""s);
  }
};

DEER_SUITE(TestError)
#include "tst_error.moc"
