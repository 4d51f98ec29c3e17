// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QImage>
#include <QObject>
#include <QPointer>
#include <QString>
#include <functional>
#include <vector>

#include "core/episodes/value_table.h"
#include "sessions/base/problem.h"
#include "sessions/threads/task_queue.h"

class QMenu;
class QWidget;

namespace deer {

/// Exports values and pictures of views: one context menu for all views, and the same functions for commands. Pictures
/// are PNG, SVG or PDF, values CSV or NPZ, by file extension; files are written on another thread.
class ViewExports : public QObject {
  Q_OBJECT

 public:
  using Values = std::function<ValueTable()>;
  /// Asks for the file to write, given a title, a proposed name and a QFileDialog filter. Empty: cancelled.
  using FileChooser = std::function<QString(const QString& title, const QString& name, const QString& filter)>;

  explicit ViewExports(QWidget* window);

  /// Adds the menu to a view. `name` is shown to the user; without `values` only its picture can be exported.
  void add(QWidget* view, const QString& name, Values values = {});
  void set_file_chooser(FileChooser chooser) { choose_ = std::move(chooser); }

  /// The visible view that was last under the pointer or had the focus; null if there is none.
  QWidget* current() const;
  QString name_of(const QWidget* view) const;
  bool has_values(const QWidget* view) const;

  void copy_values(QWidget* view);
  void copy_picture(QWidget* view);
  void ask_picture(QWidget* view);  ///< asks for the file
  void ask_figure(QWidget* view);
  void ask_values(QWidget* view);
  void save_picture(QWidget* view, const QString& path);
  /// For print: in the light theme, without buttons and input fields.
  void save_figure(QWidget* view, const QString& path);
  void save_image(const QImage& image, const QString& path);  ///< as PNG
  void save_values(QWidget* view, const QString& path);
  void fill_menu(QMenu* menu, QWidget* view);

 Q_SIGNALS:
  void current_changed();
  void saved(const QString& path);
  void problem(const deer::Problem& problem);

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  struct View {
    QPointer<QWidget> widget;
    QString name;
    Values values;
  };

  const View* find(const QWidget* widget) const;
  void make_current(QWidget* widget);
  void write(const QString& path, std::function<QByteArray()> content);

  QWidget* window_;
  FileChooser choose_;
  std::vector<View> views_;
  QPointer<QWidget> current_;
  TaskQueue files_;
};

/// `view` as currently shown, as SVG or PDF. GUI thread.
QByteArray view_as_svg(QWidget* view);
QByteArray view_as_pdf(QWidget* view);

}  // namespace deer
