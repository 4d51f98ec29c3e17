// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>

namespace deer {

/// Makes the CPU libraries run as fast as they can. Call first in main, before any thread.
///
/// OpenBLAS before 0.3.26 takes new CPUs for old ones and runs several times too slowly. If that is so
/// here, sets OPENBLAS_CORETYPE and starts the program anew (execv), once. And LibTorch gets a thread
/// for each CPU this process may use, unless OMP_NUM_THREADS says otherwise: some builds take one.
void set_up_cpu(char** argv);

/// One thread for a model so small that handing its work to several takes longer than the work: on a CPU that is
/// busy with other things too they wait for each other, a hundred times as long. All for others. Does nothing where
/// set_up_cpu() left the number alone. Call on the thread that runs the model, not while another one runs.
void choose_threads_for(std::int64_t parameters);

/// Threads of LibTorch, for what the calling thread does, and of OpenBLAS, which has its own; `blas` 0: as they are.
void set_math_threads(int torch, int blas);
int blas_threads();  ///< 0: no OpenBLAS

}  // namespace deer
