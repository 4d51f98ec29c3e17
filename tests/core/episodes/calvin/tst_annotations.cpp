// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>

#include "core/base/mapped_file.h"
#include "core/episodes/calvin/calvin_annotations.h"
#include "core/episodes/numpy/numpy_pickle.h"
#include "tests/support/make_npy.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;
using namespace std::string_literals;

namespace {

const std::filesystem::path kMini = DEER_TEST_DATA "/calvin_mini";

std::vector<CalvinAnnotation> parse(const std::string& pickle) {
  std::vector<std::string> warnings;
  return parse_annotations(make_npy("|O", "()", bytes_of(pickle)), "ann.npy", warnings);
}

// A protocol 0 dictionary with the three lists given as opcodes.
std::string annotations(const std::string& ann, const std::string& task, const std::string& indx) {
  return "(Vlanguage\n(Vann\n" + ann + "Vtask\n" + task + "dVinfo\n(Vindx\n" + indx + "dd.";
}

}  // namespace

class TestAnnotations : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void reads_every_pickle_protocol_data() {
    QTest::addColumn<QString>("split");
    QTest::addColumn<QString>("summary");
    QTest::newRow("4") << "training"
                       << "358482-358501 switch on the light bulb [turn_on_lightbulb]; "
                          "358502-358521 place the block in the drawer – gently [place_in_drawer]; "
                          "358600-358614 slide the door to the right side [move_slider_right]; "
                          "358615-358629 slide the door to the right side [move_slider_right]; ";
    QTest::newRow("3") << "validation"
                       << "553567-553584 lift the red block [lift_red_block_table]; "
                          "553585-553602 place the block in the drawer – gently [place_in_drawer]; ";
    QTest::newRow("2") << "other_protocol_2"
                       << "10-11 push the blue block to the left [push_blue_block_left]; "
                          "12-13 slide the door to the right side [move_slider_right]; ";
    QTest::newRow("5") << "other_protocol_5"
                       << "10-11 slide the door to the right side [move_slider_right]; "
                          "12-13 switch on the light bulb [turn_on_lightbulb]; ";
  }
  void reads_every_pickle_protocol() {
    QFETCH(QString, split);
    QFETCH(QString, summary);
    const auto path = kMini / split.toStdString() / "lang_annotations/auto_lang_ann.npy";
    std::vector<std::string> warnings;
    QString found;
    for (const auto& annotation : read_annotations(path, warnings)) {
      found += QString("%1-%2 %3 [%4]; ")
                   .arg(annotation.frames.first)
                   .arg(annotation.frames.last)
                   .arg(QString::fromStdString(annotation.instruction), QString::fromStdString(annotation.task));
    }
    QCOMPARE(found, summary);
    QVERIFY(warnings.empty());

    // The embeddings, which the program does not need, show that arrays of numbers come through.
    const auto file = MappedFile::open(path);
    const auto pickle = NumpyPickle::from_npy(file->bytes(), path);
    const auto* root = NumpyPickle::sequence(pickle.root())->front();
    const auto emb = NumpyPickle::array(*NumpyPickle::entry(*NumpyPickle::entry(*root, "language"), "emb"));
    QVERIFY(emb.has_value());
    QCOMPARE(emb->describe(), "float32 [" + std::to_string(split == "training" ? 4 : 2) + ", 1, 384]");
    double sum = 0;
    for (std::size_t i = 0; i < emb->count(); ++i) sum += emb->number(i) * emb->number(i);
    QVERIFY(sum / static_cast<double>(emb->count()) > 0.5 && sum / static_cast<double>(emb->count()) < 2);  // N(0, 1)
  }

  void survives_every_cut() {
    for (const char* split : {"training", "validation", "other_protocol_2", "other_protocol_5"}) {
      const auto path = kMini / split / "lang_annotations/auto_lang_ann.npy";
      const auto file = MappedFile::open(path);
      std::vector<std::string> warnings;
      for (std::size_t size = 0; size < file->size(); ++size) {
        const auto message = error_of([&] { parse_annotations(file->bytes().first(size), "cut.npy", warnings); });
        QVERIFY2(message.starts_with("cut.npy: "), message.c_str());
      }
    }
  }

  void runs_nothing() {
    DEER_VERIFY_ERROR(parse("cposix\nsystem\n(Vtouch /tmp/owned\ntR."),
                      "ann.npy: pickled data names 'posix.system', which is not plain data; it was not loaded");
    DEER_VERIFY_ERROR(parse(annotations("(lcbuiltins\nexec\n(Vx\ntRa", "(l", "(l")), "'builtins.exec'");
    // Known names in places where they make no sense.
    DEER_VERIFY_ERROR(parse("cnumpy\nndarray\n."), "does not hold a dictionary");
    DEER_VERIFY_ERROR(parse("cnumpy.core.multiarray\n_reconstruct\n(tR(I1\nNNNNtb."), "does not hold a dictionary");
    DEER_VERIFY_ERROR(parse("cnumpy.core.numeric\n_frombuffer\n(NNNNtR."), "does not hold a dictionary");
    DEER_VERIFY_ERROR(parse("cnumpy.core.multiarray\nscalar\n(NNtR."), "does not hold a dictionary");
  }

  void names_what_does_not_fit() {
    const std::string two = "(lVa\naVb\na", pairs = "(l(I1\nI2\nta(I3\nI4\nta";
    QCOMPARE(parse(annotations(two, two, pairs)).size(), std::size_t{2});
    DEER_VERIFY_ERROR(parse("N."), "does not hold a dictionary");
    DEER_VERIFY_ERROR(parse("(d."), "'language' is missing");
    DEER_VERIFY_ERROR(parse("(Vlanguage\n(lVinfo\n(dd."), "'language' is missing or has the wrong type");
    DEER_VERIFY_ERROR(parse(annotations("(lI1\na", "(l", "(l")), "'language.ann' is missing or has the wrong type");
    DEER_VERIFY_ERROR(parse(annotations(two, "N", pairs)), "'language.task'");
    DEER_VERIFY_ERROR(parse(annotations(two, two, "(lVx\na")), "'info.indx'");
    DEER_VERIFY_ERROR(parse(annotations(two, two, "(l(I1\nta(I3\nI4\nta")), "'info.indx'");
    DEER_VERIFY_ERROR(parse(annotations(two, two, "(l(I1\nI2\nta")),
                      "'language.ann' has 2 entries, 'language.task' 2 and 'info.indx' 1");
    DEER_VERIFY_ERROR(parse(annotations("(lV" + std::string(5000, 'x') + "\na", "(lVx\na", pairs)), "too long");
    std::vector<std::string> warnings;
    DEER_VERIFY_ERROR(parse_annotations(make_npy("<f8", "()", raw<double>({1})), "ann.npy", warnings),
                      "holds float64 [], expected pickled objects");
  }

  void a_shared_text_does_not_multiply() {
    std::string many = "(lV" + std::string(1900, 'x') + "\np0\na";
    for (int i = 0; i < 100'000; ++i) many += "g0\na";
    DEER_VERIFY_ERROR(parse(annotations(many, "(l", "(l")), "too long");
  }

  void reads_numbers_however_numpy_keeps_them() {
    const std::string dtype = "cnumpy\ndtype\n(Vi8\nI00\nI01\ntR(I3\nV<\nNNNI-1\nI-1\nI0\ntb";
    const auto scalar = [&](const char* hex) {
      return "cnumpy._core.multiarray\nscalar\n(" + dtype + "c_codecs\nencode\n(V" + hex + "\nVlatin1\ntRtR";
    };
    const std::string zeros = "\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000";
    const std::string two = "(lVa\na";
    const auto pair_of = [](const std::vector<CalvinAnnotation>& found) {
      return std::pair(found.at(0).frames.first, found.at(0).frames.last);
    };
    const auto first = scalar(("\x05" + zeros).c_str()), last = scalar(("\\u0009" + zeros).c_str());
    QCOMPARE(pair_of(parse(annotations(two, two, "(l(" + first + last + "ta"))), std::pair(5L, 9L));
    // One int64 array [1, 2]; then an array a row; then an array of objects.
    const auto array = [&](const std::string& shape) {
      return "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntVb\ntR(I1\n" + shape + dtype +
             "I00\nc_codecs\nencode\n(V\x05" + zeros + "\\u0009" + zeros + "\nVlatin1\ntRtb";
    };
    QCOMPARE(pair_of(parse(annotations(two, two, array("(I1\nI2\nt")))), std::pair(5L, 9L));
    QCOMPARE(pair_of(parse(annotations(two, two, "(l" + array("(I2\nt") + "a"))), std::pair(5L, 9L));
    const auto objects =
        "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntVb\ntR(I1\n(I1\nI2\nt"
        "cnumpy\ndtype\n(VO8\nI00\nI01\ntRI00\n(lI5\naI9\natb"s;
    QCOMPARE(pair_of(parse(annotations(two, two, objects))), std::pair(5L, 9L));
    // A shape that lies about its data.
    DEER_VERIFY_ERROR(parse(annotations(two, two, array("(I1000000000000\nI2\nt"))), "'info.indx'");
    DEER_VERIFY_ERROR(parse(annotations(two, two, array("(I-1\nI2\nt"))), "'info.indx'");
  }

  void repairs_text() {
    const auto found = parse(annotations("(lS'two\\nlines \\xff'\na", "(lVx\na", "(l(I1\nI2\nta"));
    QCOMPARE(found.at(0).instruction, "two?lines ÿ"s);
    const auto broken = parse(
        "(Vlanguage\n(Vann\n(lU\x02\xff\xfe"
        "aVtask\n(lVx\nadVinfo\n(Vindx\n(l(I1\nI2\ntadd.");
    QCOMPARE(broken.at(0).instruction, "\uFFFD\uFFFD"s);
  }

  void leaves_out_impossible_frames() {
    const TemporaryFolder folder;
    std::vector<std::string> warnings;
    const auto path =
        folder.write("ids.npy", make_npy("<i8", "(4, 2)", raw<std::int64_t>({5, 9, 20, 10, -3, 2, 30, 30})));
    const auto segments = read_play_segments(path, warnings);
    QCOMPARE(segments.size(), std::size_t{2});
    QCOMPARE(segments[1].length(), 1);
    QCOMPARE(warnings.size(), std::size_t{1});
    QVERIFY(warnings[0].ends_with("ids.npy: row 1 has frames 20 to 10; it was skipped (and 1 more)"));

    warnings.clear();
    const auto huge = folder.write("huge.npy", make_npy("<i8", "(1, 2)",
                                                        raw<std::int64_t>({std::numeric_limits<std::int64_t>::min(),
                                                                           std::numeric_limits<std::int64_t>::max()})));
    QVERIFY(read_play_segments(huge, warnings).empty());
    QCOMPARE(warnings.size(), std::size_t{1});
    // Fortran order, as np.array([starts, ends]).T is saved.
    const auto turned = folder.write("f.npy", make_npy("<i4", "(2, 2)", raw<std::int32_t>({1, 5, 4, 8}), 1, true));
    QCOMPARE(read_play_segments(turned, warnings).at(1).first, 5);
    DEER_VERIFY_ERROR(
        read_play_segments(folder.write("x.npy", make_npy("<i8", "(3,)", raw<std::int64_t>({1, 2, 3}))), warnings),
        "x.npy: array is int64 [3], expected int64 [n, 2]");
    // Whole numbers kept as floats, and one segment without its list.
    QCOMPARE(
        read_play_segments(folder.write("y.npy", make_npy("<f8", "(1, 2)", raw<double>({1, 2}))), warnings)[0].last, 2);
    QCOMPARE(
        read_play_segments(folder.write("one.npy", make_npy("<i8", "(2,)", raw<std::int64_t>({3, 7}))), warnings)[0]
            .last,
        7);
    DEER_VERIFY_ERROR(
        read_play_segments(folder.write("z.npy", make_npy("<f8", "(1, 2)", raw<double>({1, 2.5}))), warnings),
        "array holds 2.5, expected whole numbers");
  }

  void annotations_end_with_their_segment() {
    const std::vector<FrameIds> segments = {{100, 120}, {10, 20}};
    std::vector<CalvinAnnotation> annotations = {
        {{10, 20}, "fits", {}}, {{15, 25}, "too long", {}}, {{50, 60}, "nowhere", {}}, {{121, 130}, "not listed", {}}};
    std::vector<std::string> warnings;
    const auto has_frame = [](std::int64_t id) { return (id >= 10 && id <= 20) || id >= 100; };
    clip_annotations(annotations, segments, "ann.npy", has_frame, warnings);
    QCOMPARE(annotations.size(), std::size_t{3});
    QCOMPARE(annotations[1].frames.last, 20);
    QCOMPARE(annotations[2].instruction, std::string("not listed"));  // its frames are there
    QCOMPARE(warnings.size(), std::size_t{1});
    QCOMPARE(
        warnings[0],
        std::string("ann.npy: 'too long' has frames 15 to 25, but the recording ends at frame 20; it was shortened "
                    "(and 1 more)"));
  }

  void overlaps_are_resolved_by_one_rule() {
    const std::vector<CalvinAnnotation> annotations = {
        {{50, 60}, "late", "t1"},     {{10, 19}, "first", "t2"},   {{10, 19}, "same frames", "t3"},
        {{15, 30}, "overlaps", "t4"}, {{16, 18}, "inside", "t5"},  {{0, 4}, "before", "t6"},
        {{58, 90}, "beyond", "t7"},   {{10, 12}, "shorter", "t8"},
    };
    const auto text = [&](FrameIds segment) {
      QString out;
      for (const auto& span : instruction_spans(segment, annotations)) {
        out += QString("%1-%2 %3; ").arg(span.first).arg(span.last).arg(QString::fromStdString(span.instruction));
      }
      return out;
    };
    QCOMPARE(text({10, 70}), "0-9 first; 10-20 overlaps; 40-50 late; 51-60 beyond; ");
    QCOMPARE(text({17, 25}), "0-2 first; 3-8 overlaps; ");
    QCOMPARE(text({31, 49}), "");
  }
};

DEER_SUITE(TestAnnotations)
#include "tst_annotations.moc"
