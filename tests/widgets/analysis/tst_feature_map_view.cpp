// SPDX-License-Identifier: GPL-3.0-or-later
#include <QComboBox>
#include <QSet>
#include <QTest>

#include "sessions/frames/playback.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "tests/widgets/support/scene.h"
#include "tests/widgets/support/sight.h"
#include "widgets/analysis/feature_map_view.h"
#include "widgets/analysis/feature_scatter.h"
#include "widgets/base/theme.h"
#include "widgets/exports/view_values.h"

namespace deer {

using test::Scene;

class FeatureMapViewTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() {
    Theme::instance().set_mode(Theme::Mode::light);
    Theme::instance().apply();
    scene_.turns_with_frame = true;
  }
  void cleanup() { QCOMPARE(log_.unexpected(), QStringList()); }

  void a_click_goes_to_the_frame() {
    const auto session = scene_.session();
    FeatureMapView view(session.get());
    view.resize(700, 420);
    view.show();
    QVERIFY(view.is_empty());
    QVERIFY(test::open_all(session.get()));
    QTRY_VERIFY(!view.is_empty());
    auto* const scatter = view.scatter();
    QCOMPARE(scatter->points().size(), std::size_t(120));
    QVERIFY(view.title().startsWith("120 frames"));
    QTest::qWait(50);
    session->playback()->go_to(3);
    const auto& point = scatter->points()[77];
    QTest::mouseClick(scatter, Qt::LeftButton, {}, scatter->pixel_of(77).toPoint());
    // Another point may lie on the same pixel.
    const auto chosen = static_cast<std::size_t>(session->current_frame());
    const auto away = scatter->pixel_of(chosen) - scatter->pixel_of(77);
    QVERIFY(chosen != 3 && std::hypot(away.x(), away.y()) < 3);
    QVERIFY(point.text.contains("frame 77"));
    // Its colour is on the screen, ringed by the accent.
    const auto image = scatter->grab().toImage();
    const auto centre = scatter->pixel_of(chosen).toPoint();
    QCOMPARE(image.pixelColor(centre * image.devicePixelRatio()), scatter->points()[chosen].colour);
  }

  void colours_mean_exits_regret_and_instructions() {
    const auto session = scene_.session();
    FeatureMapView view(session.get());
    view.resize(700, 420);
    view.show();
    QVERIFY(test::open_all(session.get()));
    QTRY_VERIFY(!view.is_empty());
    const auto colours = [&] {
      QSet<QRgb> out;
      for (const auto& point : view.scatter()->points()) out.insert(point.colour.rgb());
      return out;
    };
    for (const auto& point : view.scatter()->points()) {
      QCOMPARE(point.colour, Theme::instance().exit_color(session->record(point.frame)->exit_index, Scene::kExits));
    }
    const auto by_exit = colours();
    QVERIFY(by_exit.size() > 1 && by_exit.size() <= Scene::kExits);
    view.set_colour(FeatureMapView::Colour::regret);
    QVERIFY(colours().size() > 5);
    view.set_colour(FeatureMapView::Colour::instruction);
    QVERIFY(colours().size() <= 4);
    // A changed policy changes which features are shown, and the colours.
    view.set_colour(FeatureMapView::Colour::exit);
    auto policy = session->policy();
    policy.thresholds.assign(policy.thresholds.size(), 1e8);
    session->set_policy(policy);
    QTRY_COMPARE(colours().size(), 1);
    const auto table = feature_values(*session, view);
    QCOMPARE(table.columns.size(), std::size_t(5));
    QCOMPARE(table.columns[0].numbers.size(), std::size_t(120));
    QCOMPARE(table.columns[3].numbers[5], 1.0);
    session->open_episode(1);
    QTRY_VERIFY(view.is_empty());
  }

 private:
  Scene scene_;
  test::LogGuard log_;
};

}  // namespace deer

DEER_SUITE(deer::FeatureMapViewTest)
#include "tst_feature_map_view.moc"
