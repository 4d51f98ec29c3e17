// SPDX-License-Identifier: GPL-3.0-or-later
#include <cmath>
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>

#include "app/cli/commands/commands.h"
#include "app/cli/support/episode_options.h"
#include "app/cli/support/option_checks.h"
#include "app/cli/support/policy_options.h"
#include "core/base/error.h"
#include "core/exits/criterion.h"
#include "core/exits/engine.h"
#include "core/exits/intervention.h"

#ifdef DEER_HAVE_SERVE
#include "app/cli/support/remote_options.h"
#endif
#ifdef DEER_HAVE_EPISODES
#include "app/cli/support/record_json.h"
#include "app/cli/support/stop_on_signal.h"
#include "core/base/latency_meter.h"
#include "core/episodes/camera/camera_source.h"
#include "core/episodes/open/open_source.h"
#endif

namespace deer::cli {
namespace {

struct Arguments {
  std::string model;
  std::string episode;
  std::size_t index = 0;
  std::int64_t frames = -1;
  PolicyOptions policy;
  bool probe = false;
  bool table = false;
  std::string gripper;
  std::string map;
  std::string camera;
  std::string gripper_camera;
  std::string instruction;
  std::vector<std::string> intervene;
  std::optional<std::string> intervene_frames;
  EngineOptions engine;
#ifdef DEER_HAVE_SERVE
  RemoteArguments remote;
#endif
  std::string server;  ///< address of a model elsewhere
};

#ifdef DEER_HAVE_EPISODES

void print_table_head(const ModelSummary& model) {
  std::printf("%s: %s, %d layers, exits after layers", model.name.c_str(), model.family.c_str(), model.layers);
  for (const int layer : model.exit_layers) std::printf(" %d", layer);
  std::printf("; %s, %s\n", model.device.c_str(), model.dtype.c_str());
  if (!model.note.empty()) std::printf("note: %s\n", printable(model.note, 500).c_str());
  std::printf("%6s %5s %6s  %-17s %10s %10s  %s\n", "frame", "exit", "depth", "reason", "delta", "threshold", "time");
}

std::string number_or(float value, const char* fallback) {
  if (std::isnan(value)) return fallback;
  if (value >= static_cast<float>(kAlwaysLeave)) return "always";
  if (value <= static_cast<float>(kNeverLeave)) return "never";
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", static_cast<double>(value));
  return text;
}

void print_table_row(const FrameRecord& record, const ModelSummary& model, const FrameRecord* plain = nullptr,
                     bool changed = false) {
  const auto* taken = record.probe_at(record.exit_layer);
  const auto exit = record.exit_index >= 0
                        ? std::to_string(record.exit_index + 1) + "/" + std::to_string(model.exit_layers.size())
                        : std::string("-");
  std::printf("%6lld %5s %3d/%-2d  %-17s %10s %10s  %.1f ms", static_cast<long long>(record.frame), exit.c_str(),
              record.depth(), model.layers, std::string(to_string(record.reason)).c_str(),
              number_or(taken ? taken->delta : kNotEvaluated, "-").c_str(),
              number_or(taken ? taken->threshold : kNotEvaluated, "-").c_str(), record.times.total_ms());
  if (plain != nullptr) {
    std::printf("  %s plain: %d layers, the action differs by %s", changed ? "changed;" : "        ", plain->depth(),
                number_or(action_delta(DeltaType::l2, *record.layout, record.action, plain->action), "-").c_str());
  }
  std::printf("\n");
}

struct Totals {
  std::int64_t frames = 0;
  double depth = 0;
  double milliseconds = 0;
  std::vector<std::int64_t> exits;

  void add(const FrameRecord& record) {
    ++frames;
    depth += record.depth();
    milliseconds += record.times.total_ms();
    if (record.exit_index >= 0) ++exits[static_cast<std::size_t>(record.exit_index)];
  }
};

// "12" or "12-40".
std::pair<std::int64_t, std::int64_t> parse_frames(const std::optional<std::string>& given, std::int64_t frames) {
  if (!given) return {0, frames - 1};
  const auto& text = *given;
  long long first = -1, last = -1;
  int end = 0;
  if (std::sscanf(text.c_str(), "%lld-%lld%n", &first, &last, &end) != 2) {
    if (std::sscanf(text.c_str(), "%lld%n", &first, &end) == 1) last = first;
  }
  if (static_cast<std::size_t>(end) != text.size() || first < 0 || last < first || last >= frames) {
    throw Error("--intervene-frames '" + printable(text, 60) + "': expected FRAME or FIRST-LAST, from 0 to " +
                std::to_string(frames - 1));
  }
  return {first, last};
}

// What the frame came to without the intervention.
Json plain_json(const FrameRecord& record) {
  const auto arm = std::min<std::size_t>(6, record.action.size());
  const std::vector<float> action(record.action.begin(), record.action.begin() + static_cast<std::ptrdiff_t>(arm));
  return {{"exit_layer", record.exit_layer},
          {"depth", record.depth()},
          {"action", action},
          {"gripper_probability", record.gripper_probability()}};
}

void print_totals(const Totals& totals, const ModelSummary& model) {
  if (totals.frames == 0) return;
  const auto count = static_cast<double>(totals.frames);
  std::fprintf(stderr, "%lld frame%s, mean depth %.2f of %d layers, %.1f ms per frame; frames per exit:",
               static_cast<long long>(totals.frames), totals.frames == 1 ? "" : "s", totals.depth / count, model.layers,
               totals.milliseconds / count);
  for (std::size_t i = 0; i < totals.exits.size(); ++i) {
    std::fprintf(stderr, " %d:%lld", model.exit_layers[i], static_cast<long long>(totals.exits[i]));
  }
  std::fprintf(stderr, "\n");
}

#ifdef DEER_HAVE_SERVE

// With the server's policy, unless options name another.
std::unique_ptr<Engine> remote_engine(const Arguments& arguments) {
  auto options = arguments.remote.options();
  options.features = false;
  std::unique_ptr<Engine> engine = RemoteEngine::connect(arguments.server, options);
  const auto& policy = arguments.policy;
  if (policy.criterion == to_string(Criterion::learned_gate) && policy.gate.empty() && !policy.thresholds) {
    throw Error(
        "--criterion learned_gate with --engine needs --thresholds or --gate: a server names its own gate, not "
        "the thresholds that go with it");
  }
  if (policy != PolicyOptions()) {
    engine->set_policy(policy.apply(engine->policy(), &engine->summary()));
  }
  return engine;
}

void print_reconnects(const Engine& engine) {
  const auto* remote = dynamic_cast<const RemoteEngine*>(&engine);
  if (remote == nullptr || remote->reconnects() == 0) return;
  std::cerr << "deer: note: the server was lost; reconnected " << remote->reconnects()
            << (remote->reconnects() == 1 ? " time\n" : " times\n");
}

#else

void print_reconnects(const Engine&) {}

std::unique_ptr<Engine> remote_engine(const Arguments&) {
  throw Error("this build has no clients of deer serve (it was built without gRPC: see DEER_SERVE in README.md)");
}

#endif

std::unique_ptr<Engine> load_engine(const Arguments& arguments) {
  if (!arguments.server.empty()) return remote_engine(arguments);
  auto engine = Engine::load(arguments.model, arguments.engine);
  engine->set_policy(arguments.policy.apply(engine->policy(), &engine->summary()));
  const auto& unused = engine->summary().unused_tensors;
  if (!unused.empty()) {
    std::cerr << "deer: note: " << unused.size() << " unused tensors in the model, for example '"
              << printable(unused.front()) << "' (deer info lists them): does config.json match the model?\n";
  }
  return engine;
}

void print_cameras(const CameraSourceReport& report, const LatencySummary& latency) {
  for (const auto& camera : report.cameras) {
    std::fprintf(stderr, "%s camera %s: %lld images, %lld dropped, reconnected %d times\n", camera.name.c_str(),
                 camera.source.c_str(), static_cast<long long>(camera.captured), static_cast<long long>(camera.dropped),
                 camera.reconnects);
  }
  if (report.skew_ms) std::fprintf(stderr, "largest skew of a pair: %.1f ms\n", report.largest_skew_ms);
  if (latency.count > 0) {
    std::fprintf(stderr, "from capture to command: median %.1f ms, 95th percentile %.1f ms\n", latency.median_ms,
                 latency.p95_ms);
  }
}

// Wait for camera threads before the libraries they use are unloaded, but not for long if a camera hangs.
struct ReadersEnd {
  ~ReadersEnd() { LiveCamera::wait_for_readers(std::chrono::milliseconds(500)); }
};

void run_cameras(const Arguments& arguments) {
  const StopOnSignal signal("frame");
  const ReadersEnd readers_end;
  CameraSourceOptions options;
  options.fixed.source = arguments.camera;
  if (!arguments.gripper_camera.empty()) options.gripper = CameraSettings{.source = arguments.gripper_camera};
  options.instruction = arguments.instruction;
  // Report camera problems before the model is loaded.
  check_camera(options.fixed);
  if (options.gripper) check_camera(*options.gripper);
  const auto engine = load_engine(arguments);
  const auto& model = engine->summary();
  const auto source = CameraSource::open(options);
  source->watch([states = std::vector<CameraState>(2, CameraState::live)](const CameraSourceReport& report) mutable {
    for (std::size_t i = 0; i < report.cameras.size(); ++i) {
      const auto& camera = report.cameras[i];
      if (std::exchange(states[i], camera.state) == camera.state || camera.problem.empty()) continue;
      std::fprintf(stderr, "deer: note: %s camera: %s\n", camera.name.c_str(), camera.problem.c_str());
    }
  });
  Totals totals;
  totals.exits.resize(model.exit_layers.size());
  LatencyMeter latency;
  if (arguments.table) print_table_head(model);
  source->resume();
  while (arguments.frames < 0 || totals.frames < arguments.frames) {
    const auto seen = source->next(signal.token());
    if (!seen) break;
    if (seen->starts_episode) engine->reset();
    const FrameInput input{seen->frame, seen->rgb_static, seen->rgb_gripper, seen->instruction};
    const auto record = engine->step(input, arguments.probe ? RunMode::probe : RunMode::policy);
    const std::chrono::duration<double> now = std::chrono::steady_clock::now() - source->started_at();
    const double latency_ms = (now.count() - seen->timestamp_s) * 1000;
    latency.add(latency_ms);
    totals.add(*record);
    if (arguments.table) {
      print_table_row(*record, model);
    } else {
      auto line = to_json(*record, *seen, input.instruction);
      line["timestamp_s"] = seen->timestamp_s;
      line["latency_ms"] = latency_ms;
      std::cout << line.dump() << '\n' << std::flush;
    }
  }
  print_totals(totals, model);
  print_reconnects(*engine);
  print_cameras(source->report(), latency.summary());
}

void run(Arguments arguments) {
  if (!arguments.server.empty()) {
    if (!arguments.episode.empty()) throw Error("give either a MODEL or --engine, not both");
    if (arguments.engine != EngineOptions()) {
      throw Error("--tokenizer, --device, --dtype and --load-layers are options of deer serve, not of --engine");
    }
    arguments.episode = std::exchange(arguments.model, {});
  } else if (arguments.model.empty()) {
    throw CLI::RequiredError("MODEL (or --engine)");
  }
  if (arguments.camera.empty() && arguments.episode.empty()) throw CLI::RequiredError("EPISODE or --camera");
  if (!arguments.camera.empty() && !arguments.episode.empty()) {
    throw Error("give either an EPISODE or a --camera, not both");
  }
  if (!arguments.camera.empty()) return run_cameras(arguments);
  // Open the episode first: it is fast, and a wrong path is reported before the model loads.
  OpenSourceOptions source_options;
  source_options.gripper = arguments.gripper;
  source_options.instruction = arguments.instruction;
  source_options.map = arguments.map;
  const auto collection = open_source(arguments.episode, source_options);
  print_warnings(*collection);
  check_index(*collection, arguments.index);
  const auto source = collection->open(arguments.index);
  require_cameras(*source);
  const auto engine = load_engine(arguments);
  const auto& model = engine->summary();
  auto frames = source->length().value_or(0);
  if (arguments.frames >= 0) frames = std::min(frames, arguments.frames);

  Totals totals;
  totals.exits.resize(model.exit_layers.size());
  if (arguments.table) print_table_head(model);
  const auto mode = arguments.probe ? RunMode::probe : RunMode::policy;
  const auto input_of = [&](std::int64_t i, const Observation& seen) {
    return FrameInput{i, seen.rgb_static, seen.rgb_gripper,
                      arguments.instruction.empty() ? seen.instruction : arguments.instruction};
  };
  const auto intervention = parse_intervention(arguments.intervene);
  const auto [first_changed, last_changed] = parse_frames(arguments.intervene_frames, frames);
  std::vector<FrameRecordPtr> plain;
  if (!intervention.empty()) {
    try {
      engine->set_intervention(intervention);  // a wrong one is told before the first run
    } catch (const Error& error) {
      throw Error(std::string("--intervene: ") + error.what());
    }
    engine->set_intervention({});
    for (std::int64_t i = 0; i < frames; ++i) plain.push_back(engine->step(input_of(i, *source->read(i)), mode));
    engine->reset();
  }
  bool any_change = plain.empty();
  for (std::int64_t i = 0; i < frames; ++i) {
    source->prefetch(i + 1);
    const auto observation = source->read(i);
    const bool changed = !plain.empty() && i >= first_changed && i <= last_changed;
    if (changed) engine->set_intervention(intervention);
    auto input = input_of(i, *observation);
    const auto record = engine->step(input, mode);
    engine->set_intervention({});
    if (changed) {
      const auto seen = apply(intervention, input);
      any_change = any_change || seen.instruction != input.instruction || seen.rgb_static != input.rgb_static ||
                   seen.rgb_gripper != input.rgb_gripper || !intervention.knockouts.empty();
      input = seen;
    }
    if (i == 0 && input.instruction.empty()) {
      std::cerr
          << "deer: note: this episode has no instruction; the model gets an empty one (set one with --instruction)\n";
    }
    totals.add(*record);
    if (arguments.table) {
      print_table_row(*record, model, plain.empty() ? nullptr : plain[static_cast<std::size_t>(i)].get(), changed);
    } else {
      auto line = to_json(*record, *observation, input.instruction);
      if (changed) line["intervention"] = to_words(intervention);
      if (!plain.empty()) line["plain"] = plain_json(*plain[static_cast<std::size_t>(i)]);
      std::cout << line.dump() << '\n' << std::flush;
    }
  }
  print_reconnects(*engine);
  if (plain.empty()) return print_totals(totals, model);
  Totals before;
  before.exits.resize(model.exit_layers.size());
  for (const auto& record : plain) before.add(*record);
  std::fprintf(stderr, "plain: ");
  print_totals(before, model);
  std::fprintf(stderr, "with %s: ", describe(intervention).c_str());
  print_totals(totals, model);
  if (!any_change) {
    std::cerr << "deer: note: the intervention changed nothing: is the word in none of the instructions?\n";
  }
}

#else

void run(const Arguments&) { throw Error("this build has no dataset readers (configured with -DDEER_DATA=OFF)"); }

#endif

}  // namespace

void add_run(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  auto* command =
      app.add_subcommand("run", "Run a model on a recorded episode or live cameras; prints one JSON object per frame");
  command->add_option("MODEL", a->model, "Model folder; none with --engine");
  command->add_option("EPISODE", a->episode, kEpisodeHelp);
  command->add_option("--engine", a->server, "Run the model of deer serve at this address: HOST:PORT or unix:PATH");
#ifdef DEER_HAVE_SERVE
  a->remote.add_to(*command, "--engine");
  command->get_option("--token-file")->needs("--engine");
#endif
  command->add_option("--index", a->index, "Episode of the dataset, from 0 (see deer info)")
      ->capture_default_str()
      ->check(whole_number());
  command->add_option("--frames", a->frames, "Stop after this many frames")->check(at_least_zero());
  a->policy.add_to(*command);
  command->add_flag("--probe", a->probe, "Evaluate every exit of every frame");
  command->add_flag("--table", a->table, "Print a readable table instead of JSON");
  command->add_option("--gripper", a->gripper, "Second video or image folder: the gripper camera");
#ifdef DEER_HAVE_EPISODES
  add_map_option(*command, a->map);
#endif
  command->add_option(
      "--camera", a->camera,
      "Run live instead of on an episode: device (0, /dev/video0), URL, GStreamer pipeline or video file");
  command
      ->add_option("--gripper-camera", a->gripper_camera,
                   "Gripper camera, in the same form; images are paired by time stamp")
      ->needs("--camera");
  command->add_option("--instruction", a->instruction, "Instruction to use instead of the recorded ones");
  command
      ->add_option(
          "--intervene", a->intervene,
          "Change what the model sees and compare with the plain run: cover=CAMERA[:X,Y,WIDTH,HEIGHT], "
          "noise=CAMERA:DEVIATION[:SEED], instruction=TEXT, without=WORD, hide=CAMERA:LAYERS[:HEAD]; CAMERA is "
          "static or gripper, the rectangle in fractions of the picture; may be repeated")
      ->type_size(1)
      ->excludes("--camera");
  command->add_option("--intervene-frames", a->intervene_frames, "Only in these frames: FRAME or FIRST-LAST")
      ->needs("--intervene");
  add_engine_options(*command, a->engine);
  command->callback([a] { run(*a); });
}

}  // namespace deer::cli
