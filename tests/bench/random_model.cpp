// SPDX-License-Identifier: GPL-3.0-or-later
// Writes a model folder with random weights, to measure times and memory at full size without a checkpoint.
// Usage: random_model OUT [CONFIG.json]      (no CONFIG: DeeR-3B's sizes, twelve layers)
#include <cstdio>
#include <string>
#include <vector>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/model/weights.h"
#include "core/train/method/model_init.h"
#include "core/train/run/word_tokenizer.h"

using namespace deer;

namespace {

void make(const std::filesystem::path& out, ModelConfig config) {
  const std::vector<std::string> instructions = {"push the red block to the left", "open the drawer"};
  std::filesystem::create_directories(out);
  const auto sizes = write_word_tokenizer(out / "tokenizer.json", instructions);
  const auto longest = config.tokens.max_length;
  config.tokens = sizes.ids;
  config.tokens.max_length = longest;
  config.decoder.vocabulary = std::max(config.decoder.vocabulary, sizes.length);
  config.suggested_thresholds.clear();
  config.name = "random-weights";
  config.note = "random weights, for measurements only";
  auto parameters = initial_parameters(config, {});
  for (auto& [name, tensor] : parameters) {
    if (!is_head_parameter(name)) tensor = tensor.to(at::kBFloat16);
  }
  write_safetensors(out / "model.safetensors", parameters, {{"format", "pt"}});
  write_file_atomically(out / "config.json", to_json(config).dump(1) + "\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: random_model OUT [CONFIG.json]\n");
    return 2;
  }
  try {
    make(argv[1], argc > 2 ? read_model_config(argv[2]) : ModelConfig());
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "random_model: %s\n", problem.what());
    return 1;
  }
  return 0;
}
