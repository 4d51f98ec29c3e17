// SPDX-License-Identifier: GPL-3.0-or-later
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "app/cli/commands/commands.h"
#include "app/cli/support/option_checks.h"
#include "core/base/error.h"
#include "core/base/json_file.h"
#include "core/base/text_lines.h"

namespace deer::cli {
namespace {

struct Arguments {
  std::string out;
  std::vector<std::string> parts;
};

// The first line of a calibration's slice, or null.
Json first_line(const std::filesystem::path& file) {
  Json out;
  read_complete_lines(file, [&](const std::string& line) {
    out = Json::parse(line, nullptr, false);
    return false;
  });
  return out;
}

void merge(const Arguments& a) {
  const auto& first = a.parts.front();
  for (const auto& part : a.parts) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(part, error)) throw FileError(part, "no such file");
    if (std::filesystem::equivalent(part, a.out, error)) throw FileError(part, "is the output too");
  }
  const auto line = first_line(first);
  if (line.is_object() && line.contains("samples") && line.contains("window")) {
#ifdef DEER_HAVE_EPISODES
    return merge_calibrations(a.out, a.parts);
#endif
  }
#ifdef DEER_HAVE_SIM
  try {
    const auto json = read_json(first);
    const bool is_evaluation = json.is_object() && json.contains("results") && json.contains("settings");
    if (is_evaluation) return merge_evaluations(a.out, a.parts);
  } catch (const FileError& error) {
    if (std::string_view(error.what()).find("not valid JSON") == std::string_view::npos) throw;
  }
#endif
  throw FileError(first, "is neither a slice of deer eval --json nor of deer calibrate");
}

}  // namespace

void add_merge(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  auto* command = app.add_subcommand("merge", "Put slices of deer eval or deer calibrate together (docs/cluster.md)");
  command->add_option("OUT", a->out, "File to write: results (JSON) or a calibration set (safetensors)")
      ->check(output_file())
      ->required();
  command->add_option("PARTS", a->parts, "The output of every slice, in any order")->required();
  command->callback([a] { merge(*a); });
}

}  // namespace deer::cli
