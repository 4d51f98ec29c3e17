// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

namespace deer {

/// CPUs that this process may use (its affinity), at least 1.
int usable_cpus();

}  // namespace deer
