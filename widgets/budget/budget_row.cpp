// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/budget/budget_row.h"

#include <QComboBox>
#include <QGridLayout>
#include <QLabel>
#include <QSignalBlocker>
#include <QSlider>
#include <algorithm>
#include <cmath>

#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr int kPositions = 1000;  // of a continuous slider; the one after them is "no limit"
constexpr int kNameWidth = 60;
constexpr int kResultWidth = 104;  // so that sliders end in one line

}  // namespace

BudgetRow::BudgetRow(const QString& name, const QString& tip, QWidget* parent)
    : QWidget(parent),
      name_(new QLabel(name)),
      units_(new QComboBox),
      slider_(new QSlider(Qt::Horizontal)),
      asked_(new QLabel),
      result_(new QLabel) {
  setAccessibleName(name);
  setToolTip(tip);
  name_->setMinimumWidth(kNameWidth);
  slider_->setAccessibleName(name);
  slider_->setMinimumWidth(60);
  units_->setAccessibleName(tr("Unit of %1").arg(name));
  units_->setSizeAdjustPolicy(QComboBox::AdjustToContents);
  units_->hide();
  asked_->setAccessibleName(tr("%1 asked for").arg(name));
  result_->setAccessibleName(tr("%1 predicted").arg(name));
  for (auto* const label : {asked_, result_}) {
    label->setFont(
        Theme::number_font(label == asked_ ? Theme::instance().body_font() : Theme::instance().label_font()));
  }
  result_->setAlignment(Qt::AlignTrailing | Qt::AlignVCenter);
  asked_->setAlignment(Qt::AlignTrailing | Qt::AlignVCenter);
  result_->setMinimumWidth(kResultWidth);
  auto* const grid = new QGridLayout(this);
  grid->setContentsMargins(0, 0, 0, 0);
  grid->setHorizontalSpacing(spacing::kSmall);
  grid->setVerticalSpacing(0);
  grid->addWidget(name_, 0, 0);
  grid->addWidget(units_, 0, 1);
  grid->addWidget(asked_, 0, 2, 1, 2);
  grid->addWidget(slider_, 1, 0, 1, 3);
  grid->addWidget(result_, 1, 3);
  grid->setColumnStretch(2, 1);
  connect(slider_, &QSlider::valueChanged, this, [this](int position) {
    exact_ = position >= slider_->maximum() ? std::nullopt : std::optional<double>(at(position));
    show_asked();
    Q_EMIT value_changed();
  });
  connect(slider_, &QSlider::sliderPressed, this, &BudgetRow::drag_started);
  connect(units_, &QComboBox::currentIndexChanged, this, &BudgetRow::unit_changed);
  connect(&Theme::instance(), &Theme::changed, this, &BudgetRow::restyle);
  restyle();
}

void BudgetRow::set_units(const QStringList& units) {
  const QSignalBlocker quiet(units_);
  const auto chosen = units_->currentIndex();
  units_->clear();
  units_->addItems(units);
  units_->setCurrentIndex(std::clamp(chosen, 0, std::max(0, static_cast<int>(units.size()) - 1)));
  units_->setVisible(units.size() > 1);
}

int BudgetRow::unit() const { return units_->currentIndex(); }

void BudgetRow::set_unit(int index) {
  const QSignalBlocker quiet(units_);
  units_->setCurrentIndex(index);
}

void BudgetRow::set_range(double least, double most) {
  const QSignalBlocker quiet(slider_);
  unknown_.clear();
  stops_.clear();
  least_ = least;
  most_ = most;
  slider_->setRange(0, kPositions + 1);
  slider_->setSingleStep(kPositions / 100);
  slider_->setPageStep(kPositions / 10);
  slider_->setTickPosition(QSlider::NoTicks);
  slider_->setEnabled(most > least);
  set_value(exact_);
}

void BudgetRow::set_stops(std::vector<double> values) {
  const QSignalBlocker quiet(slider_);
  unknown_.clear();
  stops_ = std::move(values);
  // The last stop and no limit are the same.
  slider_->setRange(0, std::max(1, static_cast<int>(stops_.size()) - 1));
  slider_->setSingleStep(1);
  slider_->setPageStep(1);
  slider_->setTickInterval(1);
  slider_->setTickPosition(QSlider::TicksBelow);
  slider_->setEnabled(stops_.size() > 1);
  set_value(exact_);
}

void BudgetRow::set_unknown(const QString& why) {
  const QSignalBlocker quiet(slider_);
  slider_->setEnabled(false);
  slider_->setTickPosition(QSlider::NoTicks);
  slider_->setRange(0, 1);
  slider_->setValue(1);
  exact_.reset();
  unknown_ = why;
  set_result({}, false);
  show_asked();
}

double BudgetRow::at(int position) const {
  if (!stops_.empty()) return stops_[static_cast<std::size_t>(std::clamp(position, 0, slider_->maximum()))];
  return least_ + (most_ - least_) * position / kPositions;
}

int BudgetRow::position_of(double value) const {
  if (!stops_.empty()) {
    // The deepest stop that the value can pay for.
    const auto place = std::upper_bound(stops_.begin(), stops_.end(), value * (1 + 1e-9));
    return std::clamp(static_cast<int>(place - stops_.begin()) - 1, 0, slider_->maximum());
  }
  if (most_ <= least_) return 0;
  return std::clamp(static_cast<int>(std::lround((value - least_) / (most_ - least_) * kPositions)), 0, kPositions);
}

void BudgetRow::set_value(std::optional<double> value) {
  const QSignalBlocker quiet(slider_);
  exact_ = value;
  slider_->setValue(value ? position_of(*value) : slider_->maximum());
  show_asked();
}

std::optional<double> BudgetRow::value() const { return unknown_.isEmpty() ? exact_ : std::nullopt; }

void BudgetRow::set_formatter(std::function<QString(double)> formatter) {
  formatter_ = std::move(formatter);
  show_asked();
}

void BudgetRow::set_result(const QString& text, bool warns) {
  result_->setText(text);
  if (std::exchange(warns_, warns) != warns) restyle();
}

void BudgetRow::show_asked() {
  asked_->setText(!unknown_.isEmpty() ? unknown_
                  : !exact_           ? tr("no limit")
                  : formatter_        ? tr("at most %1").arg(formatter_(*exact_))
                                      : tr("at most %1").arg(format_number(*exact_)));
  auto palette = asked_->palette();
  const auto& colors = Theme::instance().colors();
  palette.setColor(QPalette::WindowText, exact_ ? colors.text : colors.muted_text);
  asked_->setPalette(palette);
  // The accent is for the cursor and the selection; no limit is no amount.
  auto groove = slider_->palette();
  groove.setColor(QPalette::Highlight, exact_ ? colors.muted_text : colors.hairline);
  slider_->setPalette(groove);
}

void BudgetRow::restyle() {
  auto palette = result_->palette();
  const auto& colors = Theme::instance().colors();
  palette.setColor(QPalette::WindowText, warns_ ? colors.error : colors.muted_text);
  result_->setPalette(palette);
  show_asked();
}

bool BudgetRow::slider_down() const { return slider_->isSliderDown(); }

QString BudgetRow::asked_text() const { return asked_->text(); }
QString BudgetRow::result_text() const { return result_->text(); }

}  // namespace deer
