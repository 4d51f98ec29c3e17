// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/present/present_feed.h"

#include <span>
#include <utility>

#include "sessions/analysis/run_summary.h"
#include "sessions/analysis/run_tally.h"
#include "sessions/frames/episode_frames.h"
#include "sessions/series/instruction_at.h"
#include "sessions/session/live_session.h"
#include "widgets/base/number_format.h"
#include "widgets/present/present_view.h"

namespace deer {

PresentFeed::PresentFeed(Session* session, RunSummary* summary, PresentView* view, QObject* parent)
    : QObject(parent),
      session_(session),
      summary_(summary),
      tally_(RunTally::of(session)),
      view_(view),
      probed_(tally_->probed() > 0) {
  connect(summary, &RunSummary::started_anew, this, &PresentFeed::start_anew);
  connect(tally_, &RunTally::changed, this, [this] {
    if (std::exchange(probed_, tally_->probed() > 0) != probed_) refresh();
  });
  connect(summary, &RunSummary::changed, this, [this](qint64 first, qint64 last) {
    take_depths(first, last);
    refresh();
  });
  connect(session, &Session::model_changed, this, &PresentFeed::take_model);
  connect(session, &Session::current_frame_changed, this, &PresentFeed::refresh);
  connect(session->frames(), &EpisodeFrames::ready, this, &PresentFeed::refresh);
  connect(session, &Session::records_changed, this, &PresentFeed::refresh);
  connect(session->live(), &LiveSession::frames_added, this, [this](qint64, qint64 last) { view_->grow(last + 1); });
  connect(session, &Session::episode_changed, this, [this] {
    source_.reset();
    picture_ = {};
    picture_frame_ = -1;
    refresh();
  });
  connect(session, &Session::problem, this, [this](const Problem& problem) {
    problem_ = tr("%1: %2").arg(problem.title, problem.details.section(u'\n', 0, 0));
    refresh();
  });
  connect(session, &Session::activity_changed, this, [this] {
    if (session_->activity() != Session::Activity::idle) problem_.clear();
    if (picture_.isNull() || session_->live()->is_open()) refresh();
  });
  take_model();
  start_anew();
  if (summary_->frames() > 0) take_depths(0, summary_->frames() - 1);
  refresh();
}

bool PresentFeed::shows(qint64 frame) const {
  return session_->current_frame() == frame && picture_frame_ == frame && summary_->settled();
}

void PresentFeed::take_model() {
  const auto* const model = session_->model();
  std::vector<int> depths;
  for (const int layer : model ? model->exit_layers : std::vector<int>()) depths.push_back(layer + 1);
  view_->set_model(model ? model->layers : 0, std::move(depths));
}

void PresentFeed::start_anew() {
  view_->start_anew(summary_->frames(), session_->live()->is_open());
  refresh();
}

void PresentFeed::take_depths(qint64 first, qint64 last) {
  view_->set_depths(first, std::span(summary_->depths())
                               .subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first + 1)));
}

void PresentFeed::refresh() {
  const qint64 frame = session_->current_frame();
  PresentFrame out;
  out.frame = frame;
  out.problem = problem_;
  if (!session_->episode() || frame < 0) {
    out.note = session_->activity() == Session::Activity::opening_source ? session_->progress().text
               : session_->live()->is_open()                             ? tr("Waiting for the first frame…")
                                                                         : tr("Open an episode to present it.");
    return view_->set_frame(std::move(out));
  }
  const auto failed = session_->frames()->problem(frame);
  if (const auto seen = session_->frames()->observation(frame)) {
    const auto& image = seen->rgb_static;
    if (image != source_) {
      source_ = image;
      picture_ = image && !image->empty() ? QImage(image->rgb.data(), image->width, image->height,
                                                   static_cast<qsizetype>(image->width) * 3, QImage::Format_RGB888)
                                                .copy()
                                          : QImage();
    }
    picture_frame_ = frame;
    if (picture_.isNull()) out.note = failed.isEmpty() ? tr("No image from this camera in this frame.") : failed;
  } else if (!failed.isEmpty()) {
    picture_frame_ = frame;
    source_.reset();
    picture_ = {};
    out.note = tr("Frame %1 cannot be read: %2").arg(format_count(frame), failed);
  } else if (picture_.isNull()) {
    out.note = tr("Loading frame %1…").arg(format_count(frame));
  }
  out.picture = picture_;
  out.instruction = instruction_at(*session_, frame);
  if (const auto record = session_->record(frame)) {
    out.depth = record->depth();
    out.exit_index = record->exit_index;
  }
  if (const auto saving = summary_->saving(frame)) {
    out.saving = saving->times;
    out.saving_in_layers = saving->in_layers;
    out.saving_is_possible = probed_;
  }
  if (const auto tasks = summary_->tasks(frame)) out.tasks = {tasks->done, tasks->done + tasks->failed};
  view_->set_frame(std::move(out));
}

}  // namespace deer
