// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>

namespace deer {

/// Sets up the CPU libraries for full speed. Call first in main, before any thread starts.
///
/// OpenBLAS before 0.3.26 does not recognise new CPUs and runs several times too slowly on them. In that case this sets
/// OPENBLAS_CORETYPE and restarts the program (execv), once. LibTorch gets one thread for each CPU this process may
/// use, unless OMP_NUM_THREADS is set: some builds use only one.
void set_up_cpu(char** argv);

/// Uses one thread for models so small that distributing the work takes longer than the work (on a busy CPU, threads
/// waiting for each other can take a hundred times as long), all threads for others. Does nothing if set_up_cpu() did
/// not set the number. Call on the thread that runs the model, not while another model runs.
void choose_threads_for(std::int64_t parameters);

/// Sets the threads of LibTorch for the calling thread, and of OpenBLAS, which has its own; `blas` 0: unchanged.
void set_math_threads(int torch, int blas);
int blas_threads();  ///< 0: no OpenBLAS

}  // namespace deer
