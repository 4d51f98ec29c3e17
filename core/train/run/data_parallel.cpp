// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/run/data_parallel.h"

#include <ATen/ATen.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/base/error.h"
#include "core/model/device.h"

#if defined(DEER_HAVE_CUDA) && defined(USE_C10D_NCCL) && __has_include(<nccl.h>)
#define DEER_HAVE_NCCL
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif
#ifdef DEER_HAVE_GLOO
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#endif
#if defined(DEER_HAVE_GLOO) || defined(DEER_HAVE_NCCL)
#define DEER_HAVE_C10D
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#endif

namespace deer {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

int number(const char* name, int low, int high) {
  const auto text = variable(name);
  int out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size() || out < low || out > high) {
    throw Error(std::string("the environment variable ") + name + " is '" + printable(text) +
                "', expected a number from " + std::to_string(low) + " to " + std::to_string(high) +
                " (torchrun sets it)");
  }
  return out;
}

#ifdef DEER_HAVE_GLOO

std::string text_of(const sockaddr* address, socklen_t size) {
  char text[NI_MAXHOST] = {};
  return ::getnameinfo(address, size, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0 ? text : "";
}

bool is_loopback(const std::string& address) {
  return address == "localhost" || address.starts_with("127.") || address == "::1";
}

// The address that this machine has on the way to the master; empty if there is no way.
std::string address_towards(const std::string& master) {
  constexpr const char* kAnyPort = "9";  // connecting a datagram socket sends nothing
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_DGRAM;
  if (::getaddrinfo(master.c_str(), kAnyPort, &hints, &found) != 0) return {};
  std::string out;
  for (const auto* to = found; to != nullptr && out.empty(); to = to->ai_next) {
    const int socket = ::socket(to->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) continue;
    sockaddr_storage own{};
    socklen_t size = sizeof own;
    auto* const address = reinterpret_cast<sockaddr*>(&own);
    if (::connect(socket, to->ai_addr, to->ai_addrlen) == 0 && ::getsockname(socket, address, &size) == 0) {
      out = text_of(address, size);
    }
    ::close(socket);
  }
  ::freeaddrinfo(found);
  return out;
}

// IPv4 of the first network card that is up; empty if there is none.
std::string address_of_a_card() {
  ifaddrs* cards = nullptr;
  if (::getifaddrs(&cards) != 0) return {};
  std::string out;
  for (const auto* card = cards; card != nullptr && out.empty(); card = card->ifa_next) {
    const bool is_up = (card->ifa_flags & IFF_UP) != 0 && (card->ifa_flags & IFF_LOOPBACK) == 0;
    if (is_up && card->ifa_addr != nullptr && card->ifa_addr->sa_family == AF_INET) {
      out = text_of(card->ifa_addr, sizeof(sockaddr_in));
    }
  }
  ::freeifaddrs(cards);
  return out;
}

// What the other processes connect to. Not by this machine's own name, as Gloo's default is: that is often 127.0.1.1.
std::shared_ptr<gloo::transport::Device> device_towards(const std::string& master) {
  using c10d::ProcessGroupGloo;
  if (const auto card = variable("GLOO_SOCKET_IFNAME"); !card.empty()) {
    return ProcessGroupGloo::createDeviceForInterface(card);
  }
  auto address = address_towards(master);
  if (is_loopback(address) && !is_loopback(master)) {
    if (const auto other = address_of_a_card(); !other.empty()) address = other;
  }
  return address.empty() ? ProcessGroupGloo::createDefaultDevice() : ProcessGroupGloo::createDeviceForHostname(address);
}

#endif

}  // namespace

std::string device_of_rank(const std::string& device) {
  if (device != "auto" && device != "cuda") return device;
  const auto rank = variable("LOCAL_RANK");
  return rank.empty() || !resolve_device(device).is_cuda() ? device : "cuda:" + rank;
}

#ifdef DEER_HAVE_C10D

struct DataParallel::Group {
  c10::intrusive_ptr<c10d::Store> store;
#ifdef DEER_HAVE_GLOO
  std::unique_ptr<c10d::ProcessGroupGloo> gloo;
#endif
#ifdef DEER_HAVE_NCCL
  std::unique_ptr<c10d::ProcessGroupNCCL> nccl;
#endif

  template <class Work>
  static void finish(Work work) {
    try {
      work()->wait();
    } catch (const std::exception& error) {
      throw Error(std::string("lost a training process: ") + printable(error.what(), 300));
    }
  }

  // `work` makes a c10d::Work of a group and tensors. Without Gloo, tensors of the CPU go over the GPU.
  template <class Work>
  void on(at::Tensor& tensor, Work work) {
#ifdef DEER_HAVE_NCCL
    if (tensor.is_cuda()) {
      std::vector<at::Tensor> tensors{tensor};
      return finish([&] { return work(*nccl, tensors); });
    }
#endif
#ifdef DEER_HAVE_GLOO
    std::vector<at::Tensor> tensors{tensor};
    finish([&] { return work(*gloo, tensors); });
#else
    std::vector<at::Tensor> tensors{tensor.to(resolve_device(device_of_rank("cuda")))};
    finish([&] { return work(*nccl, tensors); });
    tensor.copy_(tensors[0]);
#endif
  }
};

DataParallel DataParallel::from_environment() {
  DataParallel out;
  constexpr int kMost = 65535;
  if (variable("WORLD_SIZE").empty()) return out;
  out.size_ = number("WORLD_SIZE", 1, kMost);
  if (out.size_ == 1) return out;
  out.rank_ = number("RANK", 0, out.size_ - 1);
  out.local_size_ = variable("LOCAL_WORLD_SIZE").empty() ? out.size_ : number("LOCAL_WORLD_SIZE", 1, out.size_);
  const auto address = variable("MASTER_ADDR");
  if (address.empty()) throw Error("the environment variable MASTER_ADDR is not set (torchrun sets it)");
#ifndef DEER_HAVE_GLOO
  if (!resolve_device("auto").is_cuda()) {
    throw Error("there is no GPU, and this program was built without Gloo, which processes on the CPU need");
  }
#endif
  c10d::TCPStoreOptions options;
  options.port = static_cast<decltype(options.port)>(number("MASTER_PORT", 1, kMost));
  // torchrun may host the store itself.
  options.isServer = out.rank_ == 0 && variable("TORCHELASTIC_USE_AGENT_STORE") != "True";
  options.numWorkers = static_cast<std::size_t>(out.size_);
  options.waitWorkers = false;
  try {
    auto group = std::make_unique<Group>();
    group->store = c10::make_intrusive<c10d::TCPStore>(address, options);
    // One process may prepare data for a long time; a lost process is noticed at once.
    [[maybe_unused]] constexpr auto kPatience = std::chrono::hours(24);
#ifdef DEER_HAVE_GLOO
    auto gloo = c10d::ProcessGroupGloo::Options::create();
    gloo->timeout = kPatience;
    gloo->devices.push_back(device_towards(address));
    group->gloo = std::make_unique<c10d::ProcessGroupGloo>(group->store, out.rank_, out.size_, gloo);
#endif
#ifdef DEER_HAVE_NCCL
    if (resolve_device("auto").is_cuda()) {
      auto nccl = c10d::ProcessGroupNCCL::Options::create();
      nccl->timeout = kPatience;
      group->nccl = std::make_unique<c10d::ProcessGroupNCCL>(
          c10::make_intrusive<c10d::PrefixStore>("nccl", group->store), out.rank_, out.size_, nccl);
    }
#endif
    out.group_ = std::move(group);
  } catch (const std::exception& error) {
    throw Error("cannot reach the other processes at " + printable(address) + ":" + variable("MASTER_PORT") + ": " +
                printable(error.what(), 300));
  }
  return out;
}

bool DataParallel::sums_on(at::Device device) const {
#ifdef DEER_HAVE_NCCL
  if (device.is_cuda()) return group_ && group_->nccl;
#endif
  return device.is_cpu();
}

void DataParallel::sum(at::Tensor& tensor) const {
  if (size_ == 1) return;
  group_->on(tensor, [](auto& group, auto& tensors) { return group.allreduce(tensors); });
}

void DataParallel::broadcast(at::Tensor& tensor) const {
  if (size_ == 1) return;
  group_->on(tensor, [](auto& group, auto& tensors) { return group.broadcast(tensors); });
}

#else

struct DataParallel::Group {};

DataParallel DataParallel::from_environment() {
  if (!variable("WORLD_SIZE").empty() && number("WORLD_SIZE", 1, 65535) > 1) {
    throw Error("WORLD_SIZE is above 1, but this program was built without Gloo and NCCL");
  }
  return {};
}

bool DataParallel::sums_on(at::Device device) const { return device.is_cpu(); }
void DataParallel::sum(at::Tensor&) const {}
void DataParallel::broadcast(at::Tensor&) const {}

#endif

DataParallel::DataParallel() = default;
DataParallel::~DataParallel() = default;
DataParallel::DataParallel(DataParallel&&) noexcept = default;
DataParallel& DataParallel::operator=(DataParallel&&) noexcept = default;

}  // namespace deer
