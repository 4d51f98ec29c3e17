// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/sim/mujoco_scene.h"

#include <algorithm>
#include <array>
#include <cmath>
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

// MuJoCo takes "nan" and "inf" for numbers, and then simulates nothing.
void require_finite(const mjModel& model, const std::filesystem::path& file) {
  const auto require = [&](mjtObj kind, int count, const mjtNum* values, int width, const char* what) {
    for (int i = 0; i < count; ++i) {
      if (std::all_of(values + i * width, values + (i + 1) * width, [](mjtNum x) { return std::isfinite(x); }))
        continue;
      const char* name = mj_id2name(&model, kind, i);
      const auto which = name != nullptr ? '\'' + std::string(name) + '\'' : "number " + std::to_string(i);
      throw FileError(file, std::string(mju_type2Str(kind)) + ' ' + which + ": " + what + " is not a finite number");
    }
  };
  require(mjOBJ_BODY, model.nbody, model.body_pos, 3, "pos");
  require(mjOBJ_BODY, model.nbody, model.body_quat, 4, "orientation");
  require(mjOBJ_BODY, model.nbody, model.body_mass, 1, "mass");
  require(mjOBJ_BODY, model.nbody, model.body_inertia, 3, "inertia");
  require(mjOBJ_GEOM, model.ngeom, model.geom_size, 3, "size");
  require(mjOBJ_GEOM, model.ngeom, model.geom_pos, 3, "pos");
  require(mjOBJ_GEOM, model.ngeom, model.geom_quat, 4, "orientation");
  require(mjOBJ_JOINT, model.njnt, model.jnt_pos, 3, "pos");
  require(mjOBJ_JOINT, model.njnt, model.jnt_axis, 3, "axis");
  require(mjOBJ_CAMERA, model.ncam, model.cam_pos, 3, "pos");
  require(mjOBJ_CAMERA, model.ncam, model.cam_quat, 4, "orientation");
  require(mjOBJ_CAMERA, model.ncam, model.cam_fovy, 1, "fovy");
  require(mjOBJ_SITE, model.nsite, model.site_pos, 3, "pos");
  require(mjOBJ_KEY, model.nkey, model.key_qpos, model.nq, "qpos");
}

}  // namespace

MujocoScene::MujocoScene(mjModel* model, const std::filesystem::path& name) : model_(model), data_(mj_makeData(model)) {
  if (!data_) throw FileError(name, "out of memory for the simulation's state");
  require_finite(*model_, name);
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
