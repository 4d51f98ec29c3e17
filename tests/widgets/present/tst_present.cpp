// SPDX-License-Identifier: GPL-3.0-or-later
#include <QSignalSpy>
#include <QTest>
#include <cmath>

#include "sessions/analysis/run_summary.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "tests/widgets/support/scene.h"
#include "widgets/base/theme.h"
#include "widgets/present/present_feed.h"
#include "widgets/present/present_view.h"

namespace deer {
namespace {

constexpr int kLayers = 12;
const std::vector<int> kExits{2, 4, 6, 8, 10, 12};

bool near(const QColor& a, const QColor& b, int tolerance = 6) {
  return std::abs(a.red() - b.red()) <= tolerance && std::abs(a.green() - b.green()) <= tolerance &&
         std::abs(a.blue() - b.blue()) <= tolerance;
}

QImage picture(QColor color = QColor(40, 120, 200), QSize size = {200, 200}) {
  QImage out(size, QImage::Format_RGB888);
  out.fill(color);
  return out;
}

PresentFrame frame_of(qint64 frame, int depth) {
  PresentFrame out;
  out.frame = frame;
  out.picture = picture();
  out.depth = depth;
  out.exit_index = depth / 2 - 1;
  out.saving = 3.62;
  out.instruction = QStringLiteral("lift the red block from the table and hold it in the air");
  return out;
}

/// Pixels of this colour in a part of the view.
int count_of(const QImage& image, const QRect& where, const QColor& color) {
  const auto ratio = image.devicePixelRatioF();
  const QRect pixels(where.topLeft() * ratio, where.size() * ratio);
  int found = 0;
  for (int y = pixels.top(); y <= pixels.bottom(); ++y) {
    for (int x = pixels.left(); x <= pixels.right(); ++x) found += near(image.pixelColor(x, y), color) ? 1 : 0;
  }
  return found;
}

QColor at(const QImage& image, QPointF point) {
  return image.pixelColor((point * image.devicePixelRatioF()).toPoint());
}

struct Stage : PresentView {
  explicit Stage(QSize size) {
    resize(size);
    set_model(kLayers, kExits);
    start_anew(120, false);
    std::vector<quint16> depths;
    for (int i = 0; i < 120; ++i) depths.push_back(depth_of(i));
    set_depths(0, depths);
    set_frame(frame_of(60, depth_of(60)));
  }
  static quint16 depth_of(int frame) { return static_cast<quint16>(2 + 2 * (frame / 10 % 6)); }
  QImage picture_of() { return grab().toImage(); }
};

}  // namespace

class PresentTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { Theme::instance().apply(); }
  void init() { Theme::instance().set_mode(Theme::Mode::dark); }
  void cleanup() { QCOMPARE(log_.unexpected(), QStringList()); }

  void says_three_numbers() {
    Stage stage({1280, 800});
    QCOMPARE(stage.depth_text(), QStringLiteral("depth 2 of 12"));
    QCOMPARE(stage.saving_text(), QStringLiteral("3.6× less LLM compute"));
    // Nobody knows of success: the instruction takes its place.
    QCOMPARE(stage.success_text(), QStringLiteral("lift the red block from the table and hold it in the air"));
    auto frame = frame_of(3, 8);
    frame.tasks = PresentFrame::Tasks{5, 6};
    stage.set_frame(frame);
    QCOMPARE(stage.success_text(), QStringLiteral("tasks done 5 of 6"));
    QCOMPARE(stage.accessibleDescription(), QStringLiteral("depth 8 of 12, 3.6× less LLM compute, tasks done 5 of 6, "
                                                           "lift the red block from the table and hold it in the air"));
    frame.saving_in_layers = true;
    stage.set_frame(frame);
    QCOMPARE(stage.saving_text(), QStringLiteral("3.6× fewer LLM layers"));
    // What was not saved is not claimed.
    frame.saving_is_possible = true;
    stage.set_frame(frame);
    QCOMPARE(stage.saving_text(), QStringLiteral("3.6× fewer LLM layers possible"));
    frame.saving = 1.02;
    frame.saving_in_layers = false;
    stage.set_frame(frame);
    QCOMPARE(stage.saving_text(), QStringLiteral("1.0× of full LLM compute"));
    frame.depth = 0;
    frame.saving = std::numeric_limits<double>::quiet_NaN();
    stage.set_frame(frame);
    QCOMPARE(stage.depth_text(), QStringLiteral("depth not evaluated"));
    QCOMPARE(stage.saving_text(), QStringLiteral("LLM compute not evaluated"));
  }

  void stage_picture_and_depth_have_their_colours_data() {
    QTest::addColumn<bool>("dark");
    QTest::newRow("dark") << true;
    QTest::newRow("light") << false;
  }
  void stage_picture_and_depth_have_their_colours() {
    QFETCH(bool, dark);
    Theme::instance().set_mode(dark ? Theme::Mode::dark : Theme::Mode::light);
    Stage stage({1280, 800});
    stage.set_frame(frame_of(75, Stage::depth_of(75)));
    const auto image = stage.picture_of();
    const QColor ground(dark ? Qt::black : Qt::white);
    QCOMPARE(stage.stage_color(), ground);
    QCOMPARE(at(image, {2, 2}), ground);
    QVERIFY(near(at(image, stage.picture_rect().center()), QColor(40, 120, 200)));
    // The picture is what one sees first: at least a third of the width.
    QVERIFY(stage.picture_rect().width() > 1280 / 3);
    QCOMPARE(stage.picture_rect().width(), stage.picture_rect().height());
    // The number is written in the colour of its exit, the saving in ink.
    const auto color = Theme::instance().exit_color(1, 6);
    const auto number = stage.text_rects()[0];
    QVERIFY(count_of(image, number, color) > 200);
    QVERIFY(Theme::contrast(color, ground) >= 3);
    const auto saving = stage.text_rects()[2];
    QCOMPARE(count_of(image, saving, color), 0);
    QVERIFY(count_of(image, saving, Theme::instance().colors().text) > 200);
  }

  void the_bar_fills_up_to_the_cursor() {
    Stage stage({1280, 800});
    const auto image = stage.picture_of();
    const auto bar = stage.bar_rect();
    const auto x_of = [&](int frame) { return bar.left() + (frame + 0.4) * bar.width() / 120.0; };
    const QColor empty = at(image, {double(bar.right() - 3), double(bar.center().y())});
    for (const int frame : {0, 14, 27, 33, 59, 60}) {
      const int depth = Stage::depth_of(frame);
      const auto color = Theme::instance().exit_color(depth / 2 - 1, 6);
      const double top = bar.bottom() + 1 - bar.height() * depth / 12.0;
      QVERIFY2(near(at(image, {x_of(frame), top + 3}), color), qPrintable(QString::number(frame)));
      if (depth < 12) QVERIFY(near(at(image, {x_of(frame), top - 4}), empty));
    }
    for (const int frame : {61, 70, 119}) QVERIFY(near(at(image, {x_of(frame), bar.bottom() - 2.0}), empty));
    // Frames without a record leave a gap.
    const std::vector<quint16> none(10, 0);
    stage.set_depths(20, none);
    QVERIFY(near(at(stage.picture_of(), {x_of(25), bar.bottom() - 2.0}), empty));
  }

  void many_frames_keep_deepest_and_shallowest() {
    Stage stage({1280, 800});
    constexpr int kFrames = 200'000;
    stage.start_anew(kFrames, false);
    std::vector<quint16> depths(kFrames, 6);
    depths[100'000] = 12;
    depths[150'003] = 2;
    stage.set_depths(0, depths);
    stage.set_frame(frame_of(kFrames - 1, 6));
    const auto image = stage.picture_of();
    const auto bar = stage.bar_rect();
    const auto x_of = [&](qint64 frame) { return double(bar.left() + frame * bar.width() / kFrames); };
    const auto color = [](int exit) { return Theme::instance().exit_color(exit, 6); };
    QVERIFY(near(at(image, {x_of(100'000), bar.top() + 2.0}), color(5)));
    QVERIFY(near(at(image, {x_of(100'000), bar.bottom() - 2.0}), color(2)));
    QVERIFY(near(at(image, {x_of(150'003), bar.bottom() - 2.0}), color(0)));
    QVERIFY(near(at(image, {x_of(150'003), bar.center().y() + 4.0}), color(2)));
    QVERIFY(near(at(image, {x_of(50'000), bar.bottom() - 2.0}), color(2)));
  }

  void a_live_run_has_room_ahead() {
    Stage stage({1280, 800});
    stage.start_anew(0, true);
    stage.set_depths(0, std::vector<quint16>(150, 12));
    stage.set_frame(frame_of(149, 12));
    auto image = stage.picture_of();
    const auto bar = stage.bar_rect();
    const auto color = Theme::instance().exit_color(5, 6);
    QVERIFY(near(at(image, {bar.left() + bar.width() * 0.48, double(bar.center().y())}), color));
    QVERIFY(!near(at(image, {bar.left() + bar.width() * 0.52, double(bar.center().y())}), color));
    stage.set_depths(150, std::vector<quint16>(250, 12));
    stage.set_frame(frame_of(399, 12));
    image = stage.picture_of();
    QVERIFY(near(at(image, {bar.left() + bar.width() * 0.65, double(bar.center().y())}), color));
    QVERIFY(!near(at(image, {bar.left() + bar.width() * 0.68, double(bar.center().y())}), color));
  }

  void no_text_is_cut_at_any_size_data() {
    QTest::addColumn<QSize>("size");
    QTest::addColumn<bool>("large");  // 28 pt must be kept
    for (const auto& [size, large] : {std::pair(QSize(1280, 800), true),
                                      {QSize(1600, 1000), true},
                                      {QSize(1280, 720), true},
                                      {QSize(1920, 1080), true},
                                      {QSize(3840, 2160), true},
                                      {QSize(2560, 1080), true},
                                      {QSize(1080, 1920), true},
                                      {QSize(1024, 768), true},
                                      {QSize(1000, 1000), true},
                                      {QSize(640, 400), false},
                                      {QSize(320, 200), false}}) {
      QTest::addRow("%d x %d", size.width(), size.height()) << size << large;
    }
  }
  void no_text_is_cut_at_any_size() {
    QFETCH(QSize, size);
    QFETCH(bool, large);
    for (const bool mirrored : {false, true}) {
      for (const auto& picture_size : {QSize(200, 200), QSize(640, 360)}) {
        for (int state = 0; state < 4; ++state) {
          Stage stage(size);
          stage.setLayoutDirection(mirrored ? Qt::RightToLeft : Qt::LeftToRight);
          auto frame = frame_of(60, 12);
          frame.picture = picture(Qt::red, picture_size);
          if (state == 1) frame.tasks = PresentFrame::Tasks{105, 128};
          if (state == 2) frame.saving = 12.4;
          if (state == 3) frame.depth = 0;
          if (state == 3) frame.picture = {};
          if (state == 3) frame.note = QStringLiteral("Loading frame 60…");
          if (state == 2) frame.problem = QStringLiteral("The run stopped: CUDA is out of memory");
          stage.set_frame(frame);
          stage.grab();
          QVERIFY(stage.text_fits());
          const auto& texts = stage.text_rects();
          QVERIFY(texts.size() >= 10);  // three numbers, their words, the legend
          for (std::size_t i = 0; i < texts.size(); ++i) {
            QVERIFY2(stage.rect().contains(texts[i]), qPrintable(QString::number(i)));
            QVERIFY(!texts[i].intersects(stage.bar_rect()));
            if (state < 3) QVERIFY(!texts[i].intersects(stage.picture_rect()));
            for (std::size_t j = 0; j < i; ++j) {
              QVERIFY2(!texts[i].intersects(texts[j]), qPrintable(QStringLiteral("%1 and %2").arg(i).arg(j)));
            }
          }
          if (!large) continue;
          const double pt = stage.logicalDpiY() / 72.0;
          QVERIFY(stage.word_pixels() >= 28 * pt);
          QVERIFY(stage.number_pixels() >= stage.word_pixels());
          QVERIFY(stage.picture_rect().width() * 10 >= size.width() * 3);
        }
      }
    }
  }

  void numbers_do_not_jump() {
    Stage stage({1280, 800});
    stage.grab();
    const auto before = stage.text_rects();
    const int size = stage.number_pixels();
    auto frame = frame_of(61, 10);
    frame.saving = 1.01;
    stage.set_frame(frame);
    stage.grab();
    QCOMPARE(stage.number_pixels(), size);
    // Numbers and words begin where they were, whatever the digits.
    for (const std::size_t text : {0, 1, 2, 3, 4}) QCOMPARE(stage.text_rects()[text].topLeft(), before[text].topLeft());
    QVERIFY(stage.text_rects()[0].width() > before[0].width());  // "10" after "2"
  }

  void a_larger_stage_has_larger_type() {
    Stage small({1280, 800}), large({3840, 2160});
    small.grab();
    large.grab();
    QVERIFY(large.number_pixels() > 2 * small.number_pixels());
    QVERIFY(large.word_pixels() > 2 * small.word_pixels());
    QVERIFY(large.picture_rect().height() > 2 * small.picture_rect().height());
  }

  void hints_go_and_problems_stay() {
    Stage stage({1280, 800});
    stage.picture_of();
    const auto muted = Theme::instance().colors().muted_text;
    const QRect corner(0, stage.bar_rect().bottom() + 1, 640, 800 - stage.bar_rect().bottom() - 1);
    QCOMPARE(count_of(stage.picture_of(), corner, muted), 0);
    stage.show_hint(QStringLiteral("Esc leaves"));
    QVERIFY(count_of(stage.picture_of(), corner, muted) > 20);
    QTRY_COMPARE_WITH_TIMEOUT(count_of(stage.picture_of(), corner, muted), 0, 8000);
    auto frame = stage.frame();
    frame.problem = QStringLiteral("The run stopped: no memory");
    stage.set_frame(frame);
    const auto image = stage.picture_of();
    const auto line = stage.text_rects().back();
    QVERIFY(count_of(image, line, Theme::instance().colors().error) > 30);
    QVERIFY(stage.accessibleDescription().endsWith("The run stopped: no memory"));
  }

  void keys_and_pointer() {
    Stage stage({1280, 800});
    stage.show();
    QVERIFY(QTest::qWaitForWindowExposed(&stage));
    stage.activateWindow();
    QVERIFY(QTest::qWaitForWindowActive(&stage));
    QSignalSpy leave(&stage, &PresentView::leave_requested), painted(&stage, &PresentView::painted);
    QTest::keyClick(&stage, Qt::Key_Escape);
    QCOMPARE(leave.size(), 1);
    QTest::mouseDClick(&stage, Qt::LeftButton);
    QCOMPARE(leave.size(), 2);
    stage.setFocus();
    QTest::keyClick(&stage, Qt::Key_Tab);
    QVERIFY(stage.hasFocus());
    QTest::mouseMove(&stage, {50, 50});
    QTest::mouseMove(&stage, {60, 60});
    QTRY_COMPARE_WITH_TIMEOUT(stage.cursor().shape(), Qt::BlankCursor, 6000);
    QTest::mouseMove(&stage, {90, 90});
    QTRY_COMPARE(stage.cursor().shape(), Qt::ArrowCursor);
    stage.set_frame(frame_of(77, 4));
    QTRY_VERIFY(!painted.isEmpty() && painted.last().first().toLongLong() == 77);
  }

  void follows_the_session() {
    test::Scene scene;
    scene.bad_frame = 90;
    const auto session = scene.session();
    RunSummary summary(session.get());
    PresentView stage;
    stage.resize(1280, 800);
    auto feed = std::make_unique<PresentFeed>(session.get(), &summary, &stage);
    QCOMPARE(stage.frame().note, QStringLiteral("Open an episode to present it."));
    QVERIFY(test::open_episode(session.get()));
    QCOMPARE(stage.depth_text(), QStringLiteral("depth not evaluated"));
    QCOMPARE(stage.success_text(), QStringLiteral("open the drawer"));
    QTRY_VERIFY(feed->shows(0));
    feed.reset();  // frames that it reads ahead would write on the stage, too

    // Another session on the same stage, until its work is shown.
    const auto full = test::Scene().session();
    RunSummary full_summary(full.get());
    auto full_feed = std::make_unique<PresentFeed>(full.get(), &full_summary, &stage);
    QVERIFY(test::open_all(full.get()));
    for (const qint64 frame : {7, 80, 119, 80}) {
      full->set_current_frame(frame);
      QTRY_VERIFY(full_feed->shows(frame));
      QVERIFY(!full_feed->shows(frame + 1));
      const auto record = full->record(frame);
      QCOMPARE(stage.depth_text(), QStringLiteral("depth %1 of 12").arg(record->depth()));
      const auto saving = full_summary.saving(frame)->times;
      QVERIFY2(stage.saving_text().startsWith(QString::number(saving, 'f', 1)), qPrintable(stage.saving_text()));
      // The scene runs every exit.
      if (saving >= 1.05) QVERIFY2(stage.saving_text().endsWith("possible"), qPrintable(stage.saving_text()));
      const auto image = stage.grab().toImage();
      const auto seen = test::Scene::picture(frame, test::Scene::kPicture);
      const auto* const rgb = &seen->rgb[std::size_t(3 * (100 * 200 + 100))];
      QVERIFY(near(at(image, stage.picture_rect().center()), QColor(rgb[0], rgb[1], rgb[2]), 24));
      // The bar ends with this frame's depth.
      const auto bar = stage.bar_rect();
      const double x = bar.left() + (double(frame) + 0.4) * bar.width() / 120.0;
      const auto color = Theme::instance().exit_color(record->exit_index, 6);
      QVERIFY(near(at(image, {x, bar.bottom() - bar.height() * record->depth() / 12.0 + 4}), color));
    }
    QVERIFY(stage.success_text().startsWith("lift the red block"));
    full_feed.reset();
    feed = std::make_unique<PresentFeed>(session.get(), &summary, &stage);
    session->set_current_frame(90);
    QTRY_VERIFY(feed->shows(90));
    QVERIFY2(stage.frame().note.contains("rgb_static is cut off"), qPrintable(stage.frame().note));
  }

  void nothing_open_is_a_stage_too() {
    PresentView stage;
    stage.resize(1280, 800);
    PresentFrame frame;
    frame.note = QStringLiteral("Open an episode to present it.");
    stage.set_frame(frame);
    stage.grab();
    QVERIFY(stage.text_fits());
    QCOMPARE(stage.depth_text(), QStringLiteral("depth not evaluated"));
  }

 private:
  test::LogGuard log_;
};

}  // namespace deer

DEER_SUITE(deer::PresentTest)
#include "tst_present.moc"
