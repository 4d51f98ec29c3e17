// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/exports/view_exports.h"

#include <QAbstractButton>
#include <QAbstractSlider>
#include <QAbstractSpinBox>
#include <QApplication>
#include <QBuffer>
#include <QClipboard>
#include <QComboBox>
#include <QContextMenuEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QLineEdit>
#include <QMenu>
#include <QPainter>
#include <QPdfWriter>
#include <QSvgGenerator>
#include <algorithm>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "sessions/base/paths.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

void render_on(QWidget* view, QPaintDevice* device) {
  QPainter painter(device);
  painter.fillRect(view->rect(), Theme::instance().colors().background);
  view->render(&painter, QPoint(), QRegion(), QWidget::DrawChildren);
}

QString stem_of(QString name) {
  name = name.toLower();
  for (QChar& c : name) {
    if (!c.isLetterOrNumber()) c = u'_';
  }
  return name;
}

bool is_control(const QWidget* widget) {
  return qobject_cast<const QAbstractButton*>(widget) || qobject_cast<const QComboBox*>(widget) ||
         qobject_cast<const QLineEdit*>(widget) || qobject_cast<const QAbstractSpinBox*>(widget) ||
         qobject_cast<const QAbstractSlider*>(widget);
}

/// While it lives, `view` is as a figure for print. Nothing of it is seen: events are not processed meanwhile.
class AsFigure {
 public:
  explicit AsFigure(QWidget* view) : view_(view), focus_(QApplication::focusWidget()), mode_(Theme::instance().mode()) {
    for (auto* const widget : view->findChildren<QWidget*>()) {
      if (is_control(widget) && widget->isVisibleTo(view)) hidden_.push_back(widget);
    }
    for (auto* const widget : hidden_) widget->hide();
    if (!Theme::instance().is_dark()) return;
    lit_ = true;
    has_palette_ = view->testAttribute(Qt::WA_SetPalette);
    Theme::instance().set_mode(Theme::Mode::light);
    // The application's would reach it only with later events.
    if (!has_palette_) view->setPalette(Theme::instance().palette());
  }
  ~AsFigure() {
    if (lit_) Theme::instance().set_mode(mode_);
    if (lit_ && !has_palette_) view_->setPalette(QPalette());
    for (auto* const widget : hidden_) widget->show();
    if (focus_) focus_->setFocus();
  }
  AsFigure(const AsFigure&) = delete;
  AsFigure& operator=(const AsFigure&) = delete;

 private:
  QWidget* view_;
  std::vector<QWidget*> hidden_;
  QPointer<QWidget> focus_;
  Theme::Mode mode_;
  bool lit_ = false, has_palette_ = false;
};

}  // namespace

QByteArray view_as_svg(QWidget* view) {
  QByteArray bytes;
  QBuffer buffer(&bytes);
  buffer.open(QIODevice::WriteOnly);
  QSvgGenerator svg;
  svg.setOutputDevice(&buffer);
  svg.setSize(view->size());
  svg.setViewBox(view->rect());
  svg.setTitle(view->accessibleName());
  svg.setResolution(96);
  render_on(view, &svg);
  return bytes;
}

QByteArray view_as_pdf(QWidget* view) {
  QByteArray bytes;
  QBuffer buffer(&bytes);
  buffer.open(QIODevice::WriteOnly);
  {
    QPdfWriter pdf(&buffer);
    pdf.setTitle(view->accessibleName());
    pdf.setCreator(QStringLiteral("Deerscope"));
    // A page of the view's size at 96 dpi, so that one unit is one pixel.
    pdf.setResolution(96);
    pdf.setPageSize(QPageSize(QSizeF(view->width(), view->height()) / 96.0, QPageSize::Inch));
    pdf.setPageMargins(QMarginsF());
    render_on(view, &pdf);
  }
  return bytes;
}

ViewExports::ViewExports(QWidget* window) : QObject(window), window_(window) {
  choose_ = [this](const QString& title, const QString& name, const QString& filter) {
    return QFileDialog::getSaveFileName(window_, title, name, filter);
  };
  connect(qApp, &QApplication::focusChanged, this, [this](QWidget*, QWidget* now) {
    for (auto* widget = now; widget; widget = widget->parentWidget()) {
      if (find(widget)) return make_current(widget);
    }
  });
}

void ViewExports::add(QWidget* view, const QString& name, Values values) {
  views_.push_back({view, name, std::move(values)});
  view->installEventFilter(this);
}

const ViewExports::View* ViewExports::find(const QWidget* widget) const {
  const auto place =
      std::find_if(views_.begin(), views_.end(), [&](const View& view) { return view.widget == widget; });
  return place == views_.end() || !widget ? nullptr : &*place;
}

QWidget* ViewExports::current() const { return current_ && current_->isVisible() ? current_.data() : nullptr; }

QString ViewExports::name_of(const QWidget* view) const {
  const auto* const found = find(view);
  return found ? found->name : QString();
}

bool ViewExports::has_values(const QWidget* view) const {
  const auto* const found = find(view);
  return found && found->values;
}

void ViewExports::make_current(QWidget* widget) {
  if (current_ == widget) return;
  current_ = widget;
  Q_EMIT current_changed();
}

bool ViewExports::eventFilter(QObject* watched, QEvent* event) {
  auto* const view = qobject_cast<QWidget*>(watched);
  if (!find(view)) return QObject::eventFilter(watched, event);
  if (event->type() == QEvent::Enter) make_current(view);
  if (event->type() != QEvent::ContextMenu) return QObject::eventFilter(watched, event);
  make_current(view);
  auto* const menu = new QMenu(view);
  menu->setAttribute(Qt::WA_DeleteOnClose);
  fill_menu(menu, view);
  menu->popup(static_cast<QContextMenuEvent*>(event)->globalPos());
  return true;
}

void ViewExports::fill_menu(QMenu* menu, QWidget* view) {
  const auto add = [&](const QString& text, void (ViewExports::*call)(QWidget*), bool enabled) {
    auto* const action = menu->addAction(text);
    action->setEnabled(enabled);
    connect(action, &QAction::triggered, this, [this, call, view = QPointer(view)] {
      if (view) (this->*call)(view);
    });
  };
  const bool values = has_values(view);
  menu->setAccessibleName(tr("Export %1").arg(name_of(view)));
  add(tr("&Copy values"), &ViewExports::copy_values, values);
  add(tr("Copy &picture"), &ViewExports::copy_picture, true);
  menu->addSeparator();
  add(tr("Save &values as CSV or NPZ…"), &ViewExports::ask_values, values);
  add(tr("Save p&icture as PNG, SVG or PDF…"), &ViewExports::ask_picture, true);
  add(tr("Save &figure for print…"), &ViewExports::ask_figure, true);
}

void ViewExports::copy_values(QWidget* view) {
  const auto* const found = find(view);
  if (!found || !found->values) return;
  QApplication::clipboard()->setText(QString::fromStdString(to_csv(found->values(), '\t')));
}

void ViewExports::copy_picture(QWidget* view) {
  if (find(view)) QApplication::clipboard()->setPixmap(view->grab());
}

void ViewExports::ask_picture(QWidget* view) {
  const auto* const found = find(view);
  if (!found) return;
  const auto path = choose_(tr("Save picture of %1").arg(found->name), stem_of(found->name) + QStringLiteral(".png"),
                            tr("PNG picture (*.png);;SVG drawing (*.svg);;PDF page (*.pdf)"));
  if (!path.isEmpty()) save_picture(view, path);
}

void ViewExports::ask_figure(QWidget* view) {
  const auto* const found = find(view);
  if (!found) return;
  const auto path = choose_(tr("Save figure of %1").arg(found->name), stem_of(found->name) + QStringLiteral(".pdf"),
                            tr("PDF page (*.pdf);;SVG drawing (*.svg);;PNG picture (*.png)"));
  if (!path.isEmpty()) save_figure(view, path);
}

void ViewExports::ask_values(QWidget* view) {
  const auto* const found = find(view);
  if (!found || !found->values) return;
  const auto path = choose_(tr("Save values of %1").arg(found->name), stem_of(found->name) + QStringLiteral(".csv"),
                            tr("Table (*.csv);;NumPy arrays (*.npz)"));
  if (!path.isEmpty()) save_values(view, path);
}

void ViewExports::save_picture(QWidget* view, const QString& path) {
  if (!find(view)) return;
  const auto ending = QFileInfo(path).suffix().toLower();
  if (ending == u"png") return save_image(view->grab().toImage(), path);
  // Painting must be on this thread; only the disk may be slow.
  if (ending == u"svg") return write(path, [bytes = view_as_svg(view)] { return bytes; });
  if (ending == u"pdf") return write(path, [bytes = view_as_pdf(view)] { return bytes; });
  Q_EMIT problem({tr("The picture could not be saved"), tr("%1: unsupported file extension").arg(path),
                  tr("Use .png, .svg or .pdf.")});
}

void ViewExports::save_figure(QWidget* view, const QString& path) {
  const AsFigure as_figure(view);
  save_picture(view, path);
}

void ViewExports::save_image(const QImage& image, const QString& path) {
  write(path, [image] {
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    if (!image.save(&buffer, "PNG")) throw Error("the picture could not be encoded");
    return bytes;
  });
}

void ViewExports::save_values(QWidget* view, const QString& path) {
  const auto* const found = find(view);
  if (!found || !found->values) return;
  const auto ending = QFileInfo(path).suffix().toLower();
  if (ending != u"csv" && ending != u"npz") {
    Q_EMIT problem(
        {tr("The values could not be saved"), tr("%1: unsupported file extension").arg(path), tr("Use .csv or .npz.")});
    return;
  }
  write(path, [table = found->values(), npz = ending == u"npz"] {
    return QByteArray::fromStdString(npz ? to_npz(table) : to_csv(table));
  });
}

void ViewExports::write(const QString& path, std::function<QByteArray()> content) {
  files_.post(
      [path, content = std::move(content)] {
        const auto bytes = content();
        write_file_atomically(to_path(path),
                              std::string_view(bytes.constData(), static_cast<std::size_t>(bytes.size())));
      },
      [this, path] { Q_EMIT saved(path); },
      [this](const QString& failure) {
        Q_EMIT problem({tr("The file could not be saved"), failure, tr("Choose another folder.")});
      });
}

}  // namespace deer
