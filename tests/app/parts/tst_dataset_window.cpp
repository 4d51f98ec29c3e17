// SPDX-License-Identifier: GPL-3.0-or-later
#include <QCheckBox>
#include <QDockWidget>
#include <QHeaderView>
#include <QLineEdit>
#include <QProgressBar>
#include <QPushButton>
#include <QStandardPaths>
#include <QTableView>
#include <QTest>
#include <QToolButton>
#include <cmath>
#include <fstream>

#include "app/gui/bars/message_bar.h"
#include "app/gui/parts/dataset_part.h"
#include "app/gui/window/main_window.h"
#include "sessions/study/dataset_study.h"
#include "sessions/traces/trace_episodes.h"
#include "tests/sessions/support/made_trace.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"
#include "widgets/base/theme.h"
#include "widgets/dataset/dataset_model.h"
#include "widgets/dataset/dataset_view.h"
#include "widgets/debug/expression_edit.h"
#include "widgets/exits/exit_histogram.h"

namespace deer::test {
namespace {

constexpr int kDatasetPatienceMs = 30000;

struct DatasetFixture {
  DatasetFixture()
      : control(std::make_shared<FakeControl>()),
        session(fake_engine_factory(control),
                [fake = fake_source_opener(control)](
                    const std::filesystem::path& path,
                    const OpenSourceOptions& options) -> std::shared_ptr<const EpisodeCollection> {
                  return path.extension() == ".h5" ? open_recording(path, options) : fake(path, options);
                }),
        window(std::make_unique<MainWindow>(&session, SessionStore(folder / "settings"))) {
    window->resize(1600, 1000);
    window->show();
    shown = QTest::qWaitForWindowExposed(window.get());
  }
  bool wait(const std::function<bool()>& done) { return QTest::qWaitFor(done, kDatasetPatienceMs); }
  bool idle() const { return session.activity() == Session::Activity::idle; }

  std::filesystem::path trace(double threshold = 0.05) {
    auto metadata = fake_metadata(fake_policy(threshold));
    metadata.model_path = "/models/gone";
    write_fake_trace(folder / "run.h5", metadata, fake_policy(threshold), "/data/task_D", false);
    return folder / "run.h5";
  }
  bool open_trace_in_window(double threshold = 0.05) {
    session.open_source(trace(threshold));
    return wait([&] { return idle() && session.episode() && study()->rows().size() == 2; }) && show_page() && wait([&] {
             return study()->rows()[1].was_run && !study()->studying() && model()->rowCount() == 2 &&
                    model()->row(1).was_run;
           });
  }
  bool open_dataset() {
    session.open_model("/models/deer-nano");
    session.open_source("/data/task_D");
    return wait([&] { return session.model() && session.episode() && idle(); }) && show_page() &&
           wait([&] { return model()->rowCount() == 3; });
  }
  bool show_page() {
    window->commands()->trigger(QStringLiteral("dataset.show"));
    return wait([&] { return view()->isVisible(); });
  }

  DatasetStudy* study() const { return window->dataset()->study(); }
  DatasetView* view() const { return window->dataset()->view(); }
  DatasetModel* model() const { return view()->model(); }
  QString cell(int row, DatasetModel::Column column) const { return model()->index(row, column).data().toString(); }
  void click_header(DatasetModel::Column column) {
    auto* const header = view()->table()->horizontalHeader();
    QTest::mouseClick(
        header->viewport(), Qt::LeftButton, {},
        {header->sectionViewportPosition(column) + header->sectionSize(column) / 2, header->height() / 2});
  }
  void click_cell(QTableView* table, int row, int column) {
    const auto place = table->visualRect(table->model()->index(row, column)).center();
    QTest::mouseClick(table->viewport(), Qt::LeftButton, {}, place);
  }
  void type_filter(const QString& text) {
    auto* const line = view()->filter()->line();
    line->setFocus();
    line->selectAll();
    QTest::keyClicks(line, text);
    // The completer's list takes the first Return.
    QTest::keyClick(line, Qt::Key_Escape);
    QTest::keyClick(line, Qt::Key_Return);
  }

  /// A program in the place of deer that copies a ready trace to where it is asked to write one.
  void use_program(const std::filesystem::path& trace_file, const QString& before = {}, const QString& after = {}) {
    const auto script =
        folder.write("fake_deer", QStringLiteral("#!/bin/sh\n"
                                                 "echo \"$@\" >> '%1'\n"
                                                 "while [ \"$1\" != --out ]; do shift; done\n%2\ncp '%3' \"$2\"\n%4\n")
                                      .arg(arguments_file(), before, QString::fromStdString(trace_file.string()), after)
                                      .toStdString());
    std::filesystem::permissions(script, std::filesystem::perms::owner_all);
    study()->run()->set_program(QString::fromStdString(script.string()));
    view()->run_button()->setEnabled(true);
  }
  QString arguments_file() const { return QString::fromStdString((folder / "arguments.txt").string()); }
  QString arguments() const {
    QFile file(arguments_file());
    return file.open(QFile::ReadOnly) ? QString::fromUtf8(file.readAll()) : QString();
  }
  /// What running all three episodes of the fake data gives, of 40, 20 and 10 frames.
  std::filesystem::path whole_run(const char* name, int episodes = 3, double threshold = 0.05) {
    auto metadata = fake_metadata(fake_policy(threshold));
    metadata.model_path = "/models/gone";
    const auto writer = TraceWriter::create(folder / name, metadata);
    for (int episode = 0; episode < episodes; ++episode) {
      auto records = fake_records(fake_policy(threshold), episode % 2);
      if (episode == 2) records = fake_records(fake_policy(threshold), 0);
      if (episode == 2) records.resize(10);
      for (const auto& record : records) {
        TraceFrame frame;
        frame.source = "/data/task_D";
        frame.episode = episode;
        frame.frame_id = record->frame;
        frame.instruction = "do it";
        writer->append(*record, frame);
      }
    }
    writer->close();
    return folder / name;
  }

  TemporaryFolder folder;
  FakeControlPtr control;
  Session session;
  std::unique_ptr<MainWindow> window;
  bool shown = false;
};

}  // namespace

// The page with the whole dataset.
class DatasetWindowTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { QStandardPaths::setTestModeEnabled(true); }
  void init() {
    guard_ = std::make_unique<LogGuard>();
    std::filesystem::remove_all(DatasetStudy::default_folder());
  }
  void cleanup() { QCOMPARE(guard_->unexpected(), QStringList()); }

  void the_rail_shows_the_page();
  void an_open_trace_fills_the_table();
  void a_finished_run_fills_its_row();
  void clicks_on_headings_sort();
  void groups_by_task();
  void a_click_opens_an_episode();
  void the_filter_lists_frames_and_goes_there();
  void a_bar_of_the_histogram_filters();
  void flips_follow_the_active_policy();
  void columns_that_do_not_fit_are_hidden();
  void run_all_fills_the_table();
  void a_restart_finds_the_trace_and_resumes();
  void a_run_can_be_cancelled();
  void a_missing_program_is_said();
  void a_failed_run_is_said();
  void exports_what_is_shown();

 private:
  std::unique_ptr<LogGuard> guard_;
};

void DatasetWindowTest::the_rail_shows_the_page() {
  DatasetFixture f;
  QVERIFY(f.shown && f.open_dataset());
  auto* const dock = f.window->findChild<QDockWidget*>(QStringLiteral("dock_dataset"));
  QVERIFY(dock && dock->isVisible());
  QToolButton* button = nullptr;
  for (auto* const one : f.window->findChildren<QToolButton*>()) {
    if (one->accessibleName() == QStringLiteral("Dataset")) button = one;
  }
  QVERIFY(button && button->isVisible());
  QTest::mouseClick(button, Qt::LeftButton);
  QVERIFY(!dock->isVisible());
  QTest::mouseClick(button, Qt::LeftButton);
  QVERIFY(dock->isVisible());
  QCOMPARE(f.cell(0, DatasetModel::kTask), QStringLiteral("open_drawer"));
  QCOMPARE(f.cell(1, DatasetModel::kFrames), QStringLiteral("20"));
  QCOMPARE(f.cell(0, DatasetModel::kDepth), QStringLiteral("–"));
  QVERIFY(f.view()->summary().startsWith(QStringLiteral("0 of 3 episodes")));
}

void DatasetWindowTest::an_open_trace_fills_the_table() {
  DatasetFixture f;
  QVERIFY(f.shown && f.open_trace_in_window());
  const auto records = fake_records(fake_policy(0.05), 0);
  double depth = 0;
  int largest = 0;
  for (const auto& record : records) {
    depth += record->depth();
    largest = std::max(largest, record->depth());
  }
  const auto& row = f.model()->row(0);
  QCOMPARE(row.frames, 40);
  QVERIFY(std::abs(row.mean_depth - depth / 40) < 1e-9);
  QCOMPARE(static_cast<int>(row.largest_depth), largest);
  QCOMPARE(row.by_exit.size(), std::size_t{4});
  QVERIFY(row.saving >= 1);
  QVERIFY(!std::isnan(row.distance));
  QCOMPARE(f.view()->histogram()->counts(), f.study()->by_exit());
  // The bar is painted in the exits' colours.
  auto* const table = f.view()->table();
  const auto place = table->visualRect(f.model()->index(0, DatasetModel::kExits));
  const auto picture = table->viewport()->grab(place).toImage();
  bool found = false;
  for (int exit = 0; exit < 4 && !found; ++exit) {
    if (row.by_exit[static_cast<std::size_t>(exit)] * 10 < row.frames) continue;
    const auto color = Theme::instance().exit_color(exit, 4);
    for (int x = 0; x < picture.width() && !found; ++x) {
      found = picture.pixelColor(x, picture.height() / 2).rgb() == color.rgb();
    }
  }
  QVERIFY(found);
}

void DatasetWindowTest::a_finished_run_fills_its_row() {
  DatasetFixture f;
  QVERIFY(f.shown && f.open_dataset());
  f.session.run_episode();
  QVERIFY(f.wait([&] { return f.idle() && f.session.evaluated_count() == f.session.frame_count(); }));
  QVERIFY(f.wait([&] { return f.model()->row(0).was_run; }));
  QVERIFY(!std::isnan(f.model()->row(0).mean_depth));
  QVERIFY(f.model()->row(0).largest_depth >= f.model()->row(0).mean_depth);
  QVERIFY(f.model()->row(0).gripper_differs >= 0);
  QVERIFY(!f.model()->row(1).was_run);
  QVERIFY(f.view()->summary().startsWith(QStringLiteral("1 of 3 episodes")));
}

void DatasetWindowTest::clicks_on_headings_sort() {
  DatasetFixture f;
  QVERIFY(f.shown && f.open_dataset());
  f.click_header(DatasetModel::kFrames);
  QCOMPARE(f.cell(0, DatasetModel::kFrames), QStringLiteral("40"));
  QCOMPARE(f.cell(2, DatasetModel::kFrames), QStringLiteral("10"));
  f.click_header(DatasetModel::kFrames);
  QCOMPARE(f.cell(0, DatasetModel::kFrames), QStringLiteral("10"));
  f.click_header(DatasetModel::kInstruction);
  QCOMPARE(f.cell(0, DatasetModel::kInstruction), QStringLiteral("a broken episode"));
  QCOMPARE(f.cell(2, DatasetModel::kInstruction), QStringLiteral("open the drawer"));
  // Episodes without a figure come last both ways.
  f.session.run_episode();
  QVERIFY(f.wait([&] { return f.idle() && f.study()->rows()[0].was_run && f.model()->row(2).was_run; }));
  f.click_header(DatasetModel::kDepth);
  QVERIFY(f.model()->row(0).was_run);
  f.click_header(DatasetModel::kDepth);
  QVERIFY(f.model()->row(0).was_run);
}

void DatasetWindowTest::groups_by_task() {
  DatasetFixture f;
  QVERIFY(f.shown && f.open_trace_in_window());
  QTest::mouseClick(f.view()->group_box(), Qt::LeftButton, {}, {8, f.view()->group_box()->height() / 2});
  QVERIFY(f.view()->group_box()->isChecked());
  // Both have the same instruction, and the data that would name a task is gone.
  QCOMPARE(f.model()->rowCount(), 1);
  QCOMPARE(f.cell(0, DatasetModel::kTask), QStringLiteral("open the drawer"));
  QCOMPARE(f.cell(0, DatasetModel::kInstruction), QStringLiteral("2 episodes"));
  QCOMPARE(f.cell(0, DatasetModel::kFrames), QStringLiteral("60"));
  QVERIFY(f.cell(0, DatasetModel::kDepth).contains(QStringLiteral("±")));
  const auto& rows = f.study()->rows();
  QVERIFY(std::abs(f.model()->row(0).mean_depth - (rows[0].mean_depth + rows[1].mean_depth) / 2) < 1e-9);
}

void DatasetWindowTest::a_click_opens_an_episode() {
  DatasetFixture f;
  QVERIFY(f.shown && f.open_dataset());
  QCOMPARE(f.session.episode_index(), std::optional<std::size_t>(0));
  f.click_cell(f.view()->table(), 1, DatasetModel::kInstruction);
  QVERIFY(f.wait([&] { return f.session.episode_index() == std::optional<std::size_t>(1); }));
}

void DatasetWindowTest::the_filter_lists_frames_and_goes_there() {
  DatasetFixture f;
  QVERIFY(f.shown && f.open_trace_in_window());
  f.type_filter(QStringLiteral("frame >= 15 and frame < 18"));
  QVERIFY(f.wait([&] { return f.study()->match_count() == 6 && f.view()->match_table()->model()->rowCount() == 6; }));
  QVERIFY(f.view()->match_table()->isVisible());
  QCOMPARE(f.model()->row(0).matches, 3);
  // The fifth: frame 16 of the second episode.
  f.click_cell(f.view()->match_table(), 4, 0);
  QVERIFY(f.wait(
      [&] { return f.session.episode_index() == std::optional<std::size_t>(1) && f.session.current_frame() == 16; }));
  // Only episodes that match are left.
  f.type_filter(QStringLiteral("frame == 30"));
  QVERIFY(f.wait([&] { return f.study()->match_count() == 1 && f.model()->rowCount() == 1; }));
  // An invalid one is refused and changes nothing.
  f.type_filter(QStringLiteral("dept >= 3"));
  QVERIFY(!f.view()->filter()->error().isEmpty());
  QCOMPARE(f.study()->where(), QStringLiteral("frame == 30"));
  // Cleared: all rows again.
  auto* const line = f.view()->filter()->line();
  line->setFocus();
  line->selectAll();
  QTest::keyClick(line, Qt::Key_Backspace);
  QVERIFY(f.wait([&] { return f.model()->rowCount() == 2 && !f.view()->match_table()->isVisible(); }));
}

void DatasetWindowTest::a_bar_of_the_histogram_filters() {
  DatasetFixture f;
  QVERIFY(f.shown && f.open_trace_in_window());
  auto* const histogram = f.view()->histogram();
  const auto counts = histogram->counts();
  const auto exit = static_cast<int>(std::max_element(counts.begin(), counts.end()) - counts.begin());
  QTest::mouseClick(histogram, Qt::LeftButton, {}, histogram->bar(exit).center());
  QCOMPARE(f.view()->filter()->line()->text(), QStringLiteral("exit == %1").arg(exit + 1));
  QVERIFY(f.wait([&] { return f.study()->match_count() == counts[static_cast<std::size_t>(exit)]; }));
}

void DatasetWindowTest::flips_follow_the_active_policy() {
  DatasetFixture f;
  QVERIFY(f.shown && f.open_trace_in_window());
  QVERIFY(f.view()->table()->isColumnHidden(DatasetModel::kFlips));
  QTest::mouseClick(f.view()->flips_box(), Qt::LeftButton, {}, {8, f.view()->flips_box()->height() / 2});
  QVERIFY(f.wait([&] { return !f.study()->studying() && f.study()->rows()[0].flips == 0; }));
  QVERIFY(f.wait([&] { return !f.view()->table()->isColumnHidden(DatasetModel::kFlips); }));
  ExitPolicy deepest = f.session.policy();
  deepest.criterion = Criterion::fixed_exit;
  f.session.set_policy(deepest);
  qint64 early = 0;
  for (const auto& record : fake_records(fake_policy(0.05), 0)) early += record->exit_index != 3 ? 1 : 0;
  QVERIFY(early > 0);
  QVERIFY(f.wait([&] { return f.study()->rows()[0].flips == early; }));
}

void DatasetWindowTest::columns_that_do_not_fit_are_hidden() {
  DatasetFixture f;
  QVERIFY(f.shown && f.open_trace_in_window());
  auto* const table = f.view()->table();
  f.window->resize(2400, 1000);
  QVERIFY(f.wait([&] { return !table->isColumnHidden(DatasetModel::kGripper); }));
  f.window->resize(1280, 800);
  QVERIFY(f.wait([&] { return table->isColumnHidden(DatasetModel::kGripper); }));
  QVERIFY(!table->isColumnHidden(DatasetModel::kDepth));
  QVERIFY(table->horizontalHeader()->length() <= table->viewport()->width());
  QVERIFY(table->columnWidth(DatasetModel::kInstruction) >= 20 * table->fontMetrics().averageCharWidth());
}

void DatasetWindowTest::run_all_fills_the_table() {
  DatasetFixture f;
  QVERIFY(f.shown && f.open_dataset());
  f.use_program(f.whole_run("whole.h5"));
  auto* const button = f.view()->run_button();
  QCOMPARE(button->text(), QStringLiteral("Run all"));
  QTest::mouseClick(button, Qt::LeftButton);
  QVERIFY(f.wait([&] { return !f.study()->run()->running() && f.study()->all_run() && !f.study()->studying(); }));
  QVERIFY(f.wait([&] { return f.model()->row(2).was_run; }));
  QCOMPARE(button->text(), QStringLiteral("Run again…"));
  QCOMPARE(f.model()->row(2).frames, 10);
  const auto arguments = f.arguments();
  QVERIFY2(arguments.startsWith(QStringLiteral("trace /models/deer-nano /data/task_D --out ")), qPrintable(arguments));
  QVERIFY(arguments.contains(QStringLiteral("--resume")));
  QVERIFY(arguments.contains(QStringLiteral("--criterion ")));
  // Again, but only if the person wants it.
  bool asked = false;
  f.window->dataset()->set_question([&] {
    asked = true;
    return false;
  });
  QTest::mouseClick(button, Qt::LeftButton);
  QVERIFY(asked && !f.study()->run()->running());
  f.window->dataset()->set_question([] { return true; });
  QTest::mouseClick(button, Qt::LeftButton);
  QVERIFY(f.wait([&] { return !f.study()->run()->running() && f.study()->all_run() && !f.study()->studying(); }));
  QVERIFY(f.arguments().contains(QStringLiteral("--overwrite")));
}

void DatasetWindowTest::a_restart_finds_the_trace_and_resumes() {
  {
    DatasetFixture f;
    QVERIFY(f.shown && f.open_dataset());
    f.use_program(f.whole_run("part.h5", 2));
    QTest::mouseClick(f.view()->run_button(), Qt::LeftButton);
    QVERIFY(f.wait(
        [&] { return !f.study()->run()->running() && f.study()->frames_run() == 60 && !f.study()->studying(); }));
  }
  DatasetFixture f;
  QVERIFY(f.shown && f.open_dataset());
  QVERIFY(f.wait([&] { return f.study()->frames_run() == 60 && f.model()->row(0).was_run; }));
  QVERIFY(f.wait([&] { return f.view()->run_button()->text() == QStringLiteral("Resume"); }));
  f.use_program(f.whole_run("whole.h5"));
  ExitPolicy other = f.session.policy();
  other.thresholds.assign(4, 0.7);
  f.session.set_policy(other);
  QTest::mouseClick(f.view()->run_button(), Qt::LeftButton);
  QVERIFY(f.wait([&] { return f.study()->all_run() && f.model()->row(2).was_run; }));
  // It resumes under the policy that it began with.
  QVERIFY2(f.arguments().contains(QStringLiteral("--thresholds=0.05,0.05,0.05,0.05")), qPrintable(f.arguments()));
}

void DatasetWindowTest::a_run_can_be_cancelled() {
  DatasetFixture f;
  QVERIFY(f.shown && f.open_dataset());
  f.use_program(f.whole_run("whole.h5"), QStringLiteral("sleep 60"));
  auto* const button = f.view()->run_button();
  QTest::mouseClick(button, Qt::LeftButton);
  QVERIFY(f.wait([&] { return f.study()->run()->running() && button->text() == QStringLiteral("Cancel"); }));
  QTest::mouseClick(button, Qt::LeftButton);
  QVERIFY(f.wait([&] { return !f.study()->run()->running(); }));
  QVERIFY(f.wait([&] { return button->text() == QStringLiteral("Run all"); }));
  QCOMPARE(f.window->messages()->count(), std::size_t{1});  // of the data's own warning
}

void DatasetWindowTest::a_missing_program_is_said() {
  DatasetFixture f;
  QVERIFY(f.shown && f.open_dataset());
  f.study()->run()->set_program(QStringLiteral("/nowhere/deer"));
  Q_EMIT f.study()->state_changed();
  QVERIFY(!f.view()->run_button()->isEnabled());
  QVERIFY(f.view()->run_button()->toolTip().contains(QStringLiteral("/nowhere/deer")));
  QVERIFY(f.study()->obstacle().contains(QStringLiteral("deer is missing")));
}

void DatasetWindowTest::a_failed_run_is_said() {
  DatasetFixture f;
  QVERIFY(f.shown && f.open_dataset());
  f.use_program(f.whole_run("whole.h5"), QStringLiteral("echo 'deer: the disk is full' >&2; exit 1"));
  QTest::mouseClick(f.view()->run_button(), Qt::LeftButton);
  QVERIFY(f.wait([&] { return f.window->messages()->details().contains(QStringLiteral("the disk is full")); }));
}

void DatasetWindowTest::exports_what_is_shown() {
  DatasetFixture f;
  QVERIFY(f.shown && f.open_trace_in_window());
  const auto file = f.folder / "table.csv";
  f.window->dataset()->set_file_chooser([&] { return QString::fromStdString(file.string()); });
  QPushButton* save = nullptr;
  for (auto* const one : f.view()->findChildren<QPushButton*>()) {
    if (one->text() == QStringLiteral("Export CSV…")) save = one;
  }
  QVERIFY(save);
  QTest::mouseClick(save, Qt::LeftButton);
  QVERIFY(f.wait([&] { return std::filesystem::exists(file); }));
  std::ifstream in(file);
  std::string head, first;
  std::getline(in, head);
  std::getline(in, first);
  QVERIFY(head.find("mean_distance_to_deepest_mm") != std::string::npos);
  QCOMPARE(std::count(head.begin(), head.end(), ','), std::count(first.begin(), first.end(), ','));
  QVERIFY(first.starts_with("0,,open the drawer,40,"));
}

}  // namespace deer::test

using deer::test::DatasetWindowTest;
DEER_SUITE(DatasetWindowTest)
#include "tst_dataset_window.moc"
