// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <cmath>
#include <fstream>

#include "core/episodes/numpy/npz.h"
#include "core/episodes/value_table.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;

class ValueTableTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void csv();
  void npz();
  void nothing();

 private:
  static ValueTable table() {
    return {{{"frame", {0, 1, 2}, {}},
             {"error, mm", {0.1, std::nan(""), -1.0 / 3}, {}},
             {"error; mm", {1e8}, {}},
             {"why", {}, {"plain", "a \"quoted\", word", "größer ≤ 𝛿"}}}};
  }
};

void ValueTableTest::csv() {
  QCOMPARE(QByteArray::fromStdString(to_csv(table())), QByteArray("frame,\"error, mm\",error; mm,why\n"
                                                                  "0,0.1,1e+08,plain\n"
                                                                  "1,,,\"a \"\"quoted\"\", word\"\n"
                                                                  "2,-0.3333333333333333,,größer ≤ 𝛿\n"));
  QCOMPARE(QByteArray::fromStdString(to_csv({{{"a", {1}, {}}, {"b,c", {2}, {}}}}, '\t')), QByteArray("a\tb,c\n1\t2\n"));
}

void ValueTableTest::npz() {
  const test::TemporaryFolder folder;
  const auto path = folder.path() / "table.npz";
  std::ofstream(path, std::ios::binary) << to_npz(table());
  const NpzFile file(path);
  const auto frames = file.array("frame", 1000);
  QCOMPARE(frames.shape(), std::vector<std::uint64_t>{3});
  QCOMPARE(frames.type(), (NpyType{'f', 8}));
  QCOMPARE(frames.number(2), 2.0);
  const auto errors = file.array("error_mm", 1000);
  QCOMPARE(errors.number(2), -1.0 / 3);
  QVERIFY(std::isnan(errors.number(1)));
  QCOMPARE(file.array("error_mm_2", 1000).number(0), 1e8);
  const auto texts = file.array("why", 1000);
  QCOMPARE(texts.type().kind, 'U');
  QCOMPARE(texts.text(0), std::string("plain"));
  QCOMPARE(texts.text(2), std::string("größer ≤ 𝛿"));
}

void ValueTableTest::nothing() {
  QCOMPARE(to_csv({}), std::string("\n"));
  QVERIFY(!to_npz({}).empty());
  QCOMPARE(ValueTable{}.rows(), std::size_t(0));
}

DEER_SUITE(ValueTableTest)
#include "tst_value_table.moc"
