// SPDX-License-Identifier: GPL-3.0-or-later
// How long it takes to open a long trace and to read its first frame, against a short one. Usage: bench_trace [FRAMES]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "core/base/error.h"
#include "core/trace/trace_reader.h"
#include "core/trace/trace_writer.h"
#include "tests/core/trace/made_up_records.h"

using namespace deer;

namespace {

double milliseconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

struct Times {
  double write = 0;
  double first_frame = 0;
  double columns = 0;
};

Times measure(const std::filesystem::path& file, std::int64_t frames) {
  Times times;
  auto record = test::made_up_record(0, 128);
  auto details = test::made_up_details(0);
  details.thumbnail.assign(2000, 1);
  times.write = milliseconds([&] {
    const auto writer = TraceWriter::create(file, test::made_up_metadata(128));
    for (std::int64_t i = 0; i < frames; ++i) {
      record.frame = i;
      record.step = static_cast<int>(i % 60);
      writer->append(record, details);
    }
    writer->close();
  });
  std::unique_ptr<TraceReader> trace;
  times.first_frame = milliseconds([&] {
    trace = TraceReader::open(file);
    (void)trace->records(0, 1);
    (void)trace->details(0, 1, true);
  });
  times.columns = milliseconds([&] {
    (void)trace->exit_layers(0, frames);
    (void)trace->deltas(0, frames);
  });
  std::filesystem::remove(file);
  return times;
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t frames = argc > 1 ? std::max(1000, std::atoi(argv[1])) : 100'000;
  try {
    const auto file = std::filesystem::temp_directory_path() / "deer_bench_trace.h5";
    (void)measure(file, 1000);
    const auto small = measure(file, 1000);
    const auto large = measure(file, frames);
    std::printf("%lld frames written: %.2f %% of the time of a 30 Hz run\n", static_cast<long long>(frames),
                100 * large.write / (static_cast<double>(frames) * 1000 / 30));
    std::printf("opening and the first frame: %.1f ms, %.1f x the time for 1,000 frames\n", large.first_frame,
                large.first_frame / small.first_frame);
    std::printf("exits and deltas of all frames: %.1f ms\n", large.columns);
  } catch (const Error& error) {
    std::fprintf(stderr, "bench_trace: %s\n", error.what());
    return 1;
  }
  return 0;
}
