// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QMap>
#include <QString>
#include <QStringList>

namespace deer::test {

/// C++ sources by path relative to the root of the tree, with their text.
struct SourceTree {
  QMap<QString, QString> files;

  /// Reads the .h and .cpp files below `folders` of `root`.
  static SourceTree read(const QString& root, const QStringList& folders);

  QStringList folders() const;  ///< those that hold files, sorted
  /// The paths that a file includes with quotes, in order.
  QStringList includes(const QString& file) const;
  /// The headers that a file includes with angle brackets, in order.
  QStringList library_includes(const QString& file) const;
};

QString folder_of(const QString& file);

/// A component: its header, its source and its private header, "sessions/session/session" for session.h, session.cpp
/// and session_private.h.
QString component_of(const QString& file);

/// C++ text without comments, string contents and preprocessor lines; line breaks stay where they were.
QString code_only(const QString& text);

/// Groups of nodes that reach each other, each sorted.
QList<QStringList> circles(const QMap<QString, QStringList>& arrows);

}  // namespace deer::test
