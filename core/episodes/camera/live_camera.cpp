// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/camera/live_camera.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <utility>

namespace deer {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMostReaders = 2;  // per camera: the current one, and one abandoned in a read that hangs
constexpr auto kRateWindow = std::chrono::seconds(1);

struct ReaderCount {
  std::mutex mutex;
  std::condition_variable none;
  int running = 0;
};

// Never destroyed: an abandoned reader may outlive everything else.
ReaderCount& readers() {
  static auto* const count = new ReaderCount;
  return *count;
}

// Hash of the image content. Eight bytes at a time: a few tenths of a millisecond per megabyte.
std::uint64_t content_hash(const Image& image) {
  std::uint64_t hash =
      0x9E3779B97F4A7C15U ^ static_cast<std::uint64_t>(image.width) << 32U ^ static_cast<std::uint64_t>(image.height);
  const auto mix = [&hash](std::uint64_t word) {
    hash = (hash ^ word) * 0x9FB21C651E98DF25U;
    hash ^= hash >> 29U;
  };
  std::size_t at = 0;
  for (; at + sizeof(std::uint64_t) <= image.rgb.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, image.rgb.data() + at, sizeof word);
    mix(word);
  }
  for (; at < image.rgb.size(); ++at) mix(image.rgb[at]);
  return hash;
}

Clock::duration default_repeat(const std::string& source) {
  switch (camera_kind(source)) {
    case CameraKind::device:
      return std::chrono::seconds(2);
    case CameraKind::stream:
    case CameraKind::pipeline:
      return std::chrono::seconds(10);
    case CameraKind::video:
      break;
  }
  return {};
}

std::string seconds_text(Clock::duration time) {
  const auto tenths = std::chrono::duration_cast<std::chrono::milliseconds>(time).count() / 100;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

}  // namespace

// Shared by the camera, its watch and its readers; destroyed with the last of them.
struct LiveCamera::Shared : std::enable_shared_from_this<LiveCamera::Shared> {
  Shared(std::string name, CameraSettings given, CameraOpener opens, CameraTimeouts given_timeouts,
         std::function<void()> tell)
      : settings(std::move(given)),
        opener(std::move(opens)),
        timeouts(given_timeouts),
        repeat(given_timeouts.repeat.value_or(default_repeat(settings.source))),
        changed(std::move(tell)) {
    report.name = std::move(name);
    report.source = shown_source(settings.source);
  }

  void watch(const std::stop_token& stop);
  std::string watch_reader(const std::stop_token& stop, std::unique_lock<std::mutex>& lock);
  void say(CameraState state, const std::string& problem, std::unique_lock<std::mutex>& lock);
  void start_reader();
  void leave_reader();
  void read(std::uint64_t mine, const std::stop_token& stop);
  void read_on(std::uint64_t mine, const std::stop_token& stop);
  bool accept(std::uint64_t mine, const CameraPicture& picture, std::uint64_t hash, ImagePtr image);
  void lose(std::uint64_t mine, const std::string& why, bool for_good);

  const CameraSettings settings;
  const CameraOpener opener;
  const CameraTimeouts timeouts;
  const Clock::duration repeat;
  const std::function<void()> changed;

  mutable std::mutex mutex;  // guards the members below
  std::condition_variable_any wake;
  CameraReport report;
  std::deque<CameraFrame> frames;
  std::deque<Clock::time_point> times;
  std::int64_t next_number = 0;
  std::int64_t last_used = -1;

  std::uint64_t generation = 0;  // of the current reader; others are ignored
  std::stop_source stop_reader;
  int readers_alive = 0;
  std::uint64_t events = 0;  // count of changes for the watch
  bool open = false;
  bool gave_picture = false;  // since the camera was opened
  std::string loss;           // why the current reader ended
  bool refused = false;
  bool at_end = false;
  Clock::time_point opened_at;
  Clock::time_point last_picture;
  Clock::time_point last_new;  // of the last image that differed from its predecessor
  std::uint64_t last_hash = 0;
  bool lost_by_repeating = false;
  bool stands_still = false;  // reopening gave the same image: the scene does not move
  Clock::time_point retry_at;
};

void LiveCamera::Shared::say(CameraState state, const std::string& problem, std::unique_lock<std::mutex>& lock) {
  if (report.state == state && report.problem == problem) return;
  report.state = state;
  report.problem = problem;
  lock.unlock();
  changed();
  lock.lock();
}

void LiveCamera::Shared::watch(const std::stop_token& stop) {
  std::unique_lock lock(mutex);
  auto pause = timeouts.first_retry;
  while (!stop.stop_requested()) {
    if (readers_alive >= kMostReaders) {
      say(CameraState::reconnecting, "the driver does not answer", lock);
      wake.wait(lock, stop, [this] { return readers_alive < kMostReaders; });
      continue;
    }
    const auto before = next_number;
    start_reader();
    const auto why = watch_reader(stop, lock);
    leave_reader();
    if (stop.stop_requested()) return;
    if (at_end) return say(CameraState::ended, {}, lock);
    if (refused) return say(CameraState::failed, why, lock);
    if (next_number > before) pause = timeouts.first_retry;
    retry_at = Clock::now() + pause;
    pause = std::min(2 * pause, timeouts.longest_retry);
    say(CameraState::reconnecting, why, lock);
    wake.wait_until(lock, stop, retry_at, [] { return false; });
  }
}

// Waits until the current reader has failed; returns the reason.
std::string LiveCamera::Shared::watch_reader(const std::stop_token& stop, std::unique_lock<std::mutex>& lock) {
  while (!stop.stop_requested()) {
    if (!loss.empty() || at_end) return loss;
    const auto now = Clock::now();
    auto look_again = opened_at + timeouts.open;
    if (!gave_picture) {
      if (now >= look_again) return (open ? "sent no image for " : "did not open for ") + seconds_text(timeouts.open);
    } else {
      const bool repeats = repeat.count() > 0 && !stands_still && now - last_new >= repeat;
      const bool silent = now - last_picture >= timeouts.stall;
      if (now - last_picture >= timeouts.lost) return "sent no image for " + seconds_text(timeouts.lost);
      if (repeats && now - last_new >= repeat + timeouts.lost) {
        lost_by_repeating = true;
        return "sent the same image for " + seconds_text(repeat + timeouts.lost);
      }
      if (silent) {
        say(CameraState::stalled, "no image for more than " + seconds_text(timeouts.stall), lock);
      } else if (repeats) {
        say(CameraState::stalled, "the same image for more than " + seconds_text(repeat), lock);
      } else {
        say(CameraState::live, {}, lock);
      }
      look_again = last_picture + (silent ? timeouts.lost : timeouts.stall);
      if (repeat.count() > 0 && !stands_still) {
        look_again = std::min(look_again, last_new + (repeats ? repeat + timeouts.lost : repeat));
      }
    }
    const auto seen = events;
    if (!loss.empty() || at_end) continue;  // reported while the lock was released
    wake.wait_until(lock, stop, look_again, [&] { return events != seen; });
  }
  return {};
}

void LiveCamera::Shared::start_reader() {
  loss.clear();
  open = gave_picture = refused = at_end = false;
  stop_reader = std::stop_source();
  opened_at = Clock::now();
  ++readers_alive;
  {
    const std::scoped_lock lock(readers().mutex);
    ++readers().running;
  }
  std::thread([self = shared_from_this(), mine = ++generation, stop = stop_reader.get_token()]() mutable {
    self->read(mine, stop);
    self.reset();
    // Notify under the lock: the waiting thread may end the program at once.
    const std::scoped_lock lock(readers().mutex);
    if (--readers().running == 0) readers().none.notify_all();
  }).detach();
}

void LiveCamera::Shared::leave_reader() {
  ++generation;
  stop_reader.request_stop();
}

void LiveCamera::Shared::read(std::uint64_t mine, const std::stop_token& stop) {
  try {
    read_on(mine, stop);
  } catch (const CameraRefused& error) {
    lose(mine, error.what(), true);
  } catch (const std::exception& error) {
    lose(mine, error.what(), false);
  }
  const std::scoped_lock lock(mutex);
  --readers_alive;
  wake.notify_all();
}

void LiveCamera::Shared::read_on(std::uint64_t mine, const std::stop_token& stop) {
  const auto device = opener(settings, stop);
  {
    const std::scoped_lock lock(mutex);
    if (mine != generation) return;
    open = true;
    report.note = device->note();
    ++events;
    wake.notify_all();
  }
  while (!stop.stop_requested()) {
    const auto picture = device->read(stop);
    if (!picture) {
      const std::scoped_lock lock(mutex);
      if (mine != generation) return;
      at_end = true;
      ++events;
      wake.notify_all();
      return;
    }
    const auto hash = content_hash(*picture->image);
    if (!accept(mine, *picture, hash, adjusted(picture->image, settings))) return;
    changed();
  }
}

bool LiveCamera::Shared::accept(std::uint64_t mine, const CameraPicture& picture, std::uint64_t hash, ImagePtr image) {
  const std::scoped_lock lock(mutex);
  if (mine != generation) return false;
  const bool same = report.captured > 0 && hash == last_hash;
  const bool first = !std::exchange(gave_picture, true);
  if (first && next_number > 0) ++report.reconnects;
  if (first && same && lost_by_repeating) stands_still = true;
  if (!same) stands_still = false;
  lost_by_repeating = false;
  last_picture = Clock::now();
  if (!same || first) last_new = last_picture;
  last_hash = hash;
  ++report.captured;
  report.repeated += same;
  ++events;
  wake.notify_all();
  if (repeat.count() > 0 && !stands_still && last_picture - last_new >= repeat) return true;  // unchanged
  report.width = image->width;
  report.height = image->height;
  frames.push_back({next_number++, std::move(image), picture.captured_at});
  if (frames.size() > kKept) frames.pop_front();
  times.push_back(picture.captured_at);
  while (times.back() - times.front() > kRateWindow) times.pop_front();
  return true;
}

void LiveCamera::Shared::lose(std::uint64_t mine, const std::string& why, bool for_good) {
  const std::scoped_lock lock(mutex);
  if (mine != generation) return;
  loss = why.empty() ? "unknown error" : why;
  // What has worked before may work again.
  refused = for_good && report.captured == 0;
  ++events;
  wake.notify_all();
}

LiveCamera::LiveCamera(std::string name, CameraSettings settings, CameraOpener opener, CameraTimeouts timeouts,
                       std::function<void()> changed)
    : shared_(std::make_shared<Shared>(std::move(name), std::move(settings), std::move(opener), timeouts,
                                       std::move(changed))),
      watch_([shared = shared_](const std::stop_token& stop) { shared->watch(stop); }) {}

LiveCamera::~LiveCamera() {
  watch_.request_stop();
  watch_.join();
  const std::scoped_lock lock(shared_->mutex);
  shared_->leave_reader();
}

CameraReport LiveCamera::report() const {
  const std::scoped_lock lock(shared_->mutex);
  auto out = shared_->report;
  const auto now = Clock::now();
  auto& times = shared_->times;
  while (!times.empty() && now - times.front() > kRateWindow) times.pop_front();
  if (times.size() > 1) {
    const std::chrono::duration<double> span = times.back() - times.front();
    out.frames_per_second = static_cast<double>(times.size() - 1) / std::max(span.count(), 1e-9);
  }
  if (out.state == CameraState::reconnecting && shared_->retry_at > now) {
    out.retry_in_s = std::chrono::duration<double>(shared_->retry_at - now).count();
  }
  return out;
}

std::vector<CameraFrame> LiveCamera::frames() const {
  const std::scoped_lock lock(shared_->mutex);
  return {shared_->frames.begin(), shared_->frames.end()};
}

void LiveCamera::use(std::int64_t number) {
  const std::scoped_lock lock(shared_->mutex);
  if (number <= shared_->last_used) return;
  ++shared_->report.delivered;
  shared_->report.dropped += number - shared_->last_used - 1;
  shared_->last_used = number;
}

void LiveCamera::forget() {
  const std::scoped_lock lock(shared_->mutex);
  shared_->last_used = shared_->next_number - 1;
  shared_->frames.clear();
}

bool LiveCamera::wait_for_readers(std::chrono::milliseconds timeout) {
  auto& count = readers();
  std::unique_lock lock(count.mutex);
  return count.none.wait_for(lock, timeout, [&] { return count.running == 0; });
}

}  // namespace deer
