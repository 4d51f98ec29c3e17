// SPDX-License-Identifier: GPL-3.0-or-later
#include <QProcess>
#include <QTest>
#include <atomic>
#include <fstream>
#include <iterator>
#include <thread>

#include "core/trace/trace_reader.h"
#include "core/trace/trace_writer.h"
#include "tests/core/trace/made_up_records.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/two_arm_trace.h"

namespace fs = std::filesystem;
using namespace deer;

namespace {

fs::path write_trace(const fs::path& file, std::int64_t frames, const TraceMetadata& metadata) {
  const auto writer = TraceWriter::create(file, metadata);
  for (std::int64_t i = 0; i < frames; ++i) {
    writer->append(test::made_up_record(i, metadata.d_model), test::made_up_details(i));
  }
  writer->close();
  return file;
}

std::string bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void read_everything(const fs::path& file) {
  const auto trace = TraceReader::open(file);
  (void)trace->records(0, trace->frames());
  (void)trace->details(0, trace->frames(), true);
  (void)trace->reasons(0, trace->frames());
  (void)trace->deltas(0, trace->frames());
}

}  // namespace

class TraceTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void what_is_written_is_read();
  void half_precision_rounds_features_only();
  void ranges_and_columns();
  void spans_begin_where_something_else_begins();
  void an_empty_trace();
  void a_trace_goes_on();
  void frames_that_do_not_fit_are_refused();
  void several_threads_write();
  void read_while_written();
  void broken_files_are_refused();
  void files_of_other_kinds();
  void changed_files_answer();
  void an_old_trace_opens_unchanged();
  void other_layouts_are_kept();
  void layouts_that_are_no_good_are_refused();
};

void TraceTest::what_is_written_is_read() {
  test::TemporaryFolder folder;
  constexpr std::int64_t kFrames = 700;
  const auto metadata = test::made_up_metadata(100);
  const auto file = write_trace(folder / "a.h5", kFrames, metadata);
  const auto trace = TraceReader::open(file);
  QCOMPARE(trace->frames(), kFrames);
  const auto& m = trace->metadata();
  QCOMPARE(m.model_path, metadata.model_path);
  QCOMPARE(m.model_hash, metadata.model_hash);
  QCOMPARE(m.exit_layers, metadata.exit_layers);
  QCOMPARE(m.d_model, metadata.d_model);
  QVERIFY(m.policy == metadata.policy);
  QCOMPARE(m.versions.at("deer"), std::string("1.2.3"));
  QVERIFY(m.versions.contains("hdf5"));
  QCOMPARE(m.created, metadata.created);
  const auto records = trace->records(0, kFrames);
  const auto details = trace->details(0, kFrames, true);
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto frame = static_cast<std::int64_t>(i);
    QVERIFY2(test::same(*records[i], test::made_up_record(frame, 100)), std::to_string(i).c_str());
    QVERIFY2(test::same(details[i], test::made_up_details(frame)), std::to_string(i).c_str());
  }
  // Nothing of the reserve stays behind a trace that was closed.
  QVERIFY(fs::file_size(file) < (3U << 20));
  QVERIFY(!TraceReader::looks_like_trace(fs::path(DEER_TEST_DATA)));
  QVERIFY(TraceReader::looks_like_trace(file));
}

void TraceTest::half_precision_rounds_features_only() {
  test::TemporaryFolder folder;
  auto metadata = test::made_up_metadata(100);
  metadata.features = FeatureType::float16;
  const auto trace = TraceReader::open(write_trace(folder / "half.h5", 10, metadata));
  QVERIFY(trace->metadata().features == FeatureType::float16);
  const auto records = trace->records(0, 10);
  bool rounded = false;
  for (std::size_t i = 0; i < 10; ++i) {
    const auto original = test::made_up_record(static_cast<std::int64_t>(i), 100);
    QVERIFY(records[i]->action == original.action);
    for (std::size_t k = 0; k < 100; ++k) {
      const float found = records[i]->exits[0].feature[k];
      const float expected = original.exits[0].feature[k];
      QVERIFY(std::abs(found - expected) <= std::abs(expected) / 2048 + 1e-7F);
      rounded |= found != expected;
    }
  }
  QVERIFY(rounded);
}

void TraceTest::ranges_and_columns() {
  test::TemporaryFolder folder;
  const auto trace = TraceReader::open(write_trace(folder / "a.h5", 300, test::made_up_metadata()));
  const auto some = trace->records(137, 5, false);
  for (std::size_t i = 0; i < some.size(); ++i) {
    auto expected = test::made_up_record(137 + static_cast<std::int64_t>(i));
    for (auto& probe : expected.exits) probe.feature.clear();
    expected.predecessor.feature.clear();
    QVERIFY(test::same(*some[i], expected));
  }
  QVERIFY(test::same(trace->details(299, 1, true)[0], test::made_up_details(299)));
  const auto layers = trace->exit_layers(0, 300);
  const auto reasons = trace->reasons(0, 300);
  const auto deltas = trace->deltas(0, 300);
  const auto thresholds = trace->thresholds(0, 300);
  const auto steps = trace->steps(0, 300);
  QCOMPARE(deltas.size(), std::size_t{900});
  for (std::size_t i = 0; i < 300; ++i) {
    const auto expected = test::made_up_record(static_cast<std::int64_t>(i));
    QCOMPARE(layers[i], expected.exit_layer);
    QCOMPARE(reasons[i], expected.reason);
    QCOMPARE(steps[i], expected.step);
    for (std::size_t e = 0; e < 3; ++e) {
      const auto* probe = expected.probe_at(2 * static_cast<int>(e) + 1);
      const float delta = probe == nullptr ? kNotEvaluated : probe->delta;
      const float threshold = probe == nullptr ? kNotEvaluated : probe->threshold;
      QVERIFY(std::isnan(delta) ? std::isnan(deltas[3 * i + e]) : deltas[3 * i + e] == delta);
      QVERIFY(std::isnan(threshold) ? std::isnan(thresholds[3 * i + e]) : thresholds[3 * i + e] == threshold);
    }
  }
  DEER_VERIFY_ERROR(trace->records(299, 2), "has 300 frames");
  DEER_VERIFY_ERROR(trace->records(-1, 2), "has 300 frames");
  DEER_VERIFY_ERROR(trace->exit_layers(0, INT64_MAX), "has 300 frames");
}

void TraceTest::spans_begin_where_something_else_begins() {
  test::TemporaryFolder folder;
  const auto file = folder / "a.h5";
  const auto writer = TraceWriter::create(file, test::made_up_metadata());
  const auto add = [&](std::int64_t frame, const char* source, int episode, const char* instruction, RunMode mode) {
    auto record = test::made_up_record(0);
    record.frame = frame;
    record.mode = mode;
    TraceFrame details;
    details.source = source;
    details.episode = episode;
    details.instruction = instruction;
    writer->append(record, details);
  };
  for (int i = 3; i < 6; ++i) add(i, "a", 0, "open", RunMode::probe);
  for (int i = 6; i < 8; ++i) add(i, "a", 0, "close", RunMode::probe);
  for (int i = 0; i < 2; ++i) add(i, "a", 0, "close", RunMode::policy);  // the same episode again
  add(2, "a", 1, "close", RunMode::probe);
  add(3, "b", 1, "close", RunMode::probe);
  add(5, "b", 1, "close", RunMode::probe);  // one is missing
  add(INT64_MIN, "b", 1, "close", RunMode::probe);
  writer->close();
  const auto trace = TraceReader::open(file);
  const auto spans = trace->spans();
  const std::vector<TraceSpan> wanted = {{0, 3, 3, "a", 0, "open", true},          {3, 2, 6, "a", 0, "close", false},
                                         {5, 2, 0, "a", 0, "close", true},         {7, 1, 2, "a", 1, "close", true},
                                         {8, 1, 3, "b", 1, "close", true},         {9, 1, 5, "b", 1, "close", true},
                                         {10, 1, INT64_MIN, "b", 1, "close", true}};
  QCOMPARE(spans.size(), wanted.size());
  for (std::size_t i = 0; i < spans.size(); ++i) {
    const auto& a = spans[i];
    const auto& b = wanted[i];
    QVERIFY2(a.first == b.first && a.count == b.count && a.first_frame == b.first_frame && a.source == b.source &&
                 a.episode == b.episode && a.instruction == b.instruction && a.starts_episode == b.starts_episode,
             qPrintable(QString::number(i)));
  }
  const auto modes = trace->modes(4, 3);
  QVERIFY(modes[0] == RunMode::probe && modes[1] == RunMode::policy && modes[2] == RunMode::policy);
}

void TraceTest::an_empty_trace() {
  test::TemporaryFolder folder;
  const auto trace = TraceReader::open(write_trace(folder / "a.h5", 0, test::made_up_metadata()));
  QCOMPARE(trace->frames(), 0);
  QVERIFY(trace->records(0, 0).empty());
  QVERIFY(trace->details(0, 0, true).empty());
  DEER_VERIFY_ERROR(trace->records(0, 1), "has 0 frames");
}

void TraceTest::a_trace_goes_on() {
  test::TemporaryFolder folder;
  const auto file = write_trace(folder / "a.h5", 33, test::made_up_metadata());
  for (const std::int64_t until : {50, 51, 90}) {
    const auto writer = TraceWriter::append_to(file);
    QCOMPARE(writer->metadata().model_hash, std::string("0123456789abcdef"));
    for (auto i = writer->frames(); i < until; ++i) writer->append(test::made_up_record(i), test::made_up_details(i));
    QCOMPARE(writer->frames(), until);
  }
  {
    // The last ones again, from other thumbnails and texts.
    const auto writer = TraceWriter::append_to(file, {}, 60);
    QCOMPARE(writer->frames(), 60);
    writer->append(test::made_up_record(7), test::made_up_details(7));
  }
  QCOMPARE(TraceReader::open(file)->frames(), 61);
  {
    const auto writer = TraceWriter::append_to(file, {}, 60);
    for (std::int64_t i = 60; i < 90; ++i) writer->append(test::made_up_record(i), test::made_up_details(i));
  }
  DEER_VERIFY_ERROR(TraceWriter::append_to(file, {}, 91), "has 90 frames");
  const auto trace = TraceReader::open(file);
  QCOMPARE(trace->frames(), 90);
  const auto records = trace->records(0, 90);
  const auto details = trace->details(0, 90, true);
  for (std::size_t i = 0; i < 90; ++i) {
    QVERIFY(test::same(*records[i], test::made_up_record(static_cast<std::int64_t>(i))));
    QVERIFY(test::same(details[i], test::made_up_details(static_cast<std::int64_t>(i))));
  }
}

void TraceTest::frames_that_do_not_fit_are_refused() {
  test::TemporaryFolder folder;
  const auto file = folder / "a.h5";
  const auto writer = TraceWriter::create(file, test::made_up_metadata());
  auto wrong = test::made_up_record(0);
  wrong.exits[1].feature.pop_back();
  DEER_VERIFY_ERROR(writer->append(wrong), "has a feature of 7 numbers, expected 8");
  wrong = test::made_up_record(0);
  wrong.exits[2].layer = 6;
  DEER_VERIFY_ERROR(writer->append(wrong), "a probe of layer 6");
  wrong = test::made_up_record(0);
  std::swap(wrong.exits[0], wrong.exits[1]);
  DEER_VERIFY_ERROR(writer->append(wrong), "does not match");
  wrong = test::made_up_record(0);
  wrong.exit_index = 3;
  DEER_VERIFY_ERROR(writer->append(wrong), "at exit 3");
  writer->append(test::made_up_record(0), test::made_up_details(0));
  writer->close();
  DEER_VERIFY_ERROR(writer->append(test::made_up_record(1)), "closed");
  QVERIFY(test::same(*TraceReader::open(file)->records(0, 1)[0], test::made_up_record(0)));

  DEER_VERIFY_ERROR(TraceWriter::create(folder / "no" / "a.h5", test::made_up_metadata()), "cannot be created");
  auto metadata = test::made_up_metadata();
  metadata.exit_layers = {3, 1};
  DEER_VERIFY_ERROR(TraceWriter::create(folder / "b.h5", metadata), "exit_layers");
  QVERIFY(!fs::exists(folder / "b.h5"));
}

void TraceTest::several_threads_write() {
  test::TemporaryFolder folder;
  TraceWriterOptions often;
  often.flush_every = std::chrono::milliseconds(1);
  const auto writer = TraceWriter::create(folder / "a.h5", test::made_up_metadata(), often);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i)
        writer->append(test::made_up_record(100 * t + i), test::made_up_details(100 * t + i));
    });
  }
  threads.clear();
  writer->close();
  const auto trace = TraceReader::open(folder / "a.h5");
  QCOMPARE(trace->frames(), 300);
  const auto details = trace->details(0, 300, true);
  const auto records = trace->records(0, 300);
  for (std::size_t i = 0; i < 300; ++i) {
    QVERIFY(test::same(*records[i], test::made_up_record(records[i]->frame)));
    QVERIFY(test::same(details[i], test::made_up_details(records[i]->frame)));
  }
}

void TraceTest::read_while_written() {
  test::TemporaryFolder folder;
  const auto writer = TraceWriter::create(folder / "a.h5", test::made_up_metadata());
  for (std::int64_t i = 0; i < 40; ++i) {
    writer->append(test::made_up_record(i), test::made_up_details(i));
    if (i % 10 != 9) continue;
    writer->flush();
    const auto trace = TraceReader::open(folder / "a.h5");
    QCOMPARE(trace->frames(), i + 1);
    QVERIFY(test::same(*trace->records(i, 1)[0], test::made_up_record(i)));
  }
}

void TraceTest::broken_files_are_refused() {
  test::TemporaryFolder folder;
  const auto whole = bytes_of(write_trace(folder / "a.h5", 20, test::made_up_metadata()));
  // Cut anywhere, the file says so.
  for (std::size_t size = 0; size < whole.size(); size += size < 4096 ? 37 : 997) {
    const auto file = folder.write("cut.h5", std::string_view(whole).substr(0, size));
    QVERIFY2(!test::error_of([&] { read_everything(file); }).empty(), std::to_string(size).c_str());
  }
  DEER_VERIFY_ERROR(TraceReader::open(folder / "none.h5"), "No such file");
  DEER_VERIFY_ERROR(TraceReader::open(folder.path()), "is not a file");
  DEER_VERIFY_ERROR(TraceWriter::append_to(folder.write("text.h5", "a text that is no trace, but long enough for 48")),
                    "does not begin like an HDF5 file");
}

void TraceTest::files_of_other_kinds() {
  test::TemporaryFolder folder;
  std::string old = "\x89HDF\r\n\x1a\n";
  old += std::string(100, '\0');
  DEER_VERIFY_ERROR(TraceReader::open(folder.write("old.h5", old)), "of another kind");
}

void TraceTest::changed_files_answer() {
  // Bytes changed here and there: an error or numbers, never a crash, and one line.
  test::TemporaryFolder folder;
  const auto whole = bytes_of(write_trace(folder / "a.h5", 6, test::made_up_metadata()));
  std::mt19937 random(3);
  int refused = 0;
  for (int round = 0; round < 400; ++round) {
    auto changed = whole;
    const auto limit = round % 2 == 0 ? std::size_t{40'000} : changed.size();
    for (int i = 0; i < 1 + round % 4; ++i) {
      changed[random() % std::min(limit, changed.size())] = static_cast<char>(random());
    }
    const auto file = folder.write("changed.h5", changed);
    refused += test::error_of([&] { read_everything(file); }).empty() ? 0 : 1;
  }
  QVERIFY2(refused > 20, std::to_string(refused).c_str());
}

// Written by a program that knew DeeR's actions alone.
void TraceTest::an_old_trace_opens_unchanged() {
  const auto trace = TraceReader::open(DEER_TEST_DATA "/old_trace/deer.h5");
  QCOMPARE(trace->frames(), 12);
  QVERIFY(trace->metadata().layout->is_deer());
  const auto records = trace->records(0, 12);
  const auto details = trace->details(0, 12, true);
  for (std::size_t i = 0; i < 12; ++i) {
    const auto frame = static_cast<std::int64_t>(i);
    QVERIFY2(test::same(*records[i], test::made_up_record(frame, 4)), std::to_string(i).c_str());
    QVERIFY2(test::same(details[i], test::made_up_details(frame)), std::to_string(i).c_str());
  }
  // It can be gone on with, too.
  test::TemporaryFolder folder;
  fs::copy_file(trace->path(), folder / "old.h5");
  fs::permissions(folder / "old.h5", fs::perms::owner_read | fs::perms::owner_write);
  const auto writer = TraceWriter::append_to(folder / "old.h5");
  writer->append(test::made_up_record(12, 4), test::made_up_details(12));
  writer->close();
  QVERIFY(test::same(*TraceReader::open(folder / "old.h5")->records(12, 1)[0], test::made_up_record(12, 4)));
}

void TraceTest::other_layouts_are_kept() {
  test::TemporaryFolder folder;
  constexpr std::int64_t kFrames = 70;
  const auto metadata = test::two_arm_metadata();
  test::write_two_arm_trace(folder / "arms.h5", kFrames);
  const auto trace = TraceReader::open(folder / "arms.h5");
  QCOMPARE(trace->frames(), kFrames);
  const auto& layout = *trace->metadata().layout;
  QVERIFY(layout == *metadata.layout && !layout.is_deer());
  QCOMPARE(layout.width(), std::size_t{14});
  QCOMPARE(layout.steps(), std::size_t{8});
  QCOMPARE(layout.dimensions()[13].scale, 100.0);
  QCOMPARE(trace->metadata().d_model, 0);
  const auto records = trace->records(0, kFrames);
  const auto details = trace->details(0, kFrames);
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto frame = static_cast<std::int64_t>(i);
    QVERIFY2(test::same(*records[i], test::two_arm_record(metadata, frame)), std::to_string(i).c_str());
    QVERIFY2(test::same(details[i], test::two_arm_details(frame)), std::to_string(i).c_str());
    QCOMPARE(records[i]->exits.size(), std::size_t{10});
    QCOMPARE(records[i]->exits[9].action.size(), std::size_t{112});
  }
  // Actions of one record lie in one block.
  QCOMPARE(records[3]->command.data(), records[3]->action.data() + 112);
  QCOMPARE(trace->deltas(0, 5).size(), std::size_t{50});

  // DeeR's records do not fit, nor do actions of another size.
  const auto writer = TraceWriter::append_to(folder / "arms.h5");
  QVERIFY_THROWS_EXCEPTION(FileError, writer->append(test::made_up_record(0)));
  auto short_one = test::two_arm_record(metadata, 0);
  short_one.exits[2].action = short_one.exits[2].action = ActionValues(std::vector<float>(14, 0));
  QVERIFY_THROWS_EXCEPTION(FileError, writer->append(short_one));
  auto details_of_seven = test::two_arm_details(0);
  details_of_seven.recorded_action.resize(7);
  QVERIFY_THROWS_EXCEPTION(FileError, writer->append(test::two_arm_record(metadata, 0), details_of_seven));
  QCOMPARE(writer->frames(), kFrames);
}

void TraceTest::layouts_that_are_no_good_are_refused() {
  test::TemporaryFolder folder;
  const auto good = folder / "good.h5";
  test::write_two_arm_trace(good, 2);
  const auto bytes = bytes_of(good);
  const auto refused = [&](const std::string& from, const std::string& to) {
    auto changed = bytes;
    const auto at = changed.find(from);
    if (at == std::string::npos || from.size() != to.size()) return false;
    changed.replace(at, from.size(), to);
    folder.write("changed.h5", changed);
    try {
      (void)TraceReader::open(folder / "changed.h5");
    } catch (const FileError& error) {
      return std::string(error.what()).find('\n') == std::string::npos;
    }
    return false;
  };
  QVERIFY(refused(R"("steps":8)", R"("steps":0)"));
  QVERIFY(refused(R"("steps":8)", R"("steps":9)"));  // the columns are of another size
  QVERIFY(refused(R"("kind":"joint")", R"("kind":"jaunt")"));
  QVERIFY(refused("left waist", "left elbow"));  // two of a name
  QVERIFY(refused(R"("version":2)", R"("version":1)"));
}

DEER_SUITE(TraceTest)
#include "tst_trace.moc"
