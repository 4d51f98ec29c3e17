// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QDialog>
#include <QHash>
#include <QImage>
#include <QString>
#include <QTextBrowser>
#include <QUrl>

#include "sessions/threads/task_queue.h"

class QListWidget;
class QPushButton;

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

/// The user guide in its own window: contents on the left, the page on the right; links to other pages and headings,
/// and a way back (Alt+Left). Pages are read in the background.
class GuideDialog : public QDialog {
  Q_OBJECT

 public:
  explicit GuideDialog(QWidget* parent);

  QTextBrowser* browser() const { return browser_; }
  QListWidget* contents() const { return contents_; }

 Q_SIGNALS:
  void loaded(const QString& name);

 private:
  struct Place {
    QString page;
    QString anchor;   ///< heading as in a link, "a-heading"; empty: none
    int scroll = -1;  ///< without an anchor; -1: the top
  };

  void go_to(const Place& place);
  void go_back();
  void show_page(const GuidePage& page, const Place& wanted);
  void follow(const QUrl& link);
  void go_to_heading(int row);
  void go_to_block(int number);

  QListWidget* contents_;
  GuideBrowser* browser_;
  QPushButton* back_;
  QList<int> headings_;  ///< number of the block of each entry
  QString shown_;        ///< page
  QList<Place> before_;  ///< for back
  TaskQueue files_;
};

}  // namespace deer
