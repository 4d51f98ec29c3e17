// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAccessible>
#include <QApplication>
#include <QCheckBox>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QFile>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>
#include <opencv2/videoio.hpp>

#include "app/gui/bars/message_bar.h"
#include "app/gui/cameras/camera_memory.h"
#include "app/gui/cameras/camera_picker.h"
#include "app/gui/cameras/camera_preview.h"
#include "app/gui/cameras/camera_strip.h"
#include "app/gui/dialogs/open_cameras_dialog.h"
#include "app/gui/parts/camera_part.h"
#include "app/gui/start/launch_options.h"
#include "core/episodes/camera/live_camera.h"
#include "sessions/live/cameras.h"
#include "sessions/session/live_session.h"
#include "tests/app/window/window_fixture.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "tests/support/virtual_camera.h"
#include "widgets/base/theme.h"
#include "widgets/cameras/camera_view.h"

namespace deer::test {
namespace {

using std::chrono::milliseconds;

/// 64 x 48: the left half red, the right half blue, and a corner that blinks.
QString make_video(const QString& path, int frames = 40) {
  cv::VideoWriter writer(path.toStdString(), cv::CAP_OPENCV_MJPEG, cv::VideoWriter::fourcc('M', 'J', 'P', 'G'), 30,
                         {64, 48});
  for (int i = 0; i < frames; ++i) {
    cv::Mat picture(48, 64, CV_8UC3, cv::Scalar(0, 0, 220));
    picture(cv::Rect(32, 0, 32, 48)) = cv::Scalar(220, 0, 0);
    picture(cv::Rect(0, 0, 8, 8)) = cv::Scalar(6 * i, 6 * i, 6 * i);
    writer.write(picture);
  }
  return path;
}

template <typename T>
T* named(const QWidget* parent, const QString& name) {
  for (auto* const one : parent->findChildren<T*>()) {
    if (one->accessibleName() == name) return one;
  }
  return nullptr;
}

bool is_red(const QColor& color) { return color.red() > 150 && color.blue() < 90; }
bool is_blue(const QColor& color) { return color.blue() > 150 && color.red() < 90; }

struct CameraFixture : WindowFixture {
  using WindowFixture::WindowFixture;
  ~CameraFixture() { fixed->hangs = gripper->hangs = false; }

  void open_virtual(bool pair) {
    CameraSourceOptions options;
    options.fixed.source = "/dev/fixed";
    if (pair) options.gripper = CameraSettings{.source = "/dev/gripper"};
    options.most_age = milliseconds(2000);
    options.most_skew = milliseconds(1000);
    options.timeouts.first_retry = milliseconds(1500);
    options.timeouts.longest_retry = milliseconds(1500);
    fixed->period_us = gripper->period_us = 20'000;
    session.live()->open("cameras", camera_opener(options, virtual_opener(fixed, gripper)));
  }
  bool wait_frames(qint64 frames) {
    return QTest::qWaitFor([&] { return session.frame_count() >= frames; }, kPatienceMs);
  }
  CameraPart* part() const { return window->findChild<CameraPart*>(); }
  CameraStrip* strip() const { return window->findChild<CameraStrip*>(); }
  bool wait_text(int camera, const QString& part_of_it) const {
    return QTest::qWaitFor([&] { return strip()->camera_text(camera).contains(part_of_it); }, kPatienceMs);
  }

  VirtualCameraPtr fixed = std::make_shared<VirtualCamera>();
  VirtualCameraPtr gripper = std::make_shared<VirtualCamera>();
};

}  // namespace

class CameraWindowTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { guard_ = std::make_unique<LogGuard>(); }
  void cleanup() {
    QCOMPARE(guard_->unexpected(), QStringList());
    QVERIFY(LiveCamera::wait_for_readers(milliseconds(kPatienceMs)));
  }

  void the_strip_says_how_the_cameras_go() {
    CameraFixture f;
    QVERIFY(!f.strip()->isVisible());
    f.session.open_model("/models/deer-nano");
    QVERIFY(QTest::qWaitFor([&] { return f.session.model() != nullptr; }, kPatienceMs));
    f.control->step_ms = 60;  // slower than the camera
    f.open_virtual(true);
    QVERIFY(f.wait_frames(10));
    QVERIFY(f.wait_text(0, "live") && f.wait_text(1, "live"));
    QVERIFY(f.strip()->isVisible());
    QVERIFY(f.wait_text(0, " Hz"));
    QVERIFY(QTest::qWaitFor([&] { return !f.strip()->camera_text(0).contains("  0 dropped"); }, kPatienceMs));
    QVERIFY(QTest::qWaitFor([&] { return f.strip()->latency_text().contains("95th percentile"); }, kPatienceMs));
    QVERIFY(f.session.live()->latency().count > 0 && f.session.live()->latency().median_ms >= 60);
    // What the strip says is what the session knows.
    const auto& report = f.session.live()->report();
    QCOMPARE(report.cameras.size(), std::size_t(2));
    QVERIFY(named<QLabel>(f.strip(), "Skew of the pair")->text().startsWith("skew "));
    // A loss is said, with what comes next, in the colour of warnings.
    f.fixed->plugged = false;
    QVERIFY(f.wait_text(0, "lost, retrying in"));
    auto* const state = named<QLabel>(f.strip(), "Static camera: state");
    QCOMPARE(state->palette().color(QPalette::WindowText), Theme::instance().colors().warning);
    QVERIFY2(state->toolTip().contains("pulled") || state->toolTip().contains("plugged"), qPrintable(state->toolTip()));
    f.fixed->plugged = true;
    QVERIFY(f.wait_text(0, "live"));
    QCOMPARE(state->palette().color(QPalette::WindowText), Theme::instance().colors().text);
    QVERIFY(f.window->commands()->trigger("live.stop"));
    QVERIFY(f.wait_text(0, "ended"));
    QCOMPARE(f.window->messages()->count(), 0);
  }

  void one_camera_has_no_second_line() {
    CameraFixture f;
    f.open_virtual(false);
    QVERIFY(f.wait_frames(5) && f.wait_text(0, "live"));
    QVERIFY(f.strip()->camera_text(1).isEmpty());
    QVERIFY(!named<QLabel>(f.strip(), "Skew of the pair")->isVisible());
    QVERIFY(QTest::qWaitFor([&] { return f.strip()->latency_text().contains(" ms"); }, kPatienceMs));
  }

  void nothing_is_squeezed() {
    CameraFixture f;
    f.open_virtual(true);
    QVERIFY(f.wait_frames(5) && f.wait_text(0, "live") && f.wait_text(1, "live"));
    f.fixed->plugged = false;
    QVERIFY(f.wait_text(0, "lost"));
    f.settle();
    for (auto* const label : f.strip()->findChildren<QLabel*>()) {
      if (!label->isVisible()) continue;
      QVERIFY2(label->width() >= label->minimumSizeHint().width(), qPrintable(label->accessibleName()));
      QVERIFY(!label->accessibleName().isEmpty());
    }
    QCOMPARE(f.window->size(), QSize(1280, 800));
  }

  void a_video_is_opened_as_a_camera_and_shown() {
    CameraFixture f;
    CameraSourceOptions cameras;
    cameras.fixed.source = make_video(f.folder.filePath("clip.avi")).toStdString();
    cameras.fixed.repeat = true;
    cameras.fixed.quarter_turns = 2;  // blue comes to the left
    f.window->cameras()->open(cameras);
    QVERIFY(f.wait_frames(5) && f.wait_text(0, "live"));
    CameraView* view = nullptr;
    for (auto* const one : f.window->findChildren<CameraView*>()) {
      if (one->accessibleName() == u"Static camera") view = one;
    }
    QVERIFY(view && view->state() == CameraView::State::picture);
    const auto image = view->grab().toImage();
    const auto area = view->picture_rect();
    const auto at = [&](double x, double y) {
      return image.pixelColor(
          (QPointF(area.left() + x * area.width(), area.top() + y * area.height()) * image.devicePixelRatio())
              .toPoint());
    };
    QVERIFY2(is_blue(at(0.25, 0.5)), qPrintable(at(0.25, 0.5).name()));
    QVERIFY2(is_red(at(0.75, 0.5)), qPrintable(at(0.75, 0.5).name()));
    QVERIFY(f.window->windowTitle().contains("clip.avi"));
  }

  void a_source_that_is_not_there_is_named() {
    CameraFixture f;
    CameraSourceOptions cameras;
    cameras.fixed.source = "/dev/video987";
    f.window->cameras()->open(cameras);
    QVERIFY(QTest::qWaitFor([&] { return f.window->messages()->count() == 1; }, kPatienceMs));
    QCOMPARE(f.window->messages()->title(), QStringLiteral("Cannot open the live source"));
    QVERIFY(f.window->messages()->details().contains("/dev/video987"));
    QVERIFY(!f.session.live()->is_open());
  }

  void the_dialog_shows_turns_and_crops() {
    QTemporaryDir folder;
    const auto video = make_video(folder.filePath("clip.avi"));
    CameraSourceOptions before;
    before.fixed.source = video.toStdString();
    OpenCamerasDialog dialog({{"/dev/video0", "Webcam"}}, before, true);
    dialog.show();
    QVERIFY(QTest::qWaitForWindowExposed(&dialog));
    auto* const picker = dialog.fixed();
    auto* const preview = picker->preview();
    QVERIFY(!preview->running());
    named<QPushButton>(picker, "Static camera: Show picture")->click();
    QVERIFY(QTest::qWaitFor([&] { return preview->text().startsWith(QString::fromUtf8("64 × 48")); }, kPatienceMs));
    const auto color = [&](double x) {
      const auto image = preview->grab().toImage();
      const auto area = preview->picture_rect();
      return image.pixelColor(
          (QPointF(area.left() + x * area.width(), area.center().y()) * image.devicePixelRatio()).toPoint());
    };
    QVERIFY(is_red(color(0.25)) && is_blue(color(0.75)));
    named<QCheckBox>(picker, "Static camera: Flip left and right")->click();
    QVERIFY(is_blue(color(0.25)) && is_red(color(0.75)));
    named<QComboBox>(picker, "Static camera: turn clockwise")->setCurrentIndex(1);
    QCOMPARE(preview->picture().size(), QSize(48, 64));
    named<QComboBox>(picker, "Static camera: turn clockwise")->setCurrentIndex(0);
    // The right half is chosen by dragging; what is left out is dimmed.
    const auto area = preview->picture_rect();
    QTest::mousePress(preview, Qt::LeftButton, {}, QPoint(area.center().x(), area.top()));
    QTest::mouseMove(preview, area.bottomRight());
    QTest::mouseRelease(preview, Qt::LeftButton, {}, area.bottomRight());
    const auto crop = dialog.cameras().fixed.crop;
    QVERIFY2(std::abs(crop.x - 32) <= 1 && crop.y == 0, qPrintable(QString::number(crop.x)));
    QVERIFY(std::abs(crop.width - 32) <= 1 && std::abs(crop.height - 48) <= 1);
    QCOMPARE(named<QSpinBox>(picker, "Static camera: crop width")->value(), crop.width);
    QVERIFY(!is_blue(color(0.25)) && is_red(color(0.75)));
    named<QPushButton>(picker, "Static camera: Full picture")->click();
    QVERIFY(dialog.cameras().fixed.crop == CameraCrop());
    QVERIFY(dialog.cameras().fixed.flip_horizontal);
    dialog.accept();
    QVERIFY(!preview->running());
  }

  void the_dialog_says_what_is_wrong() {
    OpenCamerasDialog dialog({}, {}, false);
    dialog.show();
    auto* const note = named<QLabel>(&dialog, "What will happen");
    auto* const open = dialog.findChild<QDialogButtonBox*>()->button(QDialogButtonBox::Open);
    QVERIFY(note->text().contains("No camera found"));
    QVERIFY(!open->isEnabled());
    auto* const source = named<QComboBox>(&dialog, "Static camera: source");
    source->setEditText("rtsp://10.0.0.1/live");
    QVERIFY(open->isEnabled() && note->text().contains("No model is open"));
    source->setEditText("gopher://10.0.0.1");
    QVERIFY(!open->isEnabled() && note->text().contains("gopher"));
    QCOMPARE(note->palette().color(QPalette::WindowText), Theme::instance().colors().error);
    source->setEditText("0");
    named<QCheckBox>(&dialog, "With a gripper camera")->click();
    QVERIFY(!open->isEnabled());
    named<QComboBox>(&dialog, "Gripper camera: source")->setEditText("1");
    QVERIFY(open->isEnabled());
    QCOMPARE(dialog.cameras().gripper->source, std::string("1"));
    for (auto* const widget : dialog.findChildren<QWidget*>()) {
      const bool control = qobject_cast<QAbstractButton*>(widget) || qobject_cast<QComboBox*>(widget) ||
                           qobject_cast<QAbstractSpinBox*>(widget);
      if (control && !qobject_cast<QDialogButtonBox*>(widget->parentWidget())) {
        QVERIFY2(!widget->accessibleName().isEmpty(), widget->metaObject()->className());
      }
    }
  }

  void choices_are_remembered_without_passwords() {
    QTemporaryDir folder;
    const CameraMemory memory(folder.path().toStdString());
    QVERIFY(memory.load().fixed.source.empty());
    CameraSourceOptions cameras;
    cameras.fixed = {.source = "rtsp://me:secret@host/live", .quarter_turns = 3, .crop = {1, 2, 30, 40}};
    cameras.fixed.exposure = 120;
    cameras.gripper = CameraSettings{.source = "/dev/video1", .flip_vertical = true};
    cameras.instruction = "open the drawer";
    memory.save(cameras);
    const auto back = memory.load();
    QCOMPARE(back.fixed.source, std::string("rtsp://host/live"));
    cameras.fixed.source = back.fixed.source;
    QVERIFY(back.fixed == cameras.fixed && back.gripper == cameras.gripper);
    QCOMPARE(back.instruction, cameras.instruction);
    QFile file(folder.filePath("cameras.json"));
    QVERIFY(file.open(QFile::ReadWrite));
    const auto text = file.readAll();
    QVERIFY(!text.contains("secret"));
    for (const auto& broken :
         {QByteArray("{"), QByteArray("[]"), QByteArray(text).replace("\"quarter_turns\": 3", "\"quarter_turns\": 7"),
          QByteArray(text).replace("30,", "-30,")}) {
      QVERIFY(file.resize(0) && file.seek(0));
      file.write(broken);
      file.flush();
      QVERIFY(memory.load().fixed.source.empty());
    }
  }

  void a_run_is_recorded_from_the_window() {
    CameraFixture f;
    QVERIFY(!f.window->commands()->trigger("live.record"));
    f.open_virtual(false);
    QVERIFY(f.wait_frames(3));
    QString folder = f.folder.filePath("recordings");
    f.part()->set_folder_chooser([&] { return folder; });
    auto* const button = f.strip()->record_button();
    QVERIFY(button->isVisible() && button->isEnabled());
    button->click();
    QVERIFY(f.part()->recording()->recording());
    QVERIFY(QTest::qWaitFor([&] { return f.part()->recording()->status().written > 5; }, kPatienceMs));
    QVERIFY2(f.strip()->recording_text().startsWith("recording: "), qPrintable(f.strip()->recording_text()));
    QCOMPARE(button->text(), QStringLiteral("Stop recording"));
    QVERIFY(f.window->commands()->trigger("live.record"));
    QVERIFY(QTest::qWaitFor([&] { return f.part()->recording()->status().finished; }, kPatienceMs));
    const auto written = f.part()->recording()->status();
    QVERIFY(f.strip()->recording_text().startsWith("recorded "));
    QVERIFY(std::filesystem::exists(written.folder / "training" / "ep_start_end_ids.npy"));
    QVERIFY(QString::fromStdString(written.folder.string()).startsWith(folder));
  }

  void the_command_line_names_cameras() {
    const auto good = parse_launch({"deerscope", "--camera", "0", "--gripper-camera", "rtsp://host/x"});
    QVERIFY(!good.end_with && good.options.asks_for_something());
    QCOMPARE(good.options.cameras().fixed.source, std::string("0"));
    QCOMPARE(good.options.cameras().gripper->source, std::string("rtsp://host/x"));
    QVERIFY(!parse_launch({"deerscope", "--camera", "0"}).options.cameras().gripper);
    QVERIFY(parse_launch({"deerscope", "--gripper-camera", "1"}).message.contains("--gripper-camera needs --camera"));
    QVERIFY(parse_launch({"deerscope", "--camera", ""}).message.contains("--camera needs a source"));
  }

 private:
  std::unique_ptr<LogGuard> guard_;
};

}  // namespace deer::test

DEER_SUITE(deer::test::CameraWindowTest)

#include "tst_camera_window.moc"
