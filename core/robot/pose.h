// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>

namespace deer {

/// x y z.
using Vector3 = std::array<double, 3>;

/// A rigid transform, metres. Named after its frames: `world_from_tcp` takes coordinates in the TCP
/// frame to world coordinates, and world_from_tcp = world_from_base * base_from_tcp.
struct Pose {
  Vector3 position{};                                            ///< m
  std::array<double, 9> rotation = {1, 0, 0, 0, 1, 0, 0, 0, 1};  ///< row-major, orthonormal
};

Pose operator*(const Pose& a_from_b, const Pose& b_from_c);
Vector3 operator*(const Pose& a_from_b, const Vector3& point_in_b);
Pose inverse(const Pose& a_from_b);

/// Euler angles x y z in radians, R = Rz(z) * Ry(y) * Rx(x): the convention of Bullet, CALVIN and URDF's rpy.
Pose pose_from_euler(const Vector3& position, const Vector3& euler_xyz);

/// The inverse: x and z in (-pi, pi], y in [-pi/2, pi/2]. Where y is ±pi/2, x and z are not unique: z is 0.
Vector3 euler_xyz(const Pose& pose);

/// Unit quaternion x y z w with w >= 0.
std::array<double, 4> quaternion_xyzw(const Pose& pose);

/// Angle of the rotation between two poses, in [0, pi].
double angle_between(const Pose& a, const Pose& b);

}  // namespace deer
