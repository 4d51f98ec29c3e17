// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QDialog>
#include <QHash>
#include <QImage>
#include <QString>
#include <QTextBrowser>

#include "sessions/threads/task_queue.h"

class QListWidget;

namespace deer {

/// The folder with the guide and the other pages; empty if this installation has none. Asks the disk.
QString find_documentation();

/// A page of the documentation, as read from the disk.
struct GuidePage {
  QString name;      ///< "guide.md"
  QString markdown;  ///< empty: it could not be read
  QHash<QString, QImage> pictures;
};

/// A page whose pictures have been read already: it never asks the disk.
class GuideBrowser : public QTextBrowser {
  Q_OBJECT

 public:
  void set_pictures(QHash<QString, QImage> pictures) { pictures_ = std::move(pictures); }

 protected:
  QVariant loadResource(int type, const QUrl& name) override;

 private:
  QHash<QString, QImage> pictures_;
};

/// The user guide in its own window: contents on the left, the page on the right. Pages are read in the background.
class GuideDialog : public QDialog {
  Q_OBJECT

 public:
  explicit GuideDialog(QWidget* parent);

  QTextBrowser* browser() const { return browser_; }
  QListWidget* contents() const { return contents_; }

 Q_SIGNALS:
  void loaded(const QString& name);

 private:
  void load(const QString& name);
  void show_page(const GuidePage& page);
  void follow(const QUrl& link);
  void go_to_heading(int row);

  QListWidget* contents_;
  GuideBrowser* browser_;
  QList<int> headings_;  ///< number of the block of each entry
  TaskQueue files_;
};

}  // namespace deer
