// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/sim/play_table.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/sim/arm_controller.h"
#include "core/sim/offscreen_renderer.h"
#include "core/sim/play_table_xml.h"
#include "core/sim/random.h"
#include "core/sim/table_layout.h"

namespace deer {
namespace {

constexpr std::array<const char*, 3> kBlockNames = {"red", "blue", "pink"};
constexpr int kSubsteps = 16;     // of 1/480 s
constexpr int kStaticSize = 200;  // pixels
constexpr int kGripperSize = 84;

enum class Part : std::uint8_t { other, table, drawer, left_finger, right_finger, hand, red, blue, pink };

Part part_of_block(std::size_t block) { return static_cast<Part>(static_cast<std::size_t>(Part::red) + block); }
std::optional<std::size_t> block_of(Part part) {
  if (part < Part::red) return std::nullopt;
  return static_cast<std::size_t>(part) - static_cast<std::size_t>(Part::red);
}

struct Lamp {
  int geom = 0;
  std::array<float, 4> off{};
  std::array<float, 4> on{};
  float glow = 0;
};

}  // namespace

struct PlayTable::Impl {
  explicit Impl(const PlayTableOptions& wanted);

  void clear();
  void set_objects(const InitialTable& initial);
  void put_block(std::size_t block, const Vector3& position, double yaw);
  void place_blocks(Random& random);
  void vary(std::uint64_t seed);
  void update();
  void show_lamps();
  void switch_lamps();
  double& position(int joint) { return scene.data().qpos[scene.model().jnt_qposadr[joint]]; }

  PlayTableOptions options;
  MujocoScene scene;
  MujocoScene original;  // its model holds the original appearance for vary(); its data is scratch
  ArmController arm;
  std::optional<OffscreenRenderer> renderer;
  int slider, drawer, button, lever;
  std::array<int, 3> blocks{};
  std::vector<Part> parts;  // of every geom
  int static_camera, gripper_camera, lamp_light, table_material;
  std::vector<int> table_textures;
  Lamp bulb, led;
  bool button_down = false;
  TableState state;
  std::optional<Images> rendered;  // of the current state
  CameraCalibrationPtr cameras;    // of the current appearance; null until requested
};

PlayTable::Impl::Impl(const PlayTableOptions& wanted)
    : options(wanted),
      scene(MujocoScene::parse(kPlayTableXml, "play_table.xml")),
      original(MujocoScene::parse(kPlayTableXml, "play_table.xml")),
      arm(scene),
      slider(scene.index(mjOBJ_JOINT, "slider")),
      drawer(scene.index(mjOBJ_JOINT, "drawer")),
      button(scene.index(mjOBJ_JOINT, "button")),
      lever(scene.index(mjOBJ_JOINT, "lever")),
      static_camera(scene.index(mjOBJ_CAMERA, "static")),
      gripper_camera(scene.index(mjOBJ_CAMERA, "gripper")),
      lamp_light(scene.index(mjOBJ_LIGHT, "lamp")),
      table_material(scene.index(mjOBJ_MATERIAL, "table")) {
  for (std::size_t i = 0; i < blocks.size(); ++i) blocks[i] = scene.index(mjOBJ_JOINT, kBlockNames[i]);
  parts.assign(static_cast<std::size_t>(scene.model().ngeom), Part::other);
  const auto mark_body = [&](const char* body, Part part) {
    const int index = scene.index(mjOBJ_BODY, body);
    for (int geom = 0; geom < scene.model().ngeom; ++geom) {
      if (scene.model().geom_bodyid[geom] == index) parts[static_cast<std::size_t>(geom)] = part;
    }
  };
  mark_body("table", Part::table);
  mark_body("drawer", Part::drawer);
  mark_body("hand", Part::hand);
  mark_body("left_finger", Part::left_finger);
  mark_body("right_finger", Part::right_finger);
  for (std::size_t i = 0; i < blocks.size(); ++i) mark_body(kBlockNames[i], part_of_block(i));
  for (const char* texture : {"wood_0", "wood_1", "wood_2", "wood_3"}) {
    table_textures.push_back(scene.index(mjOBJ_TEXTURE, texture));
  }
  bulb = {scene.index(mjOBJ_MATERIAL, "bulb"), {0.36F, 0.35F, 0.30F, 1}, {1.0F, 0.90F, 0.25F, 1}, 0.8F};
  led = {scene.index(mjOBJ_MATERIAL, "led"), {0.16F, 0.22F, 0.16F, 1}, {0.15F, 1.0F, 0.25F, 1}, 0.8F};
  if (options.cameras) renderer.emplace(scene, options.shadows);
}

void PlayTable::Impl::clear() {
  mj_resetData(&scene.model(), &scene.data());
  button_down = false;
  state = {};
  rendered.reset();
}

void PlayTable::Impl::set_objects(const InitialTable& initial) {
  position(slider) = initial.slider_left ? kSliderTravel : 0;
  position(drawer) = initial.drawer_open ? kDrawerTravel : 0;
  position(lever) = initial.bulb_on ? kLeverTravel : 0;
  state.bulb_on = initial.bulb_on;
  state.led_on = initial.led_on;
}

void PlayTable::Impl::put_block(std::size_t block, const Vector3& place, double yaw) {
  double* q = scene.data().qpos + scene.model().jnt_qposadr[blocks[block]];
  std::copy_n(place.begin(), 3, q);
  q[3] = std::cos(yaw / 2);
  q[4] = q[5] = 0;
  q[6] = std::sin(yaw / 2);
}

void PlayTable::Impl::place_blocks(Random& random) {
  // Far enough apart for the open fingers to fit between.
  constexpr double kApartX = 0.115;
  constexpr double kApartY = 0.08;
  constexpr int kTries = 1000;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    std::array<Vector3, 3> places{};
    for (auto& place : places) place = {random.uniform(-0.21, 0.16), random.uniform(-0.17, -0.02), kBlockOnTable};
    bool free = true;
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        free = free &&
               (std::abs(places[i][0] - places[j][0]) > kApartX || std::abs(places[i][1] - places[j][1]) > kApartY);
      }
    }
    if (!free && attempt + 1 < kTries) continue;
    for (std::size_t i = 0; i < 3; ++i) put_block(i, places[i], random.uniform(-0.35, 0.35));
    return;
  }
}

// Colours, textures, light and cameras vary slightly with the seed.
void PlayTable::Impl::vary(std::uint64_t seed) {
  mjModel& model = scene.model();
  const mjModel& plain = original.model();
  std::copy_n(plain.mat_rgba, 4 * plain.nmat, model.mat_rgba);
  std::copy_n(plain.mat_texid, plain.nmat, model.mat_texid);
  std::copy_n(plain.light_pos, 3 * plain.nlight, model.light_pos);
  std::copy_n(plain.light_diffuse, 3 * plain.nlight, model.light_diffuse);
  std::copy_n(plain.cam_pos, 3 * plain.ncam, model.cam_pos);
  std::copy_n(plain.cam_quat, 4 * plain.ncam, model.cam_quat);
  cameras.reset();
  if (!options.vary_appearance) return;
  Random random(seed, Random::Stream::appearance);
  for (int material = 0; material < model.nmat; ++material) {
    const double brightness = random.uniform(0.88, 1.12);
    for (int channel = 0; channel < 3; ++channel) {
      float& value = model.mat_rgba[4 * material + channel];
      value = std::clamp(static_cast<float>(value * brightness + random.uniform(-0.02, 0.02)), 0.0F, 1.0F);
    }
  }
  model.mat_texid[table_material] = table_textures[random.index(table_textures.size())];
  for (int axis = 0; axis < 3; ++axis) {
    model.light_pos[3 * lamp_light + axis] += random.uniform(-0.25, 0.25);
    model.cam_pos[3 * static_camera + axis] += random.uniform(-0.01, 0.01);
  }
  const float light = static_cast<float>(random.uniform(0.85, 1.15));
  for (int channel = 0; channel < 3; ++channel) model.light_diffuse[3 * lamp_light + channel] *= light;
}

void PlayTable::Impl::switch_lamps() {
  if (!button_down && position(button) > kButtonClicks) {
    button_down = true;
    state.led_on = !state.led_on;
  } else if (button_down && position(button) < kButtonReleased) {
    button_down = false;
  }
  if (position(lever) > kLeverOn) state.bulb_on = true;
  if (position(lever) < kLeverOff) state.bulb_on = false;
}

void PlayTable::Impl::show_lamps() {
  for (const auto& [lamp, on] : {std::pair{&bulb, state.bulb_on}, std::pair{&led, state.led_on}}) {
    std::copy_n(on ? lamp->on.begin() : lamp->off.begin(), 4, scene.model().mat_rgba + 4 * lamp->geom);
    scene.model().mat_emission[lamp->geom] = on ? lamp->glow : 0.0F;
  }
}

void PlayTable::Impl::update() {
  const mjData& data = scene.data();
  rendered.reset();
  state.world_from_tcp = arm.world_from_tcp(data);
  state.gripper_opening = arm.opening(data);
  state.gripper_commanded_open = arm.target().open_gripper;
  state.slider = position(slider);
  state.drawer = position(drawer);
  state.button = std::max(0.0, position(button));
  state.lever = position(lever);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const int body = scene.model().jnt_bodyid[blocks[i]];
    std::copy_n(data.xpos + 3 * body, 3, state.blocks[i].position.begin());
    std::copy_n(data.xmat + 9 * body, 9, state.blocks[i].rotation.begin());
  }
  std::array<std::array<bool, 2>, 3> finger{};
  state.touches_finger = state.touches_table = state.touches_drawer = {};
  state.touches_block = {};
  for (int i = 0; i < data.ncon; ++i) {
    const mjContact& contact = data.contact[i];
    if (contact.exclude != 0) continue;
    Part first = parts[static_cast<std::size_t>(contact.geom1)];
    Part second = parts[static_cast<std::size_t>(contact.geom2)];
    if (first < second) std::swap(first, second);
    const auto block = block_of(first);
    if (!block) continue;
    switch (second) {
      case Part::table:
        state.touches_table[*block] = true;
        break;
      case Part::drawer:
        state.touches_drawer[*block] = true;
        break;
      case Part::left_finger:
      case Part::right_finger:
        finger[*block][second == Part::left_finger ? 0 : 1] = true;
        state.touches_finger[*block] = true;
        break;
      case Part::hand:
        state.touches_finger[*block] = true;
        break;
      default:
        if (const auto other = block_of(second)) {
          state.touches_block[*block][*other] = state.touches_block[*other][*block] = true;
        }
    }
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) state.touches_both_fingers[i] = finger[i][0] && finger[i][1];
}

PlayTable::PlayTable(const PlayTableOptions& options) : impl_(std::make_unique<Impl>(options)) { reset(0); }
PlayTable::PlayTable(PlayTable&&) noexcept = default;
PlayTable& PlayTable::operator=(PlayTable&&) noexcept = default;
PlayTable::~PlayTable() = default;

void PlayTable::reset(std::uint64_t seed) {
  Random random(seed, Random::Stream::furniture);
  const InitialTable initial = {random.chance(0.5), random.chance(0.5), random.chance(0.5), random.chance(0.5)};
  reset(initial, seed);
}

void PlayTable::reset(const InitialTable& initial, std::uint64_t seed) {
  Impl& world = *impl_;
  Random random(seed, Random::Stream::objects);
  world.clear();
  world.set_objects(initial);
  world.vary(seed);
  world.place_blocks(random);
  mjData& data = world.scene.data();
  const Pose start = pose_from_euler(
      {0.02 + random.uniform(-0.06, 0.06), -0.22 + random.uniform(-0.05, 0.05), 0.58 + random.uniform(-0.03, 0.05)},
      {std::numbers::pi, 0, std::numbers::pi / 2 + random.uniform(-0.08, 0.08)});
  constexpr int kIterations = 60;
  world.arm.set_joints(data, world.arm.solve(start, ArmController::kHome, world.original.data(), kIterations));
  world.arm.set_opening(data, ArmController::kMaxOpening);
  mj_forward(&world.scene.model(), &data);
  world.arm.hold(data, true);
  // Let the blocks settle.
  for (int i = 0; i < 60; ++i) {
    mj_step1(&world.scene.model(), &data);
    world.arm.drive(data, 1);
    mj_step2(&world.scene.model(), &data);
  }
  mj_forward(&world.scene.model(), &data);
  world.update();
}

void PlayTable::scatter(std::uint64_t seed) {
  Impl& world = *impl_;
  Random random(seed, Random::Stream::scatter);
  world.clear();
  world.vary(seed);
  world.position(world.slider) = random.mostly_ends(0, kSliderTravel);
  world.position(world.drawer) = random.mostly_ends(0, kDrawerTravel);
  world.position(world.lever) = random.mostly_ends(0, kLeverTravel);
  world.position(world.button) = random.chance(0.15) ? random.uniform(0, kButtonTravel) : 0;
  world.state.led_on = random.chance(0.5);
  world.state.bulb_on = world.position(world.lever) > kLeverTravel / 2;
  mjData& data = world.scene.data();

  Vector3 place = {random.uniform(-0.34, 0.34), random.uniform(-0.30, 0.10), random.uniform(0.45, 0.68)};
  if (random.chance(0.15))
    place = {random.uniform(0.02, 0.22), random.uniform(-0.50, -0.22), random.uniform(0.38, 0.60)};
  std::array<Vector3, 3> blocks{};
  for (auto& block : blocks) block = {random.uniform(-0.26, 0.22), random.uniform(-0.18, 0.02), kBlockOnTable};
  std::array<double, 3> yaws{};
  for (double& yaw : yaws) yaw = random.uniform(-0.8, 0.8);
  // Often close to objects, where precision matters.
  const std::size_t chosen = random.index(3);
  double yaw = std::numbers::pi / 2 + (random.chance(0.7) ? random.uniform(-0.2, 0.2) : random.uniform(-1.3, 1.3));
  if (random.chance(0.4)) {
    place = {blocks[chosen][0] + random.uniform(-0.09, 0.09), blocks[chosen][1] + random.uniform(-0.07, 0.07),
             random.uniform(0.455, 0.60)};
  }
  double opening = random.mostly_ends(0, ArmController::kMaxOpening);
  const Pose target =
      pose_from_euler(place, {std::numbers::pi + random.uniform(-0.08, 0.08), random.uniform(-0.08, 0.08), yaw});
  constexpr int kIterations = 80;
  world.arm.set_joints(data, world.arm.solve(target, ArmController::kHome, world.original.data(), kIterations));
  if (random.chance(0.15)) {  // in the open drawer
    blocks[(chosen + 1) % 3] = {random.uniform(0.04, 0.21),
                                kDrawerMiddle[1] - world.position(world.drawer) + random.uniform(-0.08, 0.08), 0.363};
  }
  mj_kinematics(&world.scene.model(), &data);
  const Pose tcp = world.arm.world_from_tcp(data);
  if (random.chance(0.25)) {  // between the fingers
    opening = 2 * kBlockHalf;
    blocks[chosen] = {tcp.position[0], tcp.position[1], tcp.position[2] + random.uniform(-0.008, 0.008)};
    yaws[chosen] = yaw - std::numbers::pi / 2;
  }
  world.arm.set_opening(data, opening);
  for (std::size_t i = 0; i < 3; ++i) world.put_block(i, blocks[i], yaws[i]);
  mj_forward(&world.scene.model(), &data);
  world.arm.hold(data, opening > 2 * kBlockHalf + 0.01);
  world.update();
}

void PlayTable::step(const std::array<double, 7>& action) {
  Impl& world = *impl_;
  const mjModel& model = world.scene.model();
  mjData& data = world.scene.data();
  world.arm.act(action, data, world.original.data());
  for (int i = 0; i < kSubsteps; ++i) {
    mj_step1(&model, &data);
    world.arm.drive(data, (i + 1.0) / kSubsteps);
    mj_step2(&model, &data);
    world.switch_lamps();
  }
  mj_forward(&model, &data);
  world.update();
}

const TableState& PlayTable::state() const { return impl_->state; }
std::array<double, 7> PlayTable::joints() const { return impl_->arm.joints(impl_->scene.data()); }
RobotObs PlayTable::robot_obs() const { return impl_->state.robot_obs(joints()); }
SceneObs PlayTable::scene_obs() const { return impl_->state.scene_obs(); }

std::array<double, 7> PlayTable::target() const {
  const TcpTarget& target = impl_->arm.target();
  const auto& [x, y, z] = target.position_m;
  const auto& [roll, pitch, yaw] = target.euler_xyz_rad;
  return {x, y, z, roll, pitch, yaw, target.open_gripper ? 1.0 : -1.0};
}

CameraCalibrationPtr PlayTable::cameras() const {
  if (impl_->cameras) return impl_->cameras;
  const mjModel& model = impl_->scene.model();
  const mjData& data = impl_->scene.data();
  const auto camera = [&](int index, int size) {
    Pose world_from_camera;
    std::copy_n(data.cam_xpos + 3 * index, 3, world_from_camera.position.begin());
    std::copy_n(data.cam_xmat + 9 * index, 9, world_from_camera.rotation.begin());
    auto out = camera_from_fov(size, size, model.cam_fovy[index] * std::numbers::pi / 180);
    out.mount_from_camera = from_opengl_camera(world_from_camera);
    return out;
  };
  auto out = std::make_shared<CameraCalibration>();
  out->fixed = camera(impl_->static_camera, kStaticSize);
  out->gripper = camera(impl_->gripper_camera, kGripperSize);
  out->gripper->mount = CameraModel::Mount::tcp;
  out->gripper->mount_from_camera = inverse(impl_->arm.world_from_tcp(data)) * out->gripper->mount_from_camera;
  impl_->cameras = std::move(out);
  return impl_->cameras;
}

PlayTable::Images PlayTable::render() {
  if (!impl_->renderer) throw Error("the play table was created without cameras");
  if (!impl_->rendered) {
    impl_->show_lamps();
    impl_->rendered = {impl_->renderer->render(impl_->scene, impl_->static_camera, kStaticSize, kStaticSize),
                       impl_->renderer->render(impl_->scene, impl_->gripper_camera, kGripperSize, kGripperSize)};
  }
  return *impl_->rendered;
}

ImagePtr PlayTable::render_static(int width, int height) {
  if (!impl_->renderer) throw Error("the play table was created without cameras");
  const mjModel& model = impl_->scene.model();
  if (width < 1 || height < 1 || width > model.vis.global.offwidth || height > model.vis.global.offheight) {
    throw Error("the play table renders up to " + std::to_string(model.vis.global.offwidth) + " x " +
                std::to_string(model.vis.global.offheight) + " pixels, not " + std::to_string(width) + " x " +
                std::to_string(height));
  }
  impl_->show_lamps();
  return impl_->renderer->render(impl_->scene, impl_->static_camera, width, height);
}

}  // namespace deer
