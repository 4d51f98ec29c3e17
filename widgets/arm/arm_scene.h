// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <vtkActor.h>
#include <vtkPolyDataMapper.h>
#include <vtkRenderer.h>
#include <vtkSmartPointer.h>

#include <deque>
#include <map>
#include <vector>

#include "widgets/arm/arm_camera.h"
#include "widgets/arm/arm_state.h"

namespace deer {

/// VTK actors for an ArmState in one renderer. Use on one thread.
class ArmScene {
 public:
  ArmScene();

  vtkRenderer* renderer() const { return renderer_; }
  void show(const ArmStatePtr& state);  ///< not null; does nothing if it is already shown
  void look(const ArmCamera& camera, const QSizeF& pixels, double pixel_ratio);
  void set_line_width(double pixels);

 private:
  struct Drawn {
    vtkSmartPointer<vtkPolyDataMapper> mapper;
    vtkSmartPointer<vtkActor> actor;
    std::size_t link = 0;
  };

  Drawn add(vtkPolyData* shape = nullptr);
  void build_table();
  void build_arm(const ArmModel& model);
  void paint_table(const ArmState& state);
  void place_arm(const ArmState& state);
  void place_hands(const ArmState& state);
  void place_paths(const ArmState& state);
  void place_blocks(const ArmState& state);
  void sort_ghosts(const Vector3& eye);
  vtkPolyData* hand(double opening_m, bool edges);

  vtkSmartPointer<vtkRenderer> renderer_;
  ArmStatePtr shown_;
  ArmModelPtr built_;

  std::vector<Drawn> links_;
  std::vector<QColor> link_colors_;
  std::map<std::pair<int, bool>, vtkSmartPointer<vtkPolyData>> hands_;  // by opening in mm, and edges or faces
  std::deque<Drawn> ghosts_;
  std::deque<Drawn> tips_;   // small spheres at the predicted TCP positions
  std::deque<Drawn> leads_;  // lines to them
  std::deque<Drawn> blocks_;
  Drawn slab_, grid_, pedestal_;
  Drawn axes_[3];
  Drawn recorded_, past_, predicted_, recorded_path_, plumb_, foot_;
};

}  // namespace deer
