// SPDX-License-Identifier: GPL-3.0-or-later
#include <QFile>
#include <QFileInfo>
#include <QSignalSpy>
#include <QTest>

#include "core/base/error.h"
#include "sessions/frames/source_loader.h"
#include "sessions/store/session_store.h"
#include "sessions/store/store_writer.h"
#include "tests/sessions/suites.h"
#include "tests/support/suite.h"

namespace deer::test {
namespace {

void write(const QString& path, const QByteArray& bytes) {
  QFile file(path);
  QVERIFY(file.open(QFile::WriteOnly));
  file.write(bytes);
}

SavedSession example() {
  SavedSession session;
  session.model = "/models/deer nano \xc3\xa4";
  session.engine_options.device = "cpu";
  session.engine_options.dtype = "bfloat16";
  session.engine_options.max_layer = 12;
  session.source = "/data/task_D";
  session.source_options.gripper = "/data/gripper.mp4";
  session.source_options.instruction = "open the \"drawer\"";
  session.episode = 3;
  session.frame = 72;
  ExitPolicy policy;
  policy.criterion = Criterion::feature_similarity;
  policy.delta_type = DeltaType::max;
  policy.thresholds = {0.125, kAlwaysLeave, kNeverLeave};
  policy.max_layer = 8;
  policy.steps_per_stage = 4;
  policy.action_ensemble = true;
  policy.executions = 2;
  policy.refresh_every = 30;
  policy.leq = false;
  policy.use_own_head = true;
  policy.forced_layers = {{7, 3}};
  session.policy = policy;
  session.window_geometry = QByteArray("\x01\x00\xff geometry", 12);
  session.window_layout = QByteArray("layout");
  session.ending = Ending::open;
  session.layout_name = QStringLiteral("mine \u00e4");
  session.recent_models = {"/models/a", "/models/b"};
  session.recent_sources = {"/data/task_D"};
  return session;
}

}  // namespace

void StoreTest::init() {
  folder_ = std::make_unique<QTemporaryDir>();
  QVERIFY(folder_->isValid());
}

QString StoreTest::path(const char* name) const { return folder_->filePath(QString::fromLatin1(name)); }

void StoreTest::nothing_saved_gives_defaults() {
  SessionStore store(path("new").toStdString());
  QVERIFY(store.load_preferences() == Preferences());
  QVERIFY(store.load_session().model.empty());
  QVERIFY(store.warnings().isEmpty());
}

void StoreTest::round_trip() {
  SessionStore store(path("new").toStdString());
  const auto saved = example();
  store.save(saved);
  const Preferences preferences{"dark", "cuda:1", "float16", 1024, 0.5, false};
  store.save(preferences);

  SessionStore again(path("new").toStdString());
  const auto loaded = again.load_session();
  QCOMPARE(again.warnings(), QStringList());
  QVERIFY(loaded.model == saved.model);
  QCOMPARE(loaded.engine_options.device, saved.engine_options.device);
  QCOMPARE(loaded.engine_options.dtype, saved.engine_options.dtype);
  QVERIFY(loaded.engine_options.max_layer == saved.engine_options.max_layer);
  QVERIFY(loaded.source == saved.source);
  QVERIFY(loaded.source_options.gripper == saved.source_options.gripper);
  QCOMPARE(loaded.source_options.instruction, saved.source_options.instruction);
  QCOMPARE(loaded.episode, saved.episode);
  QCOMPARE(loaded.frame, saved.frame);
  QVERIFY(loaded.policy == saved.policy);
  QCOMPARE(loaded.window_geometry, saved.window_geometry);
  QCOMPARE(loaded.window_layout, saved.window_layout);
  QVERIFY(loaded.ending == saved.ending);
  QCOMPARE(loaded.layout_name, saved.layout_name);
  QCOMPARE(loaded.recent_models, saved.recent_models);
  QCOMPARE(loaded.recent_sources, saved.recent_sources);
  QVERIFY(again.load_preferences() == preferences);
  // Nothing but the two files is left behind.
  QCOMPARE(QDir(path("new")).entryList(QDir::Files), (QStringList{"preferences.json", "session.json"}));
}

void StoreTest::broken_files_give_defaults_and_are_set_aside_data() {
  QTest::addColumn<QByteArray>("content");
  QTest::addColumn<QString>("word");
  QTest::newRow("empty") << QByteArray() << "not valid JSON";
  QTest::newRow("cut") << QByteArray("{\"version\": 1, \"model\": {\"pa") << "not valid JSON";
  QTest::newRow("not an object") << QByteArray("[1, 2]") << "expected an object";
  QTest::newRow("no version") << QByteArray("{}") << "version";
  QTest::newRow("older") << QByteArray("{\"version\": 0}") << "version";
  QTest::newRow("newer") << QByteArray("{\"version\": 99, \"model\": {\"path\": \"/m\"}}") << "newer program";
  QTest::newRow("wrong type") << QByteArray("{\"version\": 1, \"model\": \"x\"}") << "model";
  QTest::newRow("bad policy") << QByteArray("{\"version\": 1, \"policy\": {\"criterion\": \"coin\"}}") << "coin";
  QTest::newRow("bad ending") << QByteArray("{\"version\": 1, \"ending\": \"happy\"}") << "closed, open or restoring";
  QTest::newRow("bad steps") << QByteArray("{\"version\": 1, \"policy\": {\"steps_per_stage\": 0}}")
                             << "steps_per_stage";
}

void StoreTest::broken_files_give_defaults_and_are_set_aside() {
  QFETCH(QByteArray, content);
  QFETCH(QString, word);
  write(path("session.json"), content);
  SessionStore store(folder_->path().toStdString());
  const auto session = store.load_session();
  QVERIFY(session.model.empty() && session.source.empty() && !session.policy);
  QCOMPARE(store.warnings().size(), 1);
  QVERIFY2(store.warnings()[0].contains(word), qPrintable(store.warnings()[0]));
  QVERIFY(store.warnings()[0].contains("session.json") || word == "coin");
  store.save(example());
  QFile aside(path("session.json.unreadable"));
  QVERIFY(aside.open(QFile::ReadOnly));
  QCOMPARE(aside.readAll(), content);
  SessionStore again(folder_->path().toStdString());
  QCOMPARE(again.load_session().frame, 72);
  QVERIFY(again.warnings().isEmpty());
}

void StoreTest::layouts_are_kept_in_their_order() {
  SessionStore store(folder_->path().toStdString());
  QVERIFY(store.load_layouts().empty());
  const std::vector<NamedLayout> layouts{{"second \u00e4", QByteArray("\x00\xff", 2)}, {"first", "b"}};
  store.save(layouts);
  SessionStore again(folder_->path().toStdString());
  QVERIFY(again.load_layouts() == layouts);
  QVERIFY(again.warnings().isEmpty());
}

void StoreTest::broken_layouts_are_set_aside_data() {
  QTest::addColumn<QByteArray>("content");
  QTest::newRow("cut") << QByteArray("{\"version\": 1, \"layouts\": [");
  QTest::newRow("missing") << QByteArray("{\"version\": 1}");
  QTest::newRow("no list") << QByteArray("{\"version\": 1, \"layouts\": 3}");
  QTest::newRow("no name") << QByteArray("{\"version\": 1, \"layouts\": [{\"layout\": \"\"}]}");
  QTest::newRow("blank name") << QByteArray("{\"version\": 1, \"layouts\": [{\"name\": \"  \"}]}");
  QTest::newRow("long name") << QByteArray("{\"version\": 1, \"layouts\": [{\"name\": \"") + QByteArray(61, 'x') +
                                    "\"}]}";
  QByteArray many("{\"version\": 1, \"layouts\": [");
  for (int i = 0; i <= int(SessionStore::kMostLayouts); ++i) many += "{\"name\": \"x\"},";
  many.back() = ']';
  QTest::newRow("too many") << many + "}";
}

void StoreTest::broken_layouts_are_set_aside() {
  QFETCH(QByteArray, content);
  write(path("layouts.json"), content);
  SessionStore store(folder_->path().toStdString());
  QVERIFY(store.load_layouts().empty());
  QCOMPARE(store.warnings().size(), 1);
  QVERIFY2(store.warnings()[0].contains("layouts.json"), qPrintable(store.warnings()[0]));
  store.save(std::vector<NamedLayout>{{"mine", "a"}});
  QFile aside(path("layouts.json.unreadable"));
  QVERIFY(aside.open(QFile::ReadOnly));
  QCOMPARE(aside.readAll(), content);
  SessionStore again(folder_->path().toStdString());
  QCOMPARE(again.load_layouts().size(), std::size_t(1));
}

void StoreTest::a_writer_saves_the_newest_and_keeps_the_folder() {
  const SessionStore store(path("written").toStdString());
  {
    StoreWriter writer(store);
    QVERIFY(writer.keeps_folder() && writer.keeps_folder());
    auto session = example();
    for (int frame = 0; frame < 50; ++frame) {
      session.frame = frame;
      writer.save(session);
    }
    writer.save(std::vector<NamedLayout>{{"mine", "a"}});
    writer.finish();
    SessionStore again(store.folder());
    QCOMPARE(again.load_session().frame, 49);
    QCOMPARE(again.load_layouts().size(), std::size_t(1));
    StoreWriter other(store);
    QVERIFY(!other.keeps_folder());
  }
  StoreWriter next(store);
  QVERIFY(next.keeps_folder());
}

void StoreTest::a_writer_says_what_cannot_be_saved() {
  write(path("occupied"), "a file");
  StoreWriter writer(SessionStore((path("occupied") + "/deerscope").toStdString()));
  QVERIFY(!writer.keeps_folder());
  QSignalSpy failed(&writer, &StoreWriter::failed);
  writer.save(example());
  QTRY_COMPARE(failed.count(), 1);
  QVERIFY(failed[0][0].toString().contains("occupied"));
}

void StoreTest::missing_fields_take_their_defaults() {
  write(path("session.json"), "{\"version\": 1, \"unknown\": 3, \"source\": {\"path\": \"/d\", \"frame\": -4}}");
  write(path("preferences.json"), "{\"version\": 1, \"theme\": \"dark\"}");
  SessionStore store(folder_->path().toStdString());
  QCOMPARE(store.load_session().source.string(), std::string("/d"));
  QCOMPARE(store.load_session().frame, 0);
  QCOMPARE(store.load_preferences().theme, QStringLiteral("dark"));
  QCOMPARE(store.load_preferences().cache_megabytes, 256);
  QVERIFY(store.warnings().isEmpty());
}

void StoreTest::a_folder_that_cannot_be_written_is_named() {
  write(path("occupied"), "a file");
  SessionStore store((path("occupied") + "/deerscope").toStdString());
  try {
    store.save(Preferences());
    QFAIL("saving should fail");
  } catch (const FileError& error) {
    QVERIFY(QByteArray(error.what()).contains("occupied"));
  }
}

void StoreTest::recent_lists_are_short_and_unique() {
  QStringList list;
  for (int i = 0; i < 30; ++i) SessionStore::add_recent(list, QStringLiteral("/m/%1").arg(i % 15));
  QCOMPARE(list.size(), SessionStore::kRecent);
  QCOMPARE(list.first(), QStringLiteral("/m/14"));
  QCOMPARE(list.removeDuplicates(), 0);
  SessionStore::add_recent(list, list.last());
  QCOMPARE(list.size(), SessionStore::kRecent);
  SessionStore::add_recent(list, {});
  QVERIFY(!list.contains(QString()));
}

void StoreTest::policies_of_earlier_versions_open() {
  const auto other = path("earlier");
  QDir().mkpath(other);
  write(other + QStringLiteral("/session.json"),
        R"({"version": 1, "policy": {"criterion": "action_delta", "delta_type": "mean",
      "thresholds": [0.5, 100000000.0], "steps_per_stage": 2, "steps_per_exit": 30, "action_ensemble": true,
      "executions": 3, "refresh_every": 9, "forced_layers": [[4, 1]], "max_layer": 4}})");
  SessionStore store(other.toStdString());
  const auto read = store.load_session().policy;
  QCOMPARE(store.warnings(), QStringList());
  ExitPolicy policy;
  policy.delta_type = DeltaType::mean;
  policy.thresholds = {0.5, 1e8};
  policy.max_layer = 4;
  policy.steps_per_stage = 2;
  policy.steps_per_exit = 30;
  policy.action_ensemble = true;
  policy.executions = 3;
  policy.refresh_every = 9;
  policy.forced_layers = {{4, 1}};
  QVERIFY(read && *read == policy);
}

void StoreTest::the_cache_keeps_its_bounds() {
  const auto make = [](int side) {
    auto image = std::make_shared<Image>();
    image->width = image->height = side;
    image->rgb.resize(std::size_t(side) * std::size_t(side) * 3);
    auto seen = std::make_shared<Observation>();
    seen->rgb_static = image;
    return seen;
  };
  const auto one = FrameCache::size_of(*make(10));
  FrameCache cache(3 * one);
  for (qint64 i = 0; i < 3; ++i) cache.put(i, make(10));
  QVERIFY(cache.get(0));  // now the most recently used
  cache.put(3, make(10));
  QVERIFY(cache.contains(0) && !cache.contains(1) && cache.contains(2) && cache.contains(3));
  QCOMPARE(cache.bytes(), 3 * one);
  cache.put(3, make(10));
  QCOMPARE(cache.bytes(), 3 * one);
  cache.put(9, make(100));  // larger than the room: it alone stays
  QVERIFY(cache.contains(9) && !cache.contains(3));
  cache.set_room(0);
  QVERIFY(cache.contains(9));
  cache.clear();
  QCOMPARE(cache.bytes(), std::size_t(0));
  QVERIFY(!cache.get(9));
}

}  // namespace deer::test

DEER_SUITE(deer::test::StoreTest)
