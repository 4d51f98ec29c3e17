// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/run/training_run.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <set>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/number_text.h"
#include "core/model/device.h"
#include "core/model/text/tokenizer_prompt.h"
#include "core/model/weights/tensor_archive.h"
#include "core/train/run/word_tokenizer.h"
#ifdef DEER_HAVE_EPISODES
#include "core/train/data/frame_store_build.h"
#endif

namespace deer {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTower = "vision.safetensors";

class Run {
 public:
  Run(const TrainConfig& config, const DataParallel& processes, const RunCallbacks& callbacks, std::stop_token stop)
      : config_(config), processes_(processes), callbacks_(callbacks), stop_(std::move(stop)) {}

  void run() {
    std::error_code error;
    fs::create_directories(config_.output, error);
    if (error) throw FileError(config_.output, "cannot create this folder: " + error.message());
    if (processes_.is_first()) lock_ = WriteLock(config_.output / "state.safetensors");
    if (!config_.start.empty()) start_.emplace(open_model_files(config_.start));
    // One process prepares; the others then open its files.
    if (processes_.is_first()) prepare(true);
    wait_for_the_first();
    if (!processes_.is_first()) prepare(false);
    if (config_.training.stages.empty()) return;
    train();
  }

 private:
  void note(const std::string& line) const {
    if (processes_.is_first() && callbacks_.note) callbacks_.note(line);
  }

  void wait_for_the_first() const {
    auto nothing = at::zeros({1});
    processes_.sum(nothing);
  }

  auto progress_of(const std::string& what) const {
    return [this, what](std::int64_t done, std::int64_t total) {
      if (callbacks_.preparing) callbacks_.preparing(what, done, total);
    };
  }

  void prepare(bool make) {
    const auto sizes = start_ ? start_->config : sizes_without_tokenizer();
    open_store(make, sizes.vision.image_size);
    prepare_tokenizer(make);
    prepare_tower(make, sizes);
    if (config_.token_variants > 0) {
      const auto path = config_.output / "tokens.bin";
      if (!make) {
        tokens_ = TokenCache::open(path, *store_, *tower_);
        return;
      }
      TokenCacheOptions options;
      options.variants = config_.token_variants;
      options.static_shift = config_.token_static_shift;
      options.gripper_shift = config_.token_gripper_shift;
      options.seed = config_.training.seed;
      options.unannotated = locates_blocks() || config_.latents;
      options.workers = config_.training.workers;
      options.progress = progress_of("tokens");
      options.stop = stop_;
      tokens_ = make_token_cache(path, *store_, *tower_, options);
    }
    if (config_.latents) prepare_latents(make, sizes);
  }

  // Kept in a file, since it is not resumed within.
  void prepare_latents(bool make, const ModelConfig& sizes) {
    const auto file = config_.output / "vision" / "latents.safetensors";
    if (make && !fs::exists(file)) {
      if (!tokens_) throw FileError(config_.file, "has a stage 'latents', which needs 'token_variants' above 0");
      auto options = *config_.latents;
      options.resampler = sizes.perceiver;
      const auto report = [&](const ObjectLatentsProgress& progress) {
        note("latents " + std::to_string(progress.step) + "/" + std::to_string(progress.steps) + ": loss " +
             general_text(progress.loss, 4) + ", blocks within " + general_text(progress.error_mm, 3) + " mm, " +
             general_text(100 * progress.near, 3) + " % of them within 3 cm, " +
             general_text(100 * progress.wrong_there, 2) + " % of the slots wrong");
      };
      const FrameTokens tokens{[&](std::span<const std::int64_t> frames) { return tokens_->static_tokens(frames); },
                               [&](std::span<const std::int64_t> frames) { return tokens_->gripper_tokens(frames); }};
      write_safetensors(file, train_object_latents(*store_, tokens, tower_->resampler, options, report, stop_), {});
    }
    const auto archive = TensorArchive::open(file);
    for (const auto& [name, entry] : archive->entries()) tower_->resampler[name] = archive->read(name);
  }

  // From the new model's config, which cannot be read completely before the tokenizer is known.
  ModelConfig sizes_without_tokenizer() const {
    Json json = config_.model;
    json["tokenizer"] = {{"length", 4}, {"eos", 0}, {"endofchunk", 1}, {"image", 2}, {"pad", 3}};
    return parse_model_config(json, config_.file);
  }

  void open_store([[maybe_unused]] bool make, std::int64_t image_size) {
#ifdef DEER_HAVE_EPISODES
    if (make && !config_.sources.empty()) {
      FrameStoreOptions options;
      options.image_size = image_size;
      options.workers = config_.training.workers;
      options.progress = progress_of("frames");
      options.stop = stop_;
      store_ = make_frame_store(config_.store, config_.sources, options);
    }
#endif
    if (!store_) store_ = FrameStore::open(config_.store);
    if (store_->image_size() != image_size) {
      throw FileError(config_.store, "has images of " + std::to_string(store_->image_size()) +
                                         " pixels, the model needs " + std::to_string(image_size));
    }
    const auto tasks = tasks_of_store();
    note(std::to_string(store_->size()) + " frames, " + std::to_string(store_->spans().size()) + " annotations, " +
         std::to_string(tasks.size()) + " tasks");
  }

  std::set<std::string> tasks_of_store() const {
    std::set<std::string> out;
    for (const auto& span : store_->spans()) out.insert(span.task);
    return out;
  }

  void prepare_tokenizer(bool make) {
    const auto file = config_.output / "tokenizer.json";
    auto given = config_.tokenizer;
    if (given.empty() && start_) {
      const auto places = tokenizer_places(config_.start);
      const auto found = std::ranges::find_if(places, [](const fs::path& place) { return fs::exists(place); });
      if (found != places.end()) given = *found;
    }
    if (!given.empty()) {
      if (make) write_file_atomically(file, read_json(given).dump() + "\n");
    } else if (start_) {
      throw FileError(config_.start, "has no tokenizer.json: set the field 'model.tokenizer'");
    }
    Json json = config_.model;
    if (!start_ && !json.contains("tokenizer")) {
      const auto sizes = word_sizes(make, file);
      json["tokenizer"] = {
          {"length", sizes.length},   {"eos", sizes.ids.end_of_text}, {"endofchunk", sizes.ids.end_of_chunk},
          {"image", sizes.ids.image}, {"pad", sizes.ids.pad},         {"max_length", sizes.ids.max_length}};
    }
    model_config_ = start_ ? start_->config : parse_model_config(json, config_.file);
    prompts_.emplace(Tokenizer::load(file), static_cast<std::size_t>(model_config_->tokens.max_length));
  }

  TokenizerSizes word_sizes(bool make, const fs::path& file) const {
    std::set<std::string> instructions;
    for (const auto& span : store_->spans()) instructions.insert(span.instruction);
    for (const auto& [task, phrasings] : config_.windows.phrasings) {
      instructions.insert(phrasings.begin(), phrasings.end());
    }
    if (config_.vocabulary) {
      for (auto& text : config_.vocabulary(tasks_of_store())) instructions.insert(std::move(text));
    }
    const std::vector<std::string> list(instructions.begin(), instructions.end());
    // Every process derives the same sizes; only the first one's file is kept.
    if (make) return write_word_tokenizer(file, list);
    auto own = file;
    own += ".rank" + std::to_string(processes_.rank());
    const auto sizes = write_word_tokenizer(own, list);
    std::error_code error;
    fs::remove(own, error);
    return sizes;
  }

  void prepare_tower(bool make, const ModelConfig& sizes) {
    const auto folder = config_.output / "vision";
    if (config_.vision) {
      if (make) {
        auto options = *config_.vision;
        options.vision = sizes.vision;
        if (options.resampler) options.resampler = sizes.perceiver;
        pretrain_vision(*store_, folder, options, callbacks_.vision, stop_);
      }
    } else if (start_) {
      if (make) save_start_tower(folder);
    } else if (!fs::exists(folder / kTower)) {
      throw FileError(config_.file,
                      "a new model needs a first stage 'vision', or a trained tower in " + (folder / kTower).string());
    }
    tower_ = load_vision_tower(folder / kTower);
  }

  void save_start_tower(const fs::path& folder) const {
    ParameterMap tensors;
    for (const auto& name : start_->weights->names()) {
      if (name.starts_with(kVisionPrefix)) tensors[name] = start_->weights->find(name)->to(at::kFloat);
    }
    fs::create_directories(folder);
    save_vision_tower(folder / kTower, start_->config.vision, tensors);
  }

  void train() {
    auto options = config_.windows;
    options.part = CalvinWindowsOptions::Part::training;
    if (options.relabel_share > 0) {
      if (!config_.experts) {
        throw FileError(config_.file, "'relabel_share' is above 0, but this build has no simulated world");
      }
      options.experts = config_.experts(tasks_of_store());
    }
    const CalvinWindows training(store_, tokens_, *prompts_, options);
    std::optional<CalvinWindows> located, located_validation;
    if (locates_blocks()) {
      auto locate = locate_options(options);
      located.emplace(store_, tokens_, *prompts_, locate);
      locate.part = CalvinWindowsOptions::Part::validation;
      locate.task_weight.clear();
      located_validation.emplace(store_, tokens_, *prompts_, locate);
      note("blocks to locate: " + std::to_string(located->size()) + " of " +
           std::to_string(located->located_tasks().size()) + " tasks, " + std::to_string(located_validation->size()) +
           " to validate");
    }
    options.part = CalvinWindowsOptions::Part::validation;
    options.augment = false;
    options.balance_tasks = false;
    options.task_weight.clear();
    std::optional<CalvinWindows> validation;
    try {
      validation.emplace(store_, tokens_, *prompts_, options);
    } catch (const FileError&) {
      throw;
    } catch (const Error& error) {
      note(std::string("no validation: ") + error.what());
    }
    note(std::to_string(training.size()) + " windows to train on, " +
         std::to_string(validation ? validation->size() : 0) + " to validate");

    const auto device = resolve_device(device_of_rank(config_.device));
    auto model = start_ ? TrainableModel(*start_, device) : TrainableModel(*model_config_, new_parameters(), device);
    std::int64_t parameters = 0;
    for (const auto& [name, tensor] : model.parameters()) parameters += tensor.numel();
    note(std::to_string(parameters) + " parameters, exits after layers " + exits_text());
    train_model(model, training, validation ? &*validation : nullptr, config_.output, config_.training, processes_,
                callbacks_.training, stop_,
                {located ? &*located : nullptr, located_validation ? &*located_validation : nullptr});
  }

  bool locates_blocks() const { return std::ranges::any_of(config_.training.stages, &StageOptions::locate); }

  CalvinWindowsOptions locate_options(CalvinWindowsOptions options) const {
    if (!config_.experts)
      throw FileError(config_.file, "has a stage with 'locate', but this build has no simulated world");
    options.experts = config_.experts(tasks_of_store());
    options.locate = true;
    options.window = 1;
    return options;
  }

  ParameterMap new_parameters() const {
    auto pretrained = tower_->tensors;
    pretrained.insert(tower_->resampler.begin(), tower_->resampler.end());
    return initial_parameters(*model_config_, config_.init, pretrained);
  }

  std::string exits_text() const {
    std::string out;
    for (const int layer : model_config_->exit_layers()) out += (out.empty() ? "" : ", ") + std::to_string(layer);
    return out;
  }

  const TrainConfig& config_;
  const DataParallel& processes_;
  const RunCallbacks& callbacks_;
  std::stop_token stop_;
  WriteLock lock_;  // of the output folder
  std::optional<ModelFiles> start_;
  std::optional<ModelConfig> model_config_;
  std::shared_ptr<const FrameStore> store_;
  std::shared_ptr<const TokenCache> tokens_;
  std::optional<SavedTower> tower_;
  std::optional<PromptEncoder> prompts_;
};

}  // namespace

void run_training(const TrainConfig& config, const DataParallel& processes, const RunCallbacks& callbacks,
                  std::stop_token stop) {
  Run(config, processes, callbacks, std::move(stop)).run();
}

}  // namespace deer
