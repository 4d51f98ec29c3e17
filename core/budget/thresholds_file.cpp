// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/budget/thresholds_file.h"

#include <algorithm>
#include <cmath>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "core/base/number_text.h"
#include "core/base/utf8.h"
#include "core/base/version.h"
#include "core/budget/thresholds_text.h"
#include "core/exits/engine.h"
#include "core/exits/policy_json.h"

namespace deer {
namespace {

constexpr const char* kKind = "deer thresholds";
constexpr std::size_t kMostExits = 255;

// JSON has no NaN.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

template <class T>
Json maybe(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json to_json(const MeanAndPeak& cost) { return {{"mean", number(cost.mean)}, {"peak", number(cost.peak)}}; }

std::string value_of(const std::map<std::string, std::string>& provenance, const char* key) {
  const auto place = provenance.find(key);
  return place == provenance.end() ? std::string() : place->second;
}

std::string list(std::span<const int> layers) {
  std::string out;
  for (const int layer : layers) out += (out.empty() ? "" : ", ") + std::to_string(layer);
  return out;
}

// Python's json writes infinities and NaN as words, which JSON does not have.
std::string without_python_words(std::string_view text, const std::filesystem::path& file) {
  std::string out;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto rest = text.substr(i);
    if (!quoted && rest.starts_with("NaN")) throw FileError(file, "a threshold is NaN, expected a number");
    if (!quoted && rest.starts_with("Infinity")) {
      out += "1e8";  // kAlwaysLeave; with the minus before it kNeverLeave
      i += std::string_view("Infinity").size() - 1;
      continue;
    }
    if (quoted && text[i] == '\\' && i + 1 < text.size()) out += text[i++];
    if (text[i] == '"') quoted = !quoted;
    out += text[i];
  }
  return out;
}

// "always" and its like as numbers, in a list or an object of thresholds.
Json with_numbers(Json json) {
  for (auto& value : json) {
    if (!value.is_string()) continue;
    if (const auto threshold = threshold_from_word(value.get_ref<const std::string&>())) value = *threshold;
  }
  return json;
}

// {"1": 0.02, "3": "always"}: thresholds by exit layer.
bool is_by_layer(const Json& json) {
  const auto is_layer = [](const std::string& key) {
    return !key.empty() && key.size() <= 5 && key.find_first_not_of("0123456789") == std::string::npos;
  };
  for (const auto& [key, value] : json.items()) {
    if (!is_layer(key) || !value.is_number()) return false;
  }
  return json.is_object() && !json.empty();
}

Json from_layers(const Json& json) {
  std::map<int, double> by_layer;
  for (const auto& [key, value] : json.items()) by_layer[std::stoi(key)] = value.get<double>();
  Json out = {{"thresholds", Json::array()}, {"exit_layers", Json::array()}};
  for (const auto& [layer, threshold] : by_layer) {
    out["exit_layers"].push_back(layer);
    out["thresholds"].push_back(threshold);
  }
  return out;
}

}  // namespace

Json to_json(const BudgetSolution& s, const BudgetRequest& request) {
  Json constraints = Json::array();
  for (const auto& state : s.constraints) {
    constraints.push_back({{"constraint", to_string(state.constraint)},
                           {"asked", state.asked},
                           {"got", number(state.got)},
                           {"least", number(state.least)},
                           {"met", state.met},
                           {"binds", state.binds}});
  }
  Json out = {
      {"feasible", s.feasible},
      {"thresholds", s.thresholds},
      {"exit_layers", s.exit_layers},
      {"samples", s.samples},
      {"samples_by_exit", s.counts},
      {"distribution", to_string(request.method)},
      {"parameter", maybe(s.parameter)},
      {"mean_depth", number(s.depth.mean)},
      {"depth", to_json(s.depth)},
      {"llm_gflops", to_json(s.llm_gflops)},
      {"total_gflops", to_json(s.total_gflops)},
      {"milliseconds", to_json(s.milliseconds)},
      {"gflops_convention", "a multiply-add is one operation"},
      {"mean_error", number(s.mean_error)},
      {"mean_recorded_error", number(s.mean_recorded_error)},
      {"saving", number(s.saving)},
      {"constraints", constraints},
      {"request",
       {{"average_gflops", maybe(request.average_gflops)},
        {"average_depth", maybe(request.average_depth)},
        {"average_ms", maybe(request.average_ms)},
        {"peak_gflops", maybe(request.peak_gflops)},
        {"peak_ms", maybe(request.peak_ms)},
        {"memory_bytes", maybe(request.memory_bytes)},
        {"max_layer", maybe(request.max_layer)},
        {"gflops", request.scope == GflopScope::llm ? "llm" : "total"},
        {"skip_first", request.skip_first}}},
  };
  if (!s.problem.empty()) out["problem"] = s.problem;
  if (s.memory.total() > 0) {
    out["memory_bytes"] = {{"weights", s.memory.weights},
                           {"activations", s.memory.activations},
                           {"workspace", s.memory.workspace},
                           {"total", s.memory.total()}};
  }
  if (std::isfinite(s.llm_gflops.mean)) out["mean_llm_gflops"] = s.llm_gflops.mean;
  return out;
}

namespace {

ThresholdsFile without_figures(const BudgetSolution& solution, const CalibrationSet& set) {
  ThresholdsFile out;
  out.exit_layers = solution.exit_layers;
  out.thresholds.assign(solution.thresholds.begin(), solution.thresholds.end());
  out.provenance = set.provenance;
  if (const auto name = value_of(set.provenance, "criterion"); !name.empty()) out.criterion = parse_criterion(name);
  if (const auto name = value_of(set.provenance, "delta_type"); !name.empty()) out.delta_type = parse_delta_type(name);
  if (out.criterion == Criterion::learned_gate) out.gate = gate_of(set);
  return out;
}

}  // namespace

ThresholdsFile thresholds_of(const BudgetSolution& solution, const BudgetRequest& request, const CalibrationSet& set) {
  auto out = without_figures(solution, set);
  out.solution = to_json(solution, request);
  return out;
}

void write_thresholds(const std::filesystem::path& file, const ThresholdsFile& t) {
  // The figures are next to the thresholds, where people look for them.
  Json out = t.solution.is_object() ? t.solution : Json::object();
  out["kind"] = kKind;
  out["version"] = kVersion;
  out["thresholds"] = t.thresholds;
  out["exit_layers"] = t.exit_layers;
  out["criterion"] = to_string(t.criterion);
  out["delta_type"] = to_string(t.delta_type);
  if (!t.gate.empty()) out["gate"] = to_json(t.gate);
  out["provenance"] = t.provenance;
  write_file_atomically(file, out.dump(1) + "\n");
}

ThresholdsFile read_thresholds(const std::filesystem::path& file) {
  const auto mapped = MappedFile::open(file);
  constexpr std::size_t kLargest = std::size_t{16} << 20;
  if (mapped->size() > kLargest) throw FileError(file, "is too large for thresholds");
  const auto text = decode_text({reinterpret_cast<const char*>(mapped->bytes().data()), mapped->size()}).text;
  ThresholdsFile out;
  out.file = file;
  const auto start = text.find_first_not_of(" \t\r\n");
  if (start != std::string::npos && text[start] == '{') {
    Json wrapped = parse_json(without_python_words(text, file), file);
    if (const auto by_layer = with_numbers(wrapped); is_by_layer(by_layer)) wrapped = from_layers(by_layer);
    if (wrapped.is_object() && wrapped.contains("thresholds"))
      wrapped["thresholds"] = with_numbers(wrapped["thresholds"]);
    const JsonFields fields(file, wrapped);
    out.thresholds = fields.numbers("thresholds");
    if (fields.has("exit_layers")) {
      for (const auto layer : fields.integers("exit_layers")) {
        if (layer < 0 || layer > 100000 || (!out.exit_layers.empty() && layer <= out.exit_layers.back())) {
          fields.fail("exit_layers", "layers from shallow to deep");
        }
        out.exit_layers.push_back(static_cast<int>(layer));
      }
      // Empty: the file was made from thresholds without exit layers.
      if (!out.exit_layers.empty() && out.exit_layers.size() != out.thresholds.size())
        fields.fail("exit_layers", "one layer per threshold");
    }
    if (fields.has("criterion")) out.criterion = parse_criterion(fields.text("criterion"));
    if (fields.has("delta_type")) out.delta_type = parse_delta_type(fields.text("delta_type"));
    out.gate = gate_from_json(fields);
    if (fields.has("provenance")) {
      const auto provenance = fields.object("provenance");
      for (const auto& [key, value] : provenance.json().items()) {
        if (value.is_string()) out.provenance[key] = value.get<std::string>();
      }
    }
    out.solution = wrapped;
  } else {
    try {
      out.thresholds = thresholds_from_text(text);
    } catch (const Error& error) {
      throw FileError(file, error.what());
    }
  }
  if (out.thresholds.empty() || out.thresholds.size() > kMostExits) {
    throw FileError(file, "holds " + std::string(out.thresholds.empty() ? "no" : "too many") + " thresholds");
  }
  for (const double threshold : out.thresholds) {
    if (std::isnan(threshold)) throw FileError(file, "a threshold is not a number");
  }
  return out;
}

std::string oddity(std::span<const double> thresholds, std::size_t exits) {
  if (thresholds.empty() || thresholds.size() != exits || thresholds.back() >= kAlwaysLeave / 1e4) return {};
  return "the last threshold is " + shortest_text(thresholds.back()) +
         ", but every frame ends at the deepest exit: write 'always'";
}

void check_exits(const ThresholdsFile& t, std::span<const int> exit_layers) {
  const auto& named = t.exit_layers;
  if (named.size() > exit_layers.size() || !std::equal(named.begin(), named.end(), exit_layers.begin())) {
    throw FileError(t.file, "'exit_layers' are " + list(named) + ", expected the model's (" + list(exit_layers) +
                                ") or the first of these");
  }
  if (t.thresholds.empty() || t.thresholds.size() > exit_layers.size()) {
    throw FileError(t.file, "'thresholds' has " + std::to_string(t.thresholds.size()) +
                                " values, expected at most one for each of the model's " +
                                std::to_string(exit_layers.size()) + " exits");
  }
}

void check_criterion(const ThresholdsFile& t, const CalibrationSet& set) {
  const auto of_set = without_figures({}, set);
  const auto text = [](const ThresholdsFile& one) {
    auto out = std::string(to_string(one.criterion));
    if (one.criterion == Criterion::action_delta) out += " (" + std::string(to_string(one.delta_type)) + ")";
    if (one.criterion == Criterion::learned_gate) out += " (" + printable(one.gate.fingerprint) + ")";
    return out;
  };
  if (!t.names_criterion() || text(t) == text(of_set)) return;
  throw FileError(t.file, "'criterion' is " + text(t) + ", expected that of the calibration set: " + text(of_set));
}

ExitPolicy apply(const ThresholdsFile& t, const ModelSummary& model, ExitPolicy policy) {
  check_exits(t, model.exit_layers);
  policy.criterion = t.criterion;
  policy.delta_type = t.delta_type;
  if (t.criterion == Criterion::learned_gate) policy.gate = t.gate;
  policy.thresholds = t.thresholds;
  policy.leq = true;
  policy.max_layer.reset();
  const auto count = t.thresholds.size();
  if (count < model.exit_layers.size()) policy.max_layer = model.exit_layers[count - 1] + 1;
  return policy;
}

ExitPolicy apply(const BudgetSolution& solution, const CalibrationSet& set, const ModelSummary& model,
                 ExitPolicy policy) {
  return apply(without_figures(solution, set), model, std::move(policy));
}

std::string reference_arguments(const ThresholdsFile& t, int last_exit_layer) {
  std::string out = "--thresholds";
  for (const double threshold : t.thresholds) {
    // argparse would read "-1e+08" as an option.
    out += " " + (std::abs(threshold) >= 1e6 ? fixed_text(threshold, 1) : general_text(threshold, 9));
  }
  if (!t.exit_layers.empty() && t.exit_layers.back() < last_exit_layer) {
    out += " --max_layer " + std::to_string(t.exit_layers.back() + 1);
  }
  switch (t.criterion) {
    case Criterion::action_delta:
      break;
    case Criterion::feature_similarity:
      return out + " --value_type sim";
    default:
      throw Error("the reference's evaluation does not support thresholds for the criterion " +
                  std::string(to_string(t.criterion)));
  }
  if (t.delta_type != DeltaType::l2) out += " --threshold_type " + std::string(to_string(t.delta_type));
  return out;
}

}  // namespace deer
