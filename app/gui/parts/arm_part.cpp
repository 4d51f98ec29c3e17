// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/parts/arm_part.h"

#include <QCoreApplication>
#include <QFileDialog>
#include <QFileInfo>
#include <QPointer>
#include <array>
#include <filesystem>
#include <system_error>

#include "app/gui/commands/command_table.h"
#include "sessions/base/paths.h"
#include "sessions/frames/episode_frames.h"
#include "widgets/arm/arm_view.h"

namespace deer {
namespace {

/// Next to the installed program, or in the source tree.
std::filesystem::path panda_urdf() {
  const auto program = to_path(QCoreApplication::applicationDirPath());
  const auto name = std::filesystem::path("panda") / "panda.urdf";
  const auto installed = (program / ".." / DEER_DATA_FOLDER / name).lexically_normal();
  std::error_code none;
  return std::filesystem::is_regular_file(installed, none) ? installed : std::filesystem::path(DEER_RESOURCES) / name;
}

/// The arm as the view shows it, on a canvas of the video's size.
class Arm final : public VideoSubject {
 public:
  Arm(Session* session, ArmView* view) : session_(session), view_(view) {}

  QString name() const override { return ArmPart::tr("The arm"); }
  QString file_name() const override { return QStringLiteral("arm"); }
  QList<QSize> sizes() const override { return {{1280, 960}, {1920, 1080}, {640, 480}}; }

  void begin(const QSize& pixels) override {
    pixels_ = pixels;
    canvas_ = std::make_unique<ArmCanvas>();
    canvas_->setAttribute(Qt::WA_DontShowOnScreen);
    canvas_->setFocusPolicy(Qt::NoFocus);
    canvas_->resize((QSizeF(pixels) / canvas_->devicePixelRatioF()).toSize());
    canvas_->show();
  }

  bool ready(qint64 frame) override {
    if (!view_) return true;
    const bool read = session_->frames()->observation(frame) || !session_->frames()->problem(frame).isEmpty();
    // The view gathers changes for a turn of the event loop.
    if (frame != frame_) looks_ = 0;
    frame_ = frame;
    if (!read || ++looks_ < 3) return false;
    const auto& shown = *view_->canvas();
    if (!(canvas_->camera() == shown.camera())) canvas_->set_camera(shown.camera());
    canvas_->set_notes(shown.notes());
    canvas_->set_state(view_->is_empty() ? nullptr : shown.state());
    return !canvas_->state() || !canvas_->problem().isEmpty() || canvas_->is_settled();
  }

  QImage picture() override {
    const auto seen = canvas_->picture();
    return seen.size() == pixels_ ? seen : seen.scaled(pixels_, Qt::IgnoreAspectRatio, Qt::SmoothTransformation);
  }
  void end() override { canvas_.reset(); }

 private:
  Session* session_;
  QPointer<ArmView> view_;
  std::unique_ptr<ArmCanvas> canvas_;
  QSize pixels_;
  qint64 frame_ = -1;
  int looks_ = 0;
};

class ShownArm final : public ArmPart {
  Q_DECLARE_TR_FUNCTIONS(deer::ArmPart)

 public:
  ShownArm(Session* session, QWidget* window)
      : ArmPart(window), session_(session), window_(window), view_(new ArmView(session, panda_urdf(), window)) {
    connect(view_, &ArmView::open_dataset_requested, this, &ArmPart::open_dataset_requested);
    connect(view_, &ArmView::robot_failed, this, &ArmPart::problem);
    connect(view_, &ArmView::robot_changed, this, [this] {
      QStringList problems;
      for (const auto& one : view_->model()->problems()) problems << QString::fromStdString(one);
      if (problems.isEmpty()) return;
      if (view_->model()->is_skeleton()) {
        return Q_EMIT warning({tr("The robot is shown as a skeleton: none of its meshes can be read"),
                               problems.join(u'\n'),
                               tr("Put the meshes where the URDF expects them and open it again.")});
      }
      Q_EMIT warning({problems.size() == 1 ? tr("A part of the robot is not shown")
                                           : tr("%1 parts of the robot are not shown").arg(problems.size()),
                      problems.join(u'\n'), tr("Put the meshes where the URDF expects them and open it again.")});
    });
    connect(view_, &ArmView::picture_requested, this, &ShownArm::save_picture);
    connect(view_, &ArmView::robot_requested, this, &ShownArm::choose_robot);
  }

  void open_robot(const std::filesystem::path& urdf) override { view_->open_robot(urdf); }
  QWidget* view() const override { return view_; }
  QByteArray save_state() const override { return view_->save_state(); }
  void restore_state(const QByteArray& state) override { view_->restore_state(state); }

  std::unique_ptr<VideoSubject> video_subject() override {
    if (view_->isHidden() || view_->is_empty()) return nullptr;
    return std::make_unique<Arm>(session_, view_);
  }

  void add_commands(CommandTable* commands) override {
    const auto menu = tr("&Arm");
    const auto shown = [this] { return view_->isVisible(); };
    const auto preset = [&](const char* id, ArmCamera::Preset which, const QString& text, const QString& tip, int key) {
      return Command{.id = QString::fromLatin1(id),
                     .text = text,
                     .tip = tip,
                     .shortcuts = {QKeySequence(Qt::ALT | static_cast<Qt::Key>(Qt::Key_0 + key))},
                     .run = [this, which] { view_->set_preset(which); },
                     .enabled = shown,
                     .checked = [this, which] { return view_->canvas()->preset() == which; },
                     .group = QStringLiteral("arm_view")};
    };
    using enum ArmCamera::Preset;
    commands->add(
        menu,
        {preset("arm.overview", overview, tr("&Overview"), tr("See arm and table from the front right."), 1),
         preset("arm.front", front, tr("From the &front"), tr("See the arm from the front edge of the table."), 2),
         preset("arm.side", side, tr("From the &side"), tr("See the arm from the right end of the table."), 3),
         preset("arm.top", top, tr("From &above"), tr("See the arm and the table from above."), 4),
         preset("arm.static", static_camera, tr("From the static &camera"), tr("See what CALVIN’s static camera sees."),
                5),
         preset("arm.follow", follow, tr("Follow the &hand"), tr("Stay close to the hand as it moves."), 6)});
    for (std::size_t i = 0; i < ArmFrames::kScales.size(); ++i) {
      const double scale = ArmFrames::kScales[i];
      commands->add(menu, {{.id = QStringLiteral("arm.scale_%1").arg(scale, 0, 'f', 0),
                            .text = tr("Magnify steps %1×").arg(scale, 0, 'f', 0),
                            .tip = tr("Choose how much steps of a few millimetres are magnified."),
                            .shortcuts = {QKeySequence(Qt::ALT | static_cast<Qt::Key>(Qt::Key_7 + int(i)))},
                            .run = [this, scale] { view_->set_step_scale(scale); },
                            .enabled = shown,
                            .checked = [this, scale] { return view_->step_scale() == scale; },
                            .separator_before = i == 0,
                            .group = QStringLiteral("arm_scale")}});
    }
    commands->add(menu, {{.id = "arm.show",
                          .text = tr("Sho&w the arm"),
                          .tip = tr("Show or hide the arm beside the cameras."),
                          .shortcuts = {QKeySequence(Qt::Key_F8)},
                          .run = [this] { view_->setVisible(view_->isHidden()); },
                          .checked = [this] { return !view_->isHidden(); },
                          .separator_before = true},
                         {.id = "arm.open_robot",
                          .text = tr("Open &robot…"),
                          .tip = tr("Show another arm, from a URDF file."),
                          .run = [this] { choose_robot(); }},
                         {.id = "arm.panda",
                          .text = tr("Use the &Panda"),
                          .tip = tr("Show CALVIN’s arm again."),
                          .run = [this] { view_->open_robot(panda_urdf()); }},
                         {.id = "arm.save_picture",
                          .text = tr("Save &picture of the arm…"),
                          .tip = tr("Save a picture of the arm as PNG."),
                          .run = [this] { save_picture(); },
                          .enabled = shown}});
    connect(view_, &ArmView::settings_changed, commands, &CommandTable::update);
  }

 private:
  void choose_robot() {
    const auto path = QFileDialog::getOpenFileName(window_, tr("Open robot"), {},
                                                   tr("Robot descriptions (*.urdf *.xml);;All files (*)"));
    if (!path.isEmpty()) view_->open_robot(to_path(path));
  }

  void save_picture() {
    const auto path = QFileDialog::getSaveFileName(window_, tr("Save picture of the arm"), QStringLiteral("arm.png"),
                                                   tr("PNG (*.png)"));
    if (!path.isEmpty()) Q_EMIT picture_taken(view_->canvas()->picture(), path);
  }

  Session* session_;
  QWidget* window_;
  ArmView* view_;
};

}  // namespace

ArmPart* ArmPart::make(Session* session, QWidget* window) { return new ShownArm(session, window); }

}  // namespace deer
