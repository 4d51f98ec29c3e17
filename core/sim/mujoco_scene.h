// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <mujoco/mujoco.h>

#include <filesystem>
#include <memory>
#include <string_view>

namespace deer {

/// A MuJoCo model with its state. MuJoCo's errors and warnings become deer::Error.
class MujocoScene {
 public:
  /// Reads an MJCF or URDF file. Throws FileError with MuJoCo's message, or naming what is not a finite number.
  static MujocoScene load(const std::filesystem::path& file);
  /// The same from text; `name` replaces the file name in messages. Cannot load meshes and textures from files.
  static MujocoScene parse(std::string_view xml, const std::filesystem::path& name);

  mjModel& model() { return *model_; }
  const mjModel& model() const { return *model_; }
  mjData& data() { return *data_; }
  const mjData& data() const { return *data_; }

  /// Index of a named element (mjOBJ_BODY, mjOBJ_GEOM, …). Throws Error naming it if there is none.
  int index(mjtObj kind, const char* name) const;
  /// The same, but -1 if there is none.
  int find(mjtObj kind, const char* name) const { return mj_name2id(model_.get(), kind, name); }

 private:
  struct ModelDeleter {
    void operator()(mjModel* model) const { mj_deleteModel(model); }
  };
  struct DataDeleter {
    void operator()(mjData* data) const { mj_deleteData(data); }
  };

  MujocoScene(mjModel* model, const std::filesystem::path& name);

  std::unique_ptr<mjModel, ModelDeleter> model_;
  std::unique_ptr<mjData, DataDeleter> data_;
};

}  // namespace deer
