// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/mapping.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "core/base/error.h"

namespace deer {
namespace {

constexpr std::size_t kMaxMappedColumns = 4096;
constexpr std::size_t kMaxMappingText = 4096;  // bytes

template <typename T>
std::string list_of_names(const std::vector<T>& items) {
  std::string out;
  for (const auto& item : items) out += (out.empty() ? "" : ", ") + printable(item.name);
  return out.empty() ? "none" : out;
}

template <typename T>
const T* named(const std::vector<T>& items, const std::string& name) {
  const auto found = std::find_if(items.begin(), items.end(), [&](const T& item) { return item.name == name; });
  return found == items.end() ? nullptr : &*found;
}

std::string default_name(const RecordedSeries& series, std::size_t column) {
  const auto& name = series.columns[column];
  if (!name.empty()) return name;
  return series.columns.size() == 1 ? series.name : series.name + "[" + std::to_string(column) + "]";
}

void refuse_others(const Json& json, const std::set<std::string>& known, const std::filesystem::path& file,
                   const std::string& of) {
  for (const auto& [key, value] : json.items()) {
    if (known.contains(key)) continue;
    std::string names;
    for (const auto& name : known) names += (names.empty() ? "" : ", ") + name;
    throw FileError(file, "'" + printable(key) + "' is no field of " + of + "; expected " + names);
  }
}

class MappingParser {
 public:
  MappingParser(const std::filesystem::path& file, const RecordingSchema& schema) : file_(file), schema_(schema) {}

  std::string camera(const JsonFields& fields, const char* key) const {
    auto name = fields.text(key, "");
    if (!name.empty()) check_camera(name, key);
    return name;
  }

  std::vector<std::string> cameras(const Json& list, const char* key) const {
    if (!list.is_array()) fail(key, "is no list of cameras");
    std::vector<std::string> out;
    for (const auto& item : list) {
      if (!item.is_string()) fail(key, "is no list of cameras");
      out.push_back(item.get<std::string>());
      check_camera(out.back(), key);
    }
    return out;
  }

  std::vector<MappedColumn> columns(const Json& list, const char* key) const {
    std::vector<MappedColumn> out;
    if (list.is_string()) {
      add(list.get<std::string>(), key, out);
      return out;
    }
    if (!list.is_array()) fail(key, "is neither the name of a series nor a list");
    for (const auto& item : list) {
      if (item.is_string()) {
        add(item.get<std::string>(), key, out);
      } else {
        add(JsonFields(file_, item, std::string(key) + "[" + std::to_string(out.size()) + "]"), key, out);
      }
    }
    return out;
  }

 private:
  [[noreturn]] void fail(const char* key, const std::string& problem) const {
    throw FileError(file_, "'" + std::string(key) + "' " + problem);
  }

  void check_camera(const std::string& name, const char* key) const {
    if (named(schema_.cameras, name) == nullptr) {
      fail(key, "is '" + printable(name) + "', but the dataset's cameras are: " + list_of_names(schema_.cameras));
    }
  }

  const RecordedSeries& series(const std::string& name, const char* key) const {
    const auto* const found = named(schema_.series, name);
    if (found == nullptr) {
      fail(key, "names '" + printable(name) +
                    "', but the dataset's series of numbers are: " + list_of_names(schema_.series));
    }
    return *found;
  }

  void add(MappedColumn column, const RecordedSeries& in, const char* key, std::vector<MappedColumn>& out) const {
    if (column.column >= in.columns.size()) {
      fail(key, "names column " + std::to_string(column.column) + " of '" + printable(in.name) + "', which has " +
                    std::to_string(in.columns.size()) + " (from 0)");
    }
    if (out.size() >= kMaxMappedColumns) fail(key, "has more than " + std::to_string(kMaxMappedColumns) + " columns");
    if (column.name.empty()) column.name = default_name(in, column.column);
    out.push_back(std::move(column));
  }

  // "name", "name[2]" or "name[0:7]" (the end excluded).
  void add(const std::string& text, const char* key, std::vector<MappedColumn>& out) const {
    if (const auto* whole = named(schema_.series, text)) {
      for (std::size_t i = 0; i < whole->columns.size(); ++i) add({whole->name, i, {}, {}}, *whole, key, out);
      return;
    }
    const auto open = text.rfind('[');
    const auto& in = series(open == std::string::npos ? text : text.substr(0, open), key);
    const auto inside = text.substr(open + 1);
    const auto number = [&](std::string_view digits) {
      std::size_t value = 0;
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
      if (error != std::errc{} || end != digits.data() + digits.size()) {
        fail(key, "holds '" + printable(text) + "', expected a series, \"" + printable(in.name) + "[2]\" or \"" +
                      printable(in.name) + "[0:7]\"");
      }
      return value;
    };
    const std::string_view range = std::string_view(inside).substr(0, inside.empty() ? 0 : inside.size() - 1);
    const auto colon = range.find(':');
    const auto first = number(range.substr(0, colon));
    const auto last = colon == std::string_view::npos ? first + 1 : number(range.substr(colon + 1));
    if (inside.ends_with(']') && last <= first) {
      fail(key, "holds '" + printable(text) + "', which is no column: expected the lower number first, as in \"" +
                    printable(in.name) + "[0:7]\" (the end excluded)");
    }
    if (!inside.ends_with(']') || last > in.columns.size()) {
      fail(key, "holds '" + printable(text) + "', but '" + printable(in.name) + "' has columns 0 to " +
                    std::to_string(in.columns.size() - 1));
    }
    for (auto i = first; i < last; ++i) add({in.name, i, {}, {}}, in, key, out);
  }

  void add(const JsonFields& fields, const char* key, std::vector<MappedColumn>& out) const {
    static const std::set<std::string> known = {"column", "name", "offset", "scale", "series", "unit"};
    refuse_others(fields.json(), known, file_, "a column in '" + std::string(key) + "'");
    const auto& in = series(fields.text("series"), key);
    MappedColumn column;
    column.series = in.name;
    column.column = static_cast<std::size_t>(fields.integer_in("column", 0, kMaxMappedColumns));
    column.name = fields.text("name", "");
    column.unit = fields.text("unit", "");
    column.scale = fields.number("scale", 1);
    column.offset = fields.number("offset", 0);
    if (!std::isfinite(column.scale) || column.scale == 0) fields.fail("scale", "a number other than 0");
    if (!std::isfinite(column.offset)) fields.fail("offset", "a number");
    if (column.name.size() > kMaxMappingText || column.unit.size() > kMaxMappingText)
      fields.fail("name", "a short text");
    add(std::move(column), in, key, out);
  }

  const std::filesystem::path& file_;
  const RecordingSchema& schema_;
};

Json columns_to_json(const std::vector<MappedColumn>& columns) {
  Json out = Json::array();
  for (const auto& column : columns) {
    Json item = {{"series", column.series}, {"column", column.column}, {"name", column.name}};
    if (!column.unit.empty()) item["unit"] = column.unit;
    if (column.scale != 1) item["scale"] = column.scale;
    if (column.offset != 0) item["offset"] = column.offset;
    out.push_back(std::move(item));
  }
  return out;
}

}  // namespace

Mapping mapping_from_json(const Json& whole, const std::filesystem::path& file, const RecordingSchema& schema) {
  // What `deer info --json` prints holds the mapping among other things.
  const auto& json = whole.is_object() && whole.contains("mapping") ? whole["mapping"] : whole;
  static const std::set<std::string> kKnown = {"static_camera", "gripper_camera", "flipped",    "state",
                                               "action",        "deer_action",    "instruction"};
  const JsonFields fields(file, json);
  refuse_others(json, kKnown, file, "a mapping");
  const MappingParser parse(file, schema);
  auto out = guess_mapping(schema);
  // A field with the value "" or [] means none, which is not the same as a missing one.
  if (json.contains("static_camera")) out.static_camera = parse.camera(fields, "static_camera");
  if (json.contains("gripper_camera")) out.gripper_camera = parse.camera(fields, "gripper_camera");
  if (fields.has("flipped")) out.flipped = parse.cameras(json["flipped"], "flipped");
  if (fields.has("state")) out.state = parse.columns(json["state"], "state");
  if (fields.has("action")) {
    out.action = parse.columns(json["action"], "action");
    out.deer_action = false;
  }
  out.deer_action = fields.boolean("deer_action", out.deer_action);
  out.instruction = fields.text("instruction", "");
  if (out.instruction.size() > kMaxMappingText) fields.fail("instruction", "a short text");
  if (out.deer_action && out.action.size() != 7) {
    throw FileError(file, "'deer_action' is true, but 'action' has " + std::to_string(out.action.size()) +
                              " columns, expected 7: x y z, the turns about them, and the gripper");
  }
  return out;
}

Mapping read_mapping(const std::filesystem::path& file, const RecordingSchema& schema) {
  return mapping_from_json(read_json(file), file, schema);
}

Json mapping_to_json(const Mapping& mapping) {
  return {{"static_camera", mapping.static_camera},
          {"gripper_camera", mapping.gripper_camera},
          {"flipped", mapping.flipped},
          {"state", columns_to_json(mapping.state)},
          {"action", columns_to_json(mapping.action)},
          {"deer_action", mapping.deer_action},
          {"instruction", mapping.instruction}};
}

ActionLayoutPtr action_layout(const Mapping& mapping) {
  if (mapping.action.empty() || mapping.action.size() > ActionLayout::kMaxDimensions) return nullptr;
  if (mapping.deer_action) return ActionLayout::deer();
  std::vector<ActionDimension> dimensions;
  std::set<std::string> taken;
  bool any_compared = false;
  for (std::size_t i = 0; i < mapping.action.size(); ++i) {
    const auto& column = mapping.action[i];
    auto name = printable(column.name, 40);
    if (name.empty()) name = "value " + std::to_string(i + 1);
    if (!taken.insert(name).second) {
      name += " (" + std::to_string(i + 1) + ")";
      taken.insert(name);
    }
    auto lower = column.name;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const bool gripper = lower.find("gripper") != std::string::npos;
    any_compared = any_compared || !gripper;
    dimensions.push_back({std::move(name), printable(column.unit, 16),
                          gripper                ? DimensionKind::gripper
                          : column.unit == "rad" ? DimensionKind::joint
                          : column.unit == "m"   ? DimensionKind::position
                                                 : DimensionKind::other});
  }
  if (!any_compared) {
    for (auto& dimension : dimensions) dimension.kind = DimensionKind::other;
  }
  try {
    return std::make_shared<const ActionLayout>(std::move(dimensions));
  } catch (const Error&) {
    return nullptr;
  }
}

std::vector<double> mapped_values(const std::vector<MappedColumn>& columns, const RecordingSchema& schema,
                                  const RecordedFrame& frame) {
  std::vector<double> out;
  bool any = false;
  for (const auto& column : columns) {
    const auto* const series = named(schema.series, column.series);
    const auto place = static_cast<std::size_t>(series - schema.series.data());
    const bool there = series != nullptr && place < frame.series.size() && column.column < frame.series[place].size();
    any = any || there;
    out.push_back(there ? frame.series[place][column.column] * column.scale + column.offset
                        : std::numeric_limits<double>::quiet_NaN());
  }
  if (!any) out.clear();
  return out;
}

}  // namespace deer
