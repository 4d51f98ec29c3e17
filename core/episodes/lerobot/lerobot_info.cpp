// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/lerobot/lerobot_info.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/base/json_file.h"

namespace deer {
namespace {

constexpr std::size_t kMaxLerobotFeatures = 1000;
constexpr std::size_t kMaxLerobotNames = 4096;
constexpr int kMaxDigits = 18;

// Names of the features' columns in the order of the file, which Json's objects do not keep. They may be a list, a list
// in a list, an object of lists ({"motors": […]}), or an object with the place of each name ({"x": 0, "y": 1}).
class ColumnNames final : public nlohmann::json_sax<Json> {
 public:
  std::vector<std::string> of(const std::string& feature) const {
    const auto found = found_.find(feature);
    if (found == found_.end()) return {};
    auto places = found->second.places;
    if (!found->second.texts.empty() || places.empty()) return found->second.texts;
    std::sort(places.begin(), places.end());
    std::vector<std::string> out;
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (places[i].first != i) return {};
      out.push_back(std::move(places[i].second));
    }
    return out;
  }

  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(); }
  bool number_unsigned(number_unsigned_t place) override {
    if (key_ && wanted()) here().places.emplace_back(place, printable(*key_, kMaxNameBytes));
    return value();
  }
  bool number_float(number_float_t, const string_t&) override { return value(); }
  bool string(string_t& text) override {
    if (wanted()) here().texts.push_back(printable(text, kMaxNameBytes));
    return value();
  }
  bool binary(binary_t&) override { return value(); }
  bool start_object(std::size_t) override { return enter(); }
  bool start_array(std::size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool end_array() override { return leave(); }
  bool key(string_t& name) override {
    if (depth_ <= path_.size()) {
      path_[depth_ - 1] = name;
      std::fill(path_.begin() + static_cast<std::ptrdiff_t>(depth_), path_.end(), std::string());
      if (depth_ == path_.size() && wanted()) here() = {};  // the last of equal keys counts
    }
    key_ = name;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  struct Found {
    std::vector<std::string> texts;
    std::vector<std::pair<std::uint64_t, std::string>> places;
  };
  static constexpr std::size_t kMaxNameBytes = 100;
  static constexpr std::size_t kMaxNamesDepth = 4;

  // Inside features.NAME.names.
  bool wanted() const {
    if (depth_ < path_.size() || depth_ > path_.size() + kMaxNamesDepth) return false;
    if (path_[0] != "features" || path_[2] != "names") return false;
    const auto found = found_.find(path_[1]);
    return found == found_.end() || found->second.texts.size() + found->second.places.size() <= kMaxLerobotNames;
  }
  Found& here() { return found_[path_[1]]; }
  bool value() {
    key_.reset();
    return true;
  }
  bool enter() {
    ++depth_;
    return value();
  }
  bool leave() {
    --depth_;
    return value();
  }

  std::size_t depth_ = 0;
  std::array<std::string, 3> path_;  // keys from the root
  std::optional<std::string> key_;   // of the value that comes next
  std::map<std::string, Found> found_;
};

LerobotInfo::Feature feature_of(const std::filesystem::path& file, const std::string& name, const Json& json,
                                const ColumnNames& names) {
  const JsonFields fields(file, json, "features." + printable(name));
  LerobotInfo::Feature out;
  out.name = name;
  out.dtype = fields.text("dtype");
  if (fields.has("shape")) out.shape = fields.integers("shape");
  out.names = names.of(name);
  if (fields.has("info") && json["info"].is_object()) {
    const auto& info = json["info"];
    const auto depth = info.find("video.is_depth_map");
    out.is_depth = depth != info.end() && depth->is_boolean() && depth->get<bool>();
  }
  return out;
}

}  // namespace

LerobotInfo lerobot_info_from_text(std::string_view text, const std::filesystem::path& file) {
  const auto json = parse_json(text, file);
  const JsonFields fields(file, json);
  LerobotInfo out;
  out.version = printable(fields.text("codebase_version"), 20);
  if (out.version.starts_with("v2.")) out.major = 2;
  if (out.version.starts_with("v3.")) out.major = 3;
  if (out.major == 0) fields.fail("codebase_version", "v2.0, v2.1 or v3.0 (LeRobot's scripts convert older datasets)");
  out.robot = printable(fields.text("robot_type", ""), 100);
  out.frames_per_second = fields.number("fps");
  if (!(out.frames_per_second > 0) || out.frames_per_second > 10'000) fields.fail("fps", "a frame rate");
  out.chunk_size = fields.has("chunks_size") ? fields.integer_in("chunks_size", 1, 1'000'000'000) : 1000;
  out.episodes = fields.has("total_episodes") ? fields.integer_in("total_episodes", 0, 100'000'000) : 0;
  out.data_path = fields.text("data_path");
  out.video_path = fields.text("video_path", "");
  const auto features = fields.object("features");
  if (features.json().size() > kMaxLerobotFeatures)
    fields.fail("features", "at most " + std::to_string(kMaxLerobotFeatures));
  ColumnNames names;
  Json::sax_parse(text.begin(), text.end(), &names);
  for (const auto& [name, feature] : features.json().items()) {
    out.features.push_back(feature_of(file, name, feature, names));
  }
  return out;
}

std::string lerobot_path(const std::string& pattern, const LerobotPath& values) {
  std::string out;
  for (std::size_t at = 0; at < pattern.size();) {
    const auto open = pattern.find('{', at);
    out += pattern.substr(at, open - at);
    if (open == std::string::npos) break;
    const auto close = pattern.find('}', open);
    if (close == std::string::npos) throw Error("the path '" + printable(pattern) + "' has an open brace");
    const auto inside = pattern.substr(open + 1, close - open - 1);
    const auto name = inside.substr(0, inside.find(':'));
    if (name == "video_key") {
      out += values.video_key;
    } else {
      std::int64_t number = 0;
      if (name == "episode_index") {
        number = values.episode;
      } else if (name == "episode_chunk" || name == "chunk_index") {
        number = values.chunk;
      } else if (name == "file_index") {
        number = values.file;
      } else {
        throw Error("the path '" + printable(pattern) + "' holds '{" + printable(inside) + "}', which is not known");
      }
      int digits = 0;
      if (const auto colon = inside.find(':'); colon != std::string::npos) {
        std::from_chars(inside.data() + colon + 1, inside.data() + inside.size(), digits);
      }
      auto text = std::to_string(number);
      const auto wanted = static_cast<std::size_t>(std::clamp(digits, 0, kMaxDigits));
      if (text.size() < wanted) text.insert(0, wanted - text.size(), '0');
      out += text;
    }
    at = close + 1;
  }
  const std::filesystem::path path(out);
  if (path.is_absolute() || std::find(path.begin(), path.end(), "..") != path.end()) {
    throw Error("the path '" + printable(out) + "' leads out of the dataset's folder");
  }
  return out;
}

}  // namespace deer
