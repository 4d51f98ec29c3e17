// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/study/study_builder.h"

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <tuple>

#include "core/base/error.h"
#include "core/debug/expression.h"
#include "core/debug/frame_values.h"
#include "core/exits/policy_json.h"
#include "core/model/model_config.h"
#include "core/study/depth_around_events.h"
#include "core/study/depth_by_need.h"
#include "core/study/llm_costs.h"
#include "core/study/replay_engine.h"
#include "core/study/task_names.h"
#include "core/trace/trace_reader.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kFramesAtOnce = 1024;

/// A prediction that is repeated costs nothing at any depth.
FrameCosts costs_in_layers(int deepest) {
  return {[](const FrameRecord& r) { return r.reason == ExitReason::repeated ? 0.0 : r.depth(); },
          [deepest](const FrameRecord& r) {
            return r.reason == ExitReason::repeated ? 0.0 : std::max(deepest, r.exit_layer) + 1.0;
          }};
}

FrameCosts costs_in_gflops(const ModelConfig& config, int deepest) {
  const auto costs = std::make_shared<LlmCosts>(config);
  return {[costs](const FrameRecord& r) {
            return r.reason == ExitReason::repeated ? 0.0 : costs->at(r.exit_layer, r.prompt_tokens);
          },
          [costs, deepest](const FrameRecord& r) {
            return r.reason == ExitReason::repeated ? 0.0 : costs->at(std::max(deepest, r.exit_layer), r.prompt_tokens);
          }};
}

/// Consecutive spans of one episode.
struct EpisodeSpans {
  std::size_t first = 0, end = 0;  ///< places among the spans
  std::int64_t begin = 0, frames = 0;
};

std::vector<EpisodeSpans> episodes_in(const std::vector<TraceSpan>& spans) {
  std::vector<EpisodeSpans> out;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    if (out.empty() || spans[i].starts_episode) out.push_back({i, i, spans[i].first, 0});
    out.back().end = i + 1;
    out.back().frames += spans[i].count;
  }
  return out;
}

}  // namespace

class StudyBuilder::Impl {
 public:
  explicit Impl(StudyOptions options) : options_(std::move(options)) {
    study_.where = options_.where;
    study_.baseline = options_.baseline_policy ? options_.baseline_name : options_.baseline.string();
  }

  void add(const fs::path& file, bool finished, const StudyProgress& progress, const std::stop_token& stop) {
    const auto trace = TraceReader::open(file);
    if (trace->frames() == 0) {
      if (finished) throw FileError(file, "holds no frames");
      return;
    }
    if (study_.traces.empty()) {
      begin(*trace);
    } else {
      check_same_model(file, trace->metadata(), study_.traces.front(), study_.model);
    }
    const auto [place, added] = places_.try_emplace(file, study_.traces.size());
    if (added) {
      study_.traces.push_back(file);
      done_.push_back(0);
    }
    const auto spans = trace->spans();
    auto episodes = episodes_in(spans);
    if (!finished) episodes.pop_back();
    auto& done = done_[place->second];
    std::erase_if(episodes, [&](const EpisodeSpans& one) { return one.begin < done; });
    if (episodes.empty()) return;
    const auto last = episodes.back().begin + episodes.back().frames;
    replay_baseline(file, *trace, done, last, stop);
    for (const auto& episode : episodes) {
      const auto parts = std::span(spans).subspan(episode.first, episode.end - episode.first);
      const auto show = [&](std::int64_t frames) {
        if (progress) progress(frames, last);
      };
      if (is_repeated(*trace, place->second, parts.front(), episode)) {
        ++study_.repeated;
        show(episode.begin + episode.frames);
      } else {
        study_episode(*trace, place->second, parts, episode, stop, show);
      }
      done = episode.begin + episode.frames;
    }
  }

  const Study& study() const { return study_; }

 private:
  void begin(const TraceReader& trace) {
    const auto& m = trace.metadata();
    study_.model = m;
    const auto config = config_of_trace(m, options_.model);
    const bool tokens_known = config && trace.records(0, 1, false)[0]->prompt_tokens > 0;
    const int deepest = m.exit_layers.back();
    study_.cost_unit = tokens_known ? "LLM GFLOPs" : "layers";
    costs_ = tokens_known ? costs_in_gflops(*config, deepest) : costs_in_layers(deepest);
    total_.emplace(m.exit_layers, costs_, 0.0);
    if (!options_.where.empty()) {
      values_.emplace(FrameFacts{m.exit_layers, config, m.layout});
      where_.emplace(options_.where, values_->variables());
    }
  }

  // Whether another trace holds the same frames of the data, run with the same policy and instruction.
  bool is_repeated(const TraceReader& trace, std::size_t trace_number, const TraceSpan& span,
                   const EpisodeSpans& where) {
    if (span.source.empty()) return false;
    const auto frame_id = trace.details(where.begin, 1).front().frame_id;
    const auto [found, added] = traces_of_.try_emplace(
        std::tuple(span.source, span.episode, frame_id, where.frames, span.instruction, trace.metadata().policy.dump()),
        trace_number);
    return !added && found->second != trace_number;
  }

  // The exits that the baseline takes in frames [first, last).
  void replay_baseline(const fs::path& file, const TraceReader& trace, std::int64_t first, std::int64_t last,
                       const std::stop_token& stop) {
    baseline_layers_.clear();
    if (options_.baseline.empty() && !options_.baseline_policy) return;
    if (!replay_.engine) {
      replay_ = open_replay_engine(file, trace.metadata(), options_.model, options_.engine, stop);
      const auto& m = trace.metadata();
      const auto recorded = m.policy.is_object() ? policy_from_json(file, m.policy) : ExitPolicy();
      baseline_ = options_.baseline_policy ? *options_.baseline_policy
                                           : read_policy(options_.baseline, replay_.engine->summary(), recorded);
      baseline_.forced_layers.clear();
      study_.baseline_note = replay_.why_recorded;
    }
    if (replay_.why_recorded.empty() && trace.metadata().features == FeatureType::float16) {
      study_.baseline_note = "features are stored as float16";
    }
    study_.baseline_exact = study_.baseline_note.empty();
    baseline_first_ = first;
    baseline_layers_.assign(static_cast<std::size_t>(last - first), 0);
    replay_.engine->replay_many(
        replay_frames(trace, first, last - first, replay_.why_recorded.empty()), std::span(&baseline_, 1),
        [&](std::size_t, std::int64_t place, const FrameRecordPtr& record) {
          baseline_layers_[static_cast<std::size_t>(place)] = record->exit_layer;
        },
        stop);
  }

  template <typename Progress>
  void study_episode(const TraceReader& trace, std::size_t trace_number, std::span<const TraceSpan> spans,
                     const EpisodeSpans& where, const std::stop_token& stop, const Progress& progress) {
    EpisodeStudy episode;
    episode.trace = trace_number;
    episode.first = where.begin;
    episode.first_frame = spans.front().first_frame;
    episode.source = spans.front().source;
    episode.source_episode = spans.front().episode;
    episode.instruction = spans.front().instruction;
    episode.instructions = static_cast<int>(spans.size());
    if (!baseline_layers_.empty()) episode.flips = 0;
    PolicySummaryBuilder summary(study_.model.exit_layers, costs_, 0);
    // Put aside until the episode is complete: a cancelled one leaves nothing.
    auto aligned = study_.aligned;
    DepthAroundEvents around(aligned);
    FramesByNeed by_need;
    auto total = *total_;
    std::vector<StudyMatch> matches;
    std::int64_t match_count = 0;
    const auto room = options_.most_matches - std::min(options_.most_matches, study_.matches.size());

    FrameRecordPtr before;
    std::size_t span = 0;
    for (std::int64_t from = 0; from < where.frames; from += kFramesAtOnce) {
      if (stop.stop_requested()) throw Cancelled();
      const auto many = std::min(kFramesAtOnce, where.frames - from);
      const auto records = trace.records(where.begin + from, many, false);
      const auto details = trace.details(where.begin + from, many);
      for (std::size_t i = 0; i < records.size(); ++i) {
        const auto& record = *records[i];
        const auto offset = from + static_cast<std::int64_t>(i);
        const auto row = where.begin + offset;
        summary.add(record, details[i].recorded_action);
        total.add(record, details[i].recorded_action);
        bool new_instruction = false;
        while (span + 1 < spans.size() && row >= spans[span + 1].first) {
          ++span;
          new_instruction = true;
        }
        around.add(record.depth(), events_at(record, before.get(), new_instruction));
        by_need.add(record, study_.model.exit_layers.front(), study_.model.exit_layers.back());
        if (offset == 0) episode.first_frame_id = details[i].frame_id;
        if (episode.flips && baseline_layers_[static_cast<std::size_t>(row - baseline_first_)] != record.exit_layer) {
          ++*episode.flips;
        }
        if (where_) {
          values_->set(record, before.get());
          if (where_->holds() && match_count++ < static_cast<std::int64_t>(room)) {
            matches.push_back({study_.episodes.size(), offset, record.frame, record.depth()});
          }
        }
        before = records[i];
      }
      progress(where.begin + from + many);
    }
    episode.task = tasks_.task(episode.source, episode.source_episode, episode.first_frame_id);
    episode.summary = summary.summary();
    study_.episodes.push_back(std::move(episode));
    study_.aligned = aligned;
    by_need.finish(study_.by_need);
    *total_ = std::move(total);
    study_.total = total_->summary();
    study_.matches.insert(study_.matches.end(), matches.begin(), matches.end());
    study_.match_count += match_count;
  }

  static std::array<bool, kAlignedEvents> events_at(const FrameRecord& record, const FrameRecord* before,
                                                    bool new_instruction) {
    std::array<bool, kAlignedEvents> out{false, false, new_instruction};
    if (!before || before->command.size() != record.command.size()) return out;
    for (const auto gripper : record.layout->grippers()) {
      if (before->opens(gripper) == record.opens(gripper)) continue;
      out[static_cast<std::size_t>(record.opens(gripper) ? AlignedEvent::release : AlignedEvent::grasp)] = true;
    }
    return out;
  }

  StudyOptions options_;
  Study study_;
  std::map<fs::path, std::size_t> places_;
  std::vector<std::int64_t> done_;  ///< frames studied of each trace
  /// Source, episode, first frame, frames, instruction and policy of what was studied; number of its trace.
  std::map<std::tuple<std::string, std::int32_t, std::int64_t, std::int64_t, std::string, std::string>, std::size_t>
      traces_of_;
  FrameCosts costs_;
  std::optional<PolicySummaryBuilder> total_;
  TaskNames tasks_;
  std::optional<FrameValues> values_;
  std::optional<Expression> where_;
  ReplayEngine replay_;
  ExitPolicy baseline_;
  std::int64_t baseline_first_ = 0;
  std::vector<int> baseline_layers_;
};

StudyBuilder::StudyBuilder(StudyOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
StudyBuilder::~StudyBuilder() = default;

void StudyBuilder::add(const fs::path& file, bool finished, const StudyProgress& progress,
                       const std::stop_token& stop) {
  impl_->add(file, finished, progress, stop);
}

const Study& StudyBuilder::study() const { return impl_->study(); }

}  // namespace deer
