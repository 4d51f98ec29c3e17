// SPDX-License-Identifier: GPL-3.0-or-later
#include <sys/stat.h>

#include <QTest>

#include "core/base/zip_archive.h"
#include "tests/support/make_zip.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;

namespace {

Bytes pattern(std::size_t size) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::byte>((i * 7) ^ (i >> 5));
  return out;
}

}  // namespace

class TestZipArchive : public QObject {
  Q_OBJECT

 private:
  TemporaryFolder folder_;

  ZipArchive archive(const Bytes& bytes) { return ZipArchive::open(folder_.write("a.zip", bytes)); }
  Bytes read_first(const Bytes& bytes, std::uint64_t limit = 1 << 20) {
    const auto zip = archive(bytes);
    return zip.read(zip.members().at(0), limit);
  }

 private Q_SLOTS:
  void reads_stored_deflated_and_zip64_data() {
    QTest::addColumn<bool>("deflate");
    QTest::addColumn<bool>("zip64");
    QTest::newRow("stored") << false << false;
    QTest::newRow("deflated") << true << false;
    QTest::newRow("stored zip64") << false << true;
    QTest::newRow("deflated zip64") << true << true;
  }
  void reads_stored_deflated_and_zip64() {
    QFETCH(bool, deflate);
    QFETCH(bool, zip64);
    const auto content = pattern(5000);
    const auto zip = archive(make_zip({{"x.npy", content, deflate}, {"empty", {}, deflate}}, zip64));
    QCOMPARE(zip.members().size(), std::size_t{2});
    QVERIFY(zip.read(*zip.find("x.npy")) == content);
    QVERIFY(zip.read(*zip.find("empty")).empty());
    QVERIFY(zip.find("y.npy") == nullptr);
    if (!deflate) {
      const auto inside = zip.stored(*zip.find("x.npy"));
      QVERIFY(std::equal(inside.begin(), inside.end(), content.begin(), content.end()));
    } else {
      DEER_VERIFY_ERROR(zip.stored(*zip.find("x.npy")), "'x.npy' is compressed");
    }
  }

  // Whatever is cut off: an error, or (never here) the right data.
  void survives_every_cut() {
    for (const bool deflate : {false, true}) {
      const auto content = pattern(300);
      const auto whole = make_zip({{"one", content, deflate}, {"two", content, !deflate}}, deflate);
      for (std::size_t size = 0; size < whole.size(); ++size) {
        const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
        const auto message = error_of([&] { read_first(cut); });
        QVERIFY2(!message.empty(), std::to_string(size).c_str());
      }
    }
  }

  // One byte changed: an error or correct data, since the contents are under a checksum.
  void survives_every_changed_byte() {
    const auto content = pattern(300);
    const auto whole = make_zip({{"one", content, true}});
    for (std::size_t i = 0; i < whole.size(); ++i) {
      for (const unsigned change : {0x01u, 0x80u, 0xFFu}) {
        auto bytes = whole;
        bytes[i] ^= static_cast<std::byte>(change);
        Bytes found;
        const auto message = error_of([&] {
          const auto zip = archive(bytes);
          if (!zip.members().empty()) found = zip.read(zip.members()[0]);
        });
        QVERIFY(!message.empty() || found.empty() || found == content);
      }
    }
  }

  void refuses_lies() {
    const auto content = pattern(300);
    DEER_VERIFY_ERROR(read_first(make_zip({{"x", content, false, 0, -1, 1}})), "'x' is damaged: its checksum differs");
    DEER_VERIFY_ERROR(read_first(make_zip({{"x", content, true, 0, -1, 1}})), "checksum");
    DEER_VERIFY_ERROR(read_first(make_zip({{"x", content, true, 0, 299}})), "damaged or cut short");
    DEER_VERIFY_ERROR(read_first(make_zip({{"x", content, true, 0, 301}})), "damaged or cut short");
    DEER_VERIFY_ERROR(read_first(make_zip({{"x", content, true, 1}})), "'x' is encrypted");
    DEER_VERIFY_ERROR(read_first(make_zip({{"x", content, false, 0, -1, 0, 12}})), "compression method 12");
    DEER_VERIFY_ERROR(read_first(bytes_of("not a zip at all, but long enough to be one")), "not a complete zip file");
  }

  void refuses_bombs() {
    const Bytes zeros(std::size_t{8} << 20);
    const auto bomb = make_zip({{"zeros", zeros, true}});
    QVERIFY(bomb.size() < 16'384);
    DEER_VERIFY_ERROR(read_first(bomb), "claims 8388608 bytes, more than the 1048576 allowed");
    // Says it is small, unfolds to much.
    DEER_VERIFY_ERROR(read_first(make_zip({{"zeros", zeros, true, 0, 1000}})), "damaged or cut short");
    // Claims what deflate cannot do, with a limit that would let it.
    DEER_VERIFY_ERROR(
        read_first(make_zip({{"x", pattern(10), true, 0, std::int64_t{1} << 50}}, true), std::uint64_t{1} << 60),
        "claims an impossible size");
  }

  void refuses_directories_that_do_not_fit() {
    auto bytes = make_zip({{"x", pattern(10)}});
    const auto end = bytes.size() - 22;
    bytes[end + 10] = std::byte{0xFE};  // number of members
    bytes[end + 11] = std::byte{0xFE};
    DEER_VERIFY_ERROR(archive(bytes), "claims 65278 members");
    bytes = make_zip({{"x", pattern(10)}});
    bytes[end + 16] = std::byte{0xFF};  // offset of the directory
    DEER_VERIFY_ERROR(archive(bytes), "zip directory: needs bytes");
  }

  void names_what_is_no_file() {
    DEER_VERIFY_ERROR(ZipArchive::open(folder_ / "nothing.zip"), "nothing.zip: cannot open: No such file");
    DEER_VERIFY_ERROR(ZipArchive::open(folder_.path()), "is a folder, expected a file");
    const auto pipe = folder_ / "pipe";
    QCOMPARE(::mkfifo(pipe.c_str(), 0600), 0);
    DEER_VERIFY_ERROR(ZipArchive::open(pipe), "is not a regular file");  // and does not wait for a writer
    DEER_VERIFY_ERROR(archive({}), "not a complete zip file");
  }
};

DEER_SUITE(TestZipArchive)
#include "tst_zip_archive.moc"
