// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <cmath>

#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "widgets/base/theme.h"
#include "widgets/timeline/timeline_data.h"
#include "widgets/timeline/timeline_plot.h"

namespace deer {

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

}  // namespace

class TimelineRunsTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() {
    Theme::instance().set_mode(Theme::Mode::light);
    Theme::instance().apply();
  }
  void cleanup() { QCOMPARE(log_.unexpected(), QStringList()); }

  void attempts_show_how_they_ended();
  void runs_are_lines_over_the_depth();

 private:
  test::LogGuard log_;
};

void TimelineRunsTest::attempts_show_how_they_ended() {
  TimelineData data;
  data.reset(100, {1, 3, 5});
  TimelinePlot plot(&data);
  plot.resize(800, 400);
  plot.show();
  plot.data_reset();
  const auto& colors = Theme::instance().colors();
  const auto marked = [&](const QColor& color) {
    const QImage image = draw(&plot);
    const auto track = plot.track_rect(Track::instructions);
    int count = 0;
    for (int x = track.left(); x <= track.right(); ++x) {
      for (int y = track.top(); y <= track.bottom(); ++y) count += near(pixel(image, &plot, x, y), color, 70) ? 1 : 0;
    }
    return count;
  };
  const std::vector<InstructionSpan> spans{{0, 49, "", {}}, {50, 99, "", {}}};
  plot.set_spans(spans);
  QCOMPARE(marked(colors.error), 0);
  QCOMPARE(marked(colors.text), 0);
  plot.set_spans(spans, {{0, true}});
  QVERIFY(marked(colors.text) > 3);
  QCOMPARE(marked(colors.error), 0);
  plot.set_spans(spans, {{0, false}});
  QVERIFY(marked(colors.error) > 3);
}

void TimelineRunsTest::runs_are_lines_over_the_depth() {
  TimelineData data;
  data.reset(100, {1, 3, 5});
  TimelinePlot plot(&data);
  plot.resize(800, 400);
  plot.show();
  plot.data_reset();
  const auto drawn = [&](int color, double depth) {
    const QImage image = draw(&plot);
    int count = 0;
    for (int x = int(plot.x_of(1)); x < int(plot.x_of(98)); ++x) {
      for (int dy = -1; dy <= 6; ++dy) {
        if (!near(pixel(image, &plot, x, plot.y_of(Track::depth, depth) + dy), Theme::instance().run_color(color),
                  20)) {
          continue;
        }
        ++count;
        break;
      }
    }
    return count;
  };
  std::vector<float> deep(100, 6.0F), shallow(100, 2.0F);
  std::fill(deep.begin() + 50, deep.end(), std::nanf(""));
  data.set_runs({{deep, 1}, {shallow, 3}});
  plot.data_changed();
  const int all = int(plot.x_of(98)) - int(plot.x_of(1));
  QVERIFY(drawn(1, 6) > all / 3 && drawn(1, 6) < 2 * all / 3);  // nothing where it has no frames
  QVERIFY(drawn(3, 2) > all * 9 / 10);
  QCOMPARE(drawn(3, 6), 0);
  data.set_runs({});
  plot.data_changed();
  QCOMPARE(drawn(1, 6), 0);
}

}  // namespace deer

DEER_SUITE(deer::TimelineRunsTest)
#include "tst_timeline_runs.moc"
