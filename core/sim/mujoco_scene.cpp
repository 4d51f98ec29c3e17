// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/sim/mujoco_scene.h"

#include <array>
#include <cstring>
#include <mutex>
#include <string>

#include "core/base/error.h"

namespace deer {
namespace {

// By default MuJoCo would print the error and exit.
[[noreturn]] void throw_error(const char* message) { throw Error(std::string("MuJoCo: ") + message); }
void ignore_warning(const char* /*message*/) {}

void install_handlers() {
  static std::once_flag once;
  std::call_once(once, [] {
    mju_user_error = throw_error;
    mju_user_warning = ignore_warning;
  });
}

std::string one_line(const char* text) {
  std::string line = text;
  while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) line.pop_back();
  for (char& letter : line) {
    if (letter == '\n') letter = ' ';
  }
  return line;
}

}  // namespace

MujocoScene::MujocoScene(mjModel* model, const std::filesystem::path& name) : model_(model), data_(mj_makeData(model)) {
  if (!data_) throw FileError(name, "out of memory for the simulation's state");
}

MujocoScene MujocoScene::load(const std::filesystem::path& file) {
  install_handlers();
  if (!std::filesystem::is_regular_file(file)) throw FileError(file, "no such file");
  std::array<char, 1000> message{};
  mjModel* model = mj_loadXML(file.c_str(), nullptr, message.data(), static_cast<int>(message.size()));
  if (model == nullptr) {
    auto problem = one_line(message.data());
    if (problem.find("unrecognized") != std::string::npos) {
      problem += " (MuJoCo " + std::string(mj_versionString()) + " is installed; the file may need a newer one)";
    }
    throw FileError(file, problem);
  }
  return {model, file};
}

MujocoScene MujocoScene::parse(std::string_view xml, const std::filesystem::path& name) {
  install_handlers();
  constexpr const char* kFile = "scene.xml";
  // Too large for the stack.
  const auto files = std::make_unique<mjVFS>();
  mj_defaultVFS(files.get());
  if (mj_makeEmptyFileVFS(files.get(), kFile, static_cast<int>(xml.size())) != 0)
    throw FileError(name, "out of memory");
  const int slot = mj_findFileVFS(files.get(), kFile);
  std::memcpy(files->filedata[slot], xml.data(), xml.size());
  std::array<char, 1000> message{};
  mjModel* model = mj_loadXML(kFile, files.get(), message.data(), static_cast<int>(message.size()));
  mj_deleteVFS(files.get());
  if (model == nullptr) throw FileError(name, one_line(message.data()));
  return {model, name};
}

int MujocoScene::index(mjtObj kind, const char* name) const {
  const int found = find(kind, name);
  if (found < 0) throw Error(std::string("the scene has no ") + mju_type2Str(kind) + " named \"" + name + '"');
  return found;
}

}  // namespace deer
