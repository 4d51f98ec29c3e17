// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

namespace deer {

/// The device of one of several ranks on a machine with several GPUs: "cuda:N" for "auto" and "cuda" if the launcher
/// says that this is the Nth rank there (LOCAL_RANK) and there is a GPU; otherwise `device`.
std::string device_of_rank(const std::string& device);

/// Processes that train together: each has a model with the same parameters and a part of the batch.
/// LibTorch's c10d: over Gloo (TCP) for tensors on the CPU, over NCCL for those on a GPU, as far as the LibTorch that
/// was built against has them. Use from one thread.
class DataParallel {
 public:
  /// Reads WORLD_SIZE, RANK, MASTER_ADDR and MASTER_PORT, as torchrun sets them. A single process if
  /// WORLD_SIZE is unset or 1. The others reach this process at the address that it has on the way to MASTER_ADDR, or
  /// on the network card GLOO_SOCKET_IFNAME. Waits for the others. Throws Error naming a variable that is missing
  /// or wrong, or if the others cannot be reached.
  static DataParallel from_environment();

  DataParallel();  ///< a single process
  ~DataParallel();
  DataParallel(DataParallel&&) noexcept;
  DataParallel& operator=(DataParallel&&) noexcept;

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool is_first() const { return rank_ == 0; }

  /// Processes on this machine (LOCAL_WORLD_SIZE), which share its CPUs; all if unset.
  int local_size() const { return local_size_; }

  /// Whether sum() takes tensors on this device as they are; on the CPU it always does.
  bool sums_on(at::Device device) const;

  /// Sums over all processes, in every process; `tensor` is a contiguous float tensor of the same size everywhere, on
  /// the CPU or where sums_on(). Throws Error if a process was lost.
  void sum(at::Tensor& tensor) const;

  /// Copies the first process's value to all.
  void broadcast(at::Tensor& tensor) const;

 private:
  struct Group;
  std::unique_ptr<Group> group_;
  int rank_ = 0;
  int size_ = 1;
  int local_size_ = 1;
};

}  // namespace deer
