// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/robot/robot_model.h"

#include <console_bridge/console.h>
#include <urdf_parser/urdf_parser.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "core/base/utf8.h"
#include "core/robot/robot_model_private.h"
#include "core/robot/xml_tags.h"

namespace deer {
namespace {

constexpr std::size_t kMaxFile = 16 * 1024 * 1024;
constexpr int kMaxDepth = 64;  // of XML elements; URDF needs five
constexpr std::size_t kMaxLinks = 10'000;

// urdfdom reports problems to a global log; the first one goes into our message.
class LogCatcher final : public console_bridge::OutputHandler {
 public:
  LogCatcher() : lock_(mutex()), before_(console_bridge::getOutputHandler()) { console_bridge::useOutputHandler(this); }
  ~LogCatcher() override { console_bridge::useOutputHandler(before_); }
  void log(const std::string& text, console_bridge::LogLevel level, const char*, int) override {
    if (level >= console_bridge::CONSOLE_BRIDGE_LOG_ERROR && first_.empty()) first_ = text;
  }
  std::string first() const { return first_.empty() ? "not a valid URDF" : printable(first_, 200); }

 private:
  static std::mutex& mutex() {
    static std::mutex m;
    return m;
  }
  const std::scoped_lock<std::mutex> lock_;
  console_bridge::OutputHandler* before_;
  std::string first_;
};

KDL::Frame frame(const urdf::Pose& pose) {
  return {KDL::Rotation::Quaternion(pose.rotation.x, pose.rotation.y, pose.rotation.z, pose.rotation.w),
          KDL::Vector(pose.position.x, pose.position.y, pose.position.z)};
}

std::optional<RobotVisual> visual(const urdf::Visual& source) {
  RobotVisual out;
  if (!source.geometry) return std::nullopt;
  if (const auto* box = dynamic_cast<const urdf::Box*>(source.geometry.get())) {
    out.size = {box->dim.x, box->dim.y, box->dim.z};
  } else if (const auto* cylinder = dynamic_cast<const urdf::Cylinder*>(source.geometry.get())) {
    out.kind = RobotVisual::Kind::cylinder;
    out.size = {cylinder->radius, cylinder->length, 0};
  } else if (const auto* sphere = dynamic_cast<const urdf::Sphere*>(source.geometry.get())) {
    out.kind = RobotVisual::Kind::sphere;
    out.size = {sphere->radius, 0, 0};
  } else if (const auto* mesh = dynamic_cast<const urdf::Mesh*>(source.geometry.get())) {
    out.kind = RobotVisual::Kind::mesh;
    out.size = {mesh->scale.x, mesh->scale.y, mesh->scale.z};
    out.mesh = mesh->filename;
  } else {
    return std::nullopt;
  }
  out.link_from_visual = pose_from_kdl(frame(source.origin));
  if (source.material) {
    const auto& color = source.material->color;
    out.rgba = {color.r, color.g, color.b, color.a};
    out.has_color = source.material->texture_filename.empty();
  }
  return out;
}

}  // namespace

namespace {

std::pair<KDL::Joint, std::optional<RobotJoint>> convert(const urdf::Joint& joint,
                                                         const std::filesystem::path& source) {
  const auto origin = frame(joint.parent_to_joint_origin_transform);
  const auto fail = [&](const std::string& why) {
    return FileError(source, "joint '" + printable(joint.name) + "' " + why);
  };
  const bool is_free = joint.type == urdf::Joint::FLOATING || joint.type == urdf::Joint::PLANAR;
  if (joint.type == urdf::Joint::FIXED || is_free) return {KDL::Joint(joint.name, KDL::Joint::Fixed), std::nullopt};
  const bool turns = joint.type == urdf::Joint::REVOLUTE || joint.type == urdf::Joint::CONTINUOUS;
  if (!turns && joint.type != urdf::Joint::PRISMATIC) {
    throw fail("has a type other than revolute, continuous, prismatic, floating, planar or fixed");
  }
  const KDL::Vector axis(joint.axis.x, joint.axis.y, joint.axis.z);
  if (!(axis.Norm() > 1e-9)) throw fail("has no axis");
  RobotJoint out;
  out.name = joint.name;
  out.kind = turns ? RobotJoint::Kind::revolute : RobotJoint::Kind::prismatic;
  const bool limited = joint.type != urdf::Joint::CONTINUOUS;
  if (limited && !joint.limits) throw fail("has no limits");
  out.lower = limited ? joint.limits->lower : -std::numeric_limits<double>::infinity();
  out.upper = limited ? joint.limits->upper : std::numeric_limits<double>::infinity();
  if (!(out.lower <= out.upper)) throw fail("has a lower limit above the upper");
  if (joint.limits) out.max_velocity = joint.limits->velocity;
  const auto type = turns ? KDL::Joint::RotAxis : KDL::Joint::TransAxis;
  return {KDL::Joint(joint.name, origin.p, origin.M * axis, type), std::move(out)};
}

// The text as urdfdom takes it: UTF-8, without a DOCTYPE, with every limit's effort and velocity, which it demands and
// nobody here uses.
std::string readable(const std::string& urdf, const std::filesystem::path& source) {
  auto text = decode_text(urdf).text;
  if (is_nested_deeper(text, kMaxDepth)) throw FileError(source, "XML is nested too deeply for a URDF");
  if (text.find("xmlns:xacro") != std::string::npos || source.extension() == ".xacro") {
    const auto name = source.filename().string();
    throw FileError(source, "is a xacro file, which has to be expanded first: xacro " + printable(name) +
                                " -o robot.urdf (of ROS)");
  }
  if (const auto begin = text.find("<!DOCTYPE"); begin != std::string::npos) {
    const auto end = text.find('>', begin);
    const auto entities = text.find('[', begin);
    if (end == std::string::npos || entities < end)
      throw FileError(source, "has a DOCTYPE with declarations of its own");
    text.erase(begin, end - begin + 1);
  }
  std::vector<std::pair<std::size_t, const char*>> missing;
  for_each_tag(text, [&](const XmlTag& tag) {
    if (tag.name != "limit" || tag.kind == XmlTag::Kind::closes) return true;
    const auto after_name = static_cast<std::size_t>(tag.name.data() + tag.name.size() - text.data());
    for (const auto& [name, added] : {std::pair{"effort", " effort=\"0\""}, {"velocity", " velocity=\"0\""}}) {
      if (tag.attribute(name).empty()) missing.emplace_back(after_name, added);
    }
    return true;
  });
  for (auto it = missing.rbegin(); it != missing.rend(); ++it) text.insert(it->first, it->second);
  return text;
}

}  // namespace

void RobotModel::Tree::add(const urdf::Link& link, int parent) {
  RobotLink out;
  out.name = link.name;
  out.parent = parent;
  for (const auto& drawn : link.visual_array) {
    if (auto shape = drawn ? visual(*drawn) : std::nullopt) out.visuals.push_back(*shape);
  }
  KDL::Segment segment(link.name);
  if (link.parent_joint) {
    const auto origin = frame(link.parent_joint->parent_to_joint_origin_transform);
    auto [kdl_joint, joint] = convert(*link.parent_joint, source);
    const auto& mimic = link.parent_joint->mimic;
    if (joint && mimic) {
      mimics.push_back({links.size(), joint->name, mimic->joint_name, mimic->multiplier, mimic->offset});
    } else if (joint) {
      out.joint = static_cast<int>(joints.size());
      joints.push_back(std::move(*joint));
    }
    segment = KDL::Segment(link.name, kdl_joint, origin);
    // Check here: a NaN in a pose would only be noticed much later.
    const auto rest = segment.pose(0);
    if (!std::isfinite(rest.p.Norm()) || !std::isfinite(rest.M(0, 0))) {
      throw FileError(source, "joint '" + printable(link.parent_joint->name) + "' has an origin that is not finite");
    }
  }
  links.push_back(std::move(out));
  segments.push_back(std::move(segment));
}

// A mimic joint may follow another one, which may come later in the file.
void RobotModel::Tree::connect_mimics() {
  for (const auto& mimic : mimics) {
    auto& link = links[mimic.link];
    const auto* follows = &mimic;
    double ratio = 1, offset = 0;
    for (std::size_t steps = 0; follows != nullptr; ++steps) {
      if (steps > mimics.size()) throw FileError(source, "joint '" + printable(mimic.joint) + "' mimics itself");
      offset += ratio * follows->offset;
      ratio *= follows->ratio;
      const auto joint =
          std::find_if(joints.begin(), joints.end(), [&](const RobotJoint& j) { return j.name == follows->follows; });
      if (joint != joints.end()) {
        link.joint = static_cast<int>(joint - joints.begin());
        break;
      }
      const auto next =
          std::find_if(mimics.begin(), mimics.end(), [&](const Mimic& m) { return m.joint == follows->follows; });
      if (next == mimics.end()) {
        throw FileError(source, "joint '" + printable(mimic.joint) + "' mimics '" + printable(follows->follows) +
                                    "', which is no joint that moves");
      }
      follows = &*next;
    }
    if (!std::isfinite(ratio) || !std::isfinite(offset)) {
      throw FileError(source, "joint '" + printable(mimic.joint) + "' mimics another by numbers that are not finite");
    }
    link.joint_ratio = ratio;
    link.joint_offset = offset;
  }
}

RobotModel::RobotModel(std::unique_ptr<const Tree> tree) : tree_(std::move(tree)) {}
RobotModel::RobotModel(RobotModel&&) noexcept = default;
RobotModel& RobotModel::operator=(RobotModel&&) noexcept = default;
RobotModel::~RobotModel() = default;

RobotModel RobotModel::load(const std::filesystem::path& urdf) {
  const auto file = MappedFile::open(urdf);
  if (file->size() > kMaxFile) throw FileError(urdf, "is too large for a URDF");
  const auto bytes = file->bytes();
  return parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, urdf);
}

RobotModel RobotModel::parse(const std::string& urdf, const std::filesystem::path& source) {
  const auto text = readable(urdf, source);
  urdf::ModelInterfaceSharedPtr model;
  {
    const LogCatcher log;
    try {
      model = urdf::parseURDF(text);
    } catch (const std::exception& error) {
      throw FileError(source, "not a valid URDF: " + printable(error.what(), 200));
    }
    if (!model || !model->getRoot()) throw FileError(source, log.first());
  }
  // Links hold each other by shared pointers: a cycle would never be freed.
  const std::shared_ptr<void> unlink(nullptr, [&model](void*) {
    for (const auto& [name, link] : model->links_) {
      link->child_links.clear();
      link->child_joints.clear();
    }
  });
  auto tree = std::make_unique<Tree>();
  tree->name = model->getName();
  tree->source = source;
  // Depth first with an explicit stack; children in file order.
  std::vector<std::pair<urdf::LinkConstSharedPtr, int>> open{{model->getRoot(), -1}};
  std::set<const urdf::Link*> seen;
  while (!open.empty()) {
    const auto [link, parent] = open.back();
    open.pop_back();
    if (!seen.insert(link.get()).second || seen.size() > kMaxLinks) {
      throw FileError(source, "link '" + printable(link->name) + "' has more than one parent joint");
    }
    tree->add(*link, parent);
    const int index = static_cast<int>(tree->links.size()) - 1;
    for (auto child = link->child_links.rbegin(); child != link->child_links.rend(); ++child) {
      open.emplace_back(*child, index);
    }
  }
  if (seen.size() != model->links_.size()) {
    throw FileError(source, std::to_string(model->links_.size() - seen.size()) +
                                " links are not connected to the root link '" + printable(tree->links.front().name) +
                                "'");
  }
  tree->connect_mimics();
  return RobotModel(std::move(tree));
}

const std::filesystem::path& RobotModel::source() const { return tree_->source; }
const std::string& RobotModel::name() const { return tree_->name; }
const std::vector<RobotJoint>& RobotModel::joints() const { return tree_->joints; }
const std::vector<RobotLink>& RobotModel::links() const { return tree_->links; }

std::size_t RobotModel::link_index(std::string_view link) const {
  std::string names;
  for (std::size_t i = 0; i < tree_->links.size(); ++i) {
    if (tree_->links[i].name == link) return i;
    names += (i > 0 ? ", " : "") + tree_->links[i].name;
  }
  throw Error("robot '" + tree_->name + "' has no link '" + printable(link) + "'; it has " + printable(names, 400));
}

std::vector<Pose> RobotModel::base_from_links(std::span<const double> positions) const {
  if (positions.size() != tree_->joints.size()) {
    throw Error("robot '" + tree_->name + "' has " + std::to_string(tree_->joints.size()) + " joints, but " +
                std::to_string(positions.size()) + " positions were given");
  }
  std::vector<KDL::Frame> frames(tree_->links.size());
  std::vector<Pose> out(frames.size());
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const auto own = tree_->segments[i].pose(tree_->position(i, positions));
    const int parent = tree_->links[i].parent;
    frames[i] = parent < 0 ? KDL::Frame::Identity() : frames[static_cast<std::size_t>(parent)] * own;
    out[i] = pose_from_kdl(frames[i]);
  }
  return out;
}

Pose RobotModel::base_from_link(std::string_view link, std::span<const double> positions) const {
  const auto index = link_index(link);
  return base_from_links(positions)[index];
}

}  // namespace deer
