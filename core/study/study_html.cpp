// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "core/base/number_text.h"
#include "core/study/exit_colors.h"
#include "core/study/html_plots.h"
#include "core/study/html_text.h"
#include "core/study/study_tables.h"

namespace deer {
namespace {

using html::text;

constexpr std::size_t kListedEpisodes = 1000;  // more rows make a page slow to open
constexpr std::size_t kWorstEpisodes = 10;
constexpr std::size_t kListedMatches = 200;

constexpr const char* kStyle = R"(
:root{color-scheme:light dark;--back:#f7f7f5;--surface:#fff;--text:#1c1e21;--muted:#5c6067;--line:#d5d7da;--ink:#3f434a}
@media (prefers-color-scheme:dark){:root{--back:#16181b;--surface:#1f2226;--text:#e9eaec;--muted:#a3a8b0;--line:#383c42;--ink:#d2d5da}}
body{margin:0 auto;max-width:1100px;padding:24px;background:var(--back);color:var(--text);font:15px/1.45 system-ui,sans-serif}
h1{font-size:20px;margin:0 0 4px}h2{font-size:17px;margin:32px 0 8px}
.lead{font-size:26px;font-weight:600;margin:12px 0}.muted,caption{color:var(--muted)}
.wide{overflow-x:auto}table{border-collapse:collapse;background:var(--surface);font-variant-numeric:tabular-nums}
th,td{padding:4px 10px;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th{font-weight:600;vertical-align:bottom}th.text,td.text{text-align:left;white-space:normal;min-width:9em}
th button{all:unset;cursor:pointer}th button:focus-visible{outline:2px solid var(--muted)}
th[aria-sort=ascending] button::after{content:" ▲"}th[aria-sort=descending] button::after{content:" ▼"}
svg{vertical-align:middle}svg text{fill:var(--text);font-size:12px}.plots{display:flex;flex-wrap:wrap;gap:16px}
.axis{stroke:var(--muted)}.grid{stroke:var(--line)}.overall{stroke:var(--muted);stroke-dasharray:4 3}
.band{fill:var(--muted);opacity:.25}.curve{fill:none;stroke:var(--ink);stroke-width:2}
.dot{fill:var(--ink)}.interval{stroke:var(--ink);stroke-width:2}.other{fill:var(--muted)}
)";

// Sorts a table by the column whose heading is clicked: first descending for numbers, ascending for text.
constexpr const char* kScript = R"(
document.querySelectorAll('table.sortable').forEach(function(table){
  var heads=Array.from(table.tHead.rows[0].cells);
  heads.forEach(function(head,column){
    head.querySelector('button').addEventListener('click',function(){
      var isText=head.classList.contains('text');
      var old=head.getAttribute('aria-sort');
      var up=old?old==='descending':isText;
      heads.forEach(function(other){other.removeAttribute('aria-sort')});
      head.setAttribute('aria-sort',up?'ascending':'descending');
      var key=function(row){var cell=row.cells[column];return cell.dataset.value===undefined?cell.textContent:cell.dataset.value};
      var order=function(a,b){
        var x=key(a),y=key(b);
        if(isText){return x.localeCompare(y)}
        x=parseFloat(x);y=parseFloat(y);
        if(isNaN(x)||isNaN(y)){return isNaN(x)?(isNaN(y)?0:up?1:-1):(up?-1:1)}
        return x-y;
      };
      Array.from(table.tBodies[0].rows).sort(function(a,b){return up?order(a,b):-order(a,b)}).forEach(function(row){
        table.tBodies[0].appendChild(row);
      });
    });
  });
});
)";

std::string exit_styles(std::size_t exits) {
  std::string light, dark;
  for (std::size_t i = 0; i < exits; ++i) {
    for (const bool on_dark : {false, true}) {
      const auto [red, green, blue] = exit_rgb(static_cast<int>(i), static_cast<int>(exits), on_dark);
      std::array<char, 64> rule{};
      std::snprintf(rule.data(), rule.size(), ".exit%zu{fill:#%02x%02x%02x}", i + 1, red, green, blue);
      (on_dark ? dark : light) += rule.data();
    }
  }
  return light + "\n@media (prefers-color-scheme:dark){" + dark + "}\n";
}

/// A table that is written row by row.
class HtmlTable {
 public:
  struct Column {
    std::string name;
    bool is_text = false;
  };

  HtmlTable(std::vector<Column> columns, bool sortable) : columns_(std::move(columns)) {
    out_ = "<div class=\"wide\"><table" + std::string(sortable ? " class=\"sortable\"" : "") + "><thead><tr>";
    for (const auto& [name, is_text] : columns_) {
      out_ += "<th scope=\"col\"" + std::string(is_text ? " class=\"text\"" : "") + ">" +
              (sortable ? "<button type=\"button\">" + name + "</button>" : name) + "</th>";
    }
    out_ += "</tr></thead><tbody>\n";
  }

  /// `content` is markup; `value` sorts it.
  void cell(const std::string& content, const std::string& value = {}) {
    out_ += (at_ == 0 ? "<tr><td" : "<td") + std::string(columns_[at_].is_text ? " class=\"text\"" : "") +
            (value.empty() ? "" : " data-value=\"" + value + "\"") + ">" + content + "</td>";
    if (++at_ == columns_.size()) {
      out_ += "</tr>\n";
      at_ = 0;
    }
  }
  void number(double value, int digits) { cell(html::significant(value, digits), sort_key(value)); }
  void fixed(double value, int decimals) { cell(html::number(value, decimals), sort_key(value)); }
  void count(std::int64_t value) { cell(html::grouped(value), std::to_string(value)); }

  static std::string sort_key(double value) { return std::isfinite(value) ? shortest_text(value) : "none"; }

  std::string finish() { return std::move(out_) + "</tbody></table></div>\n"; }

 private:
  std::vector<Column> columns_;
  std::string out_;
  std::size_t at_ = 0;
};

std::string with_margin(const SpreadFigure& figure, int decimals) {
  if (figure.count == 0) return "–";
  const double margin = figure.margin();
  return fixed_text(figure.mean, decimals) + (std::isfinite(margin) ? " ± " + fixed_text(margin, decimals) : "");
}

class Page {
 public:
  Page(const Study& study, const std::string& title)
      : study_(study), title_(title), unit_(study.model.layout ? distance_unit(*study.model.layout) : std::string()) {
    layers_ = study.model.exit_layers.empty() ? study.model.layers : study.model.exit_layers.back() + 1;
  }

  std::string write() {
    const auto& exits = study_.model.exit_layers;
    out_ =
        "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\" xml:lang=\"en\"><head>"
        "<meta charset=\"utf-8\"/><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/><title>" +
        text(title_) + "</title><style>" + kStyle + exit_styles(exits.size()) + "</style></head><body>\n";
    head();
    out_ += "<h2>Exits</h2><p class=\"muted\">Share of frames by the exit taken, shallow to deep.</p>" +
            html::exit_histogram(study_.total.frames_by_exit, study_.total.frames_elsewhere, exits);
    tasks();
    aligned();
    worst();
    matches();
    episodes();
    notes();
    return std::move(out_) + "<script>//<![CDATA[" + kScript + "//]]></script></body></html>\n";
  }

 private:
  void head() {
    const auto& m = study_.model;
    out_ += "<h1>" + text(title_) + "</h1><p class=\"lead\">" + text(headline(study_)) + "</p><p class=\"muted\">" +
            html::counted(static_cast<std::int64_t>(study_.episodes.size()), "episode") + ", " +
            html::counted(study_.total.frames, "frame") + ", " +
            html::counted(static_cast<std::int64_t>(study_.traces.size()), "trace") + ". Model " + text(m.model_name) +
            (m.family.empty() ? "" : " (" + text(m.family) + ")") +
            (m.created.empty() ? "" : ", recorded " + text(m.created)) + ".</p>";
    const auto& s = study_.total;
    if (s.error_to_deepest.count > 0) {
      out_ += "<p>The gripper's command differs from the deepest exit's in " +
              html::counted(s.gripper_differs_from_deepest, "frame") + ".";
      if (s.error_to_deepest.count < s.frames) {
        out_ += " The deepest exit is known of " + html::counted(s.error_to_deepest.count, "frame") + " only.";
      }
      out_ += "</p>";
    }
    if (study_.baseline.empty()) return;
    std::int64_t flips = 0;
    for (const auto& one : study_.episodes) flips += one.flips.value_or(0);
    out_ += "<p>Under the baseline " + text(study_.baseline) + ", " + html::counted(flips, "frame") +
            " would exit elsewhere" +
            (study_.baseline_exact ? "" : " (not exact: " + text(study_.baseline_note) + ")") + ".</p>";
  }

  std::string distance_head() const { return text(unit_); }
  bool has_distance() const { return !unit_.empty() && study_.total.distance_to_deepest.count > 0; }

  void tasks() {
    const auto groups = by_task(study_.episodes);
    const bool tasks = std::any_of(groups.begin(), groups.end(), [](const TaskStudy& one) { return one.is_task; });
    out_ += std::string("<h2>By ") + (tasks ? "task" : "instruction") +
            "</h2><p class=\"muted\">Means over episodes with their 95 % interval (Student's t). Click a heading to "
            "sort.</p>";
    std::vector<HtmlTable::Column> columns = {
        {tasks ? "task" : "instruction", true}, {"episodes"},      {"frames"}, {"mean depth, layers"},
        {"0 to " + std::to_string(layers_)},    {"largest depth"}, {"exits"},  {"saving"}};
    if (has_distance()) columns.push_back({"from the deepest exit, " + distance_head()});
    columns.push_back({"gripper differs"});
    if (!study_.baseline.empty()) columns.push_back({"flips"});
    HtmlTable table(std::move(columns), true);
    for (const auto& task : groups) {
      table.cell(task.name.empty() ? "(none)" : text(task.name));
      table.count(task.episodes);
      table.count(task.frames);
      table.cell(with_margin(task.depth, 2), HtmlTable::sort_key(task.depth.mean));
      table.cell(html::interval_mark(task.depth, layers_), HtmlTable::sort_key(task.depth.mean));
      table.number(task.deepest, 4);
      table.cell(html::share_bar(task.frames_by_exit, task.frames_elsewhere), HtmlTable::sort_key(task.depth.mean));
      const double saving = saving_times(task.cost, task.full_cost);
      table.cell(html::number(saving, 2) + (std::isfinite(saving) ? "×" : ""), HtmlTable::sort_key(saving));
      if (has_distance()) table.cell(with_margin(task.distance, 2), HtmlTable::sort_key(task.distance.mean));
      table.count(task.gripper_differs);
      if (!study_.baseline.empty()) table.count(task.flips.value_or(0));
    }
    out_ += table.finish();
  }

  void aligned() {
    out_ +=
        "<h2>Depth around events</h2><p class=\"muted\">Mean depth in layers by frames from the event, with its "
        "95 % interval; dashed: the mean of all frames.</p><div class=\"plots\">";
    static constexpr std::array<const char*, kAlignedEvents> kTitles = {"Gripper closes", "Gripper opens",
                                                                        "Instruction changes"};
    bool any = false;
    for (std::size_t i = 0; i < kAlignedEvents; ++i) {
      if (study_.aligned[i].events == 0) continue;
      any = true;
      out_ += html::aligned_plot(study_.aligned[i], kTitles[i], layers_, study_.total.depth.mean());
    }
    out_ += any ? "</div>" : "</div><p>No such event in these episodes.</p>";
    const auto& need = study_.by_need;
    if (need.nearest.count == 0) return;
    out_ += "<p>Mean depth where the first exit is nearest to the deepest: <b>" + fixed_text(need.nearest.mean, 2) +
            "</b>, where it is farthest: <b>" + fixed_text(need.farthest.mean, 2) +
            "</b> layers (thirds of each episode's frames).</p>";
  }

  void episode_row(HtmlTable& table, std::size_t place) {
    const auto& e = study_.episodes[place];
    const auto& s = e.summary;
    table.count(static_cast<std::int64_t>(place));
    table.cell(text(e.task));
    table.cell(text(e.instruction) +
               (e.instructions > 1 ? " and " + std::to_string(e.instructions - 1) + " more" : std::string()));
    table.count(s.frames);
    table.fixed(s.depth.mean(), 2);
    table.number(s.depth.peak, 4);
    table.cell(html::share_bar(s.frames_by_exit, s.frames_elsewhere), HtmlTable::sort_key(s.depth.mean()));
    table.fixed(saving_times(s), 2);
    if (has_distance()) table.number(mean_of_all(s.distance_to_deepest, s.frames), 3);
    table.number(mean_of_all(s.error_to_deepest, s.frames), 3);
    table.number(mean_of_all(s.error_to_recorded, s.frames), 3);
    if (s.error_to_deepest.count > 0) {
      table.count(s.gripper_differs_from_deepest);
    } else {
      table.cell("–", "none");
    }
    if (!study_.baseline.empty()) table.count(e.flips.value_or(0));
  }

  HtmlTable episode_table() const {
    std::vector<HtmlTable::Column> columns = {{"episode"}, {"task", true},   {"instruction", true},
                                              {"frames"},  {"mean depth"},   {"largest depth"},
                                              {"exits"},   {"saving, times"}};
    if (has_distance()) columns.push_back({"from the deepest exit, " + distance_head()});
    columns.insert(columns.end(), {{"error to deepest"}, {"error to recorded"}, {"gripper differs"}});
    if (!study_.baseline.empty()) columns.push_back({"flips"});
    return {std::move(columns), true};
  }

  void worst() {
    auto places = worst_episodes(study_);
    if (places.empty()) return;
    places.resize(std::min(places.size(), kWorstEpisodes));
    out_ += "<h2>Furthest from the deepest exit</h2>";
    auto table = episode_table();
    for (const auto place : places) episode_row(table, place);
    out_ += table.finish();
  }

  void matches() {
    if (study_.where.empty()) return;
    out_ += "<h2>Frames that match</h2><p><code>" + text(study_.where) +
            "</code>: " + html::counted(study_.match_count, "frame") + " of " + html::grouped(study_.total.frames) +
            ".</p>";
    if (study_.matches.empty()) return;
    HtmlTable table({{"episode"}, {"frame"}, {"depth"}, {"instruction", true}}, true);
    const auto listed = std::min(study_.matches.size(), kListedMatches);
    for (std::size_t i = 0; i < listed; ++i) {
      const auto& one = study_.matches[i];
      table.count(static_cast<std::int64_t>(one.episode));
      table.count(one.frame);
      table.count(one.depth);
      table.cell(text(study_.episodes[one.episode].instruction));
    }
    out_ += table.finish();
    if (study_.match_count > static_cast<std::int64_t>(listed)) {
      out_ += "<p class=\"muted\">The first " + std::to_string(listed) + ".</p>";
    }
  }

  void episodes() {
    out_ += "<h2>Episodes</h2>";
    auto table = episode_table();
    const auto listed = std::min(study_.episodes.size(), kListedEpisodes);
    for (std::size_t i = 0; i < listed; ++i) episode_row(table, i);
    out_ += table.finish();
    if (listed < study_.episodes.size()) {
      out_ += "<p class=\"muted\">The first " + std::to_string(listed) + " of " +
              html::grouped(static_cast<std::int64_t>(study_.episodes.size())) + "; the CSV file has all.</p>";
    }
  }

  void notes() {
    out_ +=
        "<h2>What the numbers mean</h2><ul><li>Depth: layers of the language model run for a frame.</li>"
        "<li>Saving: compute of the full model divided by the compute used, in " +
        std::string(study_.cost_unit == "layers" ? "layers of the language model"
                                                 : "operations of the language model") +
        ".</li><li>From the deepest exit: distance between the positions that the executed action and the deepest "
        "exit's action lead to in the same frame, with the same history. Error: the root mean square over the "
        "action's values except grippers. Both are shown where every frame of an episode has them.</li>"
        "<li>Flips: frames that exit elsewhere under the baseline.</li></ul><p class=\"muted\">Made by deer "
        "study.</p>";
  }

  const Study& study_;
  std::string title_;
  std::string unit_;
  int layers_ = 0;
  std::string out_;
};

}  // namespace

std::string to_html(const Study& study, const std::string& title) { return Page(study, title).write(); }

}  // namespace deer
