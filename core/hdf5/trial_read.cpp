// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/hdf5/trial_read.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <vector>

#include "core/base/error.h"
#include "core/hdf5/h5.h"

namespace deer {
namespace {

constexpr int kMostObjects = 20'000;
constexpr int kMostRows = 200;                      // datasets of which a row is read
constexpr hsize_t kLargestRead = hsize_t{4} << 20;  // bytes
constexpr rlim_t kCpuSeconds = 20;
constexpr unsigned kSeconds = 120;                // a slow disk may take longer than the CPU
constexpr rlim_t kExtraMemory = rlim_t{2} << 30;  // bytes, beyond what this program has mapped

struct Trial {
  int objects = 0, rows = 0;
  std::vector<char> memory = std::vector<char>(kLargestRead);
};

bool has_fixed_size(hid_t type) {
  return H5Tdetect_class(type, H5T_VLEN) <= 0 && H5Tdetect_class(type, H5T_REFERENCE) <= 0 &&
         H5Tis_variable_str(type) <= 0;
}

herr_t read_attribute(hid_t object, const char* name, const H5A_info_t*, void* data) {
  auto& trial = *static_cast<Trial*>(data);
  const h5::Id attribute(H5Aopen(object, name, H5P_DEFAULT));
  if (!attribute) return 0;
  const h5::Id type(H5Aget_type(attribute.get()));
  const h5::Id space(H5Aget_space(attribute.get()));
  const auto count = H5Sget_simple_extent_npoints(space.get());
  const auto size = H5Tget_size(type.get());
  if (count > 0 && size > 0 && has_fixed_size(type.get()) && static_cast<hsize_t>(count) <= kLargestRead / size) {
    H5Aread(attribute.get(), type.get(), trial.memory.data());
  }
  return 0;
}

void read_first_row(hid_t dataset, Trial& trial) {
  const h5::Id type(H5Dget_type(dataset));
  const h5::Id space(H5Dget_space(dataset));
  std::array<hsize_t, H5S_MAX_RANK> shape{}, start{};
  const int rank = H5Sget_simple_extent_dims(space.get(), shape.data(), nullptr);
  hsize_t bytes = H5Tget_size(type.get());
  if (rank < 1 || bytes == 0 || !has_fixed_size(type.get())) return;
  shape[0] = std::min<hsize_t>(shape[0], 1);
  for (int i = 0; i < rank; ++i) {
    if (shape[static_cast<std::size_t>(i)] == 0 || shape[static_cast<std::size_t>(i)] > kLargestRead / bytes) return;
    bytes *= shape[static_cast<std::size_t>(i)];
  }
  const h5::Id memory(H5Screate_simple(rank, shape.data(), nullptr));
  H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, shape.data(), nullptr);
  H5Dread(dataset, type.get(), memory.get(), space.get(), H5P_DEFAULT, trial.memory.data());
}

herr_t read_object(hid_t root, const char* name, const H5O_info_t* info, void* data) {
  auto& trial = *static_cast<Trial*>(data);
  if (++trial.objects > kMostObjects) return 1;
  const h5::Id object(H5Oopen(root, name, H5P_DEFAULT));
  if (!object) return 0;
  H5Aiterate2(object.get(), H5_INDEX_NAME, H5_ITER_INC, nullptr, read_attribute, data);
  if (info->type != H5O_TYPE_DATASET) return 0;
  const h5::Id how(H5Dget_create_plist(object.get()));
  hsize_t chunks = 0;
  const h5::Id space(H5Dget_space(object.get()));
  if (H5Pget_layout(how.get()) == H5D_CHUNKED)
    H5Dget_num_chunks(object.get(), space.get(), &chunks);  // walks their index
  if (H5Pget_external_count(how.get()) == 0 && trial.rows++ < kMostRows) read_first_row(object.get(), trial);
  return 0;
}

rlim_t mapped_bytes() {
  std::ifstream in("/proc/self/statm");
  rlim_t pages = 0;
  in >> pages;
  return pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
}

void limit(int resource, rlim_t most) {
  const rlimit both{most, most};
  ::setrlimit(resource, &both);
}

void read_all(const char* path) {
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  if (file < 0) return;
  Trial trial;
  H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, read_object, &trial);
}

// In the child. The lock was held while it was forked, so libhdf5 can be used.
[[noreturn]] void read_and_exit(const char* path, void (*read)(const char*), rlim_t mapped) {
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM}) std::signal(signal, SIG_DFL);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_CPU, kCpuSeconds);
  limit(RLIMIT_AS, mapped + kExtraMemory);
  ::alarm(kSeconds);
  read(path);
  ::_exit(0);
}

}  // namespace

void trial_read(const std::filesystem::path& file) { trial_read(file, read_all); }

void trial_read(const std::filesystem::path& file, void (*read)(const char* file)) {
  const auto mapped = mapped_bytes();
  pid_t child = 0;
  {
    const auto held = h5::lock();
    child = ::fork();
    if (child == 0) read_and_exit(file.c_str(), read, mapped);
  }
  if (child < 0)
    throw FileError(file, std::string("cannot be checked in a process of its own: ") + std::strerror(errno));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFSIGNALED(status)) return;
  const int signal = WTERMSIG(status);
  if (signal == SIGXCPU || signal == SIGKILL || signal == SIGALRM)
    throw FileError(file, "takes too long to read: it is probably damaged");
  throw FileError(file, "is damaged: libhdf5 crashes on it (" + std::string(::strsignal(signal)) + ")");
}

}  // namespace deer
