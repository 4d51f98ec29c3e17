// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/dialogs/guide_dialog.h"

#include <QAbstractTextDocumentLayout>
#include <QApplication>
#include <QDesktopServices>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QListWidget>
#include <QRegularExpression>
#include <QScrollBar>
#include <QSplitter>
#include <QTextBlock>
#include <QVBoxLayout>

#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr int kPictureWidth = 680;

GuidePage read_page(const QString& name, double ratio) {
  GuidePage page{name, {}, {}};
  const auto folder = find_documentation();
  QFile file(QDir(folder).filePath(name));
  if (folder.isEmpty() || !file.open(QFile::ReadOnly)) return page;
  page.markdown = QString::fromUtf8(file.readAll());
  static const QRegularExpression comment(QStringLiteral("<!--.*?-->"), QRegularExpression::DotMatchesEverythingOption);
  page.markdown.remove(comment);
  static const QRegularExpression picture(QStringLiteral("!\\[[^\\]]*\\]\\(([^)]+)\\)"));
  for (auto it = picture.globalMatch(page.markdown); it.hasNext();) {
    const auto path = it.next().captured(1);
    // A palette would be dithered when it is scaled.
    auto image = QImage(QDir(folder).filePath(path)).convertToFormat(QImage::Format_RGB32);
    const int wide = static_cast<int>(kPictureWidth * ratio);
    if (image.width() > wide) image = image.scaledToWidth(wide, Qt::SmoothTransformation);
    image.setDevicePixelRatio(ratio);
    page.pictures.insert(path, image);
  }
  return page;
}

}  // namespace

QString find_documentation() {
  const auto program = QCoreApplication::applicationDirPath();
  for (const auto& folder :
       {program + QStringLiteral("/../" DEER_DATA_FOLDER "/docs"), QStringLiteral(DEER_RESOURCES "/../docs")}) {
    if (QFileInfo::exists(folder + QStringLiteral("/guide.md"))) return QDir::cleanPath(folder);
  }
  return {};
}

QVariant GuideBrowser::loadResource(int type, const QUrl& name) {
  if (type != QTextDocument::ImageResource) return {};
  return pictures_.value(name.toString());
}

GuideDialog::GuideDialog(QWidget* parent) : QDialog(parent), contents_(new QListWidget), browser_(new GuideBrowser) {
  setWindowTitle(tr("User guide"));
  setAccessibleName(windowTitle());
  contents_->setAccessibleName(tr("Contents"));
  contents_->setFrameShape(QFrame::NoFrame);
  contents_->setSpacing(spacing::kTiny);
  contents_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  Theme::instance().style_view(contents_);
  browser_->setAccessibleName(tr("Page"));
  browser_->setFrameShape(QFrame::NoFrame);
  browser_->setOpenLinks(false);
  browser_->document()->setDocumentMargin(spacing::kLarge);
  auto* const split = new QSplitter(Qt::Horizontal);
  split->setChildrenCollapsible(false);
  split->addWidget(contents_);
  split->addWidget(browser_);
  split->setStretchFactor(1, 1);
  split->setSizes({190, 770});
  auto* const layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(split);
  connect(contents_, &QListWidget::currentRowChanged, this, &GuideDialog::go_to_heading);
  connect(browser_, &QTextBrowser::anchorClicked, this, &GuideDialog::follow);
  resize(960, 720);
  load(QStringLiteral("guide.md"));
}

void GuideDialog::load(const QString& name) {
  files_.post([name, ratio = devicePixelRatioF()] { return read_page(name, ratio); },
              [this](const GuidePage& page) { show_page(page); },
              [](const QString& problem) { qWarning("guide: %s", qUtf8Printable(problem)); });
}

void GuideDialog::show_page(const GuidePage& page) {
  auto* const document = browser_->document();
  browser_->set_pictures(page.pictures);
  document->setMarkdown(page.markdown.isEmpty() ? tr("# No guide\nThis installation has no page %1.").arg(page.name)
                                                : page.markdown);
  contents_->clear();
  headings_.clear();
  for (auto block = document->begin(); block.isValid(); block = block.next()) {
    const int level = block.blockFormat().headingLevel();
    if (level < 1 || level > 2) continue;
    contents_->addItem(block.text());
    headings_ << block.blockNumber();
  }
  browser_->verticalScrollBar()->setValue(0);
  Q_EMIT loaded(page.name);
}

void GuideDialog::go_to_heading(int row) {
  if (row < 0 || row >= headings_.size()) return;
  const auto block = browser_->document()->findBlockByNumber(headings_[row]);
  const auto place = browser_->document()->documentLayout()->blockBoundingRect(block);
  browser_->verticalScrollBar()->setValue(static_cast<int>(place.top()));
}

void GuideDialog::follow(const QUrl& link) {
  if (link.isRelative() && link.path().endsWith(u".md")) return load(link.path());
  // Only a click opens a web page.
  if (link.scheme() == u"https") QDesktopServices::openUrl(link);
}

}  // namespace deer
