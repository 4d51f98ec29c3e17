// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/robot/mesh.h"

#include <assimp/config.h>
#include <assimp/postprocess.h>
#include <assimp/scene.h>

#include <algorithm>
#include <assimp/Importer.hpp>
#include <cctype>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "core/robot/collada_check.h"

namespace deer {
namespace {

constexpr std::size_t kMaxFile = std::size_t{128} << 20;
constexpr std::size_t kMaxTriangles = 5'000'000;
constexpr float kMaxReach = 1000;   // m
constexpr int kMaxNodeDepth = 200;  // of a scene; visited recursively
constexpr float kSmoothBelow = 40;  // degrees; faces at smaller angles are shaded smoothly

std::string extension_of(const std::filesystem::path& file) {
  auto out = file.extension().string();
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return char(std::tolower(c)); });
  return out;
}

class Collector {
 public:
  Collector(const aiScene& scene, const std::filesystem::path& file, const Vector3& scale)
      : scene_(scene), file_(file), scale_(scale) {}

  void add(const aiNode& node, const aiMatrix4x4& parent, int depth) {
    if (depth > kMaxNodeDepth) throw FileError(file_, "its parts are nested too deeply");
    const aiMatrix4x4 here = parent * node.mTransformation;
    for (unsigned i = 0; i < node.mNumMeshes; ++i) add(*scene_.mMeshes[node.mMeshes[i]], here);
    for (unsigned i = 0; i < node.mNumChildren; ++i) add(*node.mChildren[i], here, depth + 1);
  }

  Mesh take() { return std::move(mesh_); }

 private:
  void add(const aiMesh& source, const aiMatrix4x4& transform) {
    MeshPart part;
    const aiMatrix3x3 linear(transform);
    aiMatrix3x3 turn(linear);
    if (std::abs(linear.Determinant()) > std::numeric_limits<float>::min()) turn.Inverse().Transpose();
    part.positions.reserve(std::size_t{3} * source.mNumVertices);
    part.normals.reserve(part.positions.capacity());
    const auto s = [this](std::size_t i) { return static_cast<float>(scale_[i]); };
    for (unsigned v = 0; v < source.mNumVertices; ++v) {
      aiVector3D at = transform * source.mVertices[v];
      at = {at.x * s(0), at.y * s(1), at.z * s(2)};
      const float reach = std::max({std::abs(at.x), std::abs(at.y), std::abs(at.z)});
      if (!std::isfinite(at.x + at.y + at.z) || reach > kMaxReach) {
        throw FileError(file_, "has a vertex that is not a number or is more than 1 km away");
      }
      part.positions.insert(part.positions.end(), {at.x, at.y, at.z});
      aiVector3D normal = source.HasNormals() ? turn * source.mNormals[v] : aiVector3D();
      normal = {normal.x / s(0), normal.y / s(1), normal.z / s(2)};
      const float length = normal.Length();
      normal = std::isfinite(length) && length > 0 ? normal / length : aiVector3D();
      part.normals.insert(part.normals.end(), {normal.x, normal.y, normal.z});
    }
    // A mirrored part would be inside out.
    const bool mirrored = (linear.Determinant() < 0) != (scale_[0] * scale_[1] * scale_[2] < 0);
    for (unsigned f = 0; f < source.mNumFaces; ++f) {
      const aiFace& face = source.mFaces[f];
      if (face.mNumIndices != 3) continue;
      const auto corners = {face.mIndices[0], face.mIndices[mirrored ? 2 : 1], face.mIndices[mirrored ? 1 : 2]};
      if (std::max(corners) >= source.mNumVertices) throw FileError(file_, "a triangle refers to a missing vertex");
      part.triangles.insert(part.triangles.end(), corners);
    }
    if (part.triangles.empty()) return;
    if ((triangles_ += part.triangles.size() / 3) > kMaxTriangles) throw FileError(file_, "has too many triangles");
    if (source.mMaterialIndex < scene_.mNumMaterials) read_color(*scene_.mMaterials[source.mMaterialIndex], part);
    mesh_.parts.push_back(std::move(part));
  }

  void read_color(const aiMaterial& material, MeshPart& part) const {
    aiString name;
    aiColor4D color;
    // Parts without a material get one with this name.
    if (material.Get(AI_MATKEY_NAME, name) == AI_SUCCESS &&
        std::string_view(name.C_Str()) == AI_DEFAULT_MATERIAL_NAME) {
      return;
    }
    if (material.GetTextureCount(aiTextureType_DIFFUSE) > 0) return;
    if (material.Get(AI_MATKEY_COLOR_DIFFUSE, color) != AI_SUCCESS) return;
    float opacity = 1;
    if (material.Get(AI_MATKEY_OPACITY, opacity) != AI_SUCCESS || !(opacity > 0.02F)) opacity = 1;
    const auto channel = [](float value) { return std::isfinite(value) ? std::clamp(double(value), 0.0, 1.0) : 0.5; };
    part.rgba = {channel(color.r), channel(color.g), channel(color.b), channel(opacity)};
    part.has_color = true;
  }

  const aiScene& scene_;
  const std::filesystem::path& file_;
  Vector3 scale_;
  Mesh mesh_;
  std::size_t triangles_ = 0;
};

}  // namespace

std::size_t Mesh::triangle_count() const {
  std::size_t out = 0;
  for (const auto& part : parts) out += part.triangles.size() / 3;
  return out;
}

Mesh load_mesh(const std::filesystem::path& file, const Vector3& scale) {
  const auto extension = extension_of(file);
  if (extension != ".stl" && extension != ".obj" && extension != ".dae") {
    throw FileError(file, "is not an STL, OBJ or DAE file (by its extension)");
  }
  for (const double factor : scale) {
    if (!std::isfinite(factor) || std::abs(factor) < 1e-9) throw FileError(file, "has a scale of 0 or NaN");
  }
  const auto bytes = MappedFile::open(file);
  if (bytes->size() > kMaxFile) throw FileError(file, "is larger than 128 MiB");
  if (extension == ".dae") {
    check_collada({reinterpret_cast<const char*>(bytes->bytes().data()), bytes->size()}, file);
  }

  Assimp::Importer importer;
  importer.SetPropertyBool(AI_CONFIG_IMPORT_COLLADA_IGNORE_UP_DIRECTION, true);
  importer.SetPropertyFloat(AI_CONFIG_PP_GSN_MAX_SMOOTHING_ANGLE, kSmoothBelow);
  importer.SetPropertyInteger(AI_CONFIG_PP_SBP_REMOVE, aiPrimitiveType_POINT | aiPrimitiveType_LINE);
  // STL has a normal for each triangle; merge vertices first, so that round shapes look round.
  int unwanted = aiComponent_TEXCOORDS | aiComponent_COLORS | aiComponent_TANGENTS_AND_BITANGENTS |
                 aiComponent_BONEWEIGHTS | aiComponent_ANIMATIONS | aiComponent_CAMERAS | aiComponent_LIGHTS;
  if (extension == ".stl") unwanted |= aiComponent_NORMALS;
  importer.SetPropertyInteger(AI_CONFIG_PP_RVC_FLAGS, unwanted);
  const aiScene* scene = nullptr;
  try {
    scene = importer.ReadFile(file.string(), aiProcess_RemoveComponent | aiProcess_Triangulate | aiProcess_SortByPType |
                                                 aiProcess_JoinIdenticalVertices | aiProcess_GenSmoothNormals |
                                                 aiProcess_ValidateDataStructure);
  } catch (const std::exception& error) {
    throw FileError(file, "cannot be read as a mesh: " + printable(error.what(), 200));
  }
  if (!scene || !scene->mRootNode) {
    throw FileError(file, "cannot be read as a mesh: " + printable(importer.GetErrorString(), 200));
  }
  Collector collector(*scene, file, scale);
  collector.add(*scene->mRootNode, aiMatrix4x4(), 0);
  auto mesh = collector.take();
  if (mesh.parts.empty()) throw FileError(file, "has no triangles");
  return mesh;
}

}  // namespace deer
