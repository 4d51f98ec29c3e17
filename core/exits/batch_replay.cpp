// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/exits/batch_replay.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <deque>
#include <map>
#include <set>

#include "core/base/error.h"
#include "core/exits/criterion.h"
#include "core/exits/head_batch.h"
#include "core/exits/rollout.h"

namespace deer {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kWindow = 16;                          // frames read at once
constexpr std::size_t kBatchBytes = std::size_t{64} << 20;    // of one gate tensor
constexpr std::size_t kWindowBytes = std::size_t{256} << 20;  // of all frames read

// Frames of one episode, loaded as its lanes reach them.
class FrameWindow {
 public:
  explicit FrameWindow(const ReplayFrames& frames) : frames_(frames) {}
  const FrameRecordPtr& at(std::int64_t place, std::int64_t end) {
    if (place < first_ || place >= first_ + static_cast<std::int64_t>(records_.size())) {
      records_ = frames_.read(place, std::min(kWindow, end - place));
      first_ = place;
    }
    return records_.at(static_cast<std::size_t>(place - first_));
  }

 private:
  const ReplayFrames& frames_;
  std::int64_t first_ = 0;
  std::vector<FrameRecordPtr> records_;
};

// The lane's rollout without batching, as far as it was needed.
struct ExactRun {
  Rollout rollout;
  std::int64_t position = 0;
};

// The recurrent state of a lane after a frame, before all states are put together anew.
struct NextRow {
  enum class From { zeros, head, before, exact };
  From from = From::zeros;
  std::int64_t index = 0;  // among those of this kind
};

struct Lane : ReplayLane {
  std::int64_t row = 0;  // of its recurrent state; 0: zeros
  NextRow next;          // where the state comes from that it has after the frame
  std::shared_ptr<FrameWindow> window;
  std::unique_ptr<ExactRun> exact;
};

// Runs of one head in one step.
struct Group {
  const ActionHead* head = nullptr;
  std::map<std::pair<std::int64_t, int>, std::int64_t> features;  // frame and layer
  std::vector<const std::vector<float>*> feature_data;
  std::vector<std::int64_t> feature_of;
  std::vector<std::int64_t> state_of;
  std::int64_t offset = 0;  // of its first row among all
};

struct Run {
  int layer = 0;
  std::size_t group = 0;
  std::int64_t row = 0;
};

// Everything that lanes with the same frame, state and heads share.
struct Node {
  std::int64_t place = 0;
  FrameRecordPtr frame;
  std::int64_t state_row = 0;
  bool own_head = false;
  bool compares_features = false;
  const LearnedGate* gate = nullptr;
  std::vector<Run> runs;
  FrameProbes probes;

  const Run* run_at(int layer) const {
    const auto it = std::find_if(runs.begin(), runs.end(), [&](const Run& run) { return run.layer == layer; });
    return it == runs.end() ? nullptr : &*it;
  }
};

at::Tensor index_tensor(const std::vector<std::int64_t>& values, at::Device device) {
  return at::tensor(values, at::kLong).to(device);
}

}  // namespace

class BatchReplay::Impl {
 public:
  Impl(const MultiExitModel& model, const ReplayFrames& frames) : model_(model), frames_(frames) {
    const auto* head = model.shared_head() != nullptr ? model.shared_head() : model.head_of_layer(exits().back());
    const auto hidden = static_cast<std::size_t>(head->config().hidden_size);
    max_lanes_ = std::max<std::size_t>(1, kBatchBytes / (4 * hidden * sizeof(float) * (exits().size() + 1)));
    const auto frame_bytes =
        static_cast<std::size_t>(model.config().decoder.d_model) * sizeof(float) * (exits().size() + 1);
    max_episodes_ = std::max<std::size_t>(1, kWindowBytes / (static_cast<std::size_t>(kWindow) * frame_bytes));
    const auto layers = static_cast<std::int64_t>(head->lstm().size());
    h_ = at::zeros({layers, 1, static_cast<std::int64_t>(hidden)}, at::TensorOptions(model.device()));
    c_ = h_;
    zeros_ = h_;
  }

  void run(std::vector<ReplayLane> lanes, LaneSink& sink, const std::stop_token& stop, std::int64_t every) {
    const c10::NoGradGuard no_grad;
    // Lanes of one episode side by side: as long as their histories agree they share everything.
    std::stable_sort(lanes.begin(), lanes.end(), [](const auto& a, const auto& b) { return a.begin < b.begin; });
    std::deque<ReplayLane> waiting(std::make_move_iterator(lanes.begin()), std::make_move_iterator(lanes.end()));
    h_ = c_ = zeros_;
    active_.clear();
    while (true) {
      std::erase_if(active_, [](const auto& lane) { return lane->position >= lane->end; });
      admit(waiting);
      if (active_.empty()) return;
      if (stop.stop_requested()) throw Cancelled();
      step(sink, every);
    }
  }

 private:
  const std::vector<int>& exits() const { return model_.exit_layers(); }

  const ActionHead* head_for(bool own_head, int layer) const {
    if (!own_head && model_.shared_head() != nullptr) return model_.shared_head();
    return model_.head_of_layer(layer);
  }

  void admit(std::deque<ReplayLane>& waiting) {
    std::vector<at::Tensor> h{h_};
    std::vector<at::Tensor> c{c_};
    std::map<std::int64_t, std::shared_ptr<FrameWindow>> windows;
    std::set<std::int64_t> episodes;
    for (const auto& lane : active_) episodes.insert(lane->begin);
    while (!waiting.empty() && active_.size() < max_lanes_) {
      episodes.insert(waiting.front().begin);
      if (episodes.size() > max_episodes_) break;
      auto lane = std::make_unique<Lane>();
      static_cast<ReplayLane&>(*lane) = std::move(waiting.front());
      waiting.pop_front();
      if (lane->position >= lane->end) continue;
      if (!lane->state.empty()) {
        lane->row = h_.size(1) + static_cast<std::int64_t>(h.size()) - 1;
        h.push_back(lane->state.h);
        c.push_back(lane->state.c);
        lane->state = {};
      }
      auto& window = windows[lane->begin];
      if (!window) window = std::make_shared<FrameWindow>(frames_);
      lane->window = window;
      active_.push_back(std::move(lane));
    }
    if (h.size() == 1) return;
    h_ = at::cat(h, 1);
    c_ = at::cat(c, 1);
  }

  RecurrentState state_of(const Lane& lane) const {
    if (lane.row == 0) return {};
    return {h_.narrow(1, lane.row, 1).clone(), c_.narrow(1, lane.row, 1).clone()};
  }

  void step(LaneSink& sink, std::int64_t every) {
    const auto start = Clock::now();
    for (const auto& lane : active_) {
      if (every > 0 && lane->position > lane->begin && (lane->position - lane->begin) % every == 0) {
        sink.checkpoint(*lane, state_of(*lane));
      }
      if (refreshes(*lane->policy, lane->episode.steps)) lane->row = 0;
    }
    find_nodes();
    run_heads();
    next_h_ = {zeros_};
    next_c_ = {zeros_};
    taken_rows_.clear();
    kept_rows_.clear();
    std::vector<std::shared_ptr<FrameRecord>> records;
    std::vector<bool> exact;
    std::vector<RecurrentState> exact_states;
    // Decisions first, then the states, whose rows the lanes refer to.
    for (std::size_t i = 0; i < active_.size(); ++i) {
      auto& lane = *active_[i];
      auto& node = nodes_[node_of_[i]];
      auto assembled = assemble(*lane.policy, exits(), lane.episode, node.frame->frame, node.probes);
      exact.push_back(assembled.close);
      if (assembled.close) {
        auto record = run_exactly(lane, *node.frame);
        exact_states.push_back(lane.exact->rollout.state());
        lane.next = {NextRow::From::exact, static_cast<std::int64_t>(exact_states.size()) - 1};
        records.push_back(std::move(record));
      } else {
        auto record = std::make_shared<FrameRecord>(std::move(assembled.record));
        if (record->reason == ExitReason::repeated) {
          lane.next = keep_row(lane.row);
        } else {
          const auto* run = node.run_at(record->exit_layer);
          lane.next = take_row(groups_[run->group].offset + run->row);
        }
        records.push_back(std::move(record));
      }
    }
    move_states(exact_states);
    const double milliseconds = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    for (std::size_t i = 0; i < active_.size(); ++i) {
      auto& lane = *active_[i];
      auto& record = *records[i];
      record.prompt_tokens = nodes_[node_of_[i]].frame->prompt_tokens;
      record.times.head_ms = milliseconds / static_cast<double>(active_.size());
      lane.past.push_back(record.exit_layer);
      advance(lane.episode, *lane.policy, record);
      sink.record(lane, std::move(records[i]), exact[i], nodes_[node_of_[i]].probes.gate);
      ++lane.position;
    }
  }

  void find_nodes() {
    nodes_.clear();
    node_of_.clear();
    groups_.clear();
    std::map<std::tuple<std::int64_t, std::int64_t, bool, const LearnedGate*>, std::size_t> known;
    for (const auto& lane : active_) {
      const bool own_head = lane->policy->use_own_head;
      const auto* gate = lane->policy->criterion == Criterion::learned_gate ? lane->policy->gate.gate.get() : nullptr;
      const auto [place, is_new] = known.try_emplace({lane->position, lane->row, own_head, gate}, nodes_.size());
      if (is_new) {
        Node node;
        node.place = lane->position;
        node.frame = lane->window->at(lane->position, lane->end);
        node.state_row = lane->row;
        node.own_head = own_head;
        node.gate = gate;
        nodes_.push_back(std::move(node));
        auto& added = nodes_.back();
        if (exits().front() > 0) add_run(added, exits().front() - 1);
        for (const int layer : exits()) add_run(added, layer);
      }
      auto& node = nodes_[place->second];
      node_of_.push_back(place->second);
      node.compares_features |= lane->policy->criterion == Criterion::feature_similarity;
      const auto& episode = lane->episode;
      if (repeats(*lane->policy, episode.steps) && episode.last) continue;
      const auto decision =
          decide_at_once(*lane->policy, exits(), episode.steps, episode.held_layer, node.frame->frame);
      if (decision && node.run_at(decision->layer) == nullptr) add_run(node, decision->layer);
    }
  }

  void add_run(Node& node, int layer) {
    const auto* head = head_for(node.own_head, layer);
    if (head == nullptr) return;  // no such probe, as in Rollout
    const auto found = std::find_if(groups_.begin(), groups_.end(), [&](const auto& g) { return g.head == head; });
    const auto index = static_cast<std::size_t>(found - groups_.begin());
    if (found == groups_.end()) groups_.emplace_back().head = head;
    auto& group = groups_[index];
    const auto [feature, is_new] =
        group.features.try_emplace({node.place, layer}, static_cast<std::int64_t>(group.feature_data.size()));
    if (is_new) {
      const auto& data = recorded_feature(*node.frame, layer);
      const auto expected = static_cast<std::size_t>(model_.config().decoder.d_model);
      if (data.size() != expected) {
        throw Error("frame " + std::to_string(node.frame->frame) + " has a feature of " + std::to_string(data.size()) +
                    " numbers, the model " + std::to_string(expected));
      }
      group.feature_data.push_back(&data);
    }
    node.runs.push_back({layer, index, static_cast<std::int64_t>(group.feature_of.size())});
    group.feature_of.push_back(feature->second);
    group.state_of.push_back(node.state_row);
  }

  void run_heads() {
    std::vector<at::Tensor> arm;
    std::vector<at::Tensor> logit;
    std::vector<at::Tensor> probability;
    std::vector<at::Tensor> h;
    std::vector<at::Tensor> c;
    std::int64_t rows = 0;
    for (auto& group : groups_) {
      group.offset = rows;
      rows += static_cast<std::int64_t>(group.feature_of.size());
      const auto width = group.feature_data.front()->size();
      auto features = at::empty(
          {static_cast<std::int64_t>(group.feature_data.size()), static_cast<std::int64_t>(width)}, at::kFloat);
      auto* to = features.data_ptr<float>();
      for (const auto* data : group.feature_data) {
        std::memcpy(to, data->data(), width * sizeof(float));
        to += width;
      }
      const auto device = model_.device();
      auto out = run_head(*group.head, {features.to(device), index_tensor(group.feature_of, device), h_, c_,
                                        index_tensor(group.state_of, device)});
      arm.push_back(out.arm);
      logit.push_back(out.gripper_logit);
      probability.push_back(out.gripper_probability);
      h.push_back(out.state.h);
      c.push_back(out.state.c);
    }
    new_h_ = at::cat(h, 1);
    new_c_ = at::cat(c, 1);
    const auto arms = at::cat(arm).cpu().contiguous();
    const auto logits = at::cat(logit).cpu().contiguous();
    const auto probabilities = at::cat(probability).cpu().contiguous();
    for (auto& node : nodes_) {
      for (const auto& run : node.runs) {
        const auto row = groups_[run.group].offset + run.row;
        ExitProbe probe;
        probe.layer = run.layer;
        probe.action = deer_action(std::span<const float, 6>(arms.data_ptr<float>() + 6 * row, 6),
                                   probabilities.data_ptr<float>()[row]);
        probe.gripper_logit = logits.data_ptr<float>()[row];
        if (exit_index_of(exits(), run.layer) >= 0) {
          node.probes.exits.push_back(std::move(probe));
        } else if (run.layer == exits().front() - 1) {
          node.probes.predecessor = std::move(probe);
        } else {
          node.probes.others.push_back(std::move(probe));
        }
      }
      if (node.compares_features || node.gate != nullptr) compare_features(node);
    }
    ask_gates();
  }

  void ask_gates() {
    if (std::none_of(nodes_.begin(), nodes_.end(), [](const Node& node) { return node.gate != nullptr; })) return;
    const auto states = h_.permute({1, 0, 2}).to(at::kCPU, at::kFloat).contiguous();  // [rows, layers, hidden]
    const auto size = static_cast<std::size_t>(states.size(1) * states.size(2));
    for (auto& node : nodes_) {
      if (node.gate == nullptr) continue;
      const auto* state = states.data_ptr<float>() + static_cast<std::size_t>(node.state_row) * size;
      GateFrame frame(*node.gate, std::span(state, size));
      auto& probes = node.probes;
      for (std::size_t i = 0; i < probes.exits.size(); ++i) {
        const ExitProbe* previous = i > 0 ? &probes.exits[i - 1] : probes.predecessor ? &*probes.predecessor : nullptr;
        const float delta =
            previous ? action_delta(DeltaType::l2, probes.exits[i].arm(), previous->arm()) : kNotEvaluated;
        probes.gate.push_back(
            frame.next(recorded_feature(*node.frame, probes.exits[i].layer), delta, probes.feature_distances[i]));
      }
    }
  }

  void compare_features(Node& node) const {
    auto& out = node.probes.feature_distances;
    out.assign(exits().size(), kNotEvaluated);
    for (std::size_t i = 0; i < exits().size(); ++i) {
      const int before = i > 0 ? exits()[i - 1] : exits()[0] - 1;
      if (i == 0 && !node.probes.predecessor) continue;
      out[i] = feature_distance(recorded_feature(*node.frame, exits()[i]), recorded_feature(*node.frame, before));
    }
  }

  NextRow take_row(std::int64_t row) {
    return {NextRow::From::head,
            taken_rows_.try_emplace(row, static_cast<std::int64_t>(taken_rows_.size())).first->second};
  }

  NextRow keep_row(std::int64_t row) {
    if (row == 0) return {NextRow::From::zeros, 0};
    return {NextRow::From::before,
            kept_rows_.try_emplace(row, static_cast<std::int64_t>(kept_rows_.size())).first->second};
  }

  void move_states(const std::vector<RecurrentState>& exact_states) {
    const auto taken = static_cast<std::int64_t>(taken_rows_.size());
    const auto kept = static_cast<std::int64_t>(kept_rows_.size());
    // The new rows: zeros, those that the head computed, those kept, those computed exactly.
    for (const auto& lane : active_) {
      switch (lane->next.from) {
        case NextRow::From::zeros:
          lane->row = 0;
          break;
        case NextRow::From::head:
          lane->row = 1 + lane->next.index;
          break;
        case NextRow::From::before:
          lane->row = 1 + taken + lane->next.index;
          break;
        case NextRow::From::exact:
          lane->row = 1 + taken + kept + lane->next.index;
          break;
      }
    }
    const auto rows_of = [&](const std::map<std::int64_t, std::int64_t>& rows) {
      std::vector<std::int64_t> out(rows.size());
      for (const auto& [from, to] : rows) out[static_cast<std::size_t>(to)] = from;
      return index_tensor(out, model_.device());
    };
    if (taken > 0) {
      next_h_.push_back(new_h_.index_select(1, rows_of(taken_rows_)));
      next_c_.push_back(new_c_.index_select(1, rows_of(taken_rows_)));
    }
    if (kept > 0) {
      next_h_.push_back(h_.index_select(1, rows_of(kept_rows_)));
      next_c_.push_back(c_.index_select(1, rows_of(kept_rows_)));
    }
    for (const auto& state : exact_states) {
      next_h_.push_back(state.h);
      next_c_.push_back(state.c);
    }
    h_ = at::cat(next_h_, 1);
    c_ = at::cat(next_c_, 1);
  }

  // The frame after the lane's history, computed as in Rollout.
  std::shared_ptr<FrameRecord> run_exactly(Lane& lane, const FrameRecord& frame) {
    if (!lane.exact) {
      lane.exact = std::make_unique<ExactRun>(ExactRun{Rollout(model_), lane.begin});
    }
    auto& exact = *lane.exact;
    FrameWindow window(frames_);
    ExitPolicy known = *lane.policy;
    for (; exact.position < lane.position; ++exact.position) {
      const auto& before = *window.at(exact.position, lane.position);
      known.forced_layers = {{before.frame, lane.past.at(static_cast<std::size_t>(exact.position - lane.begin))}};
      exact.rollout.set_policy(known);
      RecordedFeatures features(before, model_.device());
      (void)exact.rollout.step(features, RunMode::policy, before.frame);
    }
    exact.rollout.set_policy(*lane.policy);
    RecordedFeatures features(frame, model_.device());
    auto record = std::make_shared<FrameRecord>(exact.rollout.step(features, RunMode::probe, frame.frame));
    ++exact.position;
    record->frame = frame.frame;
    record->predecessor.feature.clear();
    for (auto& probe : record->exits) probe.feature.clear();
    return record;
  }

  const MultiExitModel& model_;
  const ReplayFrames& frames_;
  std::size_t max_lanes_ = 1;
  std::size_t max_episodes_ = 1;
  std::vector<std::unique_ptr<Lane>> active_;
  at::Tensor zeros_;  // [layers, 1, hidden]
  at::Tensor h_, c_;  // [layers, rows, hidden]; row 0 is zeros
  at::Tensor new_h_, new_c_;
  std::vector<at::Tensor> next_h_, next_c_;
  std::map<std::int64_t, std::int64_t> taken_rows_, kept_rows_;  // old row to place among the new ones
  std::vector<Node> nodes_;
  std::vector<std::size_t> node_of_;  // by lane
  std::vector<Group> groups_;
};

BatchReplay::BatchReplay(const MultiExitModel& model, const ReplayFrames& frames)
    : impl_(std::make_unique<Impl>(model, frames)) {}

BatchReplay::~BatchReplay() = default;

void BatchReplay::run(std::vector<ReplayLane> lanes, LaneSink& sink, const std::stop_token& stop,
                      std::int64_t checkpoint_every) {
  impl_->run(std::move(lanes), sink, stop, checkpoint_every);
}

std::vector<std::pair<std::int64_t, std::int64_t>> episodes_of(const ReplayFrames& frames) {
  std::vector<std::pair<std::int64_t, std::int64_t>> out;
  for (std::int64_t i = 0; i < frames.count(); ++i) {
    if (i == 0 || frames.steps[static_cast<std::size_t>(i)] == 0) {
      if (!out.empty()) out.back().second = i;
      out.emplace_back(i, frames.count());
    }
  }
  return out;
}

void check_policy(const MultiExitModel& model, const ExitPolicy& policy) { Rollout(model).set_policy(policy); }

}  // namespace deer
