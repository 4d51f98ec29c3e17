// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/robot/pose.h"

namespace deer {

/// Triangles of one material.
struct MeshPart {
  std::vector<float> positions;          ///< m, x y z of each vertex, in the visual's frame
  std::vector<float> normals;            ///< unit length or zero, as positions
  std::vector<std::uint32_t> triangles;  ///< three indices each, all below positions.size() / 3
  std::array<double, 4> rgba = {0.7, 0.7, 0.7, 1};
  bool has_color = false;  ///< the file specifies one
};

struct Mesh {
  std::vector<MeshPart> parts;
  std::size_t triangle_count() const;
};

/// Path of RobotVisual::mesh: relative to the URDF's folder, absolute, file://, package://NAME/… or model://NAME/….
/// Packages are searched among the folders above the URDF, next to them, and in ROS_PACKAGE_PATH and AMENT_PREFIX_PATH.
/// Throws FileError (for the URDF) that names the mesh if there is no such file.
std::filesystem::path find_mesh(const std::string& name, const std::filesystem::path& urdf);

/// Reads an STL, OBJ or DAE (Collada) file; `scale` as in the URDF, applied after Collada's own
/// unit. Axes are used as in the file, as ROS does. Textures are not read. Throws FileError if it is not such a file,
/// has no triangles, or is unreasonably large (128 MiB, five million triangles, or more than 1 km across).
Mesh load_mesh(const std::filesystem::path& file, const Vector3& scale = {1, 1, 1});

}  // namespace deer
