// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

namespace deer {

/// The processes that train together: one model each, the same parameters, parts of the same batch.
/// LibTorch's c10d over Gloo (TCP). Use from one thread.
class DataParallel {
 public:
  /// Reads WORLD_SIZE, RANK, MASTER_ADDR and MASTER_PORT, as torchrun sets them. One process alone if
  /// WORLD_SIZE is unset or 1. Waits for the others. Throws Error naming a variable that is missing
  /// or wrong, or if the others cannot be reached.
  static DataParallel from_environment();

  DataParallel();  ///< one process alone
  ~DataParallel();
  DataParallel(DataParallel&&) noexcept;
  DataParallel& operator=(DataParallel&&) noexcept;

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool is_first() const { return rank_ == 0; }

  /// Processes on this machine (LOCAL_WORLD_SIZE), which share its CPUs; all if that is not set.
  int local_size() const { return local_size_; }

  /// Every process gets the sum of all; `tensor` is a contiguous float CPU tensor of one size everywhere.
  /// Throws Error if a process is gone.
  void sum(at::Tensor& tensor) const;

  /// Every process gets the first one's.
  void broadcast(at::Tensor& tensor) const;

 private:
  struct Group;
  std::unique_ptr<Group> group_;
  int rank_ = 0;
  int size_ = 1;
  int local_size_ = 1;
};

}  // namespace deer
