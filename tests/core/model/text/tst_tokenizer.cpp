// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTemporaryDir>
#include <QtTest>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>

#include "core/base/error.h"
#include "core/base/json_file.h"
#include "core/model/text/tokenizer.h"
#include "core/model/text/tokenizer_prompt.h"
#include "core/model/text/tokenizer_unicode.h"
#include "tests/support/suite.h"

using deer::Json;
using deer::PromptEncoder;
using deer::Tokenizer;
using Ids = std::vector<std::int64_t>;
namespace fs = std::filesystem;

namespace {

const fs::path kData = DEER_TEST_DATA;
const fs::path kNeoX = kData / "reference/text/20B_tokenizer.json";

QByteArray print(const Ids& ids) { return QByteArray::fromStdString(Json(ids).dump()); }

// A complete little tokenizer: symbols for the 243 bytes that occur in UTF-8, and two merges.
Json small_tokenizer() {
  Json vocabulary = Json::object();
  static const Json published = deer::read_json(kNeoX);
  for (const auto& [entry, id] : published["model"]["vocab"].items()) {
    const bool one_symbol = entry.size() == 1 || (entry.size() == 2 && static_cast<unsigned char>(entry[0]) >= 0xC2);
    if (one_symbol) vocabulary[entry] = vocabulary.size();
  }
  vocabulary["ab"] = vocabulary.size();
  vocabulary["abc"] = vocabulary.size();
  Json file;
  file["normalizer"] = {{"type", "NFC"}};
  file["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  file["model"] = {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", {"a b", "ab c"}}};
  file["added_tokens"] = Json::array({{{"id", vocabulary.size()}, {"content", "<|endoftext|>"}, {"special", true}}});
  return file;
}

template <typename Call>
QString message_of(Call call) {
  try {
    call();
  } catch (const deer::Error& error) {
    return QString::fromUtf8(error.what());
  }
  return QStringLiteral("(no error)");
}

}  // namespace

class TokenizerTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void golden_prompts();
  void golden_batches();
  void hugging_face_cases_data();
  void hugging_face_cases();
  void added_tokens_get_ids_after_the_vocabulary();
  void added_token_conflicts_are_refused();
  void demo_model();
  void long_prompts_keep_the_first_ids();
  void strip_like_python();
  void long_words_are_fast();
  void bad_text_is_refused();
  void bad_files_are_refused_data();
  void bad_files_are_refused();
  void files_cut_or_damaged_never_crash();

 private:
  fs::path write(const std::string& text) {
    const auto path = fs::path(folder_.path().toStdString()) / "tokenizer.json";
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  QTemporaryDir folder_;
};

void TokenizerTest::golden_prompts() {
  const Json golden = deer::read_json(kData / "reference/text/prompts.json");
  const PromptEncoder encoder(Tokenizer::load(kNeoX), golden["max_length"].get<std::size_t>());
  QCOMPARE(encoder.tokenizer().length(), golden["tokenizer_length"].get<std::int64_t>());
  for (const auto& [text, id] : golden["special_tokens"].items()) {
    QCOMPARE(encoder.tokenizer().id_of(text).value_or(-1), id.get<std::int64_t>());
  }
  QVERIFY(golden["prompts"].size() >= 40);
  for (const Json& item : golden["prompts"]) {
    const auto instruction = item["instruction"].get<std::string>();
    const auto prompt = PromptEncoder::prompt(instruction);
    QCOMPARE(prompt, item["prompt"].get<std::string>());
    QCOMPARE(print(encoder.tokenizer().encode(prompt)), print(item["ids_untruncated"].get<Ids>()));
    QCOMPARE(print(encoder.encode(instruction)), print(item["input_ids"].get<Ids>()));
    QCOMPARE(print(Ids(encoder.encode(instruction).size(), 1)), print(item["attention_mask"].get<Ids>()));
  }
}

void TokenizerTest::golden_batches() {
  const Json golden = deer::read_json(kData / "reference/text/prompts.json");
  const PromptEncoder encoder(Tokenizer::load(kNeoX));
  QVERIFY(!golden["batches"].empty());
  for (const Json& item : golden["batches"]) {
    const auto batch = encoder.encode(item["instructions"].get<std::vector<std::string>>());
    Ids ids;
    Ids mask;
    for (const Json& row : item["input_ids"]) {
      QCOMPARE(batch.columns, static_cast<std::int64_t>(row.size()));
      for (const Json& id : row) ids.push_back(id.get<std::int64_t>());
    }
    for (const Json& row : item["attention_mask"]) {
      for (const Json& bit : row) mask.push_back(bit.get<std::int64_t>());
    }
    QCOMPARE(batch.rows, static_cast<std::int64_t>(item["input_ids"].size()));
    QCOMPARE(print(batch.input_ids), print(ids));
    QCOMPARE(print(batch.attention_mask), print(mask));
  }
  const auto none = encoder.encode(std::vector<std::string>{});
  QCOMPARE(none.rows, 0);
  QVERIFY(none.input_ids.empty());
}

void TokenizerTest::hugging_face_cases_data() {
  QTest::addColumn<QString>("name");
  const Json file = deer::read_json(kData / "text_hf/cases.json");
  for (const auto& [name, unused] : file["tokenizers"].items()) QTest::newRow(name.c_str()) << name.c_str();
}

void TokenizerTest::hugging_face_cases() {
  QFETCH(QString, name);
  const Json file = deer::read_json(kData / "text_hf/cases.json");
  const Json& setting = file["tokenizers"][name.toStdString()];
  Json settings = deer::read_json(kNeoX);
  settings.merge_patch(setting["patch"]);
  for (const Json& token : setting["added"]) settings["added_tokens"].push_back(token);
  Tokenizer tokenizer = Tokenizer::load(write(settings.dump()));
  for (const char* text : {"<|endofchunk|>", "<image>", "<PAD>"}) tokenizer.add_special_token(text);
  QVERIFY(setting["cases"].size() >= 15);
  for (const Json& item : setting["cases"]) {
    const auto text = item["text"].get<std::string>();
    const auto ids = tokenizer.encode(text);
    QVERIFY2(ids == item["ids"].get<Ids>(), (item.dump() + " became " + Json(ids).dump()).c_str());
  }
}

void TokenizerTest::added_tokens_get_ids_after_the_vocabulary() {
  Tokenizer tokenizer = Tokenizer::load(write(small_tokenizer().dump()));
  const auto length = tokenizer.length();
  QCOMPARE(length, 246);
  QCOMPARE(tokenizer.add_special_token("<image>"), length);
  QCOMPARE(tokenizer.add_special_token("<image>"), length);
  QCOMPARE(tokenizer.add_special_token("<far>", 1000), 1000);
  QCOMPARE(tokenizer.add_special_token("<next>"), 1001);
  QCOMPARE(tokenizer.length(), 1002);
  // A vocabulary entry keeps its id and is cut out of words from then on.
  const auto ab = tokenizer.id_of("ab").value();
  const auto c = tokenizer.id_of("c").value();
  QCOMPARE(print(tokenizer.encode("abc")), print({tokenizer.id_of("abc").value()}));
  QCOMPARE(tokenizer.add_special_token("ab"), ab);
  QCOMPARE(print(tokenizer.encode("<image>abc<far>")), print({length, ab, c, 1000}));
}

void TokenizerTest::added_token_conflicts_are_refused() {
  Tokenizer tokenizer = Tokenizer::load(write(small_tokenizer().dump()));
  QVERIFY(message_of([&] { tokenizer.add_special_token(""); }).contains("must not be empty"));
  QVERIFY(message_of([&] { tokenizer.add_special_token("<|endoftext|>", 7); }).contains("already has id 245"));
  QVERIFY(
      message_of([&] { tokenizer.add_special_token("<new>", 7); }).contains("cannot have id 7: it is already used"));
  QVERIFY(message_of([&] { tokenizer.add_special_token("<new>", -1); }).contains("negative"));
  Json without = small_tokenizer();
  without["added_tokens"] = Json::array();
  const auto path = write(without.dump());
  QVERIFY(message_of([&] { PromptEncoder(Tokenizer::load(path)); }).contains("<|endoftext|>"));
  QVERIFY(message_of([&] { PromptEncoder(Tokenizer::load(kNeoX), 0); }).contains("must be at least 1"));
}

void TokenizerTest::demo_model() {
  const fs::path folder = fs::path(DEER_SOURCE_DIR) / "tests/data/random_demo/model";
  const Json ids = deer::read_json(folder / "config.json")["tokenizer"];
  const PromptEncoder encoder(Tokenizer::load(folder / "tokenizer.json"));
  QCOMPARE(encoder.tokenizer().length(), ids["length"].get<std::int64_t>());
  QCOMPARE(encoder.ids().end_of_text, ids["eos"].get<std::int64_t>());
  QCOMPARE(encoder.ids().end_of_chunk, ids["endofchunk"].get<std::int64_t>());
  QCOMPARE(encoder.ids().image, ids["image"].get<std::int64_t>());
  QCOMPARE(encoder.ids().padding, ids["pad"].get<std::int64_t>());
  QCOMPARE(encoder.encode("lift the red block").size(), std::size_t{7});
}

void TokenizerTest::long_prompts_keep_the_first_ids() {
  const PromptEncoder encoder(Tokenizer::load(write(small_tokenizer().dump())), 4);
  const auto x = encoder.tokenizer().id_of("x").value();
  QCOMPARE(print(encoder.encode("x")),
           print({encoder.ids().image, x, encoder.ids().end_of_chunk, encoder.ids().end_of_text}));
  QCOMPARE(print(encoder.encode("xxxxx")), print({encoder.ids().image, x, x, x}));
}

void TokenizerTest::strip_like_python() {
  // Every character of which Python's str.isspace() is true, and some that only look like it.
  const std::string blanks =
      "\t\n\v\f\r\x1c\x1d\x1e\x1f \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
      "\u2028\u2029\u202f\u205f\u3000";
  QCOMPARE(std::string(deer::python_strip(blanks + "a b" + blanks)), std::string("a b"));
  QCOMPARE(std::string(deer::python_strip(blanks)), std::string());
  for (const std::string text : {"\u200bx\u200b", "\ufeffx\ufeff", "\u180ex\u180e", "\u2060x"}) {
    QCOMPARE(std::string(deer::python_strip(text)), text);
  }
  QCOMPARE(std::string(deer::python_strip(" \x80x\xe3\x80 ")), std::string("\x80x\xe3\x80"));
}

void TokenizerTest::long_words_are_fast() {
  const Tokenizer tokenizer = Tokenizer::load(kNeoX);
  QElapsedTimer timer;
  timer.start();
  const auto ids = tokenizer.encode(std::string(200'000, 'a'));
  QVERIFY(!ids.empty());
  QVERIFY(timer.elapsed() < 20'000);
}

void TokenizerTest::bad_text_is_refused() {
  const Tokenizer tokenizer = Tokenizer::load(write(small_tokenizer().dump()));
  for (const std::string text : {"ab\xff", "ab\x80", "ab\xc0\xaf", "ab\xe2\x82", "ab\xed\xa0\x80", "ab\xf4\x90\x80\x80",
                                 "ab\xf0\x80\x80\x80", "ab\xc3("}) {
    QVERIFY(message_of([&] { tokenizer.encode(text); }).contains("not valid UTF-8 at byte 2"));
  }
}

void TokenizerTest::bad_files_are_refused_data() {
  QTest::addColumn<QString>("patch");  // JSON merge patch of the small tokenizer
  QTest::addColumn<QString>("field");  // what the message must name
  const auto row = [](const char* name, const char* patch, const char* field) {
    QTest::newRow(name) << QString::fromUtf8(patch) << QString::fromUtf8(field);
  };
  row("no model", R"({"model": null})", "'model' is missing");
  row("model is a list", R"({"model": [1]})", "'model' is [1]");
  row("WordPiece", R"({"model": {"type": "WordPiece"}})", "'model.type' is \"WordPiece\"");
  row("Unigram", R"({"model": {"type": "Unigram"}})", "'model.type' is \"Unigram\"");
  row("no vocabulary", R"({"model": {"vocab": null}})", "'model.vocab' is missing");
  row("id is text", R"({"model": {"vocab": {"a": "1"}}})", "'model.vocab' entry \"a\"");
  row("id is a fraction", R"({"model": {"vocab": {"a": 1.5}}})", "'model.vocab' entry \"a\"");
  row("id is negative", R"({"model": {"vocab": {"a": -1}}})", "'model.vocab' entry \"a\"");
  row("id is huge", R"({"model": {"vocab": {"a": 18446744073709551615}}})", "'model.vocab' entry \"a\"");
  row("id used twice", R"({"model": {"vocab": {"ab": 244}}})", "which is also used by another entry");
  row("no merges", R"({"model": {"merges": null}})", "'model.merges' is missing");
  row("merges are an object", R"({"model": {"merges": {}}})", "'model.merges' is {}");
  row("merge of one", R"({"model": {"merges": ["a b", "ab"]}})", "'model.merges[1]' is \"ab\"");
  row("merge of three", R"({"model": {"merges": ["a b c"]}})", "'model.merges[0]'");
  row("merge of three in a list", R"({"model": {"merges": [["a", "b", "c"]]}})", "'model.merges[0]'");
  row("merge of numbers", R"({"model": {"merges": [[1, 2]]}})", "'model.merges[0]'");
  row("merge of an unknown piece", R"({"model": {"merges": ["a zz"]}})", "needs \"zz\", which 'model.vocab' lacks");
  row("merge to an unknown piece", R"({"model": {"merges": ["a z"]}})", "needs \"az\", which 'model.vocab' lacks");
  row("dropout", R"({"model": {"dropout": 0.1}})", "'model.dropout' is 0.1");
  row("prefix", R"({"model": {"continuing_subword_prefix": "##"}})", "'model.continuing_subword_prefix'");
  row("suffix", R"({"model": {"end_of_word_suffix": "</w>"}})", "'model.end_of_word_suffix'");
  row("byte fallback", R"({"model": {"byte_fallback": true}})", "'model.byte_fallback'");
  row("unknown token", R"({"model": {"unk_token": "<unk>", "vocab": {"z": null}}})", "'model.unk_token'");
  row("NFKC", R"({"normalizer": {"type": "NFKC"}})", "'normalizer.type' is \"NFKC\"");
  row("two normalizers", R"({"normalizer": {"type": "Sequence", "normalizers": [{"type":"NFC"}, {"type":"Strip"}]}})",
      "'normalizer.normalizers'");
  row("normalizer in a list", R"({"normalizer": {"type": "Sequence", "normalizers": [{"type": "Lowercase"}]}})",
      "'normalizer.normalizers[0].type' is \"Lowercase\"");
  row("no pre-tokenizer", R"({"pre_tokenizer": null})", "'pre_tokenizer' is missing");
  row("Metaspace", R"({"pre_tokenizer": {"type": "Metaspace"}})", "'pre_tokenizer.type' is \"Metaspace\"");
  row("prefix space is text", R"({"pre_tokenizer": {"add_prefix_space": "yes"}})", "'pre_tokenizer.add_prefix_space'");
  row("template", R"({"post_processor": {"type": "TemplateProcessing"}})", "'post_processor.type'");
  row("added tokens are an object", R"({"added_tokens": {}})", "'added_tokens' is {}");
  row("added token is text", R"({"added_tokens": ["x"]})", "'added_tokens[0]'");
  row("added token without text", R"({"added_tokens": [{"id": 300}]})", "'added_tokens[0].content' is missing");
  row("added token is empty", R"({"added_tokens": [{"id": 300, "content": ""}]})", "'added_tokens[0].content'");
  row("added token without id", R"({"added_tokens": [{"content": "x"}]})", "'added_tokens[0].id' is missing");
  row("added id negative", R"({"added_tokens": [{"content": "<x>", "id": -4}]})", "'added_tokens[0].id' is -4");
  row("added id differs", R"({"added_tokens": [{"content": "ab", "id": 300}]})", "'added_tokens[0].id' is 300");
  row("added id taken", R"({"added_tokens": [{"content": "<x>", "id": 3}]})", "'added_tokens[0].id' is 3");
  row("added id used twice", R"({"added_tokens": [{"content": "<x>", "id": 300}, {"content": "<y>", "id": 300}]})",
      "'added_tokens[1].id' is 300");
  row("whole words", R"({"added_tokens": [{"content": "<x>", "id": 300, "single_word": true}]})",
      "'added_tokens[0].single_word'");
  row("flag is a number", R"({"added_tokens": [{"content": "<x>", "id": 300, "lstrip": 1}]})",
      "'added_tokens[0].lstrip'");
}

void TokenizerTest::bad_files_are_refused() {
  QFETCH(QString, patch);
  QFETCH(QString, field);
  Json file = small_tokenizer();
  file.merge_patch(Json::parse(patch.toStdString()));
  const auto path = write(file.dump());
  try {
    Tokenizer::load(path);
    QFAIL("the file was accepted");
  } catch (const deer::FileError& error) {
    const auto message = QString::fromUtf8(error.what());
    QVERIFY2(message.startsWith(QString::fromStdString(path.string()) + ": "), qPrintable(message));
    QVERIFY2(message.contains(field), qPrintable(message));
    QVERIFY2(!message.contains('\n'), qPrintable(message));
  }
}

void TokenizerTest::files_cut_or_damaged_never_crash() {
  const auto text = small_tokenizer().dump();
  QVERIFY_THROWS_EXCEPTION(deer::FileError, Tokenizer::load(kData / "no_such_file.json"));
  for (std::size_t size = 0; size < text.size(); size += 7) {
    QVERIFY_THROWS_EXCEPTION(deer::FileError, Tokenizer::load(write(text.substr(0, size))));
  }
  std::mt19937 random(1);
  int refused = 0;
  for (int i = 0; i < 1000; ++i) {
    auto damaged = text;
    for (int k = 0; k < 3; ++k) damaged[random() % damaged.size()] = static_cast<char>(random());
    const auto path = write(damaged);
    try {
      const auto tokenizer = Tokenizer::load(path);
      QVERIFY(tokenizer.encode("abc").size() <= 3);
    } catch (const deer::FileError&) {
      ++refused;
    }
  }
  QVERIFY(refused > 500);
}

DEER_SUITE(TokenizerTest)
#include "tst_tokenizer.moc"
