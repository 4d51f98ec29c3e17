// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/debug/intervention_panel.h"

#include <QComboBox>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QTableView>
#include <QVBoxLayout>
#include <algorithm>
#include <array>
#include <cmath>

#include "core/exits/criterion.h"
#include "core/model/model_config.h"
#include "sessions/frames/episode_frames.h"
#include "sessions/session/live_session.h"
#include "sessions/session/model_queries.h"
#include "sessions/session/trace_session.h"
#include "widgets/base/number_format.h"
#include "widgets/base/text_table.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

struct Change {
  const char* text;
  Intervention::Rectangle rectangle;
  double noise = 0;
};
// What can be done to a picture; the first is nothing.
constexpr std::array<Change, 8> kChanges = {{
    {QT_TRANSLATE_NOOP("deer::InterventionPanel", "As recorded"), {0, 0, 0, 0}},
    {QT_TRANSLATE_NOOP("deer::InterventionPanel", "Covered"), {}},
    {QT_TRANSLATE_NOOP("deer::InterventionPanel", "Left half covered"), {0, 0, 0.5, 1}},
    {QT_TRANSLATE_NOOP("deer::InterventionPanel", "Right half covered"), {0.5, 0, 0.5, 1}},
    {QT_TRANSLATE_NOOP("deer::InterventionPanel", "Upper half covered"), {0, 0, 1, 0.5}},
    {QT_TRANSLATE_NOOP("deer::InterventionPanel", "Lower half covered"), {0, 0.5, 1, 0.5}},
    {QT_TRANSLATE_NOOP("deer::InterventionPanel", "Some noise"), {0, 0, 0, 0}, 15},
    {QT_TRANSLATE_NOOP("deer::InterventionPanel", "Much noise"), {0, 0, 0, 0}, 60},
}};

void add_change(Intervention& to, CameraName camera, int index) {
  if (index <= 0) return;
  const auto& change = kChanges[static_cast<std::size_t>(index)];
  if (change.noise > 0) {
    to.noises.push_back({camera, change.noise, 0});
  } else {
    to.covers.push_back({camera, change.rectangle});
  }
}

int change_index(const Intervention& from, CameraName camera) {
  for (std::size_t i = 1; i < kChanges.size(); ++i) {
    Intervention one;
    add_change(one, camera, static_cast<int>(i));
    const bool covers = !one.covers.empty() && std::ranges::find(from.covers, one.covers[0]) != from.covers.end();
    const bool noise = !one.noises.empty() && std::ranges::find(from.noises, one.noises[0]) != from.noises.end();
    if (covers || noise) return static_cast<int>(i);
  }
  return 0;
}

const ExitProbe* deepest(const FrameRecord& record) { return record.exits.empty() ? nullptr : &record.exits.back(); }

}  // namespace

InterventionPanel::InterventionPanel(Session* session, QWidget* parent)
    : QWidget(parent),
      session_(session),
      instruction_(new QLineEdit),
      without_(new QComboBox),
      static_camera_(new QComboBox),
      gripper_camera_(new QComboBox),
      hidden_camera_(new QComboBox),
      first_layer_(new QSpinBox),
      last_layer_(new QSpinBox),
      head_(new QComboBox),
      frames_(new QComboBox),
      run_(new QPushButton(tr("Run"))),
      reset_(new QPushButton(tr("Reset"))),
      sentence_(new QLabel),
      table_(new TextTable(
          {{tr("exit"), tr("Exit, from shallow to deep."), true},
           {tr("delta"), tr("Distance from the previous exit, in the run.")},
           {tr("now"), tr("The same with the change.")},
           {tr("moved"), tr("How far the exit's target moved through the change, in millimetres.")},
           {tr("gripper"), tr("What the exit does with the gripper, without and with the change."), true}},
          this)) {
  setAccessibleName(tr("Interventions"));
  auto* const row = new QHBoxLayout(this);
  row->setContentsMargins(0, 0, 0, 0);
  row->setSpacing(spacing::kLarge);
  row->addWidget(build_controls());
  row->addWidget(build_result(), 1);

  auto* const queries = session->queries();
  connect(queries, &ModelQueries::intervened, this, &InterventionPanel::show_frames);
  connect(queries, &ModelQueries::intervention_failed, this, &InterventionPanel::show_failure);
  connect(queries, &ModelQueries::intervening, this, [this](qint64 done, qint64 total) {
    if (busy_ && total > 1) sentence_->setText(tr("Running frame %1 of %2").arg(done).arg(total));
  });
  connect(session, &Session::model_changed, this, [this] {
    fill_layers();
    forget();
  });
  connect(session, &Session::episode_changed, this, &InterventionPanel::forget);
  connect(session, &Session::policy_changed, this, &InterventionPanel::forget);
  connect(session, &Session::activity_changed, this, &InterventionPanel::update_enabled);
  connect(session, &Session::records_changed, this, &InterventionPanel::update_enabled);
  connect(session, &Session::current_frame_changed, this, [this] {
    fill_words();
    show_current();
  });
  connect(session->frames(), &EpisodeFrames::ready, this, [this](qint64 frame) {
    if (frame == session_->current_frame()) fill_words();
  });
  fill_layers();
  forget();
}

QWidget* InterventionPanel::build_controls() {
  auto* const part = new QWidget;
  auto* const form = new QFormLayout(part);
  form->setContentsMargins(0, 0, 0, 0);
  form->setVerticalSpacing(spacing::kSmall);
  form->setFieldGrowthPolicy(QFormLayout::ExpandingFieldsGrow);
  instruction_->setAccessibleName(tr("Instruction to use"));
  without_->setAccessibleName(tr("Word left out of the instruction"));
  form->addRow(tr("Instruction"), instruction_);
  form->addRow(tr("Leave out"), without_);
  for (const auto& change : kChanges) {
    static_camera_->addItem(tr(change.text));
    gripper_camera_->addItem(tr(change.text));
  }
  static_camera_->setAccessibleName(tr("Static camera"));
  gripper_camera_->setAccessibleName(tr("Gripper camera"));
  form->addRow(tr("Static"), static_camera_);
  form->addRow(tr("Gripper"), gripper_camera_);

  hidden_camera_->addItems({tr("Both cameras"), tr("Static camera hidden"), tr("Gripper camera hidden")});
  hidden_camera_->setAccessibleName(tr("Camera hidden from the attention"));
  hidden_camera_->setToolTip(tr("Hides a camera from the cross-attention of some layers, in all heads or in one."));
  first_layer_->setAccessibleName(tr("First layer with a hidden camera"));
  last_layer_->setAccessibleName(tr("Last layer with a hidden camera"));
  head_->setAccessibleName(tr("Attention head"));
  auto* const layers = new QHBoxLayout;
  layers->setSpacing(spacing::kSmall);
  layers->addWidget(first_layer_);
  layers->addWidget(new QLabel(tr("to")));
  layers->addWidget(last_layer_);
  layers->addWidget(head_, 1);
  form->addRow(tr("Attention"), hidden_camera_);
  form->addRow(tr("Layers"), layers);

  frames_->addItems({tr("This frame"), tr("From here on"), tr("Whole episode")});
  frames_->setAccessibleName(tr("Frames to change"));
  form->addRow(tr("Frames"), frames_);
  auto* const buttons = new QHBoxLayout;
  buttons->addStretch(1);
  buttons->addWidget(reset_);
  buttons->addWidget(run_);
  form->addRow(buttons);
  run_->setAccessibleName(tr("Run with the change"));
  reset_->setAccessibleName(tr("Reset the change"));
  run_->setToolTip(tr("Run the model again on these frames and compare every exit. The run itself stays as it is."));

  connect(run_, &QPushButton::clicked, this, &InterventionPanel::run);
  connect(instruction_, &QLineEdit::returnPressed, this, &InterventionPanel::run);
  connect(reset_, &QPushButton::clicked, this, [this] {
    set_intervention({});
    forget();
  });
  connect(instruction_, &QLineEdit::textChanged, this, &InterventionPanel::update_enabled);
  for (auto* const box : {without_, static_camera_, gripper_camera_, hidden_camera_, head_, frames_}) {
    connect(box, &QComboBox::currentIndexChanged, this, &InterventionPanel::update_enabled);
  }
  connect(first_layer_, &QSpinBox::valueChanged, this, [this](int layer) {
    if (last_layer_->value() < layer) last_layer_->setValue(layer);
  });
  connect(last_layer_, &QSpinBox::valueChanged, this, [this](int layer) {
    if (first_layer_->value() > layer) first_layer_->setValue(layer);
  });
  return part;
}

QWidget* InterventionPanel::build_result() {
  auto* const part = new QWidget;
  auto* const column = new QVBoxLayout(part);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(spacing::kSmall);
  sentence_->setAccessibleName(tr("What the change does"));
  sentence_->setWordWrap(true);
  sentence_->setTextFormat(Qt::PlainText);
  column->addWidget(sentence_);
  auto* const view = table_->make_view(tr("Exits before and after the change"));
  view->hide();
  connect(table_, &QAbstractItemModel::modelReset, view, [this, view] { view->setVisible(table_->rowCount() > 0); });
  column->addWidget(view, 1);
  column->addStretch(0);
  return part;
}

Intervention InterventionPanel::intervention() const {
  Intervention out;
  if (const auto text = instruction_->text().trimmed(); !text.isEmpty()) out.instruction = text.toStdString();
  if (without_->currentIndex() > 0) out.without_word = without_->currentData().toString().toStdString();
  add_change(out, CameraName::static_camera, static_camera_->currentIndex());
  add_change(out, CameraName::gripper, gripper_camera_->currentIndex());
  if (hidden_camera_->currentIndex() > 0) {
    Intervention::Knockout hidden;
    hidden.camera = hidden_camera_->currentIndex() == 1 ? CameraName::static_camera : CameraName::gripper;
    hidden.first_layer = first_layer_->value() - 1;
    hidden.last_layer = last_layer_->value() - 1;
    if (head_->currentIndex() > 0) hidden.head = head_->currentIndex() - 1;
    out.knockouts.push_back(hidden);
  }
  return out;
}

void InterventionPanel::set_intervention(const Intervention& intervention) {
  instruction_->setText(QString::fromStdString(intervention.instruction.value_or("")));
  without_->setCurrentIndex(std::max(0, without_->findData(QString::fromStdString(intervention.without_word))));
  static_camera_->setCurrentIndex(change_index(intervention, CameraName::static_camera));
  gripper_camera_->setCurrentIndex(change_index(intervention, CameraName::gripper));
  if (intervention.knockouts.empty()) {
    hidden_camera_->setCurrentIndex(0);
    return;
  }
  const auto& hidden = intervention.knockouts[0];
  hidden_camera_->setCurrentIndex(hidden.camera == CameraName::static_camera ? 1 : 2);
  first_layer_->setValue(hidden.first_layer + 1);
  last_layer_->setValue(hidden.last_layer + 1);
  head_->setCurrentIndex(hidden.head ? *hidden.head + 1 : 0);
}

void InterventionPanel::fill_layers() {
  const auto* const model = session_->model();
  const int layers = model ? std::max(model->layers, 1) : 1;
  for (auto* const box : {first_layer_, last_layer_}) box->setRange(1, layers);
  first_layer_->setValue(1);
  last_layer_->setValue(layers);
  head_->clear();
  head_->addItem(tr("all heads"));
  const auto heads = model && model->config ? model->config->cross_attention.heads : 0;
  for (std::int64_t head = 1; head <= heads; ++head) head_->addItem(tr("head %1").arg(head));
}

void InterventionPanel::fill_words() {
  const auto seen = session_->frames()->observation(session_->current_frame());
  if (!seen) return;
  const auto text = QString::fromStdString(seen->instruction);
  instruction_->setPlaceholderText(text);
  if (without_->count() > 0 && words_of_ == text) return;
  words_of_ = text;
  const auto kept = without_->currentData();
  const QSignalBlocker quiet(without_);
  without_->clear();
  without_->addItem(tr("no word"));
  for (const auto& word : text.split(u' ', Qt::SkipEmptyParts)) {
    if (without_->findData(word) < 0) without_->addItem(tr("“%1”").arg(word), word);
  }
  without_->setCurrentIndex(std::max(0, without_->findData(kept)));
}

void InterventionPanel::run() {
  if (!run_->isEnabled()) return;
  const auto now = session_->current_frame();
  const auto last = session_->frame_count() - 1;
  running_ = intervention();
  busy_ = true;
  result_.reset();
  table_->set_rows({});
  sentence_->setText(tr("Running"));
  switch (static_cast<Frames>(frames_->currentIndex())) {
    case Frames::current:
      session_->queries()->intervene(running_, now, now);
      break;
    case Frames::from_here:
      session_->queries()->intervene(running_, now, last);
      break;
    case Frames::all:
      session_->queries()->intervene(running_, 0, last);
      break;
  }
  update_enabled();
}

void InterventionPanel::forget() {
  if (std::exchange(busy_, false)) session_->queries()->stop_intervening();
  result_.reset();
  fill_words();
  update_enabled();
  show_current();
}

void InterventionPanel::update_enabled() {
  const bool runnable = session_->model() && session_->frame_count() > 0 && !session_->live()->is_open() &&
                        !session_->trace()->is_open() && session_->evaluated_count() == session_->frame_count();
  const bool idle = session_->activity() == Session::Activity::idle;
  run_->setEnabled(runnable && idle && !busy_ && !intervention().empty());
  reset_->setEnabled(!intervention().empty());
  const bool hides = hidden_camera_->currentIndex() > 0;
  for (QWidget* const one : std::initializer_list<QWidget*>{first_layer_, last_layer_, head_}) one->setEnabled(hides);
  if (!busy_ && !result_) show_current();
}

void InterventionPanel::show_frames(const IntervenedFrames& frames) {
  busy_ = false;
  result_ = frames;
  result_name_ = QString::fromStdString(describe(running_, 1));
  update_enabled();
  show_current();
}

void InterventionPanel::show_failure(const QString& reason) {
  busy_ = false;
  result_.reset();
  update_enabled();
  table_->set_rows({});
  sentence_->setText(reason);
}

const IntervenedFrame* InterventionPanel::shown_frame() const {
  if (!result_ || result_->empty()) return nullptr;
  const auto place = session_->current_frame() - result_->front().frame;
  if (place < 0 || place >= static_cast<qint64>(result_->size())) return nullptr;
  return &(*result_)[static_cast<std::size_t>(place)];
}

QString InterventionPanel::sentence() const { return sentence_->text(); }

void InterventionPanel::show_current() {
  if (busy_) return;
  if (!result_) {
    table_->set_rows({});
    const auto* const model = session_->model();
    const bool recorded = session_->frame_count() > 0 && !session_->live()->is_open();
    if (!model || !recorded) {
      sentence_->setText(tr("Open a model and an episode to change what the model sees."));
    } else if (session_->trace()->is_open()) {
      sentence_->setText(tr("A trace has no pictures that the model could see again. Open its dataset."));
    } else if (session_->evaluated_count() < session_->frame_count()) {
      sentence_->setText(tr("Run the model over the episode first."));
    } else {
      sentence_->setText(tr("Choose a change on the left and press Run."));
    }
    return;
  }
  const auto* const shown = shown_frame();
  if (!shown) {
    table_->set_rows({});
    sentence_->setText(tr("%1: frames %2 to %3 were run. Go to one of them.")
                           .arg(result_name_)
                           .arg(result_->front().frame)
                           .arg(result_->back().frame));
    return;
  }
  const auto& before = *shown->before;
  const auto& after = *shown->after;
  const auto& layout = *session_->model()->layout;
  const auto exits = static_cast<int>(before.exits.size());
  std::vector<std::vector<TextTable::Cell>> rows;
  for (std::size_t i = 0; i < before.exits.size() && i < after.exits.size(); ++i) {
    const auto& one = before.exits[i];
    const auto& other = after.exits[i];
    const auto state = [&](const ExitProbe& probe) {
      return probe.action.size() == 7 && probe.gripper_probability() > 0.5F ? tr("open") : tr("close");
    };
    const bool flips = state(one) != state(other);
    auto name = tr("exit %1").arg(i + 1);
    const bool in_run = one.layer == before.exit_layer, now = other.layer == after.exit_layer;
    if (in_run || now) name += in_run && now ? tr(", taken") : in_run ? tr(", taken in the run") : tr(", taken now");
    const auto delta = [](const ExitProbe& probe) { return format_short(static_cast<double>(probe.delta)); };
    rows.push_back({{.text = name, .exit = static_cast<int>(i), .exits = exits},
                    {.text = delta(one)},
                    {.text = delta(other)},
                    {.text = format_quantity(static_cast<double>(position_distance(layout, one.action, other.action)),
                                             tr("mm"), 2)},
                    {.text = flips ? state(one) + QStringLiteral(" → ") + state(other) : state(one),
                     .ink = flips ? TextTable::Ink::warning : TextTable::Ink::muted}});
  }
  table_->set_rows(std::move(rows));
  const auto moved = static_cast<double>(position_distance(layout, before.action, after.action));
  auto text = tr("%1: depth %2 → %3 of %4 layers, the command moves %5")
                  .arg(result_name_)
                  .arg(before.depth())
                  .arg(after.depth())
                  .arg(session_->model()->layers)
                  .arg(format_quantity(moved, tr("mm")));
  if (const auto* a = deepest(before), *b = deepest(after); a && b && a->action.size() == 7 && b->action.size() == 7) {
    if ((a->gripper_probability() > 0.5F) != (b->gripper_probability() > 0.5F))
      text += tr(", the gripper decides differently");
  }
  if (result_->size() > 1) {
    double sum_before = 0, sum_after = 0;
    for (const auto& one : *result_) {
      sum_before += one.before->depth();
      sum_after += one.after->depth();
    }
    const auto count = static_cast<double>(result_->size());
    text += tr(". Over %1 frames: %2 → %3 layers")
                .arg(format_count(static_cast<qint64>(result_->size())), format_number(sum_before / count),
                     format_number(sum_after / count));
  }
  sentence_->setText(text + u'.');
}

}  // namespace deer
