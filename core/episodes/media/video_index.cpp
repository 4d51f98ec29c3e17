// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/media/video_index.h"

extern "C" {
#include <libavformat/avformat.h>
}

#include <algorithm>
#include <memory>
#include <string>

#include "core/base/error.h"

namespace deer {
namespace {

struct CloseInput {
  void operator()(AVFormatContext* context) const { avformat_close_input(&context); }
};
struct FreePacket {
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
};

}  // namespace

std::int64_t VideoIndex::nearest(double time_ms) const {
  const auto after = std::lower_bound(times_ms.begin(), times_ms.end(), time_ms);
  if (after == times_ms.begin()) return 0;
  const bool before_is_nearer = after == times_ms.end() || time_ms - *std::prev(after) <= *after - time_ms;
  return (before_is_nearer ? std::prev(after) : after) - times_ms.begin();
}

void VideoIndex::begin_with(std::int64_t first) {
  times_ms.erase(times_ms.begin(), times_ms.begin() + first);
  const double begin = times_ms.front();
  for (double& time : times_ms) time -= begin;
  start_ms += begin;
}

VideoIndex read_video_index(const std::filesystem::path& path) {
  AVFormatContext* opened = nullptr;
  if (avformat_open_input(&opened, path.c_str(), nullptr, nullptr) < 0) {
    throw FileError(path, "cannot be opened as a video (damaged?)");
  }
  const std::unique_ptr<AVFormatContext, CloseInput> input(opened);
  if (avformat_find_stream_info(input.get(), nullptr) < 0) throw FileError(path, "cannot be read as a video");
  const int best = av_find_best_stream(input.get(), AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
  if (best < 0) throw FileError(path, "holds no video stream");
  const double tick_ms = 1000 * av_q2d(input->streams[best]->time_base);
  for (unsigned i = 0; i < input->nb_streams; ++i) {
    if (static_cast<int>(i) != best) input->streams[i]->discard = AVDISCARD_ALL;
  }
  const std::unique_ptr<AVPacket, FreePacket> packet(av_packet_alloc());
  if (!packet) throw FileError(path, "cannot be read as a video: out of memory");
  VideoIndex out;
  while (av_read_frame(input.get(), packet.get()) >= 0) {
    if (packet->stream_index == best && (packet->flags & AV_PKT_FLAG_DISCARD) == 0) {
      const auto time = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
      if (time == AV_NOPTS_VALUE) out.timed = false;
      out.times_ms.push_back(static_cast<double>(time) * tick_ms);
    }
    av_packet_unref(packet.get());
  }
  if (out.times_ms.empty()) throw FileError(path, "holds no frame (damaged?)");
  std::sort(out.times_ms.begin(), out.times_ms.end());
  if (std::adjacent_find(out.times_ms.begin(), out.times_ms.end()) != out.times_ms.end()) out.timed = false;
  const auto stream_start = input->streams[best]->start_time;
  const double start = stream_start == AV_NOPTS_VALUE ? 0 : static_cast<double>(stream_start) * tick_ms;
  for (double& time : out.times_ms) time -= start;
  out.begin_with(0);
  return out;
}

}  // namespace deer
