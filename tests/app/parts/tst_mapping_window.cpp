// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAbstractButton>
#include <QCheckBox>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QTabWidget>
#include <QTableView>
#include <cmath>
#include <fstream>

#include "app/gui/bars/message_bar.h"
#include "app/gui/dialogs/mapping_camera.h"
#include "app/gui/dialogs/mapping_dialog.h"
#include "app/gui/dialogs/mapping_page.h"
#include "app/gui/parts/mapping_part.h"
#include "app/gui/window/model_note.h"
#include "app/gui/window/open_files.h"
#include "core/base/error.h"
#include "core/episodes/recording_collection.h"
#include "sessions/base/paths.h"
#include "sessions/frames/episode_frames.h"
#include "tests/app/window/window_fixture.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "widgets/actions/action_model.h"
#include "widgets/actions/action_table.h"
#include "widgets/base/theme.h"
#include "widgets/cameras/camera_view.h"
#include "widgets/timeline/timeline_view.h"

namespace deer::test {
namespace {

ImagePtr painted(std::uint8_t red, std::uint8_t blue) {
  auto out = std::make_shared<Image>();
  out->width = out->height = 16;
  // The lower half is black, so that one sees which way up it is.
  for (int y = 0; y < 16; ++y) {
    for (int x = 0; x < 16; ++x) {
      for (const std::uint8_t value : {red, std::uint8_t{0}, blue}) out->rgb.push_back(y < 8 ? value : 0);
    }
  }
  return out;
}

class PaintedReader final : public RecordingReader {
 public:
  std::int64_t length() const override { return 20; }
  RecordedFrame load_series(std::int64_t index) override {
    RecordedFrame out;
    out.frame_id = index;
    const auto value = static_cast<double>(index);
    out.series = {{90 + value, 45, 1}, {value, -value, 0.5}, {7}};
    return out;
  }
  RecordedFrame load(std::int64_t index, const std::stop_token&) override {
    auto out = load_series(index);
    out.pictures = {painted(220, 0), painted(0, 220), nullptr};
    return out;
  }
};

/// Cameras that no guess can tell apart, and joints in degrees.
RecordingContents contents(const std::filesystem::path& path) {
  RecordingContents out;
  out.kind = "test";
  out.path = path;
  out.schema.cameras = {{"one", 16, 16}, {"two", 16, 16}, {"three"}};
  out.schema.series = {
      {"action", {"shoulder", "elbow", "gripper"}}, {"observation.state", {"", "", ""}}, {"reward", {""}}};
  EpisodeEntry entry;
  entry.last_frame_id = 19;
  out.entries = {entry, entry};
  out.open = [](std::size_t index) {
    OpenedRecording opened;
    opened.title = "episode " + std::to_string(index);
    opened.reader = std::make_unique<PaintedReader>();
    opened.instructions = {{0, 19, "push", {}}};
    return opened;
  };
  return out;
}

std::shared_ptr<const EpisodeCollection> open_painted(const std::filesystem::path& path,
                                                      const OpenSourceOptions& options) {
  if (path.filename() == "unreadable") {
    auto broken = contents(path);
    broken.open = [](std::size_t) -> OpenedRecording { throw FileError("/data/unreadable", "has a broken frame"); };
    return std::make_shared<RecordingCollection>(broken, options);
  }
  return std::make_shared<RecordingCollection>(contents(path), options);
}

struct MappingFixture {
  explicit MappingFixture(QSize size = {1280, 800})
      : control(std::make_shared<FakeControl>()),
        store(to_path(folder.filePath("settings")) / "mappings"),
        session(fake_engine_factory(control), with_mappings(&open_painted, store)),
        window(std::make_unique<MainWindow>(&session, SessionStore(to_path(folder.filePath("settings"))))) {
    window->resize(size);
    window->show();
    shown = QTest::qWaitForWindowExposed(window.get());
    part = window->findChild<MappingPart*>();
    part->set_opener(&open_painted);
  }

  bool wait(const std::function<bool()>& done) { return QTest::qWaitFor(done, kPatienceMs); }
  bool open(const char* path = "/data/painted", std::size_t episode = 0) {
    window->files()->open_source(QString::fromLatin1(path), {}, episode);
    return wait([&] { return session.episode() && session.activity() == Session::Activity::idle; });
  }
  MappingDialog* choose() {
    window->commands()->trigger("file.mapping");
    auto* const dialog = part->dialog();
    return dialog && wait([&] { return !dialog->fixed()->picture().isNull(); }) ? dialog : nullptr;
  }
  /// Presses Apply and waits for the episode to be there again.
  bool apply(MappingDialog* dialog) {
    bool reopened = false;
    QObject::connect(
        &session, &Session::episode_changed, dialog->parent(), [&] { reopened = true; }, Qt::SingleShotConnection);
    control_in<QPushButton>(dialog, "Apply")->click();
    return wait([&] { return reopened && session.activity() == Session::Activity::idle; });
  }
  template <typename T>
  static T* control_in(QWidget* in, const QString& name) {
    return test::control<T>(in, name);
  }
  ObservationPtr observation(qint64 frame) {
    ObservationPtr out;
    wait([&] { return (out = session.frames()->observation(frame)) != nullptr; });
    return out;
  }

  QTemporaryDir folder;
  FakeControlPtr control;
  MappingStore store;
  Session session;
  std::unique_ptr<MainWindow> window;
  MappingPart* part = nullptr;
  bool shown = false;
};

QColor color_in(MappingCamera* camera, double y) {
  const auto image = camera->grab().toImage();
  const auto area = camera->picture_rect();
  return image.pixelColor(
      (QPointF(area.center().x(), area.top() + y * area.height()) * image.devicePixelRatio()).toPoint());
}

bool is_red(const QColor& color) { return color.red() > 150 && color.blue() < 90; }
bool is_blue(const QColor& color) { return color.blue() > 150 && color.red() < 90; }

}  // namespace

class MappingWindowTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { guard_ = std::make_unique<LogGuard>(); }
  void cleanup() { QCOMPARE(guard_->unexpected(), QStringList()); }

  void only_datasets_with_columns_have_one() {
    WindowFixture f;
    QVERIFY(f.open());
    QVERIFY(!f.window->commands()->trigger("file.mapping"));
    MappingFixture g;
    QVERIFY(!g.window->commands()->trigger("file.mapping"));
    QVERIFY(g.open());
    QVERIFY(g.choose());
  }

  void the_guess_is_shown_with_the_first_frame() {
    MappingFixture f;
    QVERIFY(f.open());
    auto* const dialog = f.choose();
    QVERIFY(dialog);
    QVERIFY(dialog->windowTitle().contains("painted"));
    QVERIFY(dialog->mapping() == f.session.collection()->description()->mapping);
    QVERIFY(is_red(color_in(dialog->fixed(), 0.25)));
    QVERIFY(dialog->note().contains("needs a static and a gripper camera"));
    auto* const cameras = control<QComboBox>(dialog, "Gripper camera");
    QCOMPARE(cameras->currentText(), QStringLiteral("None"));
    QCOMPARE(cameras->count(), 4);
    // The values of the frame, beside the columns.
    const auto* const columns = dialog->action()->columns();
    QCOMPARE(columns->rowCount(), 7);
    QCOMPARE(columns->index(0, MappingColumns::kFirst).data().toString(), QStringLiteral("90.0"));
    QCOMPARE(columns->index(0, MappingColumns::kSource).data(Qt::CheckStateRole).toInt(), int(Qt::Checked));
    QCOMPARE(columns->index(3, MappingColumns::kSource).data(Qt::CheckStateRole).toInt(), int(Qt::Unchecked));
    for (auto* const widget : dialog->findChildren<QWidget*>()) {
      const bool control = qobject_cast<QAbstractButton*>(widget) || qobject_cast<QComboBox*>(widget) ||
                           qobject_cast<QLineEdit*>(widget) || qobject_cast<QTableView*>(widget);
      if (!control || !widget->isVisible() || qobject_cast<QDialogButtonBox*>(widget->parentWidget())) continue;
      QVERIFY2(!widget->accessibleName().isEmpty(), widget->metaObject()->className());
    }
  }

  void apply_opens_the_episode_again_and_is_remembered() {
    MappingFixture f;
    QVERIFY(f.open("/data/painted", 1));
    f.session.set_current_frame(5);
    QVERIFY(f.observation(5));
    auto* const dialog = f.choose();
    QVERIFY(dialog);
    control<QComboBox>(dialog, "Static camera")->setCurrentIndex(2);   // "two"
    control<QComboBox>(dialog, "Gripper camera")->setCurrentIndex(1);  // "one"
    QVERIFY(is_blue(color_in(dialog->fixed(), 0.25)) && is_red(color_in(dialog->gripper(), 0.25)));
    control<QCheckBox>(dialog, "Gripper camera: Turn upside down")->click();
    QVERIFY(is_red(color_in(dialog->gripper(), 0.75)) && !is_red(color_in(dialog->gripper(), 0.25)));
    QTest::keyClicks(control<QLineEdit>(dialog, "Instruction"), "fold");
    QVERIFY(dialog->note().contains("sees the static and the gripper camera"));
    QVERIFY(f.apply(dialog));
    QCOMPARE(f.session.episode_index().value(), std::size_t(1));
    QCOMPARE(f.session.current_frame(), 5);
    const auto seen = f.observation(5);
    QCOMPARE(seen->instruction, std::string("fold"));
    QCOMPARE(int(seen->rgb_static->rgb[2]), 220);
    QCOMPARE(int(seen->rgb_gripper->rgb[0]), 0);  // turned upright
    QCOMPARE(f.window->messages()->count(), std::size_t(0));
    // As the next start of the program finds it.
    const auto again = with_mappings(&open_painted, f.store)("/data/painted", {});
    QCOMPARE(again->description()->mapping.static_camera, std::string("two"));
    // Back to the guess: nothing is remembered.
    auto* const second = f.choose();
    QVERIFY(second);
    control<QPushButton>(second, "Guess the mapping")->click();
    QVERIFY(second->mapping() == guess_mapping(contents({}).schema));
    QVERIFY(f.apply(second));
    QVERIFY(!f.store.find("/data/painted"));
    QCOMPARE(f.observation(5)->instruction, std::string("push"));
  }

  void columns_are_chosen_and_scaled() {
    MappingFixture f;
    QVERIFY(f.open());
    auto* const dialog = f.choose();
    QVERIFY(dialog);
    auto* const page = dialog->action();
    auto* const table = page->table();
    auto* const columns = page->columns();
    for (auto* const tab : dialog->findChildren<QTabWidget*>()) tab->setCurrentIndex(1);
    QVERIFY(table->isVisible());
    // Two rows at once, in radians.
    QTest::mouseClick(table->viewport(), Qt::LeftButton, {}, table->visualRect(columns->index(0, 1)).center());
    QTest::mouseClick(table->viewport(), Qt::LeftButton, Qt::ShiftModifier,
                      table->visualRect(columns->index(1, 1)).center());
    control<QPushButton>(dialog, "Action: Degrees to radians")->click();
    QCOMPARE(columns->index(0, MappingColumns::kFirst).data().toString(), QString::fromUtf8("1.57\u00a0rad"));
    QCOMPARE(columns->index(1, MappingColumns::kUnit).data().toString(), QStringLiteral("rad"));
    // An entry for one of the selected rows is for both.
    QVERIFY(columns->setData(columns->index(1, MappingColumns::kScale), QStringLiteral("0.5")));
    QCOMPARE(columns->index(0, MappingColumns::kScale).data().toString(), QStringLiteral("0.5"));
    QVERIFY(!columns->setData(columns->index(1, MappingColumns::kScale), QStringLiteral("0")));
    QVERIFY(!columns->setData(columns->index(1, MappingColumns::kScale), QStringLiteral("x")));
    table->setFocus();
    QTest::keyClick(table, Qt::Key_Space);
    QCOMPARE(dialog->mapping().action.size(), std::size_t(1));
    QTest::keyClick(table, Qt::Key_Space);
    QCOMPARE(dialog->mapping().action.size(), std::size_t(3));
    // The third column first.
    QTest::mouseClick(table->viewport(), Qt::LeftButton, {}, table->visualRect(columns->index(2, 1)).center());
    for (int i = 0; i < 2; ++i) control<QPushButton>(dialog, "Action: Move up")->click();
    QVERIFY(!control<QPushButton>(dialog, "Action: Move up")->isEnabled());
    QCOMPARE(dialog->mapping().action.front().name, std::string("gripper"));
    auto* const series = control<QComboBox>(dialog, "Action: series");
    QCOMPARE(series->currentIndex(), 0);
    // Another series as a whole.
    series->setCurrentIndex(2);
    Q_EMIT series->activated(2);
    QCOMPARE(dialog->mapping().action.size(), std::size_t(3));
    QCOMPARE(dialog->mapping().action.front().series, std::string("observation.state"));
    // DeeR's action has seven numbers.
    control<QCheckBox>(dialog, "DeeR's relative action: x y z, the turns about them, and the gripper")->click();
    auto* const apply = control<QPushButton>(dialog, "Apply");
    QVERIFY(!apply->isEnabled() && dialog->note().contains("3 are checked"));
    table->selectAll();
    QTest::keyClick(table, Qt::Key_Space);
    QTest::keyClick(table, Qt::Key_Space);
    QCOMPARE(dialog->mapping().action.size(), std::size_t(7));
    QVERIFY(apply->isEnabled());
  }

  void files_are_shared_with_the_command_line() {
    MappingFixture f;
    QVERIFY(f.open());
    auto* const dialog = f.choose();
    QVERIFY(dialog);
    const auto file = f.folder.filePath("map.json");
    f.part->set_file_chooser([&](bool) { return file; });
    control<QComboBox>(dialog, "Static camera")->setCurrentIndex(2);
    control<QPushButton>(dialog, "Save the mapping")->click();
    QVERIFY(f.wait([&] { return QFile::exists(file); }));
    const auto schema = contents({}).schema;
    QVERIFY(read_mapping(to_path(file), schema) == dialog->mapping());
    std::ofstream(to_path(file)) << R"({"static_camera": "three", "state": "reward"})";
    control<QPushButton>(dialog, "Open a mapping")->click();
    QVERIFY(f.wait([&] { return dialog->mapping().static_camera == "three"; }));
    QCOMPARE(dialog->mapping().state.size(), std::size_t(1));
    std::ofstream(to_path(file)) << R"({"static_camera": "four"})";
    control<QPushButton>(dialog, "Open a mapping")->click();
    QVERIFY(f.wait([&] { return dialog->note().contains("'four'"); }));
    QCOMPARE(control<QLabel>(dialog, "What will happen")->palette().color(QPalette::WindowText),
             Theme::instance().colors().error);
    QCOMPARE(dialog->mapping().static_camera, std::string("three"));
  }

  void what_of_a_model_does_not_fit_is_said() {
    MappingFixture f;
    QVERIFY(f.open());
    auto* const note = f.window->findChild<ModelNote*>();
    QVERIFY(note && !note->isVisible());
    f.session.open_model("/models/deer-nano");
    QVERIFY(f.wait([&] { return note->isVisible(); }));
    QVERIFY2(note->text().contains("no gripper camera is chosen in File"), qPrintable(note->text()));
    auto* const dialog = f.choose();
    QVERIFY(dialog);
    control<QComboBox>(dialog, "Gripper camera")->setCurrentIndex(2);
    QVERIFY(f.apply(dialog));
    QVERIFY2(note->text().contains("(3 values)") && note->text().contains("(7 values)"), qPrintable(note->text()));
    // Other columns under the names of the model's would be wrong numbers.
    f.session.run_episode();
    QVERIFY(f.wait([&] { return f.session.evaluated_count() == 20; }));
    QTest::qWait(300);
    QVERIFY(std::isnan(f.window->findChild<TimelineView*>()->recorded_value(0, 10)));
    for (auto* const table : f.window->findChildren<ActionTable*>()) {
      auto* const actions = table->actions();
      for (int row = 0; row < actions->rowCount(); ++row) {
        const auto shown = actions->index(row, actions->recorded_column()).data().toString();
        QVERIFY2(shown.isEmpty() || shown == QString(QChar(0x2013)), qPrintable(shown));
      }
    }
  }

  void a_first_frame_that_cannot_be_read_is_said() {
    MappingFixture f;
    QVERIFY(f.open());
    f.part->set_opener([](const std::filesystem::path&, const OpenSourceOptions& options) {
      return open_painted("/data/unreadable", options);
    });
    f.window->commands()->trigger("file.mapping");
    auto* const dialog = f.part->dialog();
    QVERIFY(dialog);
    auto* const camera = dialog->fixed();
    QVERIFY(f.wait([&] { return camera->text().contains("has a broken frame"); }));
    QVERIFY(camera->picture().isNull());
    dialog->reject();
    QVERIFY(f.wait([&] { return f.part->dialog() == nullptr; }));
  }

 private:
  std::unique_ptr<LogGuard> guard_;
};

}  // namespace deer::test

DEER_SUITE(deer::test::MappingWindowTest)
#include "tst_mapping_window.moc"
