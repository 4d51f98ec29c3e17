// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/arm/arm_scene.h"

#include <vtkCamera.h>
#include <vtkLight.h>
#include <vtkProperty.h>

#include <algorithm>
#include <cmath>

#include "core/robot/panda.h"
#include "widgets/arm/arm_shapes.h"
#include "widgets/base/axis_colors.h"

namespace deer {
namespace {

// CALVIN's table, as in the simulated world.
constexpr double kTableX0 = -0.43, kTableX1 = 0.38, kTableY0 = -0.20, kTableY1 = 0.24;
constexpr double kTableThick = 0.03, kGridStep = 0.05;
constexpr double kAxis = 0.07, kAxisRadius = 0.0022, kLeastAxisPixels = 2.5;
constexpr double kPastRadius = 0.0035, kPredictedRadius = 0.0025;
constexpr double kTipRadius = 0.0045;

void paint(vtkActor* actor, const QColor& color, double opacity = 1) {
  auto* const property = actor->GetProperty();
  property->SetColor(color.redF(), color.greenF(), color.blueF());
  property->SetOpacity(opacity);
}

/// Makes an actor translucent. VTK's own pass for translucent actors draws the whole scene several times; these few are
/// blended directly, from back to front.
void make_ghostly(vtkActor* actor) {
  actor->ForceOpaqueOn();
  actor->GetProperty()->BackfaceCullingOn();
}

/// Unlit colour.
void make_flat(vtkActor* actor) {
  actor->GetProperty()->SetLighting(false);
  actor->GetProperty()->SetAmbient(1);
  actor->GetProperty()->SetDiffuse(0);
}

}  // namespace

ArmScene::ArmScene() : renderer_(vtkSmartPointer<vtkRenderer>::New()) {
  renderer_->SetAutomaticLightCreation(0);
  const auto light = [this](bool of_camera, double x, double y, double z, double intensity) {
    vtkNew<vtkLight> one;
    of_camera ? one->SetLightTypeToCameraLight() : one->SetLightTypeToSceneLight();
    one->SetPosition(x, y, z);
    one->SetFocalPoint(0, 0, 0);
    one->SetIntensity(intensity);
    renderer_->AddLight(one);
  };
  light(true, 0.3, 0.4, 1, 0.52);
  light(false, 0.4, -0.6, 2, 0.46);
  build_table();
  for (int axis = 0; axis < 3; ++axis) {
    axes_[axis] = add(rod_shape(kAxis, kAxisRadius, axis));
    make_flat(axes_[axis].actor);
  }
  recorded_ = add();
  past_ = add();
  predicted_ = add();
  recorded_path_ = add();
  plumb_ = add();
  foot_ = add(rod_shape(0.0008, 0.006, 2));
  for (auto* const flat : {&recorded_, &recorded_path_, &plumb_, &foot_}) make_flat(flat->actor);
  make_ghostly(predicted_.actor);
  for (auto* const ribbon : {&past_, &predicted_}) {
    ribbon->actor->GetProperty()->SetAmbient(0.6);
    ribbon->actor->GetProperty()->SetDiffuse(0.4);
  }
}

ArmScene::Drawn ArmScene::add(vtkPolyData* shape) {
  Drawn out;
  out.mapper = vtkSmartPointer<vtkPolyDataMapper>::New();
  out.actor = vtkSmartPointer<vtkActor>::New();
  if (shape) out.mapper->SetInputData(shape);
  out.actor->SetMapper(out.mapper);
  out.actor->SetVisibility(shape != nullptr);
  auto* const property = out.actor->GetProperty();
  property->SetInterpolationToPhong();
  property->SetAmbient(0.34);
  property->SetDiffuse(0.68);
  property->SetSpecular(0);
  renderer_->AddActor(out.actor);
  return out;
}

void ArmScene::build_table() {
  slab_ = add(box_shape({kTableX1 - kTableX0, kTableY1 - kTableY0, kTableThick}));
  slab_.actor->SetPosition((kTableX0 + kTableX1) / 2, (kTableY0 + kTableY1) / 2,
                           kSceneDTableTop - kTableThick / 2 - 0.001);
  grid_ = add(grid_shape(kTableX0, kTableX1, kTableY0, kTableY1, kSceneDTableTop, kGridStep));
  make_flat(grid_.actor);
  const auto& base = kSceneDWorldFromBase.position;
  pedestal_ = add(box_shape({0.22, 0.20, base[2]}));
  pedestal_.actor->SetPosition(base[0], base[1], base[2] / 2);
}

void ArmScene::set_line_width(double pixels) {
  for (auto* const drawn : {&grid_, &recorded_, &recorded_path_, &plumb_}) {
    drawn->actor->GetProperty()->SetLineWidth(static_cast<float>(drawn == &grid_ ? pixels : 1.5 * pixels));
  }
  for (auto& lead : leads_) lead.actor->GetProperty()->SetLineWidth(static_cast<float>(1.5 * pixels));
}

void ArmScene::build_arm(const ArmModel& model) {
  for (const auto& drawn : links_) renderer_->RemoveActor(drawn.actor);
  links_.clear();
  link_colors_.clear();
  hands_.clear();
  for (std::size_t link = 0; link < model.robot().links().size(); ++link) {
    for (std::size_t v = 0; v < model.visuals(link).size(); ++v) {
      for (std::size_t part = 0; part < part_count(model, link, v); ++part) {
        const auto shape = shape_of(model, link, v, part);
        if (!shape) continue;
        const auto& visual = model.visuals(link)[v];
        const Mesh* const mesh = model.mesh(link, v);
        const bool own = mesh && mesh->parts[part].has_color && !visual.has_color;
        const auto& rgba = own ? mesh->parts[part].rgba : visual.rgba;
        auto drawn = add(shape);
        drawn.link = link;
        const auto channel = [](double value) { return static_cast<float>(std::clamp(value, 0.0, 1.0)); };
        link_colors_.push_back(QColor::fromRgbF(channel(rgba[0]), channel(rgba[1]), channel(rgba[2])));
        drawn.actor->GetProperty()->SetSpecular(0.12);
        drawn.actor->GetProperty()->SetSpecularPower(24);
        links_.push_back(std::move(drawn));
      }
    }
  }
}

vtkPolyData* ArmScene::hand(double opening_m, bool edges) {
  const int millimetres = static_cast<int>(std::lround(std::clamp(opening_m, 0.0, 0.08) * 1000));
  auto& shape = hands_[{millimetres, edges}];
  if (!shape) {
    shape = edges ? edges_of(hand(opening_m, false)) : hand_shape(*built_, millimetres / 1000.0);
  }
  return shape;
}

void ArmScene::show(const ArmStatePtr& state) {
  if (state == shown_) return;
  if (state->model != built_) {
    built_ = state->model;
    build_arm(*built_);
  }
  paint_table(*state);
  place_arm(*state);
  place_hands(*state);
  place_paths(*state);
  place_blocks(*state);
  shown_ = state;
}

void ArmScene::paint_table(const ArmState& state) {
  const auto& c = state.colors;
  const auto background = Theme::mix(c.background, c.text, state.dark ? 0.0 : 0.035);
  renderer_->SetBackground(background.redF(), background.greenF(), background.blueF());
  paint(slab_.actor, Theme::mix(c.surface, c.text, state.dark ? 0.16 : 0.12));
  paint(pedestal_.actor, Theme::mix(c.surface, c.text, state.dark ? 0.22 : 0.20));
  paint(grid_.actor, Theme::mix(c.surface, c.text, state.dark ? 0.30 : 0.26));
  const auto axes = axis_colors(state.dark);
  for (std::size_t i = 0; i < axes.size(); ++i) paint(axes_[i].actor, axes[i]);
}

void ArmScene::place_arm(const ArmState& state) {
  const auto base_from_links = built_->robot().base_from_links(state.joints);
  for (std::size_t i = 0; i < links_.size(); ++i) {
    links_[i].actor->SetUserMatrix(to_vtk(state.world_from_base * base_from_links[links_[i].link]));
    // Avoids white on white and black on black.
    const auto& own = link_colors_[i];
    paint(links_[i].actor,
          state.dark ? Theme::mix(own, state.colors.text, 0.10) : Theme::mix(own, state.colors.text, 0.06));
  }
  for (auto& axis : axes_) axis.actor->SetUserMatrix(to_vtk(state.world_from_tcp));
}

void ArmScene::place_hands(const ArmState& state) {
  const auto width = recorded_.actor->GetProperty()->GetLineWidth();
  while (ghosts_.size() < state.predictions.size()) {
    ghosts_.push_back(add());
    tips_.push_back(add(ball_shape(kTipRadius)));
    leads_.push_back(add());
    make_ghostly(ghosts_.back().actor);
    make_flat(tips_.back().actor);
    make_flat(leads_.back().actor);
    leads_.back().actor->GetProperty()->SetLineWidth(width);
  }
  const auto& from = state.world_from_tcp.position;
  for (std::size_t i = 0; i < ghosts_.size(); ++i) {
    const bool used = i < state.predictions.size();
    for (auto* const drawn : {&ghosts_[i], &tips_[i], &leads_[i]}) drawn->actor->SetVisibility(used);
    if (!used) continue;
    const auto& prediction = state.predictions[i];
    const bool solid = prediction.executed || prediction.singled_out;
    ghosts_[i].mapper->SetInputData(hand(prediction.opening_m, false));
    ghosts_[i].actor->SetUserMatrix(to_vtk(prediction.world_from_tcp));
    paint(ghosts_[i].actor, prediction.color, solid ? 1 : 0.26);
    auto* const property = ghosts_[i].actor->GetProperty();
    property->SetAmbient(solid ? 0.45 : 0.7);
    property->SetDiffuse(solid ? 0.6 : 0.35);
    const auto& to = prediction.world_from_tcp.position;
    tips_[i].actor->SetPosition(to[0], to[1], to[2]);
    leads_[i].mapper->SetInputData(line_shape({from, to}));
    paint(tips_[i].actor, prediction.color);
    paint(leads_[i].actor, prediction.color);
  }
  recorded_.actor->SetVisibility(state.recorded.has_value());
  if (!state.recorded) return;
  recorded_.mapper->SetInputData(hand(state.recorded->opening_m, true));
  recorded_.actor->SetUserMatrix(to_vtk(state.recorded->world_from_tcp));
  paint(recorded_.actor, state.recorded->color);
}

void ArmScene::place_paths(const ArmState& state) {
  const auto draw = [](Drawn& drawn, const vtkSmartPointer<vtkPolyData>& shape) {
    drawn.mapper->SetInputData(shape);
    drawn.actor->SetVisibility(shape->GetNumberOfPoints() > 1);
  };
  draw(past_, ribbon_shape(state.past, kPastRadius));
  draw(predicted_, ribbon_shape(state.predicted, kPredictedRadius));
  predicted_.actor->GetProperty()->SetOpacity(0.55);
  draw(recorded_path_, line_shape(state.recorded_path));
  paint(recorded_path_.actor, state.colors.recorded);
  // Position of the TCP above the table.
  const auto& tcp = state.world_from_tcp.position;
  const bool above =
      tcp[2] > kSceneDTableTop && tcp[0] > kTableX0 && tcp[0] < kTableX1 && tcp[1] > kTableY0 && tcp[1] < kTableY1;
  const Vector3 foot = {tcp[0], tcp[1], kSceneDTableTop + 0.0005};
  draw(plumb_, line_shape({tcp, foot}));
  plumb_.actor->SetVisibility(above);
  foot_.actor->SetVisibility(above);
  foot_.actor->SetPosition(foot[0], foot[1], foot[2]);
  const auto quiet = Theme::mix(state.colors.muted_text, state.colors.background, 0.3);
  paint(plumb_.actor, quiet);
  paint(foot_.actor, quiet);
}

void ArmScene::place_blocks(const ArmState& state) {
  while (blocks_.size() < state.blocks.size()) blocks_.push_back(add(box_shape({1, 1, 1})));
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    blocks_[i].actor->SetVisibility(i < state.blocks.size());
    if (i >= state.blocks.size()) continue;
    blocks_[i].actor->SetUserMatrix(to_vtk(state.blocks[i].world_from_block));
    blocks_[i].actor->SetScale(state.blocks[i].edge_m);
    paint(blocks_[i].actor, state.blocks[i].color);
  }
}

void ArmScene::sort_ghosts(const Vector3& eye) {
  const auto distance = [&](const Drawn& ghost) {
    const auto* const place = ghost.actor->GetUserMatrix();
    if (!place) return 0.0;
    return std::hypot(place->GetElement(0, 3) - eye[0], place->GetElement(1, 3) - eye[1],
                      place->GetElement(2, 3) - eye[2]);
  };
  std::vector<const Drawn*> order;
  for (const auto& ghost : ghosts_) {
    if (ghost.actor->GetVisibility()) order.push_back(&ghost);
  }
  // Later actors cover earlier ones: far before near, and all after the solid ones.
  std::sort(order.begin(), order.end(), [&](const Drawn* a, const Drawn* b) { return distance(*a) > distance(*b); });
  renderer_->RemoveActor(predicted_.actor);
  renderer_->AddActor(predicted_.actor);
  for (const auto* const ghost : order) {
    renderer_->RemoveActor(ghost->actor);
    renderer_->AddActor(ghost->actor);
  }
}

void ArmScene::look(const ArmCamera& camera, const QSizeF& pixels, double pixel_ratio) {
  sort_ghosts(camera.eye());
  // From a distance, axes would be too thin to distinguish.
  const double least = kLeastAxisPixels * pixel_ratio * camera.metres_per_pixel(pixels);
  const double thicker = std::max(1.0, least / (2 * kAxisRadius));
  for (int i = 0; i < 3; ++i) {
    axes_[i].actor->SetScale(i == 0 ? 1 : thicker, i == 1 ? 1 : thicker, i == 2 ? 1 : thicker);
  }
  auto* const eye = renderer_->GetActiveCamera();
  const auto at = camera.eye();
  const auto up = camera.up();
  eye->SetPosition(at[0], at[1], at[2]);
  eye->SetFocalPoint(camera.focus[0], camera.focus[1], camera.focus[2]);
  eye->SetViewUp(up[0], up[1], up[2]);
  eye->SetUseHorizontalViewAngle(pixels.width() < pixels.height());
  eye->SetViewAngle(camera.view_angle);
  renderer_->ResetCameraClippingRange();
}

}  // namespace deer
