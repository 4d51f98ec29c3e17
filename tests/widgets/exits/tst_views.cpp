// SPDX-License-Identifier: GPL-3.0-or-later
#include <QLabel>
#include <QPushButton>
#include <QSignalSpy>
#include <QTableView>
#include <QTest>
#include <QToolButton>
#include <cmath>

#include "sessions/frames/episode_frames.h"
#include "sessions/frames/playback.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "tests/widgets/support/scene.h"
#include "widgets/actions/action_model.h"
#include "widgets/actions/action_table.h"
#include "widgets/actions/action_view.h"
#include "widgets/analysis/similarity_matrix.h"
#include "widgets/analysis/similarity_view.h"
#include "widgets/base/delta_scale.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"
#include "widgets/cameras/camera_view.h"
#include "widgets/episodes/frame_inspector.h"
#include "widgets/exits/delta_rows.h"
#include "widgets/exits/delta_view.h"
#include "widgets/exits/frame_deltas.h"
#include "widgets/timeline/playback_bar.h"

namespace deer {

using test::Scene;

namespace {

bool near(const QColor& a, const QColor& b, int tolerance = 3) {
  return std::abs(a.red() - b.red()) <= tolerance && std::abs(a.green() - b.green()) <= tolerance &&
         std::abs(a.blue() - b.blue()) <= tolerance;
}

QColor pixel(QWidget* widget, const QPoint& at) {
  const QImage image = widget->grab().toImage();
  return image.pixelColor(at * widget->devicePixelRatioF());
}

template <typename View>
void show(View& view, int width, int height) {
  view.resize(width, height);
  view.show();
}

}  // namespace

class ViewsTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase();
  void cleanup();
  void camera_shows_the_source_pixels();
  void camera_states();
  void a_broken_picture_costs_no_numbers();
  void camera_keeps_its_picture_while_loading();
  void deltas_in_numbers_and_bars();
  void a_singled_out_exit_is_framed();
  void reasons_data();
  void reasons();
  void a_dragged_mark_changes_the_policy();
  void similarity_cells_have_the_maps_colour();
  void similarity_mean_and_hover();
  void actions_are_physical();
  void inspector_fields();
  void playback_bar();
  void hovering_shows_that_frame();
  void empty_views_offer_what_is_missing();
  void everything_is_named();
  void right_to_left_and_large();

 private:
  test::LogGuard log_;
};

void ViewsTest::initTestCase() {
  Theme::instance().set_mode(Theme::Mode::light);
  Theme::instance().apply();
}

void ViewsTest::cleanup() { QCOMPARE(log_.unexpected(), QStringList()); }

void ViewsTest::camera_shows_the_source_pixels() {
  Scene scene;
  const auto session = scene.session();
  CameraView camera(session.get(), Camera::fixed);
  camera.set_pixelated(true);
  show(camera, 420, 420);
  QVERIFY(test::open_episode(session.get()));
  QTRY_COMPARE(camera.state(), CameraView::State::picture);
  const ImagePtr source = Scene::picture(0, Scene::kPicture);
  const QRect place = camera.picture_rect();
  const qreal ratio = camera.devicePixelRatioF();
  const QImage shown = camera.grab().toImage();
  const int times = int(place.width() * ratio) / Scene::kPicture;
  QVERIFY(times >= 2);
  QCOMPARE(place.width() * ratio, double(times * Scene::kPicture));
  // The upper edge carries the caption; nothing covers the rest.
  for (int y = Scene::kPicture / 5; y < Scene::kPicture; y += 3) {
    for (int x = 0; x < Scene::kPicture; x += 3) {
      const std::uint8_t* rgb = &source->rgb[std::size_t(y * Scene::kPicture + x) * 3];
      const QPoint at(int(place.left() * ratio) + x * times + times / 2,
                      int(place.top() * ratio) + y * times + times / 2);
      QCOMPARE(shown.pixelColor(at), QColor(rgb[0], rgb[1], rgb[2]));
    }
  }
  camera.resize(300, 500);
  QCOMPARE(camera.picture_rect().width(), camera.picture_rect().height());
}

void ViewsTest::camera_states() {
  Scene scene;
  scene.gripper_camera = false;
  scene.bad_frame = 7;
  const auto session = scene.session();
  CameraView fixed(session.get(), Camera::fixed), gripper(session.get(), Camera::gripper);
  show(fixed, 300, 300);
  show(gripper, 300, 300);
  QCOMPARE(fixed.state(), CameraView::State::empty);
  QSignalSpy asked(&fixed, &CameraView::open_dataset_requested);
  auto* button = fixed.findChild<QPushButton*>();
  QVERIFY(button && button->isVisible());
  QTest::mouseClick(button, Qt::LeftButton);
  QCOMPARE(asked.count(), 1);
  QVERIFY(test::open_episode(session.get()));
  QTRY_COMPARE(fixed.state(), CameraView::State::picture);
  QCOMPARE(gripper.state(), CameraView::State::empty);
  QCOMPARE(gripper.findChild<EmptyState*>()->sentence(), QString("No gripper camera in this source"));
  session->set_current_frame(7);
  QTRY_COMPARE(fixed.state(), CameraView::State::problem);
  QVERIFY(fixed.findChild<EmptyState*>()->sentence().contains("Frame 7"));
  session->set_current_frame(8);
  QTRY_COMPARE(fixed.state(), CameraView::State::picture);
}

void ViewsTest::a_broken_picture_costs_no_numbers() {
  Scene scene;
  scene.bad_picture = 7;
  const auto session = scene.session();
  CameraView fixed(session.get(), Camera::fixed);
  show(fixed, 300, 300);
  QVERIFY(test::open_episode(session.get()));
  QTRY_COMPARE(fixed.state(), CameraView::State::picture);
  session->set_current_frame(7);
  QTRY_COMPARE(fixed.state(), CameraView::State::empty);
  QCOMPARE(fixed.findChild<EmptyState*>()->sentence(), QString("No image from this camera in this frame."));
  QCOMPARE(session->frames()->problem(7), QString("0007.jpg: is no picture"));
  const auto seen = session->frames()->observation(7);
  QVERIFY(seen && seen->rel_action == Scene::recorded(7));
}

void ViewsTest::camera_keeps_its_picture_while_loading() {
  Scene scene;
  scene.slow_frame = 100;
  const auto session = scene.session();
  CameraView camera(session.get(), Camera::fixed);
  show(camera, 300, 300);
  QVERIFY(test::open_episode(session.get()));
  QTRY_COMPARE(camera.state(), CameraView::State::picture);
  const QPoint middle = camera.picture_rect().center();
  const QColor before = pixel(&camera, middle);
  session->set_current_frame(100);
  QCOMPARE(camera.state(), CameraView::State::picture);
  QCOMPARE(pixel(&camera, middle), before);                                   // not dimmed at once
  QTRY_VERIFY_WITH_TIMEOUT(!near(pixel(&camera, middle), before, 10), 2500);  // dimmed, still loading
  QVERIFY(!session->frames()->observation(100));
  QTRY_VERIFY(session->frames()->observation(100));
}

void ViewsTest::deltas_in_numbers_and_bars() {
  Scene scene;
  const auto session = scene.session();
  DeltaView view(session.get());
  show(view, 500, 320);
  QVERIFY(test::open_all(session.get()));
  session->set_current_frame(42);
  QTRY_COMPARE(view.rows()->rows().size(), std::size_t(6));
  QTRY_VERIFY(view.rows()->rows()[1].decision == DeltaRows::Decision::left);
  const DeltaRows& rows = *view.rows();
  QCOMPARE(rows.rows()[0].decision, DeltaRows::Decision::went_on);
  QCOMPARE(rows.rows()[2].decision, DeltaRows::Decision::not_reached);
  QVERIFY(rows.text(1).contains(format_number(Scene::delta(42, 1))));
  // A bar ends where its delta lies on the scale.
  const QRect area = rows.bar_area(0);
  const int end = area.left() + int(std::lround(delta_scale::position(Scene::delta(42, 0)) * area.width()));
  const QColor color = Theme::instance().exit_color(0, 6);
  QVERIFY(near(pixel(view.rows(), {area.left() + 2, area.center().y()}), color));
  QVERIFY(near(pixel(view.rows(), {end - 5, area.center().y()}), color));
  QVERIFY(!near(pixel(view.rows(), {end + 8, area.center().y()}), color, 30));
  // The mark lies where its threshold does.
  QCOMPARE(rows.mark_x(1), area.left() + int(std::lround(delta_scale::position(0.03) * (area.width() - 1))));
  QCOMPARE(rows.mark_x(5), -1);
}

void ViewsTest::a_singled_out_exit_is_framed() {
  Scene scene;
  const auto session = scene.session();
  DeltaView deltas(session.get());
  ActionView actions(session.get());
  show(deltas, 500, 320);
  show(actions, 900, 320);
  QVERIFY(test::open_all(session.get()));
  session->set_current_frame(42);
  QTRY_COMPARE(deltas.rows()->rows().size(), std::size_t(6));
  auto* table = actions.findChild<QTableView*>();
  const auto framed = [&](int row) {
    const QRect bar = deltas.rows()->bar_area(row);
    return near(pixel(deltas.rows(), {0, bar.center().y()}), Theme::instance().colors().accent, 40);
  };
  QVERIFY(!framed(3));
  session->selection()->set_selected_exit(3);
  QTRY_VERIFY(framed(3));
  QVERIFY(!framed(2));
  const auto selected = [&](int column) {
    return table->model()->index(0, column).data(ActionModel::kSelectedRole).toBool();
  };
  QVERIFY(selected(3) && !selected(2));
  session->selection()->set_selected_exit(-1);
  QTRY_VERIFY(!framed(3));
  QVERIFY(!selected(3));
}

void ViewsTest::reasons_data() {
  QTest::addColumn<int>("reason");
  QTest::addColumn<QString>("sentence");
  QTest::newRow("within") << int(ExitReason::within_threshold) << "Stopped at exit 3: delta 0.0420 ≤ threshold 0.0820.";
  QTest::newRow("deepest") << int(ExitReason::deepest_allowed)
                           << "Stopped at exit 3: the deepest allowed exit; no shallower exit met its threshold.";
  QTest::newRow("held") << int(ExitReason::held) << "Stayed at exit 3: the exit is re-evaluated every 4 steps.";
  QTest::newRow("fixed") << int(ExitReason::fixed) << "Stopped at exit 3: the policy always uses this exit.";
  QTest::newRow("scheduled") << int(ExitReason::scheduled) << "Stopped at exit 3: the exit for step 17.";
  QTest::newRow("repeated") << int(ExitReason::repeated)
                            << "Repeated the prediction of exit 3: each prediction is executed 2 times.";
}

void ViewsTest::reasons() {
  QFETCH(int, reason);
  QFETCH(QString, sentence);
  FrameRecord record;
  record.exit_index = 2;
  record.exit_layer = 5;
  record.step = 17;
  record.reason = ExitReason(reason);
  ExitProbe probe;
  probe.layer = 5;
  probe.delta = 0.042F;
  probe.threshold = 0.082F;
  record.exits.push_back(probe);
  ExitPolicy policy;
  policy.steps_per_stage = 4;
  policy.executions = 2;
  QCOMPARE(FrameDeltas::reason_sentence(record, policy), sentence);
}

void ViewsTest::a_dragged_mark_changes_the_policy() {
  Scene scene;
  const auto session = scene.session();
  DeltaView view(session.get());
  show(view, 500, 320);
  QVERIFY(test::open_all(session.get()));
  QTRY_VERIFY(!view.rows()->rows().empty());
  DeltaRows* rows = view.rows();
  const QRect area = rows->bar_area(0);
  const QPoint from(rows->mark_x(0), area.center().y()), to(area.left() + area.width() / 2, area.center().y());
  QTest::mousePress(rows, Qt::LeftButton, {}, from);
  QTest::mouseMove(rows, to);
  QTest::mouseRelease(rows, Qt::LeftButton, {}, to);
  const double expected = delta_scale::value(double(to.x() - area.left()) / (area.width() - 1));
  QCOMPARE(session->policy().thresholds[0], expected);
  QTRY_VERIFY(session->records_current());
  QTRY_COMPARE(session->record(42)->exit_index, Scene::exit_taken(42, session->policy()));
}

void ViewsTest::similarity_cells_have_the_maps_colour() {
  Scene scene;
  const auto session = scene.session();
  SimilarityView view(session.get());
  show(view, 460, 460);
  QVERIFY(test::open_all(session.get()));
  QTRY_VERIFY(!view.is_empty());
  SimilarityMatrix* matrix = view.matrix();
  QTRY_VERIFY(matrix->cell(0, 0).width() > 20);
  QTRY_COMPARE(matrix->text(0, 5),
               QString("exit 1 and exit 6: similarity %1, difference %2")
                   .arg(format_number(Scene::similarity(0, 5)), format_number(1 - Scene::similarity(0, 5))));
  const QImage image = matrix->grab().toImage();
  for (int row = 0; row < 6; ++row) {
    for (int column = 0; column < 6; ++column) {
      const QPoint corner = (matrix->cell(row, column).topLeft() + QPoint(3, 3)) * matrix->devicePixelRatioF();
      QVERIFY(near(image.pixelColor(corner),
                   Theme::instance().heat_color(delta_scale::position(1 - Scene::similarity(row, column)))));
    }
  }
}

void ViewsTest::similarity_mean_and_hover() {
  Scene scene;
  const auto session = scene.session();
  SimilarityView view(session.get());
  show(view, 460, 460);
  QVERIFY(test::open_all(session.get()));
  view.set_measure(SimilarityView::Measure::mean);
  QTRY_COMPARE(view.title(), QString("episode, mean of 120 frames"));
  SimilarityMatrix* matrix = view.matrix();
  QVERIFY(matrix->text(1, 4).startsWith("exit 2 and exit 5: similarity " + format_number(Scene::similarity(1, 4))));
  QSignalSpy hovered(matrix, &SimilarityMatrix::hovered);
  QTest::mouseMove(matrix, matrix->cell(1, 4).center());
  QTRY_VERIFY(!hovered.isEmpty());
  QCOMPARE(hovered.last().first().toString(), matrix->text(1, 4));
  // The loop says which frames count.
  session->playback()->set_loop_range(20, 29);
  QTRY_COMPARE(view.title(), QString("frames 20 to 29, mean of 10 frames"));
}

void ViewsTest::actions_are_physical() {
  Scene scene;
  const auto session = scene.session();
  ActionView view(session.get());
  show(view, 900, 340);
  QVERIFY(test::open_all(session.get()));
  session->set_current_frame(42);
  const ActionModel& model = *view.model();
  const auto text = [&model](int row, int column) { return model.index(row, column).data().toString(); };
  const int taken = Scene::exit_taken(42, session->policy());
  QTRY_COMPARE(text(ActionModel::kX, model.recorded_column()), format_fixed(Scene::recorded(42)[0] * 20, 1));
  for (int exit = 0; exit < 6; ++exit) {
    QCOMPARE(text(ActionModel::kY, exit), format_fixed(double(Scene::arm(42, exit)[1]) * 20, 1));
    QCOMPARE(text(ActionModel::kRotationZ, exit), format_fixed(double(Scene::arm(42, exit)[5]) * 57.29578 / 20, 2));
    QCOMPARE(model.index(0, exit).data(ActionModel::kTakenRole).toBool(), exit == taken);
  }
  QCOMPARE(text(ActionModel::kX, model.executed_column()), text(ActionModel::kX, taken));
  QCOMPARE(text(ActionModel::kX, model.error_column()),
           format_fixed((double(Scene::arm(42, taken)[0]) - Scene::recorded(42)[0]) * 20, 1));
  QCOMPARE(text(ActionModel::kGripper, model.recorded_column()), QString("open"));
  auto* table = view.findChild<QTableView*>();
  const QRect cell = table->visualRect(model.index(ActionModel::kX, taken));
  QVERIFY(near(pixel(table->viewport(), cell.topLeft() + QPoint(3, 3)), Theme::instance().colors().selection));
}

void ViewsTest::inspector_fields() {
  Scene scene;
  const auto session = scene.session();
  FrameInspector view(session.get());
  show(view, 320, 480);
  QVERIFY(test::open_all(session.get()));
  session->set_current_frame(42);
  QTRY_COMPARE(view.value("Place in the episode"),
               QString("1.400%1s · frame id 358524 · step %2").arg(QChar(0x00a0)).arg(session->record(42)->step));
  QVERIFY(view.value("Reason").startsWith("Stopped at exit 2"));
  QCOMPARE(view.deltas()->rows()->rows().size(), std::size_t(6));
  const auto& actions = *view.actions()->actions();
  const auto text = [&](int row, int column) { return actions.index(row, column).data().toString(); };
  QCOMPARE(text(ActionModel::kGripper, actions.executed_column()), QString("open"));
  // Executed, recorded, error and the deepest exit; the other exits are in the Actions view.
  for (int exit = 0; exit < 6; ++exit) QCOMPARE(view.actions()->isColumnHidden(exit), exit != 5);
  QVERIFY(!view.actions()->isColumnHidden(actions.recorded_column()));
}

void ViewsTest::playback_bar() {
  Scene scene;
  const auto session = scene.session();
  PlaybackBar bar(session.get());
  show(bar, 560, 40);
  QCOMPARE(bar.counter_text(), QString("no episode"));
  const auto button = [&bar](const QString& name) -> QToolButton* {
    for (auto* tool : bar.findChildren<QToolButton*>()) {
      if (tool->accessibleName() == name) return tool;
    }
    return nullptr;
  };
  QVERIFY(!button("Play")->isEnabled());
  QVERIFY(test::open_episode(session.get()));
  session->set_current_frame(72);
  QCOMPARE(bar.counter_text(), QString("frame 72 of 0–119 · 00:02.4"));
  QSignalSpy played(&bar, &PlaybackBar::play_toggled), stepped(&bar, &PlaybackBar::step_requested);
  QSignalSpy speed(&bar, &PlaybackBar::speed_changed), looped(&bar, &PlaybackBar::loop_toggled);
  QTest::mouseClick(button("Play"), Qt::LeftButton);
  QCOMPARE(played.count(), 1);
  QVERIFY(bar.playing() && button("Pause"));
  QTest::mouseClick(button("Previous frame"), Qt::LeftButton);
  QCOMPARE(stepped.last().first().toInt(), -1);
  bar.set_playing(false);
  bar.set_speed(2);
  bar.set_loop(true);
  QCOMPARE(bar.speed(), 2.0);
  QVERIFY(bar.loop());
  QCOMPARE(played.count() + speed.count() + looped.count(), 1);  // setters are silent
}

void ViewsTest::hovering_shows_that_frame() {
  Scene scene;
  const auto session = scene.session();
  FrameInspector inspector(session.get());
  show(inspector, 320, 480);
  QVERIFY(test::open_all(session.get()));
  session->set_current_frame(5);
  QTRY_COMPARE(inspector.value("Frame"), QString("Frame 5"));
  session->selection()->set_hovered_frame(30);
  QTRY_COMPARE(inspector.value("Frame"), QString("Frame 30"));
  session->selection()->set_hovered_frame(-1);
  QTRY_COMPARE(inspector.value("Frame"), QString("Frame 5"));
}

void ViewsTest::empty_views_offer_what_is_missing() {
  Scene scene;
  const auto session = scene.session();
  DeltaView view(session.get());
  show(view, 400, 300);
  QTRY_COMPARE(view.empty_state()->action(), QString("Open model…"));
  QSignalSpy model(&view, &FrameView::open_model_requested);
  QTest::mouseClick(view.empty_state()->findChild<QPushButton*>(), Qt::LeftButton);
  QCOMPARE(model.count(), 1);
  session->open_model("scene");
  QTRY_COMPARE(view.empty_state()->action(), QString("Open dataset…"));
  QVERIFY(test::open_episode(session.get()));
  QTRY_COMPARE(view.empty_state()->action(), QString("Run the model"));
  QTest::mouseClick(view.empty_state()->findChild<QPushButton*>(), Qt::LeftButton);
  QTRY_VERIFY(!view.is_empty());
}

void ViewsTest::everything_is_named() {
  Scene scene;
  const auto session = scene.session();
  CameraView camera(session.get(), Camera::fixed);
  DeltaView deltas(session.get());
  SimilarityView similarity(session.get());
  ActionView action(session.get());
  FrameInspector inspector(session.get());
  PlaybackBar playback(session.get());
  for (QWidget* view : std::initializer_list<QWidget*>{&camera, &deltas, &similarity, &action, &inspector, &playback}) {
    QVERIFY(!view->accessibleName().isEmpty());
    for (auto* control : view->findChildren<QWidget*>()) {
      const bool inner = control->objectName().startsWith("qt_") || !control->property("accessibleName").isValid();
      if (inner || control->focusPolicy() == Qt::NoFocus || qobject_cast<QAbstractScrollArea*>(control->parentWidget()))
        continue;
      if (qobject_cast<QAbstractScrollArea*>(control) && !qobject_cast<QAbstractItemView*>(control)) continue;
      if (qobject_cast<QPushButton*>(control) && qobject_cast<EmptyState*>(control->parentWidget())) continue;
      QVERIFY2(!control->accessibleName().isEmpty(), control->metaObject()->className());
    }
  }
}

void ViewsTest::right_to_left_and_large() {
  Scene scene;
  const auto session = scene.session();
  QVERIFY(test::open_all(session.get()));
  session->set_current_frame(42);
  DeltaView view(session.get());
  view.setLayoutDirection(Qt::RightToLeft);
  show(view, 500, 320);
  QTRY_VERIFY(!view.rows()->rows().empty());
  DeltaRows* rows = view.rows();
  const QRect area = rows->bar_area(0);
  QVERIFY(near(pixel(rows, {area.right() - 2, area.center().y()}), Theme::instance().exit_color(0, 6)));
  QVERIFY(area.left() > 0 && area.right() < rows->width());
  // Twice the letters: rows grow with them, and all stay inside.
  const QRect before = rows->bar_area(5);
  QFont large = rows->font();
  large.setPointSizeF(large.pointSizeF() * 2);
  rows->setFont(large);
  view.resize(900, 640);
  QTRY_VERIFY(rows->height() >= rows->minimumSizeHint().height());
  QVERIFY(rows->bar_area(5).height() > before.height());
  QVERIFY(rows->bar_area(5).bottom() < rows->height());
}

}  // namespace deer

DEER_SUITE(deer::ViewsTest)
#include "tst_views.moc"
