// SPDX-License-Identifier: GPL-3.0-or-later
#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QFile>
#include <QImage>
#include <QMenu>
#include <QSignalSpy>
#include <QTableView>
#include <QTemporaryDir>
#include <QTest>
#include <QXmlStreamReader>
#include <cmath>

#include "core/episodes/numpy/npz.h"
#include "sessions/analysis/latency.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "tests/widgets/support/scene.h"
#include "tests/widgets/support/sight.h"
#include "widgets/actions/action_model.h"
#include "widgets/actions/action_plots.h"
#include "widgets/analysis/latency_view.h"
#include "widgets/analysis/similarity_view.h"
#include "widgets/base/number_format.h"
#include "widgets/base/series_plot.h"
#include "widgets/base/text_table.h"
#include "widgets/base/theme.h"
#include "widgets/exits/exit_steps.h"
#include "widgets/exits/exit_steps_model.h"
#include "widgets/exports/view_exports.h"
#include "widgets/exports/view_values.h"
#include "widgets/timeline/timeline_plot.h"
#include "widgets/timeline/timeline_view.h"

namespace deer {

using test::cell;
using test::has_line;
using test::near;
using test::Scene;

class RunViewsTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() {
    Theme::instance().set_mode(Theme::Mode::light);
    Theme::instance().apply();
  }
  void cleanup() { QCOMPARE(log_.unexpected(), QStringList()); }

  void a_frame_exit_by_exit();
  void keys_step_through_exits();
  void wide_exit_tables_show_every_column();
  void actions_over_time();
  void actions_in_the_models_units();
  void disagreement_and_error();
  void latency_by_stage();
  void memory_over_time();
  void replays_keep_the_times();
  void long_series_lose_no_extreme();
  void ticks_stand_on_whole_frames();
  void menus_and_clipboard();
  void menus_open_over_plots();
  void pictures_in_files();
  void values_in_files();
  void exports_that_fail();

 private:
  Scene scene_;
  test::LogGuard log_;
};

void RunViewsTest::a_frame_exit_by_exit() {
  const auto session = scene_.session();
  ExitSteps view(session.get());
  view.resize(320, 460);
  view.show();
  QVERIFY(test::open_all(session.get()));
  session->set_current_frame(42);
  QTRY_COMPARE(view.model()->rowCount(), 6);
  QCOMPARE(Scene::exit_taken(42, session->policy()), 1);
  QTRY_COMPARE(view.current_row(), 1);
  const auto& model = *view.model();
  QCOMPARE(cell(model, 0, ExitStepsModel::kDecision), QString("goes deeper"));
  QCOMPARE(cell(model, 1, ExitStepsModel::kDecision), QString("stops"));
  QCOMPARE(cell(model, 2, ExitStepsModel::kDecision), QString("not reached"));
  QCOMPARE(cell(model, 0, ExitStepsModel::kDelta), format_number(double(float(Scene::delta(42, 0)))));
  QCOMPARE(cell(model, 5, ExitStepsModel::kThreshold), QString("always"));
  // Neighbouring unit vectors 0.25 rad apart: the chord.
  QCOMPARE(cell(model, 3, ExitStepsModel::kChange), format_fixed(200 * std::sin(0.125), 1) + " %");
  QCOMPARE(cell(model, 0, ExitStepsModel::kChange), QString(QChar(0x2013)));
  QCOMPARE(cell(model, 2, ExitStepsModel::kY), format_fixed(double(Scene::arm(42, 2)[1]) * 20, 1));
  QCOMPARE(view.value("decision"),
           QString("delta %1 ≤ threshold 0.0300: stops").arg(format_number(double(float(Scene::delta(42, 1))))));
  QVERIFY(view.value("next exit").startsWith("exit 3 differs by "));
  QVERIFY(view.value("next exit").contains("not reached; delta"));
  // The scene's records say what the stages took; layers 1 to 4 of 12, and the head's runs.
  const auto& times = session->record(42)->times;
  const double ms = times.preprocess_ms + times.vision_ms + times.resampler_ms + times.llm_ms * 4 / 12;
  QVERIFY(view.value("cost so far").contains("in the LLM"));
  QVERIFY(view.value("cost so far").contains("≈ "));
  QVERIFY(view.model()->steps()[1].total_ms > ms);
  QVERIFY(view.model()->steps()[1].total_ms < ms + times.head_ms);
}

void RunViewsTest::keys_step_through_exits() {
  const auto session = scene_.session();
  ExitSteps view(session.get());
  view.resize(320, 460);
  view.show();
  QVERIFY(test::open_all(session.get()));
  session->set_current_frame(42);
  QTRY_COMPARE(view.current_row(), 1);
  QTest::keyClick(view.table(), Qt::Key_Down);
  QTRY_COMPARE(session->selection()->selected_exit(), 2);
  QVERIFY(view.value("decision").startsWith("not reached"));
  view.step_exit(-2);
  QTRY_COMPARE(view.current_row(), 0);
  QVERIFY(view.value("decision").contains("goes deeper"));
  view.step_exit(-1);
  QCOMPARE(session->selection()->selected_exit(), 0);
  view.step_exit(99);
  QTRY_COMPARE(view.current_row(), 5);
  QCOMPARE(view.value("next exit"), QString("none: this is the deepest"));
  session->selection()->set_selected_exit(-1);
  QTRY_COMPARE(view.current_row(), 1);
}

void RunViewsTest::wide_exit_tables_show_every_column() {
  const auto session = scene_.session();
  ExitSteps view(session.get());
  view.resize(340, 400);
  view.show();
  QVERIFY(test::open_all(session.get()));
  QTRY_COMPARE(view.model()->rowCount(), 6);
  QTRY_VERIFY(view.table()->isColumnHidden(ExitStepsModel::kNextDifference));
  QVERIFY(!view.table()->isColumnHidden(ExitStepsModel::kDecision));
  view.resize(1700, 400);
  QTRY_VERIFY(!view.table()->isColumnHidden(ExitStepsModel::kNextDifference));
}

void RunViewsTest::actions_over_time() {
  const auto session = scene_.session();
  ActionPlots view(session.get());
  view.resize(700, 300);
  view.show();
  QVERIFY(test::open_all(session.get()));
  view.set_value(ActionModel::kY);
  QTRY_COMPARE(view.plots().size(), std::size_t(1));
  auto* const plot = view.plots()[0];
  QCOMPARE(plot->yAxis->label(), QString("y, mm"));
  QCOMPARE(plot->lines().size(), std::size_t(7));  // six exits and the recorded action
  QTRY_VERIFY(std::abs(plot->value(2, 42) - double(Scene::arm(42, 2)[1]) * 20) < 1e-4);
  // Recorded actions come one by one; all of them come.
  QTRY_VERIFY_WITH_TIMEOUT(std::abs(plot->value(6, 119) - Scene::recorded(119)[1] * 20) < 1e-4, 10'000);
  QCOMPARE(plot->readout(42)[6], "recorded: " + format_fixed(Scene::recorded(42)[1] * 20, 1));
  QTest::qWait(100);
  const QPoint at(int(plot->xAxis->coordToPixel(60)), int(plot->yAxis->coordToPixel(plot->value(6, 60))));
  QVERIFY(has_line(plot->grab().toImage(), at, Theme::instance().colors().recorded));
  view.set_value(ActionPlots::kAll);
  QTRY_COMPARE(view.plots().size(), std::size_t(7));
  QCOMPARE(view.plots()[5]->yAxis->label(), QString("turn z, °"));
  QTRY_VERIFY(std::abs(view.plots()[6]->value(0, 10) - session->record(10)->exits[0].gripper_probability() * 100) <
              1e-3);
  // One stretch of frames in all.
  view.plots()[3]->xAxis->setRange(10, 20);
  QCOMPARE(view.plots()[0]->xAxis->range().upper, 20.0);
}

void RunViewsTest::actions_in_the_models_units() {
  const auto session = scene_.session();
  ActionPlots view(session.get());
  view.resize(700, 300);
  view.show();
  QVERIFY(test::open_all(session.get()));
  view.set_value(ActionModel::kX);
  view.set_raw(true);
  QTRY_COMPARE(view.plots()[0]->yAxis->label(), QString("x, −1 to 1"));  // once it is laid out
  QTRY_VERIFY(std::abs(view.plots()[0]->value(3, 7) - double(Scene::arm(7, 3)[0])) < 1e-6);
  view.set_value(ActionModel::kGripper);
  QTRY_COMPARE(view.plots()[0]->yAxis->label(), QString("gripper, 0 to 1"));
}

void RunViewsTest::disagreement_and_error() {
  const auto session = scene_.session();
  ActionPlots view(session.get());
  view.resize(700, 300);
  view.show();
  QVERIFY(test::open_all(session.get()));
  view.set_value(ActionModel::kX);
  view.set_show(ActionPlots::Show::disagreement);
  auto* plot = view.plots()[0];
  float least = 1e9F, most = -1e9F;
  for (int exit = 0; exit < 6; ++exit) {
    least = std::min(least, Scene::arm(33, exit)[0]);
    most = std::max(most, Scene::arm(33, exit)[0]);
  }
  QTRY_VERIFY(std::abs(plot->value(0, 33) - double(least) * 20) < 1e-4);
  QVERIFY(std::abs(plot->value(1, 33) - double(most) * 20) < 1e-4);
  view.set_show(ActionPlots::Show::error);
  QTRY_VERIFY_WITH_TIMEOUT(std::abs(view.plots()[0]->value(4, 33) -
                                    std::abs(double(Scene::arm(33, 4)[0]) - Scene::recorded(33)[0]) * 20) < 1e-4,
                           10'000);
  view.set_value(ActionPlots::kArmError);
  double squares = 0;
  for (std::size_t i = 0; i < 6; ++i) squares += std::pow(double(Scene::arm(33, 0)[i]) - Scene::recorded(33)[i], 2);
  QTRY_VERIFY(std::abs(view.plots()[0]->value(0, 33) - std::sqrt(squares / 6)) < 1e-5);
}

void RunViewsTest::latency_by_stage() {
  const auto session = scene_.session();
  LatencyView view(session.get());
  view.resize(900, 340);
  view.show();
  QVERIFY(test::open_all(session.get()));
  QTRY_COMPARE(view.latency()->frames_run(), qint64(120));
  std::vector<double> llm;
  double llm_sum = 0, sum = 0;
  for (qint64 frame = 0; frame < 120; ++frame) {
    llm.push_back(session->record(frame)->times.llm_ms);
    llm_sum += llm.back();
    sum += session->record(frame)->times.total_ms();
  }
  std::sort(llm.begin(), llm.end());
  const auto& statistics = view.latency()->statistics();
  QTRY_COMPARE(statistics[Latency::kLlm].frames, qint64(120));
  QVERIFY(std::abs(statistics[Latency::kLlm].p50_ms - (llm[59] + llm[60]) / 2) < 1e-5);
  QVERIFY(std::abs(statistics[Latency::kLlm].most_ms - llm[119]) < 1e-5);
  QVERIFY(std::abs(statistics[Latency::kLlm].share - llm_sum / sum) < 1e-5);
  QVERIFY(view.summary().endsWith(QString("LLM %1 % of the time").arg(format_fixed(100 * llm_sum / sum, 0))));
  QCOMPARE(cell(*view.table_model(), Latency::kLlm, 4), format_fixed(llm[119], 2));
  // The LLM's area lies on those of the stages before it, the darkest.
  auto* const plot = view.stages();
  QTest::qWait(200);
  const auto& times = session->record(30)->times;
  const double below = times.preprocess_ms + times.vision_ms + times.resampler_ms;
  const QPoint inside(int(plot->xAxis->coordToPixel(30)), int(plot->yAxis->coordToPixel(below + times.llm_ms / 2)));
  QVERIFY(near(plot->grab().toImage().pixelColor(inside), Theme::instance().colors().muted_text));
  QVERIFY(plot->readout(30).contains("LLM: " + format_fixed(times.llm_ms, 2)));
}

void RunViewsTest::memory_over_time() {
  const auto session = scene_.session();
  std::int64_t bytes = 100 << 20;
  Latency latency(session.get(), nullptr, [&bytes] { return bytes; });
  for (std::size_t i = 0; i < Latency::kMostSamples; ++i) latency.sample_memory();
  QVERIFY(latency.memory_megabytes().size() >= Latency::kMostSamples);
  bytes = 300 << 20;
  latency.sample_memory();
  // Half of them went; the first and the newest stayed.
  QVERIFY(latency.memory_megabytes().size() < Latency::kMostSamples);
  QCOMPARE(latency.memory_megabytes().front(), 100.0F);
  QCOMPARE(latency.memory_megabytes().back(), 300.0F);
  QVERIFY(std::is_sorted(latency.memory_seconds().begin(), latency.memory_seconds().end()));
  bytes = 0;  // not known
  const auto samples = latency.memory_seconds().size();
  latency.sample_memory();
  QCOMPARE(latency.memory_seconds().size(), samples);
}

void RunViewsTest::replays_keep_the_times() {
  Scene scene;
  scene.replays_lose_times = true;
  const auto session = scene.session();
  Latency latency(session.get());
  QVERIFY(test::open_all(session.get()));
  QTRY_COMPARE(latency.frames_run(), qint64(120));
  const float before = latency.values(Latency::kVision)[20];
  auto policy = session->policy();
  policy.thresholds[0] = 1;
  session->set_policy(policy);
  QTRY_VERIFY(session->records_current() && session->activity() == Session::Activity::idle);
  QTest::qWait(50);
  QCOMPARE(session->record(20)->times.vision_ms, 0.0);
  QCOMPARE(latency.values(Latency::kVision)[20], before);
}

void RunViewsTest::long_series_lose_no_extreme() {
  SeriesPlot plot;
  plot.resize(500, 200);
  plot.set_lines({{.name = "value", .ink = SeriesPlot::Ink::accent}});
  std::vector<float> values(100'000, 0.5F);
  values[71'234] = 1;
  for (std::size_t i = 20'000; i < 30'000; ++i) values[i] = kNotEvaluated;
  plot.set_values(0, values);
  plot.set_y_range(std::array{0.0, 1.1});
  plot.show();
  plot.refresh();
  QTest::qWait(50);
  const auto color = Theme::instance().colors().accent;
  const auto at = [&](double frame, double value) {
    return QPoint(qRound(plot.xAxis->coordToPixel(frame)), qRound(plot.yAxis->coordToPixel(value)));
  };
  // One frame of two hundred in a pixel, and a stretch without values.
  const auto spike = [&](const QImage& image, double frame, double value) {
    bool found = false;
    for (int dx = -1; dx <= 1; ++dx) found |= has_line(image, at(frame, value) + QPoint(dx, 0), color);
    return found;
  };
  auto image = plot.grab().toImage();
  QVERIFY(spike(image, 71'234, 0.98));
  QVERIFY(!spike(image, 73'000, 0.98));
  QVERIFY(has_line(image, at(10'000, 0.5), color) && has_line(image, at(90'000, 0.5), color));
  QVERIFY(!has_line(image, at(25'000, 0.5), color));
  QCOMPARE(plot.value(0, 71'234), 1.0);
  QVERIFY(std::isnan(plot.value(0, 25'000)));
  QVERIFY(plot.graph(0)->data()->size() < 4 * 500);
  // Near, every frame is drawn where it is.
  plot.xAxis->setRange(71'200, 71'260);
  plot.replot();
  image = plot.grab().toImage();
  QVERIFY(spike(image, 71'234, 0.98));
  QVERIFY(!spike(image, 71'240, 0.98));
  // One value more changes what is drawn.
  values[71'240] = 1;
  plot.set_values(0, values);
  plot.replot();
  QVERIFY(spike(plot.grab().toImage(), 71'240, 0.98));
  plot.show_all();
  QCOMPARE(plot.xAxis->range(), QCPRange(-0.5, 99'999.5));
}

void RunViewsTest::ticks_stand_on_whole_frames() {
  const SeriesPlot plot;
  for (double frames = 2; frames < 400; frames *= 1.1) {
    QVector<double> ticks;
    QVector<QString> labels;
    plot.xAxis->ticker()->generate({0, frames}, QLocale::c(), u'f', 6, ticks, nullptr, &labels);
    QCOMPARE(labels.size(), ticks.size());
    for (qsizetype i = 0; i < ticks.size(); ++i) {
      QCOMPARE(ticks[i], std::round(ticks[i]));
      QCOMPARE(labels[i], format_count(std::llround(ticks[i])));
    }
  }
}

void RunViewsTest::menus_and_clipboard() {
  const auto session = scene_.session();
  QWidget window;
  ViewExports exports(&window);
  auto* const view = new ExitSteps(session.get(), &window);
  window.resize(500, 400);
  view->resize(500, 400);
  exports.add(view, "the exits", [view] { return exit_step_values(*view->model()); });
  window.show();
  QVERIFY(test::open_all(session.get()));
  QTRY_COMPARE(view->model()->rowCount(), 6);
  QContextMenuEvent event(QContextMenuEvent::Mouse, QPoint(100, 100), view->mapToGlobal(QPoint(100, 100)));
  QApplication::sendEvent(view->table()->viewport(), &event);
  QTRY_VERIFY(view->findChild<QMenu*>());
  auto* const menu = view->findChild<QMenu*>();
  QCOMPARE(menu->actions().size(), qsizetype(6));
  QCOMPARE(exports.current(), view);
  menu->actions().first()->trigger();
  menu->close();
  const auto lines = QApplication::clipboard()->text().split('\n');
  QCOMPARE(lines.size(), qsizetype(8));  // names, six exits, the end of the last line
  QVERIFY(lines[0].startsWith("exit\tdepth, layers\thidden state change\tdelta"));
  QCOMPARE(lines[2].split('\t')[3].toDouble(), double(float(Scene::delta(0, 1))));
  exports.copy_picture(view);
  QCOMPARE(QApplication::clipboard()->image().size(), view->size() * view->devicePixelRatioF());
}

void RunViewsTest::menus_open_over_plots() {
  const auto session = scene_.session();
  QWidget window;
  ViewExports exports(&window);
  auto* const view = new TimelineView(session.get(), &window);
  window.resize(700, 400);
  view->resize(700, 400);
  exports.add(view, "the timeline", [&] { return timeline_values(*session); });
  window.show();
  QVERIFY(test::open_all(session.get()));
  auto* const plot = view->findChild<TimelinePlot*>();
  QTRY_VERIFY(plot->isVisible());
  const QPoint at = plot->rect().center();
  QContextMenuEvent event(QContextMenuEvent::Mouse, at, plot->mapToGlobal(at));
  QApplication::sendEvent(plot, &event);
  QTRY_VERIFY(view->findChild<QMenu*>());
  view->findChild<QMenu*>()->close();
}

void RunViewsTest::pictures_in_files() {
  const QTemporaryDir folder;
  const auto session = scene_.session();
  QWidget window;
  ViewExports exports(&window);
  auto* const view = new SimilarityView(session.get(), &window);
  view->resize(700, 300);
  window.resize(700, 300);
  exports.add(view, "similarity", [view] { return similarity_values(*view); });
  window.show();
  QVERIFY(test::open_all(session.get()));
  QTRY_VERIFY(std::abs(view->plot()->value(0, 119) - Scene::similarity(0, 5)) < 1e-5);
  QTest::qWait(100);
  QSignalSpy saved(&exports, &ViewExports::saved);
  const auto wait = [&](int count) { return QTest::qWaitFor([&] { return saved.count() == count; }); };

  exports.set_file_chooser([&](const QString& title, const QString& name, const QString&) {
    return title.endsWith("similarity") && name == "similarity.png" ? folder.filePath(name) : QString();
  });
  exports.ask_picture(view);
  QVERIFY(wait(1));
  const QImage png(folder.filePath("similarity.png"));
  QCOMPARE(png.size(), view->size() * view->devicePixelRatioF());
  QCOMPARE(png, view->grab().toImage().convertToFormat(png.format()));

  exports.save_picture(view, folder.filePath("view.svg"));
  QVERIFY(wait(2));
  QFile svg(folder.filePath("view.svg"));
  QVERIFY(svg.open(QFile::ReadOnly));
  QXmlStreamReader xml(&svg);
  int lines = 0, pictures = 0;
  QString text;
  while (!xml.atEnd()) {
    xml.readNext();
    if (xml.isStartElement() && (xml.name() == u"polyline" || xml.name() == u"path")) ++lines;
    // The style draws the small parts of its controls as pictures.
    const bool large = xml.attributes().value("height").toDouble() > 60;
    if (xml.isStartElement() && xml.name() == u"image" && large) ++pictures;
    if (xml.isCharacters()) text += xml.text();
    if (xml.isStartElement() && xml.name() == u"svg") QVERIFY(xml.attributes().value("viewBox").contains(u"700"));
  }
  QVERIFY2(!xml.hasError(), qPrintable(xml.errorString()));
  QVERIFY(lines > 5);
  QCOMPARE(pictures, 0);  // lines and text, not a picture of them
  QVERIFY(text.contains(format_fixed(1 - Scene::similarity(0, 5), 2)));
  QVERIFY(text.contains("cosine to the deepest exit"));

  exports.save_picture(view, folder.filePath("view.pdf"));
  QVERIFY(wait(3));
  QFile pdf(folder.filePath("view.pdf"));
  QVERIFY(pdf.open(QFile::ReadOnly));
  const auto bytes = pdf.readAll();
  QVERIFY(bytes.startsWith("%PDF-1."));
  QVERIFY(bytes.trimmed().endsWith("%%EOF"));
  QVERIFY(bytes.contains("/MediaBox [0 0 525"));  // 700 pixels of 1/96 inch, in points
}

void RunViewsTest::values_in_files() {
  const QTemporaryDir folder;
  const auto session = scene_.session();
  QWidget window;
  ViewExports exports(&window);
  auto* const view = new QWidget(&window);
  exports.add(view, "the timeline", [&] { return timeline_values(*session); });
  QVERIFY(test::open_all(session.get()));
  QSignalSpy saved(&exports, &ViewExports::saved);
  exports.save_values(view, folder.filePath("t.csv"));
  exports.save_values(view, folder.filePath("t.npz"));
  QTRY_COMPARE(saved.count(), 2);
  QFile csv(folder.filePath("t.csv"));
  QVERIFY(csv.open(QFile::ReadOnly));
  const auto lines = QString::fromUtf8(csv.readAll()).split('\n');
  QCOMPARE(lines.size(), qsizetype(122));
  QVERIFY(lines[0].startsWith("frame,exit,\"depth, layers\",reason,delta exit 1,"));
  const auto cells = lines[43].split(',');
  QCOMPARE(cells[0], QString("42"));
  QCOMPARE(cells[1], QString("2"));
  QCOMPARE(cells[2], QString("4"));
  QCOMPARE(float(cells[5].toDouble()), float(Scene::delta(42, 1)));
  const NpzFile npz(folder.filePath("t.npz").toStdString());
  const auto deltas = npz.array("delta_exit_3", 1 << 20);
  QCOMPARE(deltas.shape(), std::vector<std::uint64_t>{120});
  QCOMPARE(float(deltas.number(42)), float(Scene::delta(42, 2)));
  QCOMPARE(npz.array("executed_x", 1 << 20).number(42), double(session->record(42)->action[0]));
  QCOMPARE(npz.array("reason", 1 << 20).text(42), std::string(to_string(session->record(42)->reason)));
}

void RunViewsTest::exports_that_fail() {
  const auto session = scene_.session();
  QWidget window;
  ViewExports exports(&window);
  auto* const view = new QWidget(&window);
  exports.add(view, "nothing", [] { return ValueTable{}; });
  QSignalSpy problem(&exports, &ViewExports::problem);
  exports.save_values(view, "/nowhere/at/all.csv");
  QTRY_COMPARE(problem.count(), 1);
  QVERIFY(problem[0][0].value<Problem>().details.contains("/nowhere/at/all.csv"));
  exports.save_values(view, "table.doc");
  exports.save_picture(view, "table.doc");
  QCOMPARE(problem.count(), 3);
  exports.set_file_chooser([](const QString&, const QString&, const QString&) { return QString(); });
  exports.ask_values(view);  // cancelled
  QWidget stranger;
  exports.copy_values(&stranger);
  QTest::qWait(50);
  QCOMPARE(problem.count(), 3);
}

}  // namespace deer

DEER_SUITE(deer::RunViewsTest)
#include "tst_run_views.moc"
