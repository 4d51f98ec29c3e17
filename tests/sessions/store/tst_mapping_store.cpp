// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>

#include "core/base/error.h"
#include "core/episodes/recording_collection.h"
#include "sessions/session/source_key.h"
#include "sessions/store/mapping_store.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;
using namespace std::string_literals;

namespace {

RecordingContents contents(const std::filesystem::path& path) {
  RecordingContents out;
  out.kind = "test";
  out.path = path;
  out.schema.cameras = {{"front"}, {"wrist"}};
  out.schema.series = {{"action", {"a", "b"}}};
  out.entries = {EpisodeEntry()};
  return out;
}

/// Counts how often it opens; a dataset around another opens that one.
SourceOpener opener(int* opened) {
  return [opened](const std::filesystem::path& path,
                  const OpenSourceOptions& options) -> std::shared_ptr<const EpisodeCollection> {
    ++*opened;
    const auto inside = path.filename() == "around" ? path / "inside" : path;
    return std::make_shared<RecordingCollection>(contents(inside), options);
  };
}

}  // namespace

class TestMappingStore : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void a_mapping_is_remembered_by_dataset() {
    const TemporaryFolder folder;
    const MappingStore store(folder / "mappings");
    const auto data = folder / "data";
    std::filesystem::create_directories(data);
    QVERIFY(!store.find(data));
    auto mapping = guess_mapping(contents(data).schema);
    mapping.static_camera = "wrist";
    store.save(data, mapping);
    QVERIFY(store.find(data / "." / ""));
    QVERIFY(!store.find(folder.path()));
    int opened = 0;
    const auto open = with_mappings(opener(&opened), store);
    const auto found = open(data, {});
    QCOMPARE(opened, 1);
    QCOMPARE(found->description()->mapping.static_camera, "wrist"s);
    QCOMPARE(mapped_dataset(found.get())->map_file(), store.file(data));
    // A file that is named comes first.
    mapping.static_camera.clear();
    write_mapping(folder / "other.json", mapping);
    OpenSourceOptions options;
    options.map = folder / "other.json";
    QCOMPARE(open(data, options)->description()->mapping.static_camera, ""s);
    store.forget(data);
    store.forget(data);
    QCOMPARE(open(data, {})->description()->mapping.static_camera, "front"s);
  }

  void a_dataset_in_a_folder_of_its_own_is_known_too() {
    const TemporaryFolder folder;
    const MappingStore store(folder / "mappings");
    auto mapping = guess_mapping(contents({}).schema);
    mapping.gripper_camera.clear();
    store.save(folder / "around" / "inside", mapping);
    int opened = 0;
    const auto found = with_mappings(opener(&opened), store)(folder / "around", {});
    QVERIFY(found->description()->mapping == mapping);
  }

  void one_that_does_not_fit_is_said() {
    const TemporaryFolder folder;
    const MappingStore store(folder / "mappings");
    auto mapping = guess_mapping(contents({}).schema);
    mapping.static_camera = "ceiling";
    store.save(folder / "data", mapping);
    int opened = 0;
    const auto found = with_mappings(opener(&opened), store)(folder / "data", {});
    QCOMPARE(found->description()->mapping.static_camera, "front"s);
    QCOMPARE(found->warnings().size(), std::size_t{1});
    const auto& warning = found->warnings().front();
    QVERIFY2(warning.find("'ceiling'") != std::string::npos && warning.ends_with("are guessed"), warning.c_str());
    QVERIFY(mapped_dataset(found.get()) != nullptr);
  }

  void runs_are_kept_by_what_the_mapping_says() {
    const RecordingCollection guessed(contents("/data"), {});
    const TemporaryFolder folder;
    auto mapping = guess_mapping(contents("/data").schema);
    QCOMPARE(mapping_key(&guessed), QString());
    mapping.static_camera = "wrist";
    OpenSourceOptions a, b;
    a.map = folder / "a.json";
    b.map = folder / "b.json";
    write_mapping(a.map, mapping);
    write_mapping(b.map, mapping);
    const RecordingCollection one(contents("/data"), a), other(contents("/data"), b);
    QCOMPARE(source_key(&one, a, 0), source_key(&other, b, 0));
    QVERIFY(source_key(&one, a, 0) != source_key(&guessed, {}, 0));
  }
};

DEER_SUITE(TestMappingStore)
#include "tst_mapping_store.moc"
