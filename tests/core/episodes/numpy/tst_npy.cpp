// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <cmath>

#include "core/episodes/numpy/npy.h"
#include "core/episodes/numpy/npz.h"
#include "tests/support/make_npy.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;

namespace {

NpyArray parse(const Bytes& bytes) { return NpyArray::parse(bytes, "a.npy"); }

Bytes with_header(std::string header) {
  Bytes out = bytes_of("\x93NUMPY\x01");
  out.push_back(std::byte{0});
  put(out, static_cast<std::uint16_t>(header.size()));
  put(out, bytes_of(header));
  return out;
}

}  // namespace

class TestNpy : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void reads_types_data() {
    QTest::addColumn<QString>("descr");
    QTest::addColumn<QByteArray>("data");
    QTest::addColumn<QString>("described");
    const auto row = [](const char* descr, const Bytes& data, const char* described) {
      QTest::newRow(descr) << descr << QByteArray(reinterpret_cast<const char*>(data.data()), qsizetype(data.size()))
                           << described;
    };
    row("|b1", raw<std::uint8_t>({0, 1, 1}), "bool [3]");
    row("|u1", raw<std::uint8_t>({0, 1, 250}), "uint8 [3]");
    row("<i4", raw<std::int32_t>({0, 1, -5}), "int32 [3]");
    row("<u4", raw<std::uint32_t>({0, 1, 4000000000}), "uint32 [3]");
    row("<i8", raw<std::int64_t>({0, 1, -5}), "int64 [3]");
    row("<f2", raw<std::uint16_t>({0, 0x3C00, 0xB800}), "float16 [3]");
    row(">i4", raw<std::uint32_t>({0, 0x01000000, 0xFBFFFFFF}), "int32 [3]");
    row(">f4", raw<std::uint32_t>({0, 0x0000803F, 0x000000BF}), "float32 [3]");
    row("<f4", raw<float>({0, 1, -0.5F}), "float32 [3]");
    row("<f8", raw<double>({0, 1, 1e300}), "float64 [3]");
  }
  void reads_types() {
    QFETCH(QString, descr);
    QFETCH(QByteArray, data);
    QFETCH(QString, described);
    const auto bytes = bytes_of({data.constData(), static_cast<std::size_t>(data.size())});
    for (const int version : {1, 2, 3}) {
      const auto array = parse(make_npy(descr.toStdString(), "(3,)", bytes, version));
      QCOMPARE(QString::fromStdString(array.describe()), described);
      QCOMPARE(array.number(0), 0.0);
      QCOMPARE(array.number(1), 1.0);
      const auto last = array.number(2);
      QVERIFY(last == 1 || last == 250 || last == -5 || last == 4e9 || last == -0.5 || last == 1e300);
      if (array.type().kind != 'f') QCOMPARE(static_cast<double>(array.integer(2)), last);
    }
  }

  void reads_every_half_precision_number() {
    const auto array =
        parse(make_npy("<f2", "(6,)", raw<std::uint16_t>({0x0001, 0x03FF, 0x7BFF, 0xC000, 0x7C00, 0x7E00})));
    QCOMPARE(array.number(0), std::ldexp(1.0, -24));
    QCOMPARE(array.number(1), std::ldexp(1023.0, -24));
    QCOMPARE(array.number(2), 65504.0);
    QCOMPARE(array.number(3), -2.0);
    QVERIFY(std::isinf(array.number(4)) && std::isnan(array.number(5)));
    // Big-endian text, and Fortran order together with it.
    QCOMPARE(parse(make_npy(">U2", "()", raw<std::uint32_t>({0x41000000, 0xE9000000}))).text(0),
             std::string("A\xC3\xA9"));
    const auto turned = parse(make_npy(">i2", "(2, 2)", raw<std::uint16_t>({0x0100, 0x0200, 0x0300, 0x0400}), 1, true));
    QCOMPARE(turned.integer(1), std::int64_t{3});
  }

  void reads_text_scalars_and_empty() {
    const auto text = parse(make_npy("<U2", "(2,)", raw<std::uint32_t>({'a', 0x20AC, 'b', 0})));
    QCOMPARE(text.text(0), std::string("a€"));
    QCOMPARE(text.text(1), std::string("b"));
    QCOMPARE(parse(make_npy("<f8", "()", raw<double>({2.5}))).number(0), 2.5);
    QCOMPARE(parse(make_npy("<f8", "(0, 3)", {})).count(), std::uint64_t{0});
    QCOMPARE(parse(make_npy("<i8", "(2L, 1L)", raw<std::int64_t>({1, 2}))).shape(), (std::vector<std::uint64_t>{2, 1}));
  }

  void turns_fortran_order() {
    // [[0, 1, 2], [10, 11, 12]] column by column.
    const auto array = parse(make_npy("<i4", "(2, 3)", raw<std::int32_t>({0, 10, 1, 11, 2, 12}), 1, true));
    const std::vector<std::int64_t> expected = {0, 1, 2, 10, 11, 12};
    for (std::size_t i = 0; i < 6; ++i) QCOMPARE(array.integer(i), expected[i]);
    std::vector<std::int32_t> cube(24), turned(24);
    for (int i = 0; i < 2; ++i) {
      for (int j = 0; j < 3; ++j) {
        for (int k = 0; k < 4; ++k) turned[static_cast<std::size_t>(i + 2 * (j + 3 * k))] = 100 * i + 10 * j + k;
      }
    }
    const auto three = parse(make_npy("<i4", "(2, 3, 4)", raw(turned), 1, true));
    for (std::size_t i = 0; i < 24; ++i) {
      QCOMPARE(three.integer(i), static_cast<std::int64_t>(100 * (i / 12) + 10 * (i / 4 % 3) + i % 4));
    }
  }

  void survives_every_cut_and_change() {
    const auto whole = make_npy("<f8", "(2, 3)", raw<double>({1, 2, 3, 4, 5, 6}));
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      DEER_VERIFY_ERROR(parse(cut), "a.npy: array ");
    }
    for (std::size_t i = 0; i < 128; ++i) {
      for (int value = 0; value < 256; ++value) {
        auto bytes = whole;
        bytes[i] = static_cast<std::byte>(value);
        const auto message = error_of([&] {
          const auto array = parse(bytes);
          QCOMPARE(array.data().size(), array.count() * array.type().size);
          QCOMPARE(array.data().size(), std::size_t{48});
        });
        QVERIFY(message.empty() || message.starts_with("a.npy: array "));
      }
    }
  }

  void refuses_headers_that_numpy_does_not_write() {
    DEER_VERIFY_ERROR(parse(bytes_of("PK\x03\x04 and so on")), "does not begin as numpy's .npy");
    DEER_VERIFY_ERROR(parse(make_npy("<f8", "()", {}, 4)), "version 4, expected 1 to 3");
    DEER_VERIFY_ERROR(parse(make_npy("<c16", "(1,)", Bytes(16))), "element type '<c16'");
    DEER_VERIFY_ERROR(parse(make_npy("<f16", "(1,)", Bytes(16))), "element type '<f16'");
    DEER_VERIFY_ERROR(parse(make_npy("|O", "()", bytes_of("N."))), "holds pickled objects");
    DEER_VERIFY_ERROR(parse(make_npy("<f8", "(4294967296, 4294967296, 2)", {})), "impossible shape");
    DEER_VERIFY_ERROR(parse(make_npy("<f8", "(2305843009213693953,)", {})), "impossible shape");
    DEER_VERIFY_ERROR(parse(make_npy("<f8", "(3,)", raw<double>({1, 2}))),
                      "has 16 bytes of data, but float64 [3] needs 24");
    DEER_VERIFY_ERROR(parse(make_npy("<f8", "(1,)", raw<double>({1, 2}))), "has 16 bytes of data");
    DEER_VERIFY_ERROR(parse(with_header("{'descr': [('x', '<f8')], 'fortran_order': False, 'shape': ()}")),
                      "is a structured array");
    for (const char* header : {
             "",
             "{}",
             "{'descr': '<f8'}",
             "{'descr': '<f8', 'fortran_order': 0, 'shape': ()}",
             "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
             "{'descr': '<f8', 'fortran_order': False, 'shape': (1+1,)}",
             "{'descr': '<f8', 'fortran_order': False, 'shape': [1]}",
             "{'descr': '<f8', 'fortran_order': False, 'shape': (1 2)}",
             "{'descr': '<f8', 'descr': '<f4', 'fortran_order': False, 'shape': ()}",
             "{'descr': '<f8', 'fortran_order': False, 'shape': (), 'x': 1}",
             "{'descr': '<f8', 'fortran_order': False, 'shape': ()} + os.system('id')",
             "{'descr': __import__('os'), 'fortran_order': False, 'shape': ()}",
         }) {
      DEER_VERIFY_ERROR(parse(with_header(header)), "has a header that numpy does not write");
    }
    std::string deep = "(";
    for (int i = 0; i < 40; ++i) deep += "1, ";
    DEER_VERIFY_ERROR(parse(make_npy("<f8", deep + ")", raw<double>({1}))), "numpy does not write");
  }

  void npz_reads_by_key() {
    const TemporaryFolder folder;
    for (const bool deflate : {false, true}) {
      const NpzFile file(
          folder.write("a.npz", make_zip({{"x.npy", make_npy("<f8", "(2,)", raw<double>({1, 2})), deflate},
                                          {"broken.npy", bytes_of("?"), deflate}})));
      QVERIFY(file.has("x") && !file.has("y"));
      QCOMPARE(file.array("x", 1024).number(1), 2.0);
      DEER_VERIFY_ERROR(file.array("y", 1024), "a.npz: 'y' is missing");
      DEER_VERIFY_ERROR(file.array("broken", 1024), "a.npz: 'broken' does not begin as numpy's .npy");
      DEER_VERIFY_ERROR(file.array("x", 100), "more than the 100 allowed");
    }
  }
};

DEER_SUITE(TestNpy)
#include "tst_npy.moc"
