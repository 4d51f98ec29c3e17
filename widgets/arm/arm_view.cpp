// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/arm/arm_view.h"

#include <QActionGroup>
#include <QApplication>
#include <QClipboard>
#include <QContextMenuEvent>
#include <QDataStream>
#include <QMenu>
#include <QStackedLayout>
#include <QTimer>
#include <QToolButton>
#include <algorithm>

#include "core/base/error.h"
#include "core/robot/panda.h"
#include "sessions/frames/episode_frames.h"
#include "sessions/series/episode_states.h"
#include "sessions/session/live_session.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr quint32 kStateVersion = 1;
constexpr std::array kPresets = {ArmCamera::Preset::overview,      ArmCamera::Preset::front,
                                 ArmCamera::Preset::side,          ArmCamera::Preset::top,
                                 ArmCamera::Preset::static_camera, ArmCamera::Preset::follow};

}  // namespace

QString ArmView::preset_name(ArmCamera::Preset preset) {
  switch (preset) {
    case ArmCamera::Preset::overview:
      return tr("Overview");
    case ArmCamera::Preset::front:
      return tr("Front");
    case ArmCamera::Preset::side:
      return tr("Side");
    case ArmCamera::Preset::top:
      return tr("Top");
    case ArmCamera::Preset::static_camera:
      return tr("Static camera");
    case ArmCamera::Preset::follow:
      return tr("Follow the hand");
  }
  return {};
}

QString ArmView::scale_name(double scale) { return tr("steps %1×").arg(scale, 0, 'f', 0); }

ArmView::ArmView(Session* session, const std::filesystem::path& urdf, QWidget* parent)
    : QWidget(parent),
      session_(session),
      frames_(new ArmFrames(session, this)),
      stack_(new QStackedLayout(this)),
      empty_(new EmptyState(this)),
      canvas_(new ArmCanvas(this)),
      pending_(new QTimer(this)) {
  setAccessibleName(tr("3D arm"));
  stack_->setContentsMargins(0, 0, 0, 0);
  stack_->addWidget(empty_);
  stack_->addWidget(canvas_);
  try {
    model_ = ArmModel::load(urdf);
  } catch (const Error& error) {
    model_problem_ = QString::fromUtf8(error.what());
  }
  build_buttons();
  pending_->setSingleShot(true);
  pending_->setInterval(0);
  connect(pending_, &QTimer::timeout, this, &ArmView::refresh);
  connect(session, &Session::model_changed, this, &ArmView::refresh_later);
  connect(session, &Session::episode_changed, this, [this] {
    match_joints();
    refresh_later();
  });
  connect(session, &Session::current_frame_changed, this, &ArmView::refresh_later);
  connect(session->selection(), &Selection::hovered_frame_changed, this, &ArmView::refresh_later);
  connect(session->selection(), &Selection::selected_exit_changed, this, &ArmView::refresh_later);
  connect(session, &Session::records_changed, this, [this](qint64 first, qint64 last) {
    const qint64 frame = shown_frame();
    if (last >= frame - ArmFrames::kPast && first <= frame + ArmFrames::kAhead) refresh_later();
  });
  connect(session, &Session::activity_changed, this, [this] {
    if (is_empty()) refresh_later();
  });
  connect(frames_, &ArmFrames::changed, this, [this](qint64 frame) {
    if (frame >= shown_frame() - ArmFrames::kPast && frame <= shown_frame() + ArmFrames::kAhead) refresh_later();
  });
  connect(&Theme::instance(), &Theme::changed, this, &ArmView::refresh_later);
  connect(canvas_, &ArmCanvas::failed, this, &ArmView::refresh_later);
  connect(canvas_, &ArmCanvas::preset_changed, this, [this] {
    preset_button_->setText(preset_name(canvas_->preset()));
    place_buttons();
    Q_EMIT settings_changed();
  });
  // The actions of the exits differ by millimetres at the hand.
  canvas_->set_preset(ArmCamera::Preset::follow);
  connect(empty_, &EmptyState::action_triggered, this, &ArmView::open_dataset_requested);
  match_joints();
  refresh_later();
}

ArmView::~ArmView() = default;

bool ArmView::is_empty() const { return stack_->currentWidget() == empty_; }

qint64 ArmView::shown_frame() const {
  const qint64 hovered = session_->selection()->hovered_frame();
  return hovered >= 0 ? hovered : session_->current_frame();
}

void ArmView::build_buttons() {
  const auto button = [this](const QString& name, const QString& tip) {
    auto* const out = new QToolButton(canvas_);
    out->setAccessibleName(name);
    out->setToolTip(tip);
    out->setPopupMode(QToolButton::InstantPopup);
    out->setFont(Theme::instance().label_font());
    out->setAutoFillBackground(true);
    out->setFocusPolicy(Qt::TabFocus);
    out->setMenu(new QMenu(out));
    return out;
  };
  preset_button_ = button(tr("Viewpoint"), tr("Viewpoint of the arm. Double-click the view to reset it."));
  auto* const presets = new QActionGroup(preset_button_);
  for (const auto preset : kPresets) {
    auto* const action = presets->addAction(preset_name(preset));
    action->setCheckable(true);
    connect(action, &QAction::triggered, this, [this, preset] { set_preset(preset); });
    connect(canvas_, &ArmCanvas::preset_changed, action,
            [this, action, preset] { action->setChecked(canvas_->preset() == preset); });
    action->setChecked(canvas_->preset() == preset);
  }
  preset_button_->menu()->addActions(presets->actions());
  preset_button_->setText(preset_name(canvas_->preset()));

  scale_button_ =
      button(tr("Magnify steps"), tr("Steps are a few millimetres; they are drawn this many times as long."));
  auto* const scales = new QActionGroup(scale_button_);
  for (const double scale : ArmFrames::kScales) {
    auto* const action = scales->addAction(scale_name(scale));
    action->setCheckable(true);
    connect(action, &QAction::triggered, this, [this, scale] { set_step_scale(scale); });
    connect(this, &ArmView::settings_changed, action, [this, action, scale] { action->setChecked(scale_ == scale); });
    action->setChecked(scale_ == scale);
  }
  scale_button_->menu()->addActions(scales->actions());
  scale_button_->setText(scale_name(scale_));
}

void ArmView::place_buttons() {
  int x = spacing::kSmall;
  for (auto* const button : {preset_button_, scale_button_}) {
    const auto wanted = button->sizeHint();
    const bool fits = x + wanted.width() + spacing::kSmall <= canvas_->width();
    button->setVisible(fits);
    const int left = isRightToLeft() ? canvas_->width() - x - wanted.width() : x;
    button->setGeometry(left, spacing::kSmall, wanted.width(), wanted.height());
    x += wanted.width() + spacing::kTiny;
  }
}

void ArmView::set_step_scale(double scale) {
  if (std::find(ArmFrames::kScales.begin(), ArmFrames::kScales.end(), scale) == ArmFrames::kScales.end()) return;
  scale_ = scale;
  scale_button_->setText(scale_name(scale));
  place_buttons();
  refresh_later();
  Q_EMIT settings_changed();
}

void ArmView::open_robot(const std::filesystem::path& urdf) {
  const auto request = ++robot_request_;
  loading_robot_ = true;
  files_.post([urdf] { return ArmModelPtr(ArmModel::load(urdf)); },
              [this, request](ArmModelPtr model) {
                if (request != robot_request_) return;
                loading_robot_ = false;
                model_ = std::move(model);
                model_problem_.clear();
                match_joints();
                refresh_later();
                Q_EMIT robot_changed();
              },
              [this, request](const QString& problem) {
                if (request != robot_request_) return;
                loading_robot_ = false;
                Q_EMIT robot_failed({tr("Cannot open the robot"), problem, tr("Choose a URDF file.")});
              });
}

QByteArray ArmView::save_state() const {
  QByteArray out;
  QDataStream stream(&out, QIODevice::WriteOnly);
  const auto& camera = canvas_->camera();
  stream << kStateVersion << static_cast<qint32>(canvas_->preset()) << scale_ << camera.focus[0] << camera.focus[1]
         << camera.focus[2] << camera.distance_m << camera.azimuth << camera.elevation << camera.roll
         << camera.view_angle;
  return out;
}

void ArmView::restore_state(const QByteArray& state) {
  QDataStream stream(state);
  quint32 version = 0;
  qint32 preset = 0;
  double scale = 0;
  ArmCamera camera;
  stream >> version >> preset >> scale >> camera.focus[0] >> camera.focus[1] >> camera.focus[2] >> camera.distance_m >>
      camera.azimuth >> camera.elevation >> camera.roll >> camera.view_angle;
  if (stream.status() != QDataStream::Ok || version != kStateVersion) return;
  const auto sane = [](double value, double low, double high) { return value >= low && value <= high; };
  if (preset < 0 || preset >= static_cast<qint32>(kPresets.size()) || !sane(camera.distance_m, 0.05, 12) ||
      !sane(camera.elevation, -90, 90) || !sane(camera.azimuth, -360, 360) || !sane(camera.roll, -180, 180) ||
      !sane(camera.view_angle, 1, 120)) {
    return;
  }
  if (!std::all_of(camera.focus.begin(), camera.focus.end(), [&](double v) { return sane(v, -100, 100); })) return;
  set_step_scale(scale);
  canvas_->set_preset(static_cast<ArmCamera::Preset>(preset));
  canvas_->set_camera(camera);
}

void ArmView::refresh_later() {
  if (!pending_->isActive()) pending_->start();
}

void ArmView::showEvent(QShowEvent* event) {
  refresh_later();
  QWidget::showEvent(event);
}

void ArmView::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  place_buttons();
}

void ArmView::show_empty(EmptyState::Icon icon, const QString& sentence, const QString& action,
                         const QString& details) {
  empty_->set(icon, sentence, action, details);
  stack_->setCurrentWidget(empty_);
  canvas_->set_state(nullptr);
}

void ArmView::refresh() {
  if (!isVisible()) return;  // showEvent() catches up
  if (!model_) {
    return show_empty(EmptyState::Icon::problem, tr("The robot description cannot be read."), {}, model_problem_);
  }
  if (!canvas_->problem().isEmpty()) {
    return show_empty(EmptyState::Icon::problem, tr("The arm cannot be drawn in 3D."), {},
                      canvas_->problem() + QLatin1Char(' ') +
                          tr("Install a driver with OpenGL 3.2, or Mesa’s software driver, and restart."));
  }
  const qint64 frame = shown_frame();
  const auto activity = session_->activity();
  if (frame < 0) {
    if (activity == Session::Activity::opening_source)
      return show_empty(EmptyState::Icon::picture, session_->progress().text);
    if (session_->live()->is_open()) return show_empty(EmptyState::Icon::picture, tr("Waiting for the first frame…"));
    return show_empty(EmptyState::Icon::picture, tr("Open an episode to see the arm."), tr("Open dataset…"));
  }
  if (!frames_->has_robot(frame)) {
    if (!frames_->lacks_robot(frame)) {
      // Keep showing the arm while the next frame is read.
      if (!canvas_->state()) show_empty(EmptyState::Icon::picture, tr("Loading frame %1…").arg(format_count(frame)));
      return;
    }
    const auto problem = session_->frames()->problem(frame);
    if (!problem.isEmpty()) {
      return show_empty(EmptyState::Icon::problem, tr("Frame %1 cannot be read.").arg(format_count(frame)), {},
                        problem);
    }
    if (show_joints(frame)) return;
    if (!has_pose()) {
      return show_empty(EmptyState::Icon::picture,
                        tr("The arm cannot be shown: the actions of this recording are not hand motions."));
    }
    return show_empty(EmptyState::Icon::picture,
                      tr("No robot pose in this source, and no joints named like those of this robot."));
  }
  ArmModel::Posed posed;
  canvas_->set_state(frames_->state(model_, frame, scale_, &posed));
  QStringList notes;
  if (posed.how == ArmModel::Posed::How::computed) notes << tr("joints computed from the hand’s pose");
  if (posed.how == ArmModel::Posed::How::nearest) {
    notes << tr("out of reach: the hand is off by %1").arg(format_quantity(posed.error_m * 1000, tr("mm")));
  }
  if (!has_pose()) notes << tr("predictions are not drawn: the actions are not hand motions");
  canvas_->set_notes(notes);
  stack_->setCurrentWidget(canvas_);
  place_buttons();
}

void ArmView::match_joints() {
  columns_ = {};
  const auto* const episode = session_->episode();
  if (!model_ || !episode) return;
  std::vector<NamedNumber> numbers;
  for (const auto& column : episode->info().state_columns) numbers.push_back({column.name, column.unit});
  columns_ = JointColumns(model_->robot(), numbers);
}

bool ArmView::show_joints(qint64 frame) {
  if (!columns_.fits()) return false;
  const auto seen = EpisodeStates::of(session_)->at(frame);
  if (!seen || seen->state.empty()) return false;
  auto state = std::make_shared<ArmState>();
  state->model = model_;
  state->world_from_base = kSceneDWorldFromBase;
  state->joints = columns_.positions(seen->state);
  state->world_from_tcp = state->world_from_base * model_->robot().base_from_link(model_->tcp_link(), state->joints);
  state->knows_opening = false;
  state->colors = Theme::instance().colors();
  state->dark = Theme::instance().is_dark();
  canvas_->set_state(std::move(state));
  QStringList notes;
  if (const auto& missing = columns_.missing(); !missing.empty()) {
    QStringList names;
    for (const auto& name : missing) names << QString::fromStdString(name);
    notes << tr("not recorded: %1").arg(names.join(QStringLiteral(", ")));
  }
  canvas_->set_notes(notes);
  stack_->setCurrentWidget(canvas_);
  place_buttons();
  return true;
}

bool ArmView::has_pose() const {
  const auto* const model = session_->model();
  return !model || model->layout->has_pose();
}

void ArmView::contextMenuEvent(QContextMenuEvent* event) {
  if (is_empty()) return;
  QMenu menu(this);
  menu.addSection(tr("Viewpoint"));
  menu.addActions(preset_button_->menu()->actions());
  menu.addSection(tr("Magnify steps"));
  menu.addActions(scale_button_->menu()->actions());
  menu.addSeparator();
  menu.addAction(tr("Copy picture"), this, [this] { QApplication::clipboard()->setImage(canvas_->picture()); });
  menu.addAction(tr("Save picture…"), this, &ArmView::picture_requested);
  menu.addAction(tr("Open robot…"), this, &ArmView::robot_requested);
  menu.exec(event->globalPos());
}

}  // namespace deer
