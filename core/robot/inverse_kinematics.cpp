// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/robot/inverse_kinematics.h"

#include <algorithm>
#include <cmath>
#include <kdl/chain.hpp>
#include <kdl/chainfksolverpos_recursive.hpp>
#include <kdl/chainiksolverpos_lma.hpp>
#include <kdl/chainiksolverpos_nr_jl.hpp>
#include <kdl/chainiksolvervel_pinv.hpp>
#include <numbers>
#include <random>

#include "core/base/error.h"
#include "core/robot/robot_model_private.h"

namespace deer {
namespace {

constexpr std::size_t kMostJoints = 32;  // more take seconds to solve
constexpr int kRestarts = 24;
constexpr int kIterations = 100;
constexpr double kUnlimited = 1e6;  // of a continuous joint, rad

struct Candidate {
  KDL::JntArray q;
  double error_m = 0;
  double error_rad = 0;
  bool reached() const {
    return error_m <= InverseKinematics::kPositionTolerance_m && error_rad <= InverseKinematics::kRotationTolerance_rad;
  }
  // One radian weighs as much as 20 cm.
  double badness() const { return error_m + 0.2 * error_rad; }
};

bool is_finite(const Pose& pose) {
  const auto finite = [](double value) { return std::isfinite(value); };
  return std::all_of(pose.position.begin(), pose.position.end(), finite) &&
         std::all_of(pose.rotation.begin(), pose.rotation.end(), finite);
}

}  // namespace

struct InverseKinematics::Chain {
  KDL::Chain chain;
  std::vector<std::size_t> joints;
  std::size_t joint_count = 0;  // of the robot
  std::vector<bool> turns;
  KDL::JntArray lower, upper;
  KDL::Vector first;  // position of the first joint, in the base frame
  double reach = 0;   // m; maximum distance of a reachable pose

  void clamp(KDL::JntArray& q) const {
    for (unsigned i = 0; i < q.rows(); ++i) q(i) = std::clamp(q(i), lower(i), upper(i));
  }

  // Adding a full turn gives the same pose and may be within the limits.
  void unwind(KDL::JntArray& q) const {
    constexpr double kTurn = 2 * std::numbers::pi;
    for (unsigned i = 0; i < q.rows(); ++i) {
      if (!turns[i] || (q(i) >= lower(i) && q(i) <= upper(i))) continue;
      q(i) = std::remainder(q(i), kTurn);
      if (q(i) < lower(i)) q(i) += kTurn;
      if (q(i) > upper(i)) q(i) -= kTurn;
    }
    clamp(q);
  }

  Candidate judge(KDL::JntArray q, const KDL::Frame& goal) const {
    KDL::ChainFkSolverPos_recursive forward(chain);
    KDL::Frame found;
    forward.JntToCart(q, found);
    // KDL's own norm and angle are 0 below 1e-6.
    const auto apart = goal.p - found.p;
    return {std::move(q), std::sqrt(KDL::dot(apart, apart)), angle_between(pose_from_kdl(found), pose_from_kdl(goal))};
  }
};

InverseKinematics::InverseKinematics(InverseKinematics&&) noexcept = default;
InverseKinematics::~InverseKinematics() = default;

InverseKinematics::InverseKinematics(const RobotModel& robot, std::string_view tip) {
  const auto& links = robot.links();
  std::vector<std::size_t> path;
  for (int link = static_cast<int>(robot.link_index(tip)); link > 0;
       link = links[static_cast<std::size_t>(link)].parent) {
    path.push_back(static_cast<std::size_t>(link));
  }
  std::reverse(path.begin(), path.end());
  auto out = std::make_unique<Chain>();
  out->joint_count = robot.joints().size();
  std::vector<double> low, high;
  KDL::Frame rest = KDL::Frame::Identity();
  for (const std::size_t link : path) {
    const auto& tree = *robot.tree_;
    // KDL does not couple joints: one that mimics another stays at its offset.
    const bool coupled = tree.is_mimic(link);
    const auto segment = coupled ? KDL::Segment(tree.segments[link].getName(), KDL::Joint(KDL::Joint::Fixed),
                                                tree.segments[link].pose(links[link].joint_offset))
                                 : tree.segments[link];
    out->chain.addSegment(segment);
    if (!low.empty()) out->reach += segment.pose(0).p.Norm();
    rest = rest * segment.pose(0);
    if (low.empty()) out->first = rest.p;
    if (coupled || links[link].joint < 0) continue;
    const auto index = static_cast<std::size_t>(links[link].joint);
    const auto& joint = robot.joints()[index];
    out->joints.push_back(index);
    out->turns.push_back(joint.kind == RobotJoint::Kind::revolute);
    low.push_back(std::max(joint.lower, -kUnlimited));
    high.push_back(std::min(joint.upper, kUnlimited));
    if (!out->turns.back()) out->reach += std::max(std::abs(low.back()), std::abs(high.back()));
  }
  if (out->joints.empty()) {
    throw Error("robot '" + printable(robot.name()) + "': no joint moves link '" + printable(tip) + "'");
  }
  if (out->joints.size() > kMostJoints) {
    throw Error("robot '" + printable(robot.name()) + "': " + std::to_string(out->joints.size()) +
                " joints move link '" + printable(tip) + "', inverse kinematics is limited to " +
                std::to_string(kMostJoints));
  }
  const auto count = static_cast<unsigned>(out->joints.size());
  out->lower.resize(count);
  out->upper.resize(count);
  for (unsigned i = 0; i < count; ++i) {
    out->lower(i) = low[i];
    out->upper(i) = high[i];
  }
  chain_ = std::move(out);
}

const std::vector<std::size_t>& InverseKinematics::joints() const { return chain_->joints; }

InverseKinematics::Solution InverseKinematics::solve(const Pose& base_from_tip, std::span<const double> seed) const {
  const Chain& c = *chain_;
  if (seed.size() != c.joint_count) {
    throw Error("inverse kinematics: " + std::to_string(c.joint_count) + " joints expected in the seed, found " +
                std::to_string(seed.size()));
  }
  if (!is_finite(base_from_tip) || !std::all_of(seed.begin(), seed.end(), [](double q) { return std::isfinite(q); })) {
    throw Error("inverse kinematics: the pose and the seed must be finite");
  }
  const auto count = static_cast<unsigned>(c.joints.size());
  const auto goal = kdl_from_pose(base_from_tip);
  KDL::JntArray start(count);
  for (unsigned i = 0; i < count; ++i) start(i) = seed[c.joints[i]];
  c.clamp(start);

  KDL::ChainFkSolverPos_recursive forward(c.chain);
  KDL::ChainIkSolverVel_pinv velocities(c.chain);
  KDL::ChainIkSolverPos_NR_JL newton(c.chain, c.lower, c.upper, forward, velocities, kIterations, 1e-7);
  Eigen::Matrix<double, 6, 1> weights;
  weights << 1, 1, 1, 0.2, 0.2, 0.2;
  KDL::ChainIkSolverPos_LMA marquardt(c.chain, weights, 1e-7, kIterations);

  Candidate best = c.judge(start, goal);
  const auto attempt = [&](KDL::ChainIkSolverPos& solver, const KDL::JntArray& from) {
    KDL::JntArray q(from);
    solver.CartToJnt(from, goal, q);
    for (unsigned i = 0; i < count; ++i) {
      if (!std::isfinite(q(i))) return from;
    }
    c.unwind(q);
    auto candidate = c.judge(q, goal);
    if (candidate.badness() < best.badness()) best = std::move(candidate);
    return q;
  };
  // Newton's method from the previous pose finds the nearest solution; Levenberg-Marquardt finds more, but ignores
  // limits.
  attempt(newton, start);
  if (!best.reached()) attempt(newton, attempt(marquardt, start));
  const bool too_far = c.turns[0] && (goal.p - c.first).Norm() > c.reach + kPositionTolerance_m;
  std::mt19937 random(7);
  for (int i = 0; i < kRestarts && !best.reached() && !too_far; ++i) {
    KDL::JntArray from(count);
    for (unsigned j = 0; j < count; ++j) {
      // At most one turn for joints without limits.
      const double low = std::max(c.lower(j), -std::numbers::pi), high = std::min(c.upper(j), std::numbers::pi);
      from(j) =
          low < high ? std::uniform_real_distribution(low, high)(random) : std::clamp(0.0, c.lower(j), c.upper(j));
    }
    const auto found = attempt(marquardt, from);
    if (!best.reached()) attempt(newton, found);
  }

  Solution out;
  out.positions.assign(seed.begin(), seed.end());
  for (unsigned i = 0; i < count; ++i) out.positions[c.joints[i]] = best.q(i);
  out.error_m = best.error_m;
  out.error_rad = best.error_rad;
  out.reached = best.reached();
  return out;
}

}  // namespace deer
