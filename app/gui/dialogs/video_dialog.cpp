// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/dialogs/video_dialog.h"

#include <QComboBox>
#include <QDialogButtonBox>
#include <QDir>
#include <QFileDialog>
#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QVBoxLayout>
#include <algorithm>
#include <limits>

#include "app/gui/dialogs/plain_buttons.h"
#include "sessions/base/paths.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

// Only letters, digits and dashes, valid on every system.
QString plain(const QString& text) {
  QString out;
  for (const QChar c : text) {
    if (c.isLetterOrNumber()) {
      out += c.toLower();
    } else if (!out.endsWith(u'-') && !out.isEmpty()) {
      out += u'-';
    }
  }
  while (out.endsWith(u'-')) out.chop(1);
  return out.left(60);
}

}  // namespace

VideoDialog::VideoDialog(std::vector<const VideoSubject*> subjects, const Facts& facts, QWidget* parent)
    : QDialog(parent),
      subjects_(std::move(subjects)),
      facts_(facts),
      what_(new QComboBox),
      first_(new QSpinBox),
      last_(new QSpinBox),
      size_(new QComboBox),
      file_(new QLineEdit),
      note_(new QLabel) {
  setWindowTitle(tr("Export video"));
  setAccessibleName(windowTitle());
  what_->setAccessibleName(tr("What is shown"));
  for (const auto* const subject : subjects_) what_->addItem(subject->name());
  first_->setAccessibleName(tr("First frame"));
  last_->setAccessibleName(tr("Last frame"));
  const auto most = static_cast<int>(std::min<qint64>(facts.frames - 1, std::numeric_limits<int>::max()));
  for (auto* const box : {first_, last_}) {
    box->setRange(0, most);
    box->setFont(Theme::number_font(box->font()));
  }
  first_->setValue(static_cast<int>(std::clamp<qint64>(facts.first, 0, most)));
  last_->setValue(static_cast<int>(std::clamp<qint64>(facts.last, 0, most)));
  size_->setAccessibleName(tr("Size"));
  file_->setAccessibleName(tr("File"));
  file_->setMinimumWidth(360);
  note_->setAccessibleName(tr("What will happen"));
  note_->setWordWrap(true);
  note_->setTextFormat(Qt::PlainText);
  note_->setMinimumHeight(3 * fontMetrics().lineSpacing());
  note_->setAlignment(Qt::AlignTop | Qt::AlignLeading);

  auto* const range = new QHBoxLayout;
  range->setSpacing(spacing::kSmall);
  range->addWidget(first_, 1);
  range->addWidget(new QLabel(tr("to", "frames")));
  range->addWidget(last_, 1);
  auto* const browse = new QPushButton(tr("Browse…"));
  browse->setAccessibleName(tr("Browse for the file"));
  auto* const place = new QHBoxLayout;
  place->setSpacing(spacing::kSmall);
  place->addWidget(file_, 1);
  place->addWidget(browse);
  auto* const form = new QFormLayout;
  form->setHorizontalSpacing(spacing::kLarge);
  form->setVerticalSpacing(spacing::kSmall);
  form->addRow(tr("Show"), what_);
  form->addRow(tr("Frames"), range);
  form->addRow(tr("Size"), size_);
  form->addRow(tr("File"), place);
  auto* const buttons = new QDialogButtonBox(QDialogButtonBox::Save | QDialogButtonBox::Cancel);
  make_plain(buttons);
  export_ = buttons->button(QDialogButtonBox::Save);
  export_->setText(tr("Export"));
  auto* const layout = new QVBoxLayout(this);
  layout->setContentsMargins(spacing::kLarge, spacing::kLarge, spacing::kLarge, spacing::kLarge);
  layout->setSpacing(spacing::kLarge);
  layout->addLayout(form);
  layout->addWidget(note_);
  layout->addWidget(buttons);

  connect(buttons, &QDialogButtonBox::accepted, this, &QDialog::accept);
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
  connect(browse, &QPushButton::clicked, this, &VideoDialog::choose_file);
  connect(what_, &QComboBox::currentIndexChanged, this, &VideoDialog::choose_subject);
  connect(first_, &QSpinBox::valueChanged, this, &VideoDialog::update_note);
  connect(last_, &QSpinBox::valueChanged, this, &VideoDialog::update_note);
  connect(file_, &QLineEdit::textEdited, this, [this] {
    own_name_ = false;
    update_note();
  });
  choose_subject();
}

std::size_t VideoDialog::subject() const { return static_cast<std::size_t>(std::max(what_->currentIndex(), 0)); }

VideoExport::Plan VideoDialog::plan() const {
  auto file = file_->text().trimmed();
  if (!file.endsWith(QLatin1String(".mp4"), Qt::CaseInsensitive)) file += QStringLiteral(".mp4");
  return {first_->value(), last_->value(), size_->currentData().toSize(), facts_.frames_per_second, to_path(file)};
}

void VideoDialog::choose_subject() {
  const auto& subject = *subjects_[this->subject()];
  size_->clear();
  for (const auto& size : subject.sizes()) {
    size_->addItem(tr("%1 × %2").arg(size.width()).arg(size.height()), size);
  }
  if (own_name_) {
    auto name = plain(facts_.title);
    name += (name.isEmpty() ? QString() : QStringLiteral("-")) + subject.file_name() + QStringLiteral(".mp4");
    file_->setText(QDir(facts_.folder).filePath(name));
  }
  update_note();
}

void VideoDialog::choose_file() {
  const auto path = QFileDialog::getSaveFileName(this, tr("Export video"), file_->text(), tr("MP4 video (*.mp4)"));
  if (path.isEmpty()) return;
  file_->setText(path);
  own_name_ = false;
  update_note();
}

void VideoDialog::update_note() {
  const qint64 count = last_->value() - first_->value() + 1;
  const auto name = file_->text().trimmed();
  QString wrong;
  if (count < 1) wrong = tr("The last frame is before the first.");
  if (name.isEmpty()) wrong = tr("Enter a file name.");
  QStringList parts;
  if (wrong.isEmpty()) {
    parts << tr("%1 frames, %2 s at %3 frames per second.")
                 .arg(format_count(count), format_number(static_cast<double>(count) / facts_.frames_per_second),
                      format_number(facts_.frames_per_second));
    if (facts_.evaluated < facts_.frames) {
      parts << tr("%1 of %2 frames are not evaluated and are shown without depth.")
                   .arg(format_count(facts_.frames - facts_.evaluated), format_count(facts_.frames));
    }
    if (QFileInfo::exists(to_qstring(plan().file))) parts << tr("The file exists and will be replaced.");
  } else {
    parts << wrong;
  }
  note_->setText(parts.join(u' '));
  auto palette = note_->palette();
  const auto& colors = Theme::instance().colors();
  palette.setColor(QPalette::WindowText, wrong.isEmpty() ? colors.muted_text : colors.error);
  note_->setPalette(palette);
  export_->setEnabled(wrong.isEmpty());
}

}  // namespace deer
