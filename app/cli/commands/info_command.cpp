// SPDX-License-Identifier: GPL-3.0-or-later
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <map>
#include <sstream>

#include "app/cli/commands/commands.h"
#include "app/cli/support/option_checks.h"
#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "core/base/number_text.h"
#include "core/base/version.h"
#include "core/budget/calibration.h"
#include "core/budget/thresholds_file.h"
#include "core/exits/gate_file.h"
#include "core/model/device.h"
#include "core/model/model_loader.h"
#include "core/model/weights/tensor_archive.h"

#ifdef DEER_HAVE_EPISODES
#include "app/cli/support/dataset_info.h"
#include "app/cli/support/episode_options.h"
#include "core/episodes/open/open_source.h"
#endif
#ifdef DEER_HAVE_TRACE
#include "app/cli/support/trace_info.h"
#include "core/trace/trace_reader.h"
#endif

namespace deer::cli {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string path;
  std::string map;
  bool json = false;
  std::size_t limit = 20;
};

Json machine_json(const MachineReport& machine) {
  return {{"deerscope", kVersion},
          {"libtorch", machine.torch_version},
          {"cpu", machine.cpu},
          {"vector_extensions", machine.vector_extensions},
          {"threads", machine.threads},
          {"blas", machine.blas},
          {"blas_is_reference", machine.blas_is_reference},
          {"float32_gmacs", machine.float32_gmacs},
          {"bfloat16_gmacs", machine.bfloat16_gmacs},
          {"cuda_devices", machine.cuda_devices},
          {"memory_total_bytes", machine.memory_total_bytes},
          {"memory_available_bytes", machine.memory_available_bytes}};
}

void print_machine(bool as_json) {
  const auto machine = inspect_machine();
  if (as_json) {
    std::cout << machine_json(machine).dump(1) << '\n';
    return;
  }
  std::printf("deerscope    %s\n", kVersion);
  std::printf("LibTorch     %s, %d threads\n", machine.torch_version.c_str(), machine.threads);
  std::printf("CPU          %s (%s)\n", machine.cpu.c_str(), machine.vector_extensions.c_str());
  std::printf("BLAS         %s\n", machine.blas.c_str());
  // A multiply-add counts as two operations here, as BLAS benchmarks count.
  std::printf("float32      %.0f GFLOP/s in a 512 x 512 matrix product\n", 2 * machine.float32_gmacs);
  std::printf("bfloat16     %.0f GFLOP/s\n", 2 * machine.bfloat16_gmacs);
  std::printf("memory       %.1f GB, %.1f GB available\n", static_cast<double>(machine.memory_total_bytes) / 1e9,
              static_cast<double>(machine.memory_available_bytes) / 1e9);
  if (machine.cuda_devices.empty()) std::printf("CUDA         none\n");
  for (const auto& device : machine.cuda_devices) std::printf("CUDA         %s\n", device.c_str());
  if (machine.blas_is_reference) {
    std::fprintf(stderr,
                 "deer: warning: the reference BLAS is in use, which is 10 to 100 times slower than OpenBLAS; "
                 "install libopenblas0-pthread\n");
  }
}

void print_model(const fs::path& path, bool as_json) {
  const auto files = open_model_files(path);
  LoadOptions options;
  options.device = "cpu";
  options.dtype = "float32";
  const auto loaded = load_model(files, options);
  const auto& c = files.config;
  if (as_json) {
    Json out = to_json(c);
    out["exit_layers"] = c.exit_layers();
    out["parameters"] = loaded.parameters;
    out["weight_bytes_float32"] = loaded.weight_bytes;
    out["unused_tensors"] = loaded.unused;
    std::cout << out.dump(1) << '\n';
    return;
  }
  std::printf("model        %s%s\n", path.c_str(), c.note.empty() ? "" : (" (" + c.note + ")").c_str());
  if (!c.name.empty()) std::printf("name         %s\n", printable(c.name).c_str());
  std::printf("decoder      %s, width %lld, %lld heads, %lld layers, cross-attention every %lld layers\n",
              to_string(c.decoder.family), static_cast<long long>(c.decoder.d_model),
              static_cast<long long>(c.decoder.heads), static_cast<long long>(c.decoder.layers),
              static_cast<long long>(c.cross_attention.every_n_layers));
  std::printf("vision       %lld px, patches of %lld, width %lld, %lld layers\n",
              static_cast<long long>(c.vision.image_size), static_cast<long long>(c.vision.patch_size),
              static_cast<long long>(c.vision.width), static_cast<long long>(c.vision.layers));
  std::printf("exits        after layers");
  for (const int layer : c.exit_layers()) std::printf(" %d", layer);
  std::printf("\nhead         LSTM %lld x %lld%s, MLP", static_cast<long long>(c.head.lstm_layers),
              static_cast<long long>(c.head.hidden_size), c.head.lstm_layernorm ? " with norm" : "");
  for (const auto width : c.head.mlp_hidden) std::printf(" %lld", static_cast<long long>(width));
  std::printf(", %s pooling\n", c.head.pooling == Pooling::max ? "max" : "average");
  std::printf("parameters   %.2f million, %.1f MB in float32\n", static_cast<double>(loaded.parameters) / 1e6,
              static_cast<double>(loaded.weight_bytes) / 1e6);
  if (!files.note.empty()) std::printf("note         %s\n", files.note.c_str());
  for (const auto& name : loaded.unused) std::printf("unused       %s\n", printable(name, 200).c_str());
}

// Output of `deer run`: one JSON object per line.
void print_run(const fs::path& path, bool as_json) {
  const auto file = MappedFile::open(path);
  std::istringstream in(std::string(reinterpret_cast<const char*>(file->bytes().data()), file->size()));
  std::string line;
  std::int64_t frames = 0;
  double depth = 0;
  std::map<std::int64_t, std::int64_t> exits;
  while (std::getline(in, line)) {
    ++frames;
    const Json json = Json::parse(line, nullptr, false);
    if (json.is_discarded()) throw FileError(path, "line " + std::to_string(frames) + " is not valid JSON");
    const JsonFields fields(path, json, "line " + std::to_string(frames));
    depth += static_cast<double>(fields.integer("depth"));
    ++exits[fields.integer("exit_layer")];
  }
  if (frames == 0) throw FileError(path, "holds no frames");
  if (as_json) {
    Json counts = Json::object();
    for (const auto& [layer, count] : exits) counts[std::to_string(layer)] = count;
    std::cout << Json{{"frames", frames},
                      {"mean_depth", depth / static_cast<double>(frames)},
                      {"frames_per_exit_layer", counts}}
                     .dump(1)
              << '\n';
    return;
  }
  std::printf("run          %s\nframes       %lld, mean depth %.2f\n", path.c_str(), static_cast<long long>(frames),
              depth / static_cast<double>(frames));
  for (const auto& [layer, count] : exits) {
    std::printf("exit         after layer %2lld: %lld frames\n", static_cast<long long>(layer),
                static_cast<long long>(count));
  }
}

#ifdef DEER_HAVE_EPISODES
void print_source(const fs::path& path, const Arguments& arguments) {
  OpenSourceOptions options;
  options.map = arguments.map;
  const auto collection = open_source(path, options);
  const auto& episodes = collection->episodes();
  if (arguments.json) {
    Json list = Json::array();
    for (const auto& episode : episodes) {
      list.push_back({{"split", episode.split},
                      {"title", episode.title},
                      {"task", episode.task},
                      {"annotated", episode.kind == EpisodeEntry::Kind::language_annotation},
                      {"first_frame_id", episode.first_frame_id},
                      {"last_frame_id", episode.length_known ? Json(episode.last_frame_id) : Json()}});
    }
    Json out = {{"kind", collection->kind()}, {"episodes", list}, {"warnings", collection->warnings()}};
    if (const auto* description = collection->description()) add_description(*description, out);
    std::cout << out.dump(1) << '\n';
    return;
  }
  std::printf("source       %s (%s), %s\n", path.c_str(), collection->kind().c_str(),
              counted(static_cast<std::int64_t>(episodes.size()), "episode").c_str());
  if (const auto* description = collection->description()) print_description(*description);
  for (const auto& warning : collection->warnings()) std::printf("warning      %s\n", warning.c_str());
  for (std::size_t i = 0; i < episodes.size() && i < arguments.limit; ++i) {
    const auto& e = episodes[i];
    const auto length = e.length_known ? std::to_string(e.length()) : std::string("?");
    std::printf("%5zu  %-10s %5s frames  %s%s\n", i, e.split.c_str(), length.c_str(), e.title.c_str(),
                e.task.empty() ? "" : (" [" + e.task + "]").c_str());
  }
  if (episodes.size() > arguments.limit)
    std::printf("       and %zu more (--limit)\n", episodes.size() - arguments.limit);
}
#endif

void print_provenance(const std::map<std::string, std::string>& provenance) {
  for (const auto& [key, value] : provenance) {
    if (!value.empty()) std::printf("%-12s %s\n", printable(key).c_str(), printable(value, 300).c_str());
  }
}

void print_gate(const fs::path& path, bool as_json) {
  const auto gate = read_gate(path);
  const auto& w = gate->weights();
  if (as_json) {
    std::cout << Json{{"kind", "learned gate"},          {"fingerprint", gate->fingerprint()},
                      {"exit_layers", w.exit_layers},    {"feature_size", w.feature_size},
                      {"state_size", w.state_size},      {"width", w.width},
                      {"provenance", gate->provenance()}}
                     .dump(1)
              << '\n';
    return;
  }
  std::printf("learned gate %s\nfingerprint  %s\nexits        after layers", path.c_str(), gate->fingerprint().c_str());
  for (const int layer : w.exit_layers) std::printf(" %d", layer);
  std::printf("\nsizes        %zu numbers of a feature, %zu of the recurrent state, width %zu\n", w.feature_size,
              w.state_size, w.width);
  print_provenance(gate->provenance());
}

bool looks_like_calibration(const fs::path& path) {
  const auto archive = TensorArchive::open(path);
  return archive->contains("values") && archive->contains("exit_layers");
}

void print_calibration(const fs::path& path, bool as_json) {
  const auto set = read_calibration(path);
  if (as_json) {
    std::cout << Json{{"kind", "calibration set"},
                      {"exit_layers", set.exit_layers},
                      {"samples", set.samples()},
                      {"errors", !set.errors.empty()},
                      {"recorded_errors", !set.recorded_errors.empty()},
                      {"provenance", set.provenance}}
                     .dump(1)
              << '\n';
    return;
  }
  std::printf("calibration  %s, %s of", path.c_str(), counted(set.samples(), "sample").c_str());
  std::printf(" %s\nexits        after layers", counted(set.exits(), "exit").c_str());
  for (const int layer : set.exit_layers) std::printf(" %d", layer);
  std::printf("\nerrors       %s\n", set.errors.empty()            ? "none: methods that need them cannot be used"
                                     : set.recorded_errors.empty() ? "to the deepest exit"
                                                                   : "to the deepest exit and to the recorded action");
  print_provenance(set.provenance);
}

void print_thresholds(const fs::path& path, bool as_json) {
  const auto file = read_thresholds(path);
  if (as_json) {
    std::cout << Json{{"kind", "thresholds"},
                      {"exit_layers", file.exit_layers},
                      {"thresholds", file.thresholds},
                      {"criterion", to_string(file.criterion)},
                      {"delta_type", to_string(file.delta_type)},
                      {"provenance", file.provenance}}
                     .dump(1)
              << '\n';
    return;
  }
  std::printf("thresholds   %s\ncriterion    %s%s\n", path.c_str(), std::string(to_string(file.criterion)).c_str(),
              file.names_criterion() ? "" : " (the file does not say)");
  for (std::size_t i = 0; i < file.thresholds.size(); ++i) {
    const auto exit = file.exit_layers.empty() ? "exit " + std::to_string(i + 1)
                                               : "after layer " + std::to_string(file.exit_layers[i]);
    std::printf("%-12s %s\n", i == 0 ? "values" : "", (exit + ": " + general_text(file.thresholds[i], 6)).c_str());
  }
  print_provenance(file.provenance);
}

bool looks_like_model(const fs::path& path) {
  return path.extension() == ".safetensors" || path.filename() == "config.json" || fs::exists(path / "config.json") ||
         fs::exists(path / "model.safetensors") || fs::exists(path / "model.safetensors.index.json") ||
         (fs::is_directory(path) && find_published_pieces(path));
}

void run(const Arguments& arguments) {
  const fs::path path = arguments.path;
  std::error_code error;
  if (path.empty()) return print_machine(arguments.json);
  if (!fs::exists(path, error)) throw FileError(path, error ? error.message() : "does not exist");
  const bool is_file = fs::is_regular_file(path, error);
  if (is_file && path.extension() == ".safetensors") {
    if (looks_like_gate(path)) return print_gate(path, arguments.json);
    if (looks_like_calibration(path)) return print_calibration(path, arguments.json);
  }
  if (is_file && (path.extension() == ".txt" || (path.extension() == ".json" && path.filename() != "config.json"))) {
    return print_thresholds(path, arguments.json);
  }
  if (looks_like_model(path)) return print_model(path, arguments.json);
  for (const char* weights : {".pth", ".pt", ".bin"}) {
    if (path.extension() == weights) throw FileError(path, "is a weights file: give the model folder instead");
  }
  if (path.extension() == ".jsonl") return print_run(path, arguments.json);
#ifdef DEER_HAVE_TRACE
  if (is_file && TraceReader::looks_like_trace(path)) {
    return print_trace(path, arguments.json, arguments.limit);
  }
#endif
#ifdef DEER_HAVE_EPISODES
  print_source(path, arguments);
#else
  throw FileError(path, "is not a model; this build has no dataset readers (configured with -DDEER_DATA=OFF)");
#endif
}

}  // namespace

void add_info(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  auto* command = app.add_subcommand(
      "info",
      "Describe a model, a learned gate, a calibration set, thresholds, a dataset, a run, a trace, or this machine");
  command->add_option(
      "PATH", arguments->path,
      "Model folder, learned gate, calibration set, thresholds (.json, .txt), dataset, image folder, video, "
      "trace or output of deer run (.jsonl); default: this machine");
  command->add_flag("--json", arguments->json, "Print JSON");
#ifdef DEER_HAVE_EPISODES
  add_map_option(*command, arguments->map);
#endif
  command->add_option("--limit", arguments->limit, "Maximum number of episodes to list")
      ->capture_default_str()
      ->check(whole_number());
  command->callback([arguments] { run(*arguments); });
}

}  // namespace deer::cli
