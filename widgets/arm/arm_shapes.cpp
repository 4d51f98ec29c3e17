// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/arm/arm_shapes.h"

#include <vtkAppendPolyData.h>
#include <vtkCellArray.h>
#include <vtkCleanPolyData.h>
#include <vtkCubeSource.h>
#include <vtkCylinderSource.h>
#include <vtkFeatureEdges.h>
#include <vtkFloatArray.h>
#include <vtkPointData.h>
#include <vtkPoints.h>
#include <vtkSphereSource.h>
#include <vtkTransform.h>
#include <vtkTransformPolyDataFilter.h>
#include <vtkTubeFilter.h>
#include <vtkUnsignedCharArray.h>

#include <algorithm>
#include <cmath>

namespace deer {
namespace {

constexpr int kSides = 28;           // of round shapes
constexpr double kSharp = 35;        // degrees between faces whose edge is drawn
constexpr double kSamePoint = 1e-5;  // m

vtkSmartPointer<vtkPolyData> moved(vtkPolyData* shape, vtkMatrix4x4* by) {
  vtkNew<vtkTransform> transform;
  transform->SetMatrix(by);
  vtkNew<vtkTransformPolyDataFilter> filter;
  filter->SetTransform(transform);
  filter->SetInputData(shape);
  filter->Update();
  return filter->GetOutput();
}

/// VTK's cylinders are along y; robots' along z.
vtkSmartPointer<vtkPolyData> cylinder_shape(double radius, double length) {
  vtkNew<vtkCylinderSource> source;
  source->SetRadius(radius);
  source->SetHeight(length);
  source->SetResolution(kSides);
  source->Update();
  vtkNew<vtkMatrix4x4> turn;
  const double rows[16] = {1, 0, 0, 0, 0, 0, -1, 0, 0, 1, 0, 0, 0, 0, 0, 1};
  turn->DeepCopy(rows);
  return moved(source->GetOutput(), turn);
}

vtkSmartPointer<vtkPolyData> mesh_shape(const MeshPart& part) {
  const auto corners = static_cast<vtkIdType>(part.positions.size() / 3);
  vtkNew<vtkFloatArray> positions, normals;
  for (auto* const array : {positions.Get(), normals.Get()}) {
    array->SetNumberOfComponents(3);
    array->SetNumberOfTuples(corners);
  }
  normals->SetName("Normals");
  std::copy(part.positions.begin(), part.positions.end(), positions->GetPointer(0));
  std::copy(part.normals.begin(), part.normals.end(), normals->GetPointer(0));
  vtkNew<vtkPoints> points;
  points->SetData(positions);
  vtkNew<vtkCellArray> triangles;
  for (std::size_t t = 0; t + 2 < part.triangles.size(); t += 3) {
    const vtkIdType three[3] = {part.triangles[t], part.triangles[t + 1], part.triangles[t + 2]};
    triangles->InsertNextCell(3, three);
  }
  auto out = vtkSmartPointer<vtkPolyData>::New();
  out->SetPoints(points);
  out->SetPolys(triangles);
  out->GetPointData()->SetNormals(normals);
  return out;
}

bool is_size(double value) { return std::isfinite(value) && value > 0 && value < 1000; }

}  // namespace

vtkSmartPointer<vtkMatrix4x4> to_vtk(const Pose& pose) {
  auto out = vtkSmartPointer<vtkMatrix4x4>::New();
  for (int r = 0; r < 3; ++r) {
    for (int c = 0; c < 3; ++c) out->SetElement(r, c, pose.rotation[static_cast<std::size_t>(3 * r + c)]);
    out->SetElement(r, 3, pose.position[static_cast<std::size_t>(r)]);
  }
  return out;
}

std::size_t part_count(const ArmModel& model, std::size_t link, std::size_t visual) {
  const Mesh* const mesh = model.mesh(link, visual);
  return mesh ? mesh->parts.size() : 1;
}

vtkSmartPointer<vtkPolyData> shape_of(const ArmModel& model, std::size_t link, std::size_t visual, std::size_t part) {
  const auto& drawn = model.visuals(link)[visual];
  vtkSmartPointer<vtkPolyData> shape;
  switch (drawn.kind) {
    case RobotVisual::Kind::box:
      if (is_size(drawn.size[0]) && is_size(drawn.size[1]) && is_size(drawn.size[2])) shape = box_shape(drawn.size);
      break;
    case RobotVisual::Kind::cylinder:
      if (is_size(drawn.size[0]) && is_size(drawn.size[1])) shape = cylinder_shape(drawn.size[0], drawn.size[1]);
      break;
    case RobotVisual::Kind::sphere:
      if (is_size(drawn.size[0])) shape = ball_shape(drawn.size[0]);
      break;
    case RobotVisual::Kind::mesh:
      if (const Mesh* const mesh = model.mesh(link, visual)) shape = mesh_shape(mesh->parts.at(part));
      break;
  }
  const auto& at = drawn.link_from_visual;
  const bool placed =
      std::all_of(at.position.begin(), at.position.end(), [](double v) { return std::abs(v) < 1000; }) &&
      std::all_of(at.rotation.begin(), at.rotation.end(), [](double v) { return std::isfinite(v); });
  return shape && placed ? moved(shape, to_vtk(at)) : nullptr;
}

vtkSmartPointer<vtkPolyData> hand_shape(const ArmModel& model, double opening_m) {
  const auto joints = model.with_opening(rest_positions(model.robot()), opening_m);
  const auto base_from_links = model.robot().base_from_links(joints);
  const auto tcp_from_base = inverse(base_from_links[model.tcp_index()]);
  vtkNew<vtkAppendPolyData> all;
  all->AddInputData(vtkSmartPointer<vtkPolyData>::New());
  for (const auto link : model.hand()) {
    const auto place = to_vtk(tcp_from_base * base_from_links[link]);
    for (std::size_t v = 0; v < model.visuals(link).size(); ++v) {
      for (std::size_t part = 0; part < part_count(model, link, v); ++part) {
        if (const auto shape = shape_of(model, link, v, part)) all->AddInputData(moved(shape, place));
      }
    }
  }
  all->Update();
  return all->GetOutput();
}

vtkSmartPointer<vtkPolyData> edges_of(vtkPolyData* shape) {
  // Merge vertices that differ only in their normals, or every triangle would have separate edges.
  vtkNew<vtkPolyData> bare;
  bare->SetPoints(shape->GetPoints());
  bare->SetPolys(shape->GetPolys());
  bare->SetStrips(shape->GetStrips());
  vtkNew<vtkCleanPolyData> joined;
  joined->SetInputData(bare);
  joined->ToleranceIsAbsoluteOn();
  joined->SetAbsoluteTolerance(kSamePoint);
  vtkNew<vtkFeatureEdges> edges;
  edges->SetInputConnection(joined->GetOutputPort());
  edges->SetFeatureAngle(kSharp);
  edges->ColoringOff();
  edges->ManifoldEdgesOff();
  edges->NonManifoldEdgesOff();
  edges->Update();
  return edges->GetOutput();
}

vtkSmartPointer<vtkPolyData> box_shape(const Vector3& size) {
  vtkNew<vtkCubeSource> source;
  source->SetXLength(size[0]);
  source->SetYLength(size[1]);
  source->SetZLength(size[2]);
  source->Update();
  return source->GetOutput();
}

vtkSmartPointer<vtkPolyData> rod_shape(double length, double radius, int axis) {
  const auto rod = cylinder_shape(radius, length);
  Pose place;
  if (axis == 0) place = pose_from_euler({}, {0, 1.5707963267948966, 0});
  if (axis == 1) place = pose_from_euler({}, {-1.5707963267948966, 0, 0});
  place.position[static_cast<std::size_t>(axis)] = length / 2;
  return moved(rod, to_vtk(place));
}

vtkSmartPointer<vtkPolyData> ball_shape(double radius) {
  vtkNew<vtkSphereSource> source;
  source->SetRadius(radius);
  source->SetThetaResolution(kSides);
  source->SetPhiResolution(kSides / 2);
  source->Update();
  return source->GetOutput();
}

vtkSmartPointer<vtkPolyData> grid_shape(double x0, double x1, double y0, double y1, double z, double step) {
  vtkNew<vtkPoints> points;
  vtkNew<vtkCellArray> lines;
  const auto line = [&](double ax, double ay, double bx, double by) {
    const vtkIdType ends[2] = {points->InsertNextPoint(ax, ay, z), points->InsertNextPoint(bx, by, z)};
    lines->InsertNextCell(2, ends);
  };
  const auto over = [step](double low, double high, auto&& each) {
    each(low);
    for (double at = std::ceil(low / step + 1e-6) * step; at < high - 1e-6; at += step) each(at);
    each(high);
  };
  over(x0, x1, [&](double x) { line(x, y0, x, y1); });
  over(y0, y1, [&](double y) { line(x0, y, x1, y); });
  auto out = vtkSmartPointer<vtkPolyData>::New();
  out->SetPoints(points);
  out->SetLines(lines);
  return out;
}

vtkSmartPointer<vtkPolyData> line_shape(const std::vector<Vector3>& at) {
  vtkNew<vtkPoints> points;
  vtkNew<vtkCellArray> lines;
  if (at.size() > 1) lines->InsertNextCell(static_cast<int>(at.size()));
  for (const auto& point : at) {
    const auto id = points->InsertNextPoint(point.data());
    if (at.size() > 1) lines->InsertCellPoint(id);
  }
  auto out = vtkSmartPointer<vtkPolyData>::New();
  out->SetPoints(points);
  out->SetLines(lines);
  return out;
}

vtkSmartPointer<vtkPolyData> ribbon_shape(const std::vector<ArmPathPoint>& path, double radius) {
  // Two identical points have no direction.
  std::vector<Vector3> at;
  vtkNew<vtkUnsignedCharArray> colors;
  colors->SetNumberOfComponents(3);
  colors->SetName("color");
  for (const auto& point : path) {
    const auto& p = point.at;
    if (!at.empty()) {
      const auto& last = at.back();
      if (std::hypot(p[0] - last[0], p[1] - last[1], p[2] - last[2]) < 1e-5) continue;
    }
    at.push_back(p);
    const unsigned char rgb[3] = {static_cast<unsigned char>(point.color.red()),
                                  static_cast<unsigned char>(point.color.green()),
                                  static_cast<unsigned char>(point.color.blue())};
    colors->InsertNextTypedTuple(rgb);
  }
  if (at.size() < 2) return vtkSmartPointer<vtkPolyData>::New();
  const auto line = line_shape(at);
  line->GetPointData()->SetScalars(colors);
  vtkNew<vtkTubeFilter> tube;
  tube->SetInputData(line);
  tube->SetRadius(radius);
  tube->SetNumberOfSides(8);
  tube->CappingOn();
  tube->Update();
  return tube->GetOutput();
}

}  // namespace deer
