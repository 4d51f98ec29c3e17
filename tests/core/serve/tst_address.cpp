// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <fstream>

#include "core/serve/address.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

namespace fs = std::filesystem;
using namespace deer;

class AddressTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void which_are_local_data();
  void which_are_local();
  void bad_ones_data();
  void bad_ones();
  void tokens();
};

void AddressTest::which_are_local_data() {
  QTest::addColumn<bool>("local");
  for (const char* text : {"127.0.0.1:8477", "127.8.9.1:0", "[::1]:8477", "localhost:1", "unix:/tmp/x", "unix:x"}) {
    QTest::newRow(text) << true;
  }
  // A name that begins like a loopback address is resolved by whoever owns it.
  for (const char* text : {"0.0.0.0:8477", "[::]:8477", "192.168.1.2:8477", "robot:8477", "127.0.0.1.example.org:1",
                           "[::ffff:127.0.0.1]:1", "LOCALHOST.example:2"}) {
    QTest::newRow(text) << false;
  }
}

void AddressTest::which_are_local() {
  QFETCH(bool, local);
  QCOMPARE(ServeAddress::parse(QTest::currentDataTag()).is_local, local);
}

void AddressTest::bad_ones_data() {
  QTest::addColumn<QString>("expected");
  QTest::newRow("") << "HOST:PORT";
  QTest::newRow("8477") << "HOST:PORT";
  QTest::newRow(":8477") << "HOST:PORT";
  QTest::newRow("localhost:") << "port";
  QTest::newRow("localhost:65536") << "port";
  QTest::newRow("localhost:-1") << "port";
  QTest::newRow("localhost:80x") << "port";
  QTest::newRow("::1:80") << "HOST:PORT";
  QTest::newRow("[::1:80") << "HOST:PORT";
  QTest::newRow("[x]:80") << "HOST:PORT";
  QTest::newRow("http://localhost:80") << "HOST:PORT";
  QTest::newRow("unix:") << "unix:PATH";
  const auto long_one = "unix:/" + std::string(200, 'x');
  QTest::newRow(long_one.c_str()) << "at most 107";
}

void AddressTest::bad_ones() {
  QFETCH(QString, expected);
  DEER_VERIFY_ERROR(ServeAddress::parse(QTest::currentDataTag()), expected.toStdString());
}

void AddressTest::tokens() {
  const test::TemporaryFolder folder;
  const auto file = folder / "token";
  const auto write = [&](const std::string& text) {
    fs::remove(file);
    std::ofstream(file) << text;
    fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
  };
  DEER_VERIFY_ERROR(read_token(file), "cannot be read");
  write("  s3cret \nsecond line\n");
  QCOMPARE(read_token(file), std::string("s3cret"));
  fs::permissions(file, fs::perms::group_read, fs::perm_options::add);
  DEER_VERIFY_ERROR(read_token(file), "read by others");
  write("\n");
  DEER_VERIFY_ERROR(read_token(file), "no token");
  write("two words");
  DEER_VERIFY_ERROR(read_token(file), "visible ASCII");
  write(std::string(5000, 'x'));
  DEER_VERIFY_ERROR(read_token(file), "more than 4096");
  DEER_VERIFY_ERROR(read_token(folder.path()), "is not a file");
}

DEER_SUITE(AddressTest)

#include "tst_address.moc"
