// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/cpus.h"

#include <sched.h>

#include <algorithm>

namespace deer {

int usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? std::max(1, CPU_COUNT(&set)) : 1;
}

}  // namespace deer
