// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QList>
#include <QString>
#include <QStringList>

#include "tests/architecture/source_tree.h"

namespace deer::test {

/// The tables of docs/architecture.md. In them `name/*` stands for every folder below `name`, at any depth.
struct ArchitectureMap {
  struct Folder {
    QString name;
    QStringList may_include;
  };
  struct Library {
    QString name;
    QStringList headers;  ///< how its headers begin; no header of the project's own
    QStringList folders;  ///< that may include them
  };
  struct Exception {
    QString from;
    QString to;
    QString reason;
  };
  QList<Folder> layers;   ///< what all folders of a layer may include of the layers below
  QList<Folder> folders;  ///< and what each may include besides
  QList<Library> libraries;
  QList<Exception> circles;  ///< arrows that close a circle of folders and are left out when circles are sought

  /// Reads the tables that follow the comments "table: layers", "table: folders", "table: libraries" and "table:
  /// circles".
  static ArchitectureMap read(const QString& markdown);

  bool has_folder(const QString& name) const;
  QStringList may_include(const QString& folder) const;
};

struct SizeLimits {
  int lines = 500;        ///< of a source file
  int components = 20;    ///< in a folder
  int methods = 40;       ///< of a class, signals and slots included
  int data_members = 25;  ///< of a class
};

// Each returns one line for every violation.
QStringList forbidden_arrows(const ArchitectureMap& map, const SourceTree& tree);
QStringList forbidden_libraries(const ArchitectureMap& map, const SourceTree& tree);
QStringList folders_off_the_map(const ArchitectureMap& map, const SourceTree& tree);
/// Circles between components, and between folders but for the exceptions of the map.
QStringList include_circles(const ArchitectureMap& map, const SourceTree& tree);
QStringList oversized_files(const SourceTree& tree, const SizeLimits& limits = {});
QStringList files_without_licence(const SourceTree& tree);
/// Classes above the limits that no comment "Large class: REASON" above them excuses.
QStringList oversized_classes(const SourceTree& tree, const SizeLimits& limits = {});

struct ClassSize {
  QString name;  ///< with the classes that it is nested in: "Session::Private"
  QString file;
  int methods = 0;       ///< declared in it, but for deleted and defaulted ones
  int data_members = 0;  ///< not static
  bool excused = false;  ///< there is a comment "Large class: REASON"
};
/// The classes that a header defines.
QList<ClassSize> class_sizes(const QString& file, const QString& text);

}  // namespace deer::test
