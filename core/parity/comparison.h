// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>

namespace deer {

/// One golden tensor, list or decision compared with this program's result.
struct Comparison {
  std::string name;
  std::int64_t count = 0;       ///< numbers compared
  double largest_absolute = 0;  ///< max |ours - golden|
  double largest_relative = 0;  ///< largest_absolute / max |golden|
  double tolerance = 0;         ///< allowed |ours - golden| / max(1, |golden|); 0: must be equal
  bool passed = false;
  std::string problem;  ///< why it failed or was not compared; may be empty
};

struct ParityOptions {
  std::string device = "cpu";
  std::string dtype = "float32";
};

}  // namespace deer
