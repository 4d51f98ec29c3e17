// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/runs/run_files.h"

#include <algorithm>
#include <system_error>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/json_file.h"
#include "core/exits/policy_json.h"
#include "core/trace/describe_model.h"
#include "core/trace/trace_reader.h"
#include "core/trace/trace_writer.h"
#include "sessions/base/paths.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFormat = "deer kept run";
constexpr int kVersion = 1;
constexpr std::int64_t kMostFrames = 100'000'000;
constexpr std::int64_t kMostLayers = 1 << 20;

struct KindName {
  KeptRun::Kind kind;
  const char* name;
};
constexpr KindName kKinds[] = {{KeptRun::Kind::run, "run"},
                               {KeptRun::Kind::what_if, "what_if"},
                               {KeptRun::Kind::trace, "trace"},
                               {KeptRun::Kind::live, "live"}};

Json number_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json facts_json(const KeptRun& run) {
  const auto kind = std::ranges::find(kKinds, run.kind, &KindName::kind);
  const auto& f = run.figures;
  return {{"format", kFormat},
          {"version", kVersion},
          {"kind", kind->name},
          {"name", run.name.toStdString()},
          {"color", run.color},
          {"shown", run.shown},
          {"automatic", run.automatic},
          {"episode", run.episode.toStdString()},
          {"frames", run.frames},
          {"kept_ms", run.kept_ms},
          {"trace", run.trace.toStdString()},
          {"policy", policy_to_json(run.policy)},
          {"policy_text", run.policy_text.toStdString()},
          {"model",
           {{"name", run.model.name},
            {"family", run.model.family},
            {"exit_layers", run.model.exit_layers},
            {"layers", run.model.layers},
            {"d_model", run.model.d_model}}},
          {"figures",
           {{"evaluated", f.evaluated},
            {"mean_depth", number_or_null(f.mean_depth)},
            {"saving", number_or_null(f.saving)},
            {"saving_in_layers", f.saving_in_layers},
            {"mean_distance", number_or_null(f.mean_distance)},
            {"distance_unit", f.distance_unit.toStdString()}}}};
}

KeptRun run_from(const fs::path& file) {
  const auto json = read_json(file);
  const JsonFields in(file, json);
  if (in.text("format") != kFormat) in.fail("format", std::string("\"") + kFormat + "\"");
  in.integer_in("version", kVersion, kVersion);
  const auto text = [](const JsonFields& fields, const char* key) { return QString::fromStdString(fields.text(key)); };
  const auto kind_name = in.text("kind");
  const auto kind = std::ranges::find_if(kKinds, [&](const KindName& one) { return kind_name == one.name; });
  if (kind == std::end(kKinds)) in.fail("kind", "run, what_if, trace or live");
  KeptRun out;
  out.id = to_qstring(file.stem());
  out.kind = kind->kind;
  out.name = text(in, "name");
  out.color = static_cast<int>(in.integer_in("color", 0, kMostLayers));
  out.shown = in.boolean("shown", true);
  out.automatic = in.boolean("automatic", false);
  out.episode = text(in, "episode");
  out.frames = in.integer_in("frames", 0, kMostFrames);
  out.kept_ms = in.integer("kept_ms");
  out.trace = text(in, "trace");
  out.policy = policy_from_json(file, in.object("policy").json());
  out.policy_text = text(in, "policy_text");
  const auto model = in.object("model");
  out.model.name = model.text("name");
  out.model.family = model.text("family");
  for (const auto layer : model.integers("exit_layers")) {
    if (layer < 0 || layer >= kMostLayers) model.fail("exit_layers", "layers from 0");
    out.model.exit_layers.push_back(static_cast<int>(layer));
  }
  out.model.layers = static_cast<int>(model.integer_in("layers", 0, kMostLayers));
  out.model.d_model = static_cast<int>(model.integer_in("d_model", 0, kMostLayers));
  const auto figures = in.object("figures");
  const double unknown = std::nan("");
  out.figures.evaluated = figures.integer_in("evaluated", 0, kMostFrames);
  out.figures.mean_depth = figures.number("mean_depth", unknown);
  out.figures.saving = figures.number("saving", unknown);
  out.figures.saving_in_layers = figures.boolean("saving_in_layers", false);
  out.figures.mean_distance = figures.number("mean_distance", unknown);
  out.figures.distance_unit = text(figures, "distance_unit");
  return out;
}

}  // namespace

fs::path RunFiles::facts_of(const QString& id) const { return folder_ / (id.toStdString() + ".json"); }
fs::path RunFiles::records_of(const QString& id) const { return folder_ / (id.toStdString() + ".h5"); }

std::vector<KeptRun> RunFiles::read(QStringList* problems) const {
  std::vector<KeptRun> out;
  std::error_code error;
  for (fs::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() != ".json") continue;
    try {
      out.push_back(run_from(it->path()));
    } catch (const std::exception& failure) {
      problems->append(QString::fromUtf8(failure.what()));
    }
  }
  std::ranges::sort(out, {}, [](const KeptRun& run) { return std::pair(run.kept_ms, run.id); });
  return out;
}

void RunFiles::write(const KeptRun& run) const {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) throw FileError(folder_, "cannot be made: " + error.message());
  write_file_atomically(facts_of(run.id), facts_json(run).dump(1) + "\n");
}

void RunFiles::write(const KeptRun& run, const std::vector<FrameRecordPtr>& records) const {
  try {
    std::error_code error;
    fs::create_directories(folder_, error);
    if (error) throw FileError(folder_, "cannot be made: " + error.message());
    auto metadata = describe_model(run.model);
    metadata.policy = policy_to_json(run.policy);
    const auto writer = TraceWriter::create(records_of(run.id), metadata);
    for (const auto& record : records) {
      if (record) writer->append(*record);
    }
    writer->close();
    write(run);
  } catch (...) {
    remove(run.id);
    throw;
  }
}

KeptRecords RunFiles::read_records(const KeptRun& run) const {
  const auto reader = TraceReader::open(records_of(run.id));
  std::vector<FrameRecordPtr> out(static_cast<std::size_t>(run.frames));
  for (auto& record : reader->records(0, reader->frames(), false)) {
    if (record->frame < 0 || record->frame >= run.frames) {
      throw FileError(reader->path(), "has frame " + std::to_string(record->frame) + " of an episode of " +
                                          std::to_string(run.frames) + " frames");
    }
    out[static_cast<std::size_t>(record->frame)] = std::move(record);
  }
  return std::make_shared<const std::vector<FrameRecordPtr>>(std::move(out));
}

void RunFiles::remove(const QString& id) const {
  std::error_code ignored;
  fs::remove(facts_of(id), ignored);
  fs::remove(records_of(id), ignored);
}

}  // namespace deer
