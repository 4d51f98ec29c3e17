// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/study/replay_engine.h"

#include <algorithm>
#include <set>

#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "core/model/model_fingerprint.h"
#include "core/budget/thresholds_file.h"
#include "core/exits/policy_json.h"
#include "core/exits/recorded_replay.h"
#include "core/trace/describe_model.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

std::unique_ptr<Engine> load_heads(const TraceMetadata& m, const fs::path& model, EngineOptions options,
                                   std::stop_token stop) {
  const auto path = model.empty() ? fs::path(m.model_path) : model;
  check_recorded_with(path, m);
  if (!options.max_layer) options.max_layer = m.layers;
  options.head_only = true;
  auto engine = Engine::load(path, options, {}, std::move(stop));
  check_recorded_with(path, engine->summary(), m);
  return engine;
}

// Why the trace's action head cannot be run; empty if it can. A model that is named must be the right one.
std::string obstacle_to_heads(const TraceMetadata& m, const fs::path& model) {
  if (!m.layout->is_deer()) {
    if (!model.empty())
      throw Error("the trace's actions are not those of a DeeR model: leave --model out");
    return "its actions are not those of a DeeR model";
  }
  if (!model.empty()) return {};
  if (m.model_path.empty()) return "it does not name its model (give it with --model for an exact replay)";
  std::error_code error;
  if (!fs::exists(m.model_path, error)) {
    return "its model " + printable(m.model_path, 500) + " does not exist (give it with --model for an exact replay)";
  }
  return {};
}

}  // namespace

ReplayEngine open_replay_engine(const fs::path& trace, const TraceMetadata& m, const fs::path& model,
                                EngineOptions options, std::stop_token stop) {
  auto why = obstacle_to_heads(m, model);
  if (why.empty()) return {load_heads(m, model, std::move(options), std::move(stop)), {}};
  const auto recorded = m.policy.is_object() ? policy_from_json(trace, m.policy) : ExitPolicy();
  return {make_recorded_engine(recorded_model(m), recorded), std::move(why)};
}

void check_recorded_with(const fs::path& model, const TraceMetadata& metadata) {
  if (metadata.model_hash.empty()) return;
  const auto hash = model_fingerprint(model);
  if (hash != metadata.model_hash) {
    throw FileError(model, "is not the model the trace was recorded with: its fingerprint is " + hash + ", expected " +
                               printable(metadata.model_hash));
  }
}

void check_recorded_with(const fs::path& model, const ModelSummary& loaded, const TraceMetadata& metadata) {
  if (loaded.exit_layers != metadata.exit_layers || loaded.d_model != metadata.d_model) {
    throw FileError(model, "has different exits or a different width than the trace's model");
  }
}

ReplayFrames replay_frames(const TraceReader& trace, std::int64_t first, std::int64_t count, bool features) {
  ReplayFrames out;
  out.steps = trace.steps(first, count);
  out.read = [&trace, features, start = first](std::int64_t from, std::int64_t many) {
    auto records = trace.records(start + from, many, features);
    for (std::size_t i = 0; i < records.size(); ++i) {
      auto numbered = *records[i];
      numbered.frame = start + from + static_cast<std::int64_t>(i);
      records[i] = std::make_shared<const FrameRecord>(std::move(numbered));
    }
    return records;
  };
  return out;
}

std::vector<fs::path> trace_files(const std::vector<std::string>& named) {
  std::vector<fs::path> out;
  std::error_code error;
  for (const auto& name : named) {
    if (!fs::is_directory(name, error)) {
      out.emplace_back(name);
      continue;
    }
    std::vector<fs::path> inside;
    for (fs::directory_iterator it(name, error), end; !error && it != end; it.increment(error)) {
      const auto extension = it->path().extension();
      if ((extension == ".h5" || extension == ".hdf5") && it->is_regular_file(error)) inside.push_back(it->path());
    }
    if (error) throw FileError(name, "cannot be listed: " + error.message());
    if (inside.empty()) throw FileError(name, "holds no traces: no file in it ends in .h5");
    std::sort(inside.begin(), inside.end());
    out.insert(out.end(), inside.begin(), inside.end());
  }
  std::set<fs::path> seen;
  for (const auto& file : out) {
    if (!seen.insert(fs::weakly_canonical(file, error)).second) {
      throw FileError(file, "is given twice: its frames would count twice");
    }
  }
  return out;
}

void check_same_model(const fs::path& file, const TraceMetadata& other, const fs::path& first_file,
                      const TraceMetadata& first) {
  if (other.model_hash != first.model_hash || other.exit_layers != first.exit_layers ||
      other.d_model != first.d_model || *other.layout != *first.layout) {
    throw FileError(file, "was recorded with a different model than " + printable(first_file.string()));
  }
}

ExitPolicy read_policy(const fs::path& file, const ModelSummary& model, const ExitPolicy& recorded) {
  const auto mapped = MappedFile::open(file);
  constexpr std::size_t kLargest = std::size_t{16} << 20;
  if (mapped->size() > kLargest) throw FileError(file, "is too large for a policy");
  const std::string_view text(reinterpret_cast<const char*>(mapped->bytes().data()), mapped->size());
  const auto start = text.find_first_not_of(" \t\r\n");
  if (start != std::string_view::npos && text[start] == '{') {
    const auto json = parse_json(text, file);
    const auto inner = json.find("policy");
    const bool wrapped = inner != json.end() && inner->is_object();
    // A file of thresholds names its exits or has nothing but them; a policy says how it acts.
    if (wrapped || json.contains("fixed_layer") || json.contains("steps_per_stage") || !json.contains("thresholds")) {
      auto policy = policy_from_json(file, wrapped ? *inner : json);
      policy.forced_layers.clear();
      return policy;
    }
  }
  auto policy = apply(read_thresholds(file), model, recorded);
  policy.forced_layers.clear();
  return policy;
}

}  // namespace deer
