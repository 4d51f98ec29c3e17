// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/trace/trace_format.h"

#include <algorithm>

#include "core/base/error.h"

namespace deer::trace_format {
namespace {

constexpr std::array<ColumnInfo, kColumns> kInfo = {{
    {"frames/frame", Number::i64, false, 1, nullptr},
    {"frames/step", Number::i32, false, 1, nullptr},
    {"frames/mode", Number::u8, false, 1, "0 policy, 1 probe"},
    {"frames/reason", Number::u8, false, 1,
     "0 within_threshold, 1 deepest_allowed, 2 held, 3 scheduled, 4 fixed, 5 forced, 6 repeated"},
    {"frames/prompt_tokens", Number::i32, false, 1, nullptr},
    {"frames/exit_layer", Number::i32, false, 1, nullptr},
    {"frames/exit_index", Number::i32, false, 1, "-1: the layer is no exit"},
    {"frames/arm", Number::f32, false, 6, nullptr},
    {"frames/gripper_probability", Number::f32, false, 1, nullptr},
    {"frames/gripper_logit", Number::f32, false, 1, nullptr},
    {"frames/action", Number::f32, false, kActionWidth, "steps of the chunk, dimensions"},
    {"frames/command", Number::f32, false, kActionWidth, nullptr},
    {"frames/times_ms", Number::f64, false, 5, "preprocess, vision, resampler, llm, head"},
    {"frames/source", Number::i32, false, 1, "number in texts; -1: none"},
    {"frames/episode", Number::i32, false, 1, "index in its source; -1: none"},
    {"frames/frame_id", Number::i64, false, 1, nullptr},
    {"frames/instruction", Number::i32, false, 1, "number in texts; -1: none"},
    {"frames/recorded_action", Number::f64, false, kStepWidth, "NaN: none"},
    {"frames/thumbnail_end", Number::u64, false, 1, "where its bytes in thumbnails/bytes end"},
    {"probes/status", Number::u8, true, 1, "bits: 1 present, 2 evaluated by the policy, 4 feature stored"},
    {"probes/layer", Number::i32, true, 1, nullptr},
    {"probes/arm", Number::f32, true, 6, nullptr},
    {"probes/gripper_probability", Number::f32, true, 1, nullptr},
    {"probes/gripper_logit", Number::f32, true, 1, nullptr},
    {"probes/action", Number::f32, true, kActionWidth, "steps of the chunk, dimensions"},
    {"probes/delta", Number::f32, true, 1, "NaN: not evaluated"},
    {"probes/threshold", Number::f32, true, 1, "NaN: none"},
    {"probes/feature", Number::f32, true, kFeatureWidth, nullptr},
}};

constexpr std::size_t kSmallChunk = std::size_t{16} << 10;     // bytes
constexpr std::size_t kFeatureChunk = std::size_t{128} << 10;  // bytes
constexpr std::size_t kMaxChunkRows = 4096;

template <typename Codes, typename Value>
std::uint8_t code_in(const Codes& codes, Value value) {
  return static_cast<std::uint8_t>(std::find(codes.begin(), codes.end(), value) - codes.begin());
}

ActionLayoutPtr layout_from_json(const JsonFields& fields) {
  std::vector<ActionDimension> dimensions;
  const auto steps = fields.integer_in("steps", 1, ActionLayout::kMaxSteps);
  if (!fields.has("dimensions") || !fields.json().at("dimensions").is_array()) {
    fields.fail("dimensions", "a list of objects");
  }
  const auto& list = fields.json().at("dimensions");
  for (std::size_t i = 0; i < list.size(); ++i) {
    const JsonFields entry(fields.file(), list[i], "action.dimensions[" + std::to_string(i) + "]");
    ActionDimension one;
    one.name = entry.text("name");
    one.unit = entry.text("unit", "");
    const auto kind = dimension_kind(entry.text("kind"));
    if (!kind) entry.fail("kind", "position, rotation, joint, gripper or other");
    one.kind = *kind;
    one.scale = entry.number("scale", 1);
    one.opens_above = entry.number("opens_above", 0.5);
    dimensions.push_back(std::move(one));
  }
  try {
    auto layout = std::make_shared<const ActionLayout>(std::move(dimensions), static_cast<std::size_t>(steps));
    // Its columns would be those of version 1.
    if (layout->is_deer()) fields.fail("dimensions", "another layout than DeeR's in a trace of version 2");
    return layout;
  } catch (const FileError&) {
    throw;
  } catch (const Error& error) {
    throw FileError(fields.file(), std::string("action: ") + error.what());
  }
}

}  // namespace

const ColumnInfo& info(Column column) { return kInfo[static_cast<std::size_t>(column)]; }

bool is_present(Column column, const TraceMetadata& metadata) {
  switch (column) {
    case Column::arm:
    case Column::gripper_probability:
    case Column::gripper_logit:
    case Column::probe_arm:
    case Column::probe_gripper_probability:
    case Column::probe_gripper_logit:
      return metadata.layout->is_deer();
    case Column::action:
    case Column::probe_action:
      return !metadata.layout->is_deer();
    case Column::probe_feature:
      return metadata.d_model > 0;
    default:
      return true;
  }
}

std::vector<hsize_t> row_shape(Column column, const TraceMetadata& metadata) {
  const auto& c = info(column);
  std::vector<hsize_t> shape;
  if (c.per_slot) shape.push_back(slots(metadata));
  const auto& layout = *metadata.layout;
  if (c.width == kFeatureWidth) {
    shape.push_back(static_cast<hsize_t>(metadata.d_model));
  } else if (c.width == kActionWidth) {
    if (!layout.is_deer()) shape.push_back(layout.steps());
    shape.push_back(layout.width());
  } else if (c.width == kStepWidth) {
    shape.push_back(layout.width());
  } else if (c.width > 1) {
    shape.push_back(c.width);
  }
  return shape;
}

std::vector<hsize_t> chunk_shape(Column column, const TraceMetadata& metadata) {
  auto shape = row_shape(column, metadata);
  const bool is_feature = column == Column::probe_feature;
  if (is_feature) shape[0] = 1;
  std::size_t bytes = memory_size(info(column).number);
  for (const auto size : shape) bytes *= size;
  const auto rows = std::clamp<std::size_t>((is_feature ? kFeatureChunk : kSmallChunk) / bytes, 1, kMaxChunkRows);
  shape.insert(shape.begin(), rows);
  return shape;
}

h5::Id file_type(Number number) {
  switch (number) {
    case Number::u8:
      return h5::Id(H5Tcopy(H5T_STD_U8LE));
    case Number::i32:
      return h5::Id(H5Tcopy(H5T_STD_I32LE));
    case Number::i64:
      return h5::Id(H5Tcopy(H5T_STD_I64LE));
    case Number::u64:
      return h5::Id(H5Tcopy(H5T_STD_U64LE));
    case Number::f16:
      return h5::float16_type();
    case Number::f32:
      return h5::Id(H5Tcopy(H5T_IEEE_F32LE));
    case Number::f64:
      break;
  }
  return h5::Id(H5Tcopy(H5T_IEEE_F64LE));
}

hid_t memory_type(Number number) {
  switch (number) {
    case Number::u8:
      return H5T_NATIVE_UINT8;
    case Number::i32:
      return H5T_NATIVE_INT32;
    case Number::i64:
      return H5T_NATIVE_INT64;
    case Number::u64:
      return H5T_NATIVE_UINT64;
    case Number::f16:
    case Number::f32:
      return H5T_NATIVE_FLOAT;
    case Number::f64:
      break;
  }
  return H5T_NATIVE_DOUBLE;
}

std::size_t memory_size(Number number) {
  switch (number) {
    case Number::u8:
      return 1;
    case Number::i32:
    case Number::f16:
    case Number::f32:
      return 4;
    default:
      return 8;
  }
}

Number stored_number(Column column, const TraceMetadata& metadata) {
  if (column == Column::probe_feature && metadata.features == FeatureType::float16) return Number::f16;
  return info(column).number;
}

std::uint8_t code_of(ExitReason reason) { return code_in(kReasons, reason); }
std::uint8_t code_of(RunMode mode) { return code_in(kModes, mode); }

std::string_view to_string(FeatureType type) { return type == FeatureType::float16 ? "float16" : "float32"; }

Json layout_json(const ActionLayout& layout) {
  auto dimensions = Json::array();
  for (const auto& one : layout.dimensions()) {
    Json entry = {{"name", one.name}, {"unit", one.unit}, {"kind", to_string(one.kind)}, {"scale", one.scale}};
    if (one.kind == DimensionKind::gripper) entry["opens_above"] = one.opens_above;
    dimensions.push_back(std::move(entry));
  }
  return {{"steps", layout.steps()}, {"dimensions", std::move(dimensions)}};
}

Json metadata_json(const TraceMetadata& m) {
  return {{"format", kFormat},
          {"version", m.layout->is_deer() ? kVersion : kLayoutVersion},
          {"action", layout_json(*m.layout)},
          {"model",
           {{"path", m.model_path},
            {"name", m.model_name},
            {"hash", m.model_hash},
            {"family", m.family},
            {"layers", m.layers},
            {"d_model", m.d_model}}},
          {"exit_layers", m.exit_layers},
          {"device", m.device},
          {"dtype", m.dtype},
          {"features", to_string(m.features)},
          {"exact", m.features == FeatureType::float32},
          {"policy", m.policy},
          {"versions", m.versions},
          {"created", m.created}};
}

TraceMetadata metadata_from_json(const std::filesystem::path& file, const Json& json) {
  const JsonFields fields(file, json, kMetadata);
  if (fields.text("format") != kFormat) fields.fail("format", std::string("'") + kFormat + "'");
  const auto version = fields.integer_in("version", kVersion, kLayoutVersion);
  const auto model = fields.object("model");
  TraceMetadata m;
  if (version == kLayoutVersion) m.layout = layout_from_json(fields.object("action"));
  m.model_path = model.text("path", "");
  m.model_name = model.text("name", "");
  m.model_hash = model.text("hash", "");
  m.family = model.text("family", "");
  m.layers = static_cast<int>(model.integer_in("layers", 1, 1 << 16));
  m.d_model = static_cast<int>(model.integer_in("d_model", m.layout->is_deer() ? 1 : 0, kMaxWidth));
  const auto exits = fields.integers("exit_layers");
  if (exits.empty() || exits.size() > kMaxExits) fields.fail("exit_layers", "1 to " + std::to_string(kMaxExits));
  std::int64_t before = -1;
  for (const auto layer : exits) {
    if (layer <= before || layer >= m.layers) fields.fail("exit_layers", "layers of the model, in order");
    m.exit_layers.push_back(static_cast<int>(layer));
    before = layer;
  }
  m.device = fields.text("device", "");
  m.dtype = fields.text("dtype", "");
  const auto features = fields.text("features");
  if (features != "float32" && features != "float16") fields.fail("features", "float32 or float16");
  m.features = features == "float16" ? FeatureType::float16 : FeatureType::float32;
  if (fields.has("policy")) m.policy = json.at("policy");
  if (fields.has("versions")) {
    const auto versions = fields.object("versions");
    for (const auto& [name, value] : versions.json().items()) {
      m.versions[name] = versions.text(name.c_str());
    }
  }
  m.created = fields.text("created", "");
  return m;
}

}  // namespace deer::trace_format
