// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/dialogs/guide_dialog.h"

#include <QAbstractTextDocumentLayout>
#include <QApplication>
#include <QDesktopServices>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QListWidget>
#include <QPushButton>
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

// A heading as links name it: lower case, blanks as hyphens, without other punctuation.
QString anchor_of(const QString& heading) {
  QString out;
  for (const QChar c : heading.toLower()) {
    if (c.isLetterOrNumber() || c == u'-' || c == u'_') out += c;
    if (c == u' ') out += u'-';
  }
  return out;
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

GuideDialog::GuideDialog(QWidget* parent)
    : QDialog(parent), contents_(new QListWidget), browser_(new GuideBrowser), back_(new QPushButton(tr("&Back"))) {
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
  back_->setToolTip(tr("Go back to the page before (Alt+Left)."));
  back_->setShortcut(QKeySequence(QKeySequence::Back));
  back_->setAutoDefault(false);
  back_->setEnabled(false);
  auto* const side = new QWidget;
  auto* const column = new QVBoxLayout(side);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addWidget(contents_, 1);
  auto* const row = new QVBoxLayout;
  row->setContentsMargins(spacing::kSmall, spacing::kSmall, spacing::kSmall, spacing::kSmall);
  row->addWidget(back_);
  column->addLayout(row);
  split->addWidget(side);
  split->addWidget(browser_);
  split->setStretchFactor(1, 1);
  split->setSizes({240, 770});
  auto* const layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(split);
  connect(contents_, &QListWidget::currentRowChanged, this, &GuideDialog::go_to_heading);
  connect(browser_, &QTextBrowser::anchorClicked, this, &GuideDialog::follow);
  connect(back_, &QPushButton::clicked, this, &GuideDialog::go_back);
  resize(1010, 720);
  go_to({QStringLiteral("guide.md"), {}});
}

void GuideDialog::go_to(const Place& place) {
  files_.post([name = place.page, ratio = devicePixelRatioF()] { return read_page(name, ratio); },
              [this, place](const GuidePage& page) { show_page(page, place); },
              [](const QString& problem) { qWarning("guide: %s", qUtf8Printable(problem)); });
}

void GuideDialog::show_page(const GuidePage& page, const Place& wanted) {
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
  shown_ = page.name;
  browser_->verticalScrollBar()->setValue(std::max(0, wanted.scroll));
  for (auto block = document->begin(); !wanted.anchor.isEmpty() && block.isValid(); block = block.next()) {
    if (block.blockFormat().headingLevel() < 1 || anchor_of(block.text()) != wanted.anchor) continue;
    go_to_block(block.blockNumber());
    break;
  }
  Q_EMIT loaded(page.name);
}

void GuideDialog::go_back() {
  if (before_.isEmpty()) return;
  go_to(before_.takeLast());
  back_->setEnabled(!before_.isEmpty());
}

void GuideDialog::go_to_heading(int row) {
  if (row < 0 || row >= headings_.size()) return;
  go_to_block(headings_[row]);
}

void GuideDialog::go_to_block(int number) {
  const auto block = browser_->document()->findBlockByNumber(number);
  const auto place = browser_->document()->documentLayout()->blockBoundingRect(block);
  browser_->verticalScrollBar()->setValue(static_cast<int>(place.top()));
}

void GuideDialog::follow(const QUrl& link) {
  const auto page = link.path().isEmpty() ? shown_ : link.path();
  if (link.isRelative() && page.endsWith(u".md")) {
    before_.append({shown_, {}, browser_->verticalScrollBar()->value()});
    back_->setEnabled(true);
    return go_to({page, link.fragment()});
  }
  // Only a click opens a web page.
  if (link.scheme() == u"https") QDesktopServices::openUrl(link);
}

}  // namespace deer
