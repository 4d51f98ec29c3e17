// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

namespace deer {

/// Makes the CPU libraries run as fast as they can. Call first in main, before any thread.
///
/// OpenBLAS before 0.3.26 takes new CPUs for old ones and runs several times too slowly. If that is so
/// here, sets OPENBLAS_CORETYPE and starts the program anew (execv), once. And LibTorch gets a thread
/// for each CPU this process may use, unless OMP_NUM_THREADS says otherwise: some builds take one.
void set_up_cpu(char** argv);

}  // namespace deer
