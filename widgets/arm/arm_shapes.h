// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <vtkMatrix4x4.h>
#include <vtkPolyData.h>
#include <vtkSmartPointer.h>

#include <vector>

#include "widgets/arm/arm_state.h"

namespace deer {

// Geometry for the 3D view. Metres; every shape has normals.

vtkSmartPointer<vtkMatrix4x4> to_vtk(const Pose& pose);

/// One visual of a link in the link's frame; null if it has no size or its mesh is missing.
vtkSmartPointer<vtkPolyData> shape_of(const ArmModel& model, std::size_t link, std::size_t visual, std::size_t part);
/// Number of parts of a visual: those of its mesh, or 1.
std::size_t part_count(const ArmModel& model, std::size_t link, std::size_t visual);

/// The hand in the TCP's frame, fingers opened to `opening_m`.
vtkSmartPointer<vtkPolyData> hand_shape(const ArmModel& model, double opening_m);
/// The edges of a shape, as lines.
vtkSmartPointer<vtkPolyData> edges_of(vtkPolyData* shape);

vtkSmartPointer<vtkPolyData> box_shape(const Vector3& size);
/// From the origin along `axis` (0 to 2).
vtkSmartPointer<vtkPolyData> rod_shape(double length, double radius, int axis);
vtkSmartPointer<vtkPolyData> ball_shape(double radius);
/// Grid lines `step` apart over a rectangle, borders included.
vtkSmartPointer<vtkPolyData> grid_shape(double x0, double x1, double y0, double y1, double z, double step);
/// A tube along points, in their colours; empty for fewer than two.
vtkSmartPointer<vtkPolyData> ribbon_shape(const std::vector<ArmPathPoint>& points, double radius);
vtkSmartPointer<vtkPolyData> line_shape(const std::vector<Vector3>& points);

}  // namespace deer
