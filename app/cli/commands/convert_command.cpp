// SPDX-License-Identifier: GPL-3.0-or-later
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <map>

#include "app/cli/commands/commands.h"
#include "app/cli/support/policy_options.h"
#include "core/base/error.h"
#include "core/model/model_loader.h"
#include "core/model/text/tokenizer.h"

namespace deer::cli {
namespace {

const std::map<std::string, at::ScalarType> kDtypes = {
    {"float32", at::kFloat}, {"bfloat16", at::kBFloat16}, {"float16", at::kHalf}};

struct Arguments {
  std::string source;
  std::string out;
  std::string dtype;
  PublishedPieces pieces;
  PolicyOptions suggested;  // only its thresholds
  std::optional<std::string> name, note;
  bool overwrite = false;
};

/// A model that is there is only replaced on request; its own files would be read and written at once.
void check_out(const Arguments& arguments) {
  namespace fs = std::filesystem;
  const fs::path out(arguments.out);
  if (arguments.overwrite) return;
  for (const auto* const name : {"model.safetensors", "model.safetensors.index.json"}) {
    std::error_code error;
    if (fs::exists(out / name, error)) {
      throw FileError(out / name, "already exists; choose another folder, or replace the model with --overwrite");
    }
  }
}

void run(const Arguments& arguments) {
  namespace fs = std::filesystem;
  check_out(arguments);
  const auto& pieces = arguments.pieces;
  const bool by_piece =
      !pieces.clip.empty() || !pieces.llm.empty() || !pieces.flamingo.empty() || !pieces.checkpoint.empty();
  ModelFiles files;
  fs::path tokenizer;
  if (by_piece) {
    if (pieces.clip.empty() || pieces.llm.empty() || pieces.flamingo.empty() || pieces.checkpoint.empty()) {
      throw Error("give all four parts: --clip, --llm, --flamingo and --checkpoint");
    }
    files.config = config_from_pieces(pieces);
    files.weights = published_source(pieces, files.config.decoder.vocabulary);
    tokenizer = (fs::is_directory(pieces.llm) ? pieces.llm : pieces.llm.parent_path()) / "tokenizer.json";
  } else {
    if (arguments.source.empty())
      throw Error(
          "give a folder with the published files (--from), or all four parts (--clip, --llm, --flamingo, "
          "--checkpoint)");
    files = find_published_pieces(arguments.source) ? open_published_model(arguments.source)
                                                    : open_model_files(arguments.source);
    tokenizer = files.tokenizer;
    for (const auto& place : tokenizer_places(arguments.source)) {
      if (tokenizer.empty() && fs::exists(place)) tokenizer = place;
    }
    if (!files.note.empty()) std::fprintf(stderr, "deer: note: %s\n", files.note.c_str());
  }
  if (arguments.suggested.thresholds) files.config.suggested_thresholds = arguments.suggested.apply({}).thresholds;
  if (arguments.name) files.config.name = *arguments.name;
  if (arguments.note) files.config.note = *arguments.note;
  files.config.check(arguments.out);
  const bool show = ::isatty(STDERR_FILENO) != 0;
  std::optional<at::ScalarType> dtype;
  if (!arguments.dtype.empty()) dtype = kDtypes.at(arguments.dtype);
  convert_model(files, arguments.out, dtype, [&](std::int64_t done, std::int64_t total) {
    if (show)
      std::fprintf(stderr, "\rreading tensors: %lld of %lld", static_cast<long long>(done),
                   static_cast<long long>(total));
  });
  if (show) std::fprintf(stderr, "\n");
  if (fs::exists(tokenizer)) {
    const auto target = fs::path(arguments.out) / "tokenizer.json";
    std::error_code error;
    if (!fs::equivalent(tokenizer, target, error))
      fs::copy_file(tokenizer, target, fs::copy_options::overwrite_existing);
  } else {
    std::fprintf(stderr, "deer: note: no tokenizer.json found; copy the language model's into %s\n",
                 arguments.out.c_str());
  }
  std::printf("wrote %s and config.json\n", (fs::path(arguments.out) / "model.safetensors").c_str());
}

}  // namespace

void add_convert(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  auto* command = app.add_subcommand("convert", "Merge the published files into one model.safetensors and config.json");
  command->add_option("OUT", arguments->out, "Output folder")->required();
  command->add_option("--from", arguments->source,
                      "Folder with clip.pt, mpt/, openflamingo.pt and a .pth checkpoint, or any model folder");
  command->add_option("--clip", arguments->pieces.clip, "CLIP: OpenAI archive or open_clip state dict");
  command->add_option("--llm", arguments->pieces.llm, "Folder of the MPT model with config.json");
  command->add_option("--flamingo", arguments->pieces.flamingo, "OpenFlamingo checkpoint");
  command->add_option("--checkpoint", arguments->pieces.checkpoint, "DeeR checkpoint (.pth)");
  command
      ->add_option("--dtype", arguments->dtype,
                   "Convert weights to float32, bfloat16 or float16; default: keep their types")
      ->check(CLI::IsMember({"float32", "bfloat16", "float16"}));
  command->add_option("--thresholds", arguments->suggested.thresholds,
                      "Suggested thresholds to store: 0.02,0.03,always; or a file");
  command->add_option("--name", arguments->name, "Display name of the model");
  command->add_option("--note", arguments->note, "Note to store in config.json");
  command->add_flag("--overwrite", arguments->overwrite, "Replace a model that OUT already holds");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace deer::cli
