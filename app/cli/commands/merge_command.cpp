// SPDX-License-Identifier: GPL-3.0-or-later
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
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

enum class PartKind { calibration, evaluation, none };

PartKind kind_of(const std::string& part) {
  const auto line = first_line(part);
  if (line.is_object() && line.contains("samples") && line.contains("window")) return PartKind::calibration;
  try {
    const auto json = read_json(part);
    if (json.is_object() && json.contains("results") && json.contains("settings")) return PartKind::evaluation;
  } catch (const FileError& error) {
    if (std::string_view(error.what()).find("not valid JSON") == std::string_view::npos) throw;
  }
  return PartKind::none;
}

void merge(const Arguments& a) {
  std::optional<PartKind> kind;
  for (const auto& part : a.parts) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(part, error)) throw FileError(part, "no such file");
    if (std::filesystem::equivalent(part, a.out, error)) throw FileError(part, "is the output too");
    const auto found = kind_of(part);
    if (found == PartKind::none) throw FileError(part, "is neither a slice of deer eval --json nor of deer calibrate");
    if (kind && found != *kind) throw FileError(part, "is of another command than " + a.parts.front());
    kind = found;
  }
#ifdef DEER_HAVE_EPISODES
  if (kind == PartKind::calibration) return merge_calibrations(a.out, a.parts);
#endif
#ifdef DEER_HAVE_SIM
  if (kind == PartKind::evaluation) return merge_evaluations(a.out, a.parts);
#endif
  throw Error("this build cannot merge " + a.parts.front() + ": the command it is of was left out");
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
