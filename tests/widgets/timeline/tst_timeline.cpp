// SPDX-License-Identifier: GPL-3.0-or-later
#include <QSignalSpy>
#include <QTest>
#include <cmath>
#include <set>

#include "sessions/analysis/budget.h"
#include "tests/support/action_edits.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "tests/widgets/support/scene.h"
#include "widgets/base/delta_scale.h"
#include "widgets/base/theme.h"
#include "widgets/timeline/timeline_budget.h"
#include "widgets/timeline/timeline_cost.h"
#include "widgets/timeline/timeline_data.h"
#include "widgets/timeline/timeline_layers.h"
#include "widgets/timeline/timeline_plot.h"
#include "widgets/timeline/timeline_view.h"

namespace deer {

using test::Scene;
using Track = TimelinePlot::Track;

namespace {

QColor pixel(const QImage& image, const QWidget* widget, double x, double y) {
  const qreal ratio = widget->devicePixelRatioF();
  return image.pixelColor(int(x * ratio), int(y * ratio));
}

bool near(const QColor& a, const QColor& b, int tolerance = 3) {
  return std::abs(a.red() - b.red()) <= tolerance && std::abs(a.green() - b.green()) <= tolerance &&
         std::abs(a.blue() - b.blue()) <= tolerance;
}

QImage draw(TimelinePlot* plot) {
  plot->replot(QCustomPlot::rpImmediateRefresh);
  return plot->grab().toImage();
}

void wheel(QWidget* widget, const QPointF& at, int angle) {
  QWheelEvent event(at, widget->mapToGlobal(at), {}, {0, angle}, Qt::NoButton, Qt::NoModifier, Qt::NoScrollPhase,
                    false);
  QCoreApplication::sendEvent(widget, &event);
}

}  // namespace

class TimelineTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase();
  void cleanup();
  void buckets_are_aligned();
  void bars_have_their_exits_colour();
  void heat_has_its_deltas_colour();
  void unevaluated_is_hatched();
  void zooms_at_the_pointer();
  void pans_and_resets();
  void scrubs_and_hovers();
  void extremes_survive_a_million_frames();
  void lines_stop_at_missing_values();
  void a_million_frames_draw_fast();
  void mean_cost_is_that_of_the_frames_so_far();
  void cost_above_the_allowance_is_seen();
  void cost_follows_what_is_asked();

 private:
  test::LogGuard log_;
};

void TimelineTest::initTestCase() {
  Theme::instance().set_mode(Theme::Mode::light);
  Theme::instance().apply();
}

void TimelineTest::cleanup() { QCOMPARE(log_.unexpected(), QStringList()); }

void TimelineTest::buckets_are_aligned() {
  const Buckets all = Buckets::of({-0.5, 999'999.5}, 1000, 1'000'000);
  QCOMPARE(all.size, 1024);
  QCOMPARE(all.first, 0);
  QCOMPARE(all.end(all.count - 1), 999'999);
  // A small shift keeps the borders where they were.
  const Buckets shifted = Buckets::of({1700.5, 900'000.5}, 1000, 1'000'000);
  QCOMPARE(shifted.first % shifted.size, 0);
  const Buckets few = Buckets::of({2.5, 6.5}, 1000, 20);
  QCOMPARE(few.size, 1);
  QCOMPARE(few.first, 3);
  QCOMPARE(few.count, 4);
  QCOMPARE(Buckets::of({-0.5, 0.5}, 1000, 0).count, 0);
}

void TimelineTest::bars_have_their_exits_colour() {
  Scene scene;
  const auto session = scene.session();
  TimelineView view(session.get());
  view.resize(1000, 400);
  view.show();
  QVERIFY(test::open_all(session.get()));
  session->set_current_frame(0);
  const QImage image = draw(view.plot());
  const Theme& theme = Theme::instance();
  std::set<int> seen;
  for (qint64 frame = 1; frame < scene.frames; ++frame) {
    const int exit = Scene::exit_taken(frame, session->policy());
    seen.insert(exit);
    const double base = view.plot()->y_of(Track::depth, 0), top = view.plot()->y_of(Track::depth, 2 * exit + 2);
    const double x = view.plot()->x_of(frame);
    QVERIFY(near(pixel(image, view.plot(), x, base - 2), theme.exit_color(exit, Scene::kExits)));
    QVERIFY(near(pixel(image, view.plot(), x, top + 2), theme.exit_color(exit, Scene::kExits)));
    QVERIFY(near(pixel(image, view.plot(), x, top - 3), theme.colors().background));
  }
  QVERIFY(seen.size() >= 3);

  // Another policy, other colours.
  ExitPolicy policy = session->policy();
  policy.thresholds.assign(6, kAlwaysLeave);
  session->set_policy(policy);
  QTRY_VERIFY(session->records_current() && session->record(5)->exit_index == 0);
  const QImage after = draw(view.plot());
  QVERIFY(near(pixel(after, view.plot(), view.plot()->x_of(5), view.plot()->y_of(Track::depth, 1)),
               theme.exit_color(0, 6)));
}

void TimelineTest::heat_has_its_deltas_colour() {
  Scene scene;
  const auto session = scene.session();
  TimelineView view(session.get());
  view.resize(1000, 500);
  view.show();
  QVERIFY(test::open_all(session.get()));
  session->set_current_frame(0);
  const QImage image = draw(view.plot());
  for (qint64 frame = 1; frame < scene.frames; frame += 7) {
    for (int exit = 0; exit < Scene::kExits; ++exit) {
      // Near the cell's edge: the middle carries the mark of the exit taken.
      const QColor expected = Theme::instance().heat_color(delta_scale::position(Scene::delta(frame, exit)));
      const QColor found =
          pixel(image, view.plot(), view.plot()->x_of(frame), view.plot()->y_of(Track::delta, exit + 0.38));
      QVERIFY2(near(found, expected, 4),
               qPrintable(QString("%1 %2: %3 %4").arg(frame).arg(exit).arg(found.name(), expected.name())));
    }
    const int taken = Scene::exit_taken(frame, session->policy());
    QVERIFY(near(pixel(image, view.plot(), view.plot()->x_of(frame), view.plot()->y_of(Track::delta, taken)),
                 Theme::instance().exit_color(taken, Scene::kExits)));
  }
}

void TimelineTest::unevaluated_is_hatched() {
  TimelineData data;
  data.reset(40, {1, 3});
  FrameRecord record;
  record.exit_layer = 3;
  record.exit_index = 1;
  ExitProbe probe;
  probe.layer = 3;
  probe.delta = 0;
  record.exits.push_back(probe);
  for (int frame = 0; frame < 20; ++frame) data.set_record(frame, &record);
  TimelinePlot plot(&data);
  plot.resize(800, 400);
  plot.show();
  plot.data_reset();
  const QImage image = draw(&plot);
  const QColor ground = Theme::instance().colors().background;
  const auto share = [&](int from, int to, Track track) {
    const QRect area = plot.track_rect(track);
    int hits = 0, all = 0;
    // Every pixel of the screen: at 200 % the hatching falls between whole coordinates.
    const double step = 1 / plot.devicePixelRatioF();
    for (double x = plot.x_of(from); x < plot.x_of(to); x += step) {
      for (double y = area.top() + 4; y < area.bottom() - 4; y += step, ++all) {
        hits += !near(pixel(image, &plot, x, y), ground, 6);
      }
    }
    return double(hits) / all;
  };
  QVERIFY(share(24, 38, Track::depth) > 0.05);
  QVERIFY(share(24, 38, Track::delta) > 0.05);
  QVERIFY(share(24, 38, Track::depth) < 0.95);  // lines, not an area
  // A delta of zero is a colour, not a gap; the exit without a probe is hatched.
  QVERIFY(near(pixel(image, &plot, plot.x_of(8), plot.y_of(Track::delta, 1.38)), Theme::instance().heat_color(0)));
}

void TimelineTest::zooms_at_the_pointer() {
  Scene scene;
  const auto session = scene.session();
  TimelineView view(session.get());
  view.resize(1000, 400);
  view.show();
  QVERIFY(test::open_episode(session.get()));
  TimelinePlot* plot = view.plot();
  draw(plot);
  const double x = plot->x_of(30);
  const QCPRange before = plot->visible_frames();
  QCOMPARE(before, QCPRange(-0.5, 119.5));
  wheel(plot, {x, 200}, 120);
  draw(plot);
  QVERIFY(std::abs(plot->visible_frames().size() - 0.8 * before.size()) < 1e-6);
  QVERIFY2(std::abs(plot->x_of(30) - x) < 0.5, qPrintable(QString::number(plot->x_of(30) - x)));
  for (int i = 0; i < 60; ++i) wheel(plot, {x, 200}, 120);
  QCOMPARE(plot->visible_frames().size(), 4.0);
  for (int i = 0; i < 60; ++i) wheel(plot, {x, 200}, -120);
  QCOMPARE(plot->visible_frames(), before);
}

void TimelineTest::pans_and_resets() {
  Scene scene;
  const auto session = scene.session();
  TimelineView view(session.get());
  view.resize(1000, 400);
  view.show();
  QVERIFY(test::open_episode(session.get()));
  TimelinePlot* plot = view.plot();
  plot->set_visible_frames({20, 60});
  draw(plot);
  const QPoint from(int(plot->x_of(50)), 200), to(int(plot->x_of(40)), 200);
  QTest::mousePress(plot, Qt::LeftButton, Qt::ShiftModifier, from);
  QTest::mouseMove(plot, to);
  QTest::mouseRelease(plot, Qt::LeftButton, Qt::ShiftModifier, to);
  QVERIFY2(std::abs(plot->visible_frames().lower - 30) < 0.2,
           qPrintable(QString::number(plot->visible_frames().lower)));
  QCOMPARE(session->current_frame(), 0);  // panning does not scrub
  QTest::mouseDClick(plot, Qt::LeftButton, {}, to);
  QCOMPARE(plot->visible_frames(), QCPRange(-0.5, 119.5));
  plot->set_visible_frames({-500, -400});
  QCOMPARE(plot->visible_frames().lower, -0.5);
}

void TimelineTest::scrubs_and_hovers() {
  Scene scene;
  const auto session = scene.session();
  TimelineView view(session.get());
  view.resize(1000, 400);
  view.show();
  QVERIFY(test::open_all(session.get()));
  TimelinePlot* plot = view.plot();
  draw(plot);
  const auto at = [plot](qint64 frame) { return QPoint(int(std::lround(plot->x_of(frame))), 200); };
  QTest::mouseMove(plot, at(30));
  QTRY_COMPARE(session->selection()->hovered_frame(), 30);
  QTest::mousePress(plot, Qt::LeftButton, {}, at(50));
  QCOMPARE(session->current_frame(), 50);
  QTest::mouseMove(plot, at(70));
  QTRY_COMPARE(session->current_frame(), 70);
  QTest::mouseRelease(plot, Qt::LeftButton, {}, at(70));
  QEvent leave(QEvent::Leave);
  QCoreApplication::sendEvent(plot, &leave);
  QCOMPARE(session->selection()->hovered_frame(), -1);
  // The cursor is where the frame is.
  const QImage image = draw(plot);
  QVERIFY(near(pixel(image, plot, plot->x_of(70), plot->track_rect(Track::depth).center().y()),
               Theme::instance().colors().accent, 60));
}

void TimelineTest::extremes_survive_a_million_frames() {
  constexpr qint64 kFrames = 1'000'000, kSpike = 612'345;
  TimelineData data;
  data.reset(kFrames, {1, 3, 5});
  FrameRecord shallow, deep;
  shallow.exit_layer = 1;
  deep.exit_layer = 5;
  for (qint64 frame = 0; frame < kFrames; ++frame) data.set_record(frame, frame == kSpike ? &deep : &shallow);
  TimelinePlot plot(&data);
  plot.resize(1000, 400);
  plot.show();
  plot.data_reset();
  const QImage image = draw(&plot);
  const Theme& theme = Theme::instance();
  int spikes = 0;
  for (int x = plot.track_rect(Track::depth).left(); x <= plot.track_rect(Track::depth).right(); ++x) {
    if (near(pixel(image, &plot, x, plot.y_of(Track::depth, 5)), theme.exit_color(2, 3))) {
      ++spikes;
      QVERIFY(std::abs(x - plot.x_of(kSpike)) <= 3);
    }
  }
  QVERIFY2(spikes >= 1 && spikes <= 3, qPrintable(QString::number(spikes)));
}

void TimelineTest::lines_stop_at_missing_values() {
  TimelineData data;
  data.reset(60, {1}, ActionLayout::deer());
  FrameRecord record;
  record.exit_layer = 1;
  record.action = test::filled_action(0, 0);
  for (int frame = 0; frame < 60; ++frame) {
    if (frame < 20 || frame >= 40) data.set_record(frame, &record);
  }
  TimelinePlot plot(&data);
  plot.resize(900, 400);
  plot.show();
  plot.data_reset();
  const QImage image = draw(&plot);
  const QColor ink = Theme::instance().exit_color(0, 1);
  const auto drawn_at = [&](int frame) {
    for (int dy = -2; dy <= 2; ++dy) {
      if (near(pixel(image, &plot, plot.x_of(frame), plot.y_of(Track::action, 0) + dy), ink, 30)) return true;
    }
    return false;
  };
  QVERIFY(drawn_at(10));
  QVERIFY(drawn_at(50));
  for (int frame = 21; frame < 39; ++frame) QVERIFY2(!drawn_at(frame), qPrintable(QString::number(frame)));
}

void TimelineTest::a_million_frames_draw_fast() {
  constexpr qint64 kFrames = 1'000'000;
  TimelineData data;
  std::vector<int> layers;
  for (int exit = 0; exit < 12; ++exit) layers.push_back(2 * exit + 1);
  data.reset(kFrames, layers);
  FrameRecord record;
  for (const int layer : layers) {
    ExitProbe probe;
    probe.layer = layer;
    record.exits.push_back(probe);
  }
  for (qint64 frame = 0; frame < kFrames; ++frame) {
    record.exit_index = int(frame * 2654435761U % 12);
    record.exit_layer = layers[std::size_t(record.exit_index)];
    record.action = test::with_number(record.action, 0, float(std::sin(double(frame) * 0.001)));
    for (auto& probe : record.exits) probe.delta = 0.01F;
    data.set_record(frame, &record);
  }
  TimelinePlot plot(&data);
  plot.resize(1200, 400);
  plot.show();
  plot.data_reset();
  draw(&plot);  // builds the pyramids
  const auto time = [&plot](const char* what) {
    std::vector<double> all;
    for (int i = 0; i < 9; ++i) {
      QElapsedTimer clock;
      clock.start();
      plot.replot(QCustomPlot::rpImmediateRefresh);
      all.push_back(double(clock.nsecsElapsed()) / 1e6);
    }
    std::sort(all.begin(), all.end());
    qInfo("%s: median replot %.1f ms", what, all[4]);
    return all[4];
  };
  const double whole = time("1,000,000 frames, 12 exits");
  plot.set_visible_frames({400'000, 400'200});
  const double part = time("200 frames of them");
  // Generous for slow machines and sanitizers: a pass over every frame would take seconds.
  QVERIFY2(whole < 250, qPrintable(QString::number(whole)));
  QVERIFY2(part < 250, qPrintable(QString::number(part)));
}

void TimelineTest::mean_cost_is_that_of_the_frames_so_far() {
  constexpr int kFrames = 200;
  TimelineData data;
  data.reset(kFrames, {1, 3, 5});
  const auto set = [&data](qint64 frame, int exit) {
    FrameRecord record;
    record.frame = frame;
    record.exit_index = exit;
    record.exit_layer = 2 * exit + 1;
    data.set_record(frame, exit < 0 ? nullptr : &record);
  };
  std::vector<int> exits(kFrames, -1);
  const auto agrees = [&](const std::array<double, 3>& costs) {
    double sum = 0;
    int count = 0;
    for (int frame = 0; frame < kFrames; ++frame) {
      const int exit = exits[std::size_t(frame)];
      const auto found = double(data.mean_cost().at(frame));
      if (exit < 0) {
        if (!std::isnan(found)) return false;
        continue;
      }
      sum += costs[std::size_t(exit)];
      if (std::abs(found - sum / ++count) > 1e-6 * found) return false;
    }
    return count > 0;
  };
  unsigned seed = 3;
  for (int round = 0; round < 30; ++round) {
    for (int i = 0; i < 40; ++i) {
      seed = seed * 1664525 + 1013904223;
      const int frame = int(seed >> 8) % kFrames;
      exits[std::size_t(frame)] = int(seed >> 20) % 4 - 1;
      set(frame, exits[std::size_t(frame)]);
    }
    QVERIFY(agrees({2, 4, 6}));  // layers
  }
  data.set_exit_costs({0.5, 8, 11.25});
  QVERIFY(agrees({0.5, 8, 11.25}));
  QCOMPARE(data.mean_cost().all().count, std::count_if(exits.begin(), exits.end(), [](int exit) { return exit >= 0; }));
}

void TimelineTest::cost_above_the_allowance_is_seen() {
  TimelineData data;
  data.reset(40, {1, 3, 5});
  for (qint64 frame = 0; frame < 40; ++frame) {
    FrameRecord record;
    record.frame = frame;
    record.exit_index = frame < 10 ? 2 : 0;  // the mean falls from 6 to 3
    record.exit_layer = 2 * record.exit_index + 1;
    data.set_record(frame, &record);
  }
  TimelinePlot plot(&data);
  plot.resize(800, 400);
  plot.show();
  plot.set_cost({"layers", {2, 4, 6}, 4.0});
  plot.data_changed();
  const QImage image = draw(&plot);
  const ThemeColors& colors = Theme::instance().colors();
  const auto fill_at = [&](qint64 frame) { return pixel(image, &plot, plot.x_of(frame), plot.y_of(Track::cost, 0.7)); };
  QVERIFY(near(fill_at(5), Theme::mix(colors.background, colors.warning, 0.5)));
  QVERIFY(near(fill_at(17), fill_at(5)));  // (10 × 6 + 8 × 2) / 18 is 4.2
  QVERIFY(near(fill_at(30), Theme::mix(colors.background, colors.text, 0.15)));
  // The dashed line of the allowance: its ink on some of it, not on all.
  int drawn = 0, all = 0;
  for (int x = int(plot.x_of(25)); x < int(plot.x_of(38)); ++x, ++all) {
    for (const int dy : {-1, 0, 1}) {
      if (!near(pixel(image, &plot, x, plot.y_of(Track::cost, 4) + dy), colors.muted_text, 20)) continue;
      ++drawn;
      break;
    }
  }
  QVERIFY2(drawn > all / 4 && drawn < all, qPrintable(QString("%1 of %2").arg(drawn).arg(all)));
}

void TimelineTest::cost_follows_what_is_asked() {
  Scene scene;
  const auto session = scene.session();
  Budget budget(session.get());
  TimelineView view(session.get());
  TimelineBudget follows(session.get(), &budget, &view);
  view.resize(1000, 400);
  view.show();
  QVERIFY(test::open_all(session.get()));
  QCOMPARE(view.plot()->cost().unit, QString("layers"));
  QVERIFY(!view.plot()->cost().allowance);
  BudgetRequest request;
  request.average_depth = 4.5;
  budget.set_request(request);
  QCOMPARE(view.plot()->cost().allowance.value_or(0), 4.5);
  QCOMPARE(view.plot()->cost().by_exit.size(), session->model()->exit_layers.size());
  // Milliseconds that nobody measured are no unit.
  request.average_ms = 12;
  budget.set_request(request);
  QCOMPARE(view.plot()->cost().unit, QString("layers"));
}

}  // namespace deer

DEER_SUITE(deer::TimelineTest)
#include "tst_timeline.moc"
