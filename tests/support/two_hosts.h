// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <unistd.h>

#include <QProcess>
#include <QStringList>

namespace deer::test {

/// Two network namespaces with a cable between them, which stand for two machines; not there without the right to make
/// them. Programs run in them with `ip netns exec NAME …`.
class TwoHosts {
 public:
  TwoHosts() {
    const auto of = [](const char* what) { return QStringLiteral("deer%1%2").arg(what).arg(::getpid() % 100'000); };
    names_ = {of("a"), of("b")};
    const QStringList ends = {of("va"), of("vb")};
    are_there_ =
        ip({"netns", "add", names_[0]}) && ip({"netns", "add", names_[1]}) &&
        ip({"link", "add", ends[0], "netns", names_[0], "type", "veth", "peer", "name", ends[1], "netns", names_[1]});
    for (int i = 0; i < 2 && are_there_; ++i) {
      const QStringList here = {"-n", names_[i]};
      are_there_ =
          ip(here + QStringList{"address", "add", QStringLiteral("10.77.0.%1/24").arg(i + 1), "dev", ends[i]}) &&
          ip(here + QStringList{"link", "set", ends[i], "up"}) && ip(here + QStringList{"link", "set", "lo", "up"});
    }
  }
  ~TwoHosts() {
    for (const auto& name : names_) ip({"netns", "del", name});
  }
  TwoHosts(const TwoHosts&) = delete;
  TwoHosts& operator=(const TwoHosts&) = delete;

  bool are_there() const { return are_there_; }
  const QStringList& names() const { return names_; }
  QString address() const { return QStringLiteral("10.77.0.1"); }  ///< of the first

 private:
  static bool ip(const QStringList& arguments) {
    QProcess process;
    process.start(QStringLiteral("ip"), arguments);
    return process.waitForFinished() && process.exitStatus() == QProcess::NormalExit && process.exitCode() == 0;
  }

  QStringList names_;
  bool are_there_ = false;
};

}  // namespace deer::test
