// SPDX-License-Identifier: GPL-3.0-or-later
// A study as JSON, CSV and HTML.
#include <QRegularExpression>
#include <QTest>
#include <QXmlStreamReader>
#include <sstream>

#include "core/study/html_text.h"
#include "core/study/study_builder.h"
#include "core/study/study_tables.h"
#include "tests/core/study/small_trace.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/two_arm_trace.h"

using namespace deer;

namespace {

const char* const kHostile = "a \"quoted\" <script>alert('x')</script> & \xC3\xA4, \x01";

struct Read {
  QString error;
  QStringList elements;
  QString text;
  QHash<QString, QStringList> attributes;  ///< values by name
};

Read read_xml(const std::string& page) {
  Read out;
  QXmlStreamReader xml(QByteArray::fromStdString(page));
  while (!xml.atEnd()) {
    xml.readNext();
    if (xml.isStartElement()) {
      out.elements << xml.name().toString();
      for (const auto& one : xml.attributes()) out.attributes[one.name().toString()] << one.value().toString();
    }
    if (xml.isCharacters()) out.text += xml.text();
  }
  if (xml.hasError()) out.error = QStringLiteral("line %1: %2").arg(xml.lineNumber()).arg(xml.errorString());
  return out;
}

}  // namespace

class StudyPagesTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase();
  void the_page_is_well_formed_and_complete();
  void the_page_loads_nothing();
  void hostile_text_is_only_text();
  void a_study_without_positions_or_events();
  void json_holds_everything();
  void csv_has_a_row_an_episode();
  void the_headline();
  void worst_first();

 private:
  test::TemporaryFolder folder_;
  Study study_;
};

void StudyPagesTest::initTestCase() {
  const auto file = folder_ / "trace.h5";
  auto metadata = test::small_metadata();
  metadata.model_name = kHostile;
  const auto writer = TraceWriter::create(file, metadata);
  test::write_episode(*writer, {{0, true}, {1, false, 0.5F}, {2, true}}, 0, {{0, kHostile}});
  test::write_episode(*writer, {{0, true, 0.1F}, {0, true}}, 1, {{0, "open it"}, {1, "close it"}});
  test::write_episode(*writer, {{2, true}, {2, true}}, 2, {{0, "open it"}});
  writer->close();
  StudyBuilder builder(
      {.where = "depth < 4 and x >= 0", .baseline = folder_.write("deepest.json", R"({"criterion": "fixed_exit"})")});
  builder.add(file);
  study_ = builder.study();
}

void StudyPagesTest::the_page_is_well_formed_and_complete() {
  const auto read = read_xml(to_html(study_, "A title"));
  QVERIFY2(read.error.isEmpty(), qPrintable(read.error));
  QCOMPARE(read.elements.first(), QStringLiteral("html"));
  QCOMPARE(read.elements.count(QStringLiteral("script")), 1);
  QVERIFY(read.elements.count(QStringLiteral("table")) >= 3);
  QVERIFY(read.elements.count(QStringLiteral("svg")) >= 4);
  // Grasp, release and instruction change all happen.
  for (const char* words :
       {"A title", "Gripper closes, 1 event", "Gripper opens, 1 event", "Instruction changes, 1 event",
        "By instruction", "Furthest from the deepest exit", "3 frames of 7", "Frames that match"}) {
    QVERIFY2(read.text.contains(QLatin1String(words)), words);
  }
  QVERIFY(read.text.contains(QString::fromStdString(headline(study_))));
  QVERIFY(to_html(study_, "t").find("prefers-color-scheme:dark") != std::string::npos);
}

void StudyPagesTest::the_page_loads_nothing() {
  const auto page = to_html(study_, "A title");
  const auto read = read_xml(page);
  for (const char* name : {"src", "href", "srcset", "data", "action", "onclick", "onload"}) {
    QVERIFY2(!read.attributes.contains(QLatin1String(name)), name);
  }
  for (const char* element : {"link", "img", "iframe", "object", "embed", "base", "form", "use"}) {
    QVERIFY2(!read.elements.contains(QLatin1String(element)), element);
  }
  // Names of XML's vocabularies are no addresses to load from.
  auto rest = QString::fromStdString(page);
  rest.remove(QStringLiteral("http://www.w3.org/1999/xhtml")).remove(QStringLiteral("http://www.w3.org/2000/svg"));
  for (const char* words : {"http:", "https:", "url(", "@import", "fetch(", "XMLHttpRequest", "import("}) {
    QVERIFY2(!rest.contains(QLatin1String(words), Qt::CaseInsensitive), words);
  }
}

void StudyPagesTest::hostile_text_is_only_text() {
  const auto read = read_xml(to_html(study_, kHostile));
  QVERIFY2(read.error.isEmpty(), qPrintable(read.error));
  QCOMPARE(read.elements.count(QStringLiteral("script")), 1);
  QVERIFY(read.text.contains(QStringLiteral("<script>alert('x')</script> & ä")));
  QCOMPARE(html::text("\xEF\xBF\xBF\xFF\x02<"), std::string("\xEF\xBF\xBD\xEF\xBF\xBD &lt;"));
  QCOMPARE(html::grouped(1234567), std::string("1,234,567"));
  QCOMPARE(html::grouped(-123), std::string("-123"));
  QCOMPARE(html::counted(1, "frame"), std::string("1 frame"));
}

void StudyPagesTest::a_study_without_positions_or_events() {
  test::write_two_arm_trace(folder_ / "arms.h5", 12);
  StudyBuilder builder({});
  builder.add(folder_ / "arms.h5");
  const auto read = read_xml(to_html(builder.study(), "Arms"));
  QVERIFY2(read.error.isEmpty(), qPrintable(read.error));
  QCOMPARE(builder.study().total.distance_to_deepest.count, std::int64_t{0});
  QVERIFY(!read.text.contains(QStringLiteral("from the deepest exit,")));
  QVERIFY(to_json(builder.study()).at("distance_unit").is_null());
  QVERIFY2(read_xml(to_html(Study(), "Nothing")).error.isEmpty(), "an empty study");
}

void StudyPagesTest::json_holds_everything() {
  const auto json = Json::parse(to_json(study_).dump());
  QCOMPARE(json.at("kind").get<std::string>(), std::string("deer study"));
  QCOMPARE(json.at("total").at("frames").get<int>(), 7);
  QCOMPARE(json.at("total").at("episodes").get<int>(), 3);
  QCOMPARE(json.at("episodes").size(), std::size_t{3});
  QCOMPARE(json.at("episodes")[0].at("frames_by_exit"), Json({1, 1, 1}));
  QCOMPARE(json.at("episodes")[0].at("flips").get<int>(), 2);
  QCOMPARE(json.at("episodes")[2].at("flips").get<int>(), 0);
  QVERIFY(json.at("episodes")[0].at("task").is_null());
  QCOMPARE(json.at("where").at("count").get<int>(), 3);
  QCOMPARE(json.at("where").at("frames")[0].at("episode").get<int>(), 0);
  QCOMPARE(json.at("distance_unit").get<std::string>(), std::string("mm"));
  QVERIFY(json.at("by_need").contains("nearest_third") && json.at("by_need").contains("farthest_third"));
  const auto& grasp = json.at("aligned").at("grasp");
  QCOMPARE(grasp.at("offset").size(), std::size_t{31});
  QCOMPARE(grasp.at("mean")[15].get<double>(), 4.0);
  QVERIFY(grasp.at("mean")[0].is_null());
  QVERIFY(grasp.at("margin")[15].is_null());  // of one event
  QCOMPARE(json.at("baseline").at("exact").get<bool>(), false);
}

void StudyPagesTest::csv_has_a_row_an_episode() {
  std::ostringstream out;
  write_csv(out, study_);
  const auto text = QString::fromStdString(out.str());
  const auto rows = text.split(QStringLiteral("\r\n"), Qt::SkipEmptyParts);
  QCOMPARE(rows.size(), 4);
  const auto head = rows[0].split(u',');
  const auto place = [&](const char* name) { return head.indexOf(QLatin1String(name)); };
  QVERIFY(place("mean_distance_to_deepest_mm") > 0);
  const auto plain = rows[2].split(u',');
  QCOMPARE(plain.size(), head.size());
  QCOMPARE(plain[place("frames")], QStringLiteral("2"));
  QCOMPARE(plain[place("mean_depth_layers")], QStringLiteral("2"));
  QCOMPARE(plain[place("share_exit_1")], QStringLiteral("1"));
  QCOMPARE(plain[place("saving_times")], QStringLiteral("3"));
  QCOMPARE(plain[place("task")], QString());
  QCOMPARE(plain[place("flips")], QStringLiteral("2"));
  QVERIFY(rows[1].contains(QStringLiteral("\"a \"\"quoted\"\" <script>")));
}

void StudyPagesTest::the_headline() {
  // 2+4+6 + 2+2 + 6+6 layers of 7 frames.
  QVERIFY(QString::fromStdString(headline(study_))
              .startsWith(QStringLiteral("4.00 of 6 layers on average, 1.50× fewer layers, ")));
  QVERIFY(QString::fromStdString(headline(study_)).endsWith(QStringLiteral(" mm from the deepest exit")));
  QCOMPARE(headline(Study()), std::string("No frames"));
}

void StudyPagesTest::worst_first() {
  QCOMPARE(worst_episodes(study_), (std::vector<std::size_t>{0, 1, 2}));
  auto turned = study_;
  std::swap(turned.episodes[0], turned.episodes[2]);
  QCOMPARE(worst_episodes(turned), (std::vector<std::size_t>{2, 1, 0}));
}

DEER_SUITE(StudyPagesTest)
#include "tst_study_pages.moc"
