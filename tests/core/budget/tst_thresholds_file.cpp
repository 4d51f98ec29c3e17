// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>

#include "core/budget/budget_solver.h"
#include "core/budget/thresholds_file.h"
#include "core/exits/engine.h"
#include "tests/core/budget/make_set.h"
#include "tests/support/comma_locale.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;

class TestThresholdsFile : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void thresholds_travel() {
    const TemporaryFolder folder;
    auto set = made_set(4, 300, 6);
    set.provenance = {{"model", "m"}, {"criterion", "action_delta"}, {"delta_type", "max"}};
    const PreparedCalibration prepared(set);
    BudgetRequest request;
    request.average_depth = 4;
    request.max_layer = 6;
    const auto solution = solve_budget(prepared, costs_of(4), request);
    const auto file = folder / "thresholds.json";
    write_thresholds(file, thresholds_of(solution, request, set));
    const auto back = read_thresholds(file);
    QCOMPARE(std::vector<float>(back.thresholds.begin(), back.thresholds.end()), solution.thresholds);
    QCOMPARE(back.exit_layers, solution.exit_layers);
    QVERIFY(back.delta_type == DeltaType::max);
    QVERIFY(back.provenance == set.provenance);
    QCOMPARE(back.solution["constraints"].size(), std::size_t{2});
    const auto line = reference_arguments(back, 7);
    QVERIFY2(line.ends_with(" 100000000.0 --max_layer 6 --threshold_type max"), line.c_str());
    // The line itself can be read again.
    const auto again = read_thresholds(folder.write("line.txt", "python eval_calvin.py --amp 1 " + line));
    QCOMPARE(again.thresholds.size(), back.thresholds.size());
    for (std::size_t i = 0; i < 3; ++i) {
      QCOMPARE(static_cast<float>(again.thresholds[i]), static_cast<float>(back.thresholds[i]));
    }
    QCOMPARE(read_thresholds(folder.write("log.txt", "0.02, 0.003,-100000000.0,100000.0\n")).thresholds[2], -1e8);
    QCOMPARE(read_thresholds(folder.write("list.json", "[0.5, 1e8]")).thresholds[0], 0.5);
    QCOMPARE(reference_arguments({{1, 3}, {-1e8, 1e8}, Criterion::action_delta, DeltaType::l2, {}, {}}, 3),
             std::string("--thresholds -100000000.0 100000000.0"));
    // The gate of the calibration set.
    set.provenance = {{"criterion", "learned_gate"}, {"gate", "abc"}, {"gate_file", "g.safetensors"}};
    write_thresholds(file, thresholds_of(solution, request, set));
    QVERIFY(read_thresholds(file).criterion == Criterion::learned_gate);
    QCOMPARE(read_thresholds(file).gate.fingerprint, std::string("abc"));
    QCOMPARE(read_thresholds(file).gate.path, std::string("g.safetensors"));
    QVERIFY(reference_arguments({{}, {0.5}, Criterion::feature_similarity, DeltaType::l2, {}, {}}, 3)
                .ends_with("--value_type sim"));
  }

  void thresholds_as_people_write_them_data() {
    QTest::addColumn<QString>("text");
    const auto row = [](const char* name, const char* text) { QTest::newRow(name) << text; };
    row("a line of blanks", "0.02 0.003 always");
    row("commas", "0.02,0.003,always\n");
    row("a byte-order mark, CR LF", "\uFEFF0.02, 0.003, 1e8\r\n");
    row("a shell script", "# DeeR\nexport thresholds=\"0.02 0.003 100000000.0\"\n");
    row("arguments", "python eval.py --amp 1 --thresholds 0.02 0.003 1e8 --max_layer 6");
    row("an argument with =", "--thresholds=0.02,0.003,always");
    row("YAML", "exit: 3\nthresholds:\n  - 0.02\n  - 0.003\n  - 100000000.0\nseed: 7\n");
    row("numpy", "array([2.0e-02, 3.0e-03, 1.0e+08], dtype=float32)");
    row("numpy scalars", "[np.float64(0.02), np.float64(0.003), np.float64(100000000.0)]");
    row("PyTorch", "tensor([0.02, 0.003, inf], device='cuda:0')");
    row("Python's json", "[0.02, 0.003, Infinity]");
    row("YAML's infinity and comments", "thresholds:  # of 2.5 layers\n  - 0.02\n  - 0.003 # 42 %\n  - .inf\n");
    row("an object with words", "{\"thresholds\": [0.02, 0.003, \"always\"]}");
    row("an object by layer with words", "{\"1\": 0.02, \"3\": 0.003, \"5\": \"always\"}");
    row("an object of Python's json", "{\"note\": \"Infinity\", \"thresholds\": [0.02, 0.003, Infinity]}");
    row("by exit layer", "{\"11\": 1e8, \"3\": 0.003, \"1\": 0.02}");
  }
  void thresholds_as_people_write_them() {
    QFETCH(QString, text);
    const TemporaryFolder folder;
    const auto bytes = text.toUtf8();
    const auto read =
        read_thresholds(folder.write("t", std::string_view(bytes.constData(), std::size_t(bytes.size()))));
    QCOMPARE(read.thresholds, (std::vector<double>{0.02, 0.003, 1e8}));
    if (text.startsWith("{\"11")) QCOMPARE(read.exit_layers, (std::vector<int>{1, 3, 11}));
    const auto utf16 =
        QByteArray("\xFF\xFE") + QByteArray(reinterpret_cast<const char*>(text.utf16()), 2 * text.size());
    const auto again =
        read_thresholds(folder.write("u", std::string_view(utf16.constData(), std::size_t(utf16.size()))));
    QCOMPARE(again.thresholds, read.thresholds);
    const auto unmarked = utf16.mid(2);
    QCOMPARE(read_thresholds(folder.write("v", std::string_view(unmarked.constData(), std::size_t(unmarked.size()))))
                 .thresholds,
             read.thresholds);
  }

  void a_last_threshold_that_is_not_always_is_odd() {
    QCOMPARE(oddity(std::vector<double>{0.5, 0.25}, 2),
             std::string("the last threshold is 0.25, but every frame ends at the deepest exit: write 'always'"));
    QVERIFY(oddity(std::vector<double>{0.5, 1e5}, 2).empty());
    QVERIFY(oddity(std::vector<double>{0.5, 0.25}, 3).empty());
  }

  void a_thresholds_file_has_one_meaning() {
    const TemporaryFolder folder;
    ModelSummary model;
    model.exit_layers = {1, 3, 5};
    ExitPolicy before;
    before.criterion = Criterion::fixed_exit;
    before.leq = false;
    before.max_layer = 2;
    before.steps_per_stage = 3;
    before.forced_layers = {{5, 1}};
    const auto read = [&](const char* text) { return read_thresholds(folder.write("t.json", std::string_view(text))); };
    auto wanted = before;
    wanted.criterion = Criterion::feature_similarity;
    wanted.thresholds = {0.5, 1e8};
    wanted.leq = true;
    wanted.max_layer = 4;
    QVERIFY(apply(read(R"({"thresholds": [0.5, 1e8], "exit_layers": [1, 3], "criterion": "feature_similarity"})"),
                  model, before) == wanted);
    wanted.criterion = Criterion::action_delta;
    QVERIFY(apply(read("[0.5, 1e8]"), model, before) == wanted);  // the first exits, if none are named
    wanted.delta_type = DeltaType::max;
    wanted.thresholds = {0.5, 0.25, 1e8};
    wanted.max_layer.reset();
    QVERIFY(apply(read(R"({"thresholds": [0.5, 0.25, 1e8], "delta_type": "max"})"), model, before) == wanted);
    DEER_VERIFY_ERROR(apply(read(R"({"thresholds": [1, 2], "exit_layers": [1, 5]})"), model, before),
                      "t.json: 'exit_layers' are 1, 5, expected the model's (1, 3, 5)");
    DEER_VERIFY_ERROR(apply(read("[1, 2, 3, 4]"), model, before),
                      "t.json: 'thresholds' has 4 values, expected at most");

    // A gate that the file names; thresholds of other criteria leave the policy's alone.
    wanted.criterion = Criterion::learned_gate;
    wanted.delta_type = DeltaType::l2;
    wanted.thresholds = {0.5, 0.25, 1e8};
    wanted.gate = {"g.safetensors", "abc", nullptr};
    const auto gated = read(
        R"({"thresholds": [0.5, 0.25, 1e8], "criterion": "learned_gate", "gate": {"path": "g.safetensors", "fingerprint": "abc"}})");
    QVERIFY(apply(gated, model, before) == wanted);
    QVERIFY(apply(read("[1, 2, 3]"), model, wanted).gate == wanted.gate);
    DEER_VERIFY_ERROR(read(R"({"thresholds": [1], "criterion": "learned_gate", "gate": 7})"), "t.json: 'gate'");

    CalibrationSet set;
    set.provenance = {{"criterion", "learned_gate"}, {"gate", "abc"}, {"gate_file", "h.safetensors"}};
    check_criterion(gated, set);
    QCOMPARE(gate_of(set).path, std::string("h.safetensors"));
    set.provenance["gate"] = "def";
    DEER_VERIFY_ERROR(check_criterion(gated, set),
                      "'criterion' is learned_gate (abc), expected that of the calibration");
    DEER_VERIFY_ERROR(reference_arguments(gated, 5), "does not support thresholds for the criterion learned_gate");
    set.provenance = {{"criterion", "feature_similarity"}};
    check_criterion(read("[1]"), set);
    check_criterion(read(R"({"thresholds": [1], "criterion": "feature_similarity", "delta_type": "max"})"), set);
    DEER_VERIFY_ERROR(check_criterion(read(R"({"thresholds": [1], "criterion": "action_delta"})"), set),
                      "t.json: 'criterion' is action_delta (L2), expected that of the calibration set: feature_sim");
  }

  void a_comma_locale_changes_no_file() {
    const CommaLocale comma;
    QVERIFY2(comma.is_active(), "localedef could not make de_DE.UTF-8: install the package locales");
    const TemporaryFolder folder;
    const auto set = made_set(4, 300, 6);
    const PreparedCalibration prepared(set);
    BudgetRequest request;
    request.average_depth = 4.5;
    const auto solution = solve_budget(prepared, costs_of(4), request);
    write_thresholds(folder / "x.json", thresholds_of(solution, request, set));
    const auto back = read_thresholds(folder / "x.json");
    QCOMPARE(std::vector<float>(back.thresholds.begin(), back.thresholds.end()), solution.thresholds);
    QCOMPARE(reference_arguments({{1, 3}, {0.0241, -2e6}, Criterion::action_delta, DeltaType::l2, {}, {}}, 3),
             std::string("--thresholds 0.0241 -2000000.0"));
    QCOMPARE(read_thresholds(folder.write("line", "--thresholds 0.0241 1.5")).thresholds,
             (std::vector<double>{0.0241, 1.5}));
    request.average_depth = 0.25;
    const auto problem = solve_budget(prepared, costs_of(4), request).problem;
    QVERIFY2(problem.find("0.25") != std::string::npos && problem.find(',') == std::string::npos, problem.c_str());
  }

  void broken_threshold_files_are_refused() {
    const TemporaryFolder folder;
    const auto read = [&](const char* text) { return read_thresholds(folder.write("x", std::string_view(text))); };
    DEER_VERIFY_ERROR(read(""), "holds no thresholds");
    DEER_VERIFY_ERROR(read("[]"), "holds no thresholds");
    DEER_VERIFY_ERROR(read("0.1 apple"), "'apple' is not a threshold");
    DEER_VERIFY_ERROR(read("nan 1"), "'nan' is not a threshold");
    DEER_VERIFY_ERROR(read("0,0241 0,0034 0,0070 100000,0"), "numbers with decimal commas");
    DEER_VERIFY_ERROR(read("0.02,,always"), "missing between two commas");
    DEER_VERIFY_ERROR(read("0.02, ,always"), "missing between two commas");
    DEER_VERIFY_ERROR(read("1: 0.02\n3: 0.003\n"), "'1:' is a key");
    DEER_VERIFY_ERROR(read("thresholds={\"1\": 0.02}"), "by exit layer are read from a JSON file");
    DEER_VERIFY_ERROR(read("[0.02, NaN]"), "'NaN' is not a threshold");
    DEER_VERIFY_ERROR(read("{\"thresholds\": [0.02, NaN]}"), "a threshold is NaN");
    DEER_VERIFY_ERROR(read("{\"1\": 0.02, \"x\": 1}"), "'thresholds' is missing");
    DEER_VERIFY_ERROR(read("{\"thresholds\": 5}"), "thresholds");
    DEER_VERIFY_ERROR(read("{\"thresholds\": [1, 2], \"exit_layers\": [1]}"), "one layer per threshold");
    DEER_VERIFY_ERROR(read("{\"thresholds\": [1, 2], \"exit_layers\": [3, 1]}"), "shallow to deep");
    DEER_VERIFY_ERROR(read("{\"thresholds\": [1], \"criterion\": \"luck\"}"), "luck");
    DEER_VERIFY_ERROR(read("{\"thresholds\": [1], \"provenance\": 3}"), "provenance");
    DEER_VERIFY_ERROR(read("[1, "), "x: a bracket is not closed");
    DEER_VERIFY_ERROR(read_thresholds(folder / "none"), "none");
    DEER_VERIFY_ERROR(reference_arguments({{}, {1.0}, Criterion::time_step, DeltaType::l2, {}, {}}, 3), "time_step");
  }
};

DEER_SUITE(TestThresholdsFile)
#include "tst_thresholds_file.moc"
