// SPDX-License-Identifier: GPL-3.0-or-later
// The part of a session that is about traces: episodes that bring their records with them.
#include "core/base/error.h"
#include "core/exits/policy_json.h"
#include "core/trace/describe_model.h"
#include "sessions/base/paths.h"
#include "sessions/session/session_private.h"

namespace deer {
namespace {

constexpr std::size_t kMostFeatured = 256;  // frames

void add_note(ModelSummary& model, const QString& note) {
  model.note += (model.note.empty() ? "" : "; ") + note.toStdString();
}

}  // namespace

const TraceMetadata* Session::trace() const { return d_->run ? &d_->run->metadata() : nullptr; }
bool Session::model_missing() const { return d_->run && d_->head == Private::Head::missing; }
FrameSourcePtr Session::shared_episode() const { return d_->live ? nullptr : d_->episode; }

QString Session::trace_picture_problem(qint64 frame) const {
  // Only of what was read: nothing is asked for here.
  const auto seen = d_->loader.peek(frame);
  if (!seen || seen->rgb_static) return {};
  const auto source = QString::fromStdString(d_->run->source());
  if (source.isEmpty()) return tr("The trace was recorded live and without pictures.");
  return tr("The trace has no picture of this frame, and the data it was recorded from are not there: %1").arg(source);
}

bool Session::Private::change_run(std::shared_ptr<const RecordedRun> next) {
  ++run_number;
  record_loader.stop();
  reading = false;
  featured.clear();
  if (!next && !run) return false;
  // Another episode of the same trace keeps the model, and the policy that is in force.
  const bool same = next && run && &next->metadata() == &run->metadata();
  retire(std::const_pointer_cast<RecordedRun>(std::exchange(run, std::move(next))));
  if (same) return false;

  if (!put_by) put_by = policy;
  head_stop.request_stop();
  head_stop = {};
  ++head_number;
  head = Head::none;
  run_model.reset();
  if (!run) {
    policy = accepted_policy = *std::exchange(put_by, std::nullopt);
    accepted_policy_id = policy_id = ++policy_count;
    return true;
  }
  run_model = recorded_model(run->metadata());
  adopt_trace_policy();
  head_options = options;
  head_options.max_layer = run->metadata().layers;
  std::vector<std::filesystem::path> places;
  if (!run->metadata().model_path.empty()) places.emplace_back(run->metadata().model_path);
  if (summary) places.push_back(summary->path);
  find_head(std::move(places));
  return true;
}

void Session::Private::adopt_trace_policy() {
  const auto& m = run->metadata();
  policy = {};
  policy.thresholds.assign(m.exit_layers.size(), kNeverLeave);
  try {
    policy = policy_from_json(q->collection() ? q->collection()->path() : std::filesystem::path(), m.policy);
  } catch (const Error& error) {
    // Frames hold what was decided all the same.
    report({tr("The policy of the trace cannot be read"), QString::fromUtf8(error.what()), {}});
  }
  accepted_policy = policy;
  recorded_policy_id = accepted_policy_id = policy_id = ++policy_count;
}

void Session::Private::find_head(std::vector<std::filesystem::path> places) {
  head = Head::loading;
  InferenceWorker::HeadRequest request;
  request.number = head_number;
  request.run = run;
  request.places = std::move(places);
  request.options = head_options;
  request.options.head_only = true;
  request.stop = head_stop.get_token();
  // After set_run(), which start_rollout() sends: the worker lets go of the head before.
  QMetaObject::invokeMethod(
      this,
      [this, request = std::move(request)] {
        QMetaObject::invokeMethod(
            worker, [w = worker, request] { w->load_head(request); }, Qt::QueuedConnection);
      },
      Qt::QueuedConnection);
}

void Session::Private::on_head_loaded(quint64 number, const ModelSummary& loaded_head) {
  if (number != head_number || !run) return;
  head = Head::loaded;
  auto before = std::exchange(run_model, loaded_head);
  // Where it ran when it was recorded, and what it was called there.
  run_model->device = before->device;
  run_model->dtype = before->dtype;
  if (!before->name.empty()) run_model->name = before->name;
  if (run->metadata().features == FeatureType::float16) {
    add_note(*run_model, tr("this trace holds rounded features, so that other thresholds are not replayed exactly"));
  }
  Q_EMIT q->model_changed();
  catch_up();
  notify();
}

void Session::Private::on_head_missing(quint64 number, bool other, const QString& reason) {
  if (number != head_number || !run) return;
  head = Head::missing;
  run_model->note.clear();
  add_note(
      *run_model,
      run->metadata().layout->is_deer()
          ? tr("the model of this trace is missing: other policies are replayed from recorded actions. %1").arg(reason)
          : tr("other policies are replayed from recorded actions. %1").arg(reason));
  Q_EMIT q->model_changed();
  catch_up();
  notify();
  if (other) {
    report({tr("This is not the model of the trace"), reason,
            tr("What was recorded is shown. Open the folder of the model that the trace was recorded with.")});
  }
}

void Session::Private::on_loaded_beside_trace(const ExitPolicy& model_policy) {
  put_by = model_policy;
  if (head == Head::missing && run->metadata().layout->is_deer()) {
    run_model->note.clear();
    find_head({summary->path});
  } else if (head == Head::loaded && summary->path != run_model->path) {
    report({tr("The open trace keeps its own model"),
            tr("It was recorded with %1. %2 is open, and is used for the next episode.")
                .arg(QString::fromStdString(run_model->name), QString::fromStdString(summary->name)),
            {}});
  }
  catch_up();
  notify();
}

void Session::Private::read_records() {
  if (!run) return;
  reading = true;
  record_loader.start(run_number, run, frame);
  if (policy_id != recorded_policy_id && can_replay()) begin_advance(false);
  notify();
}

void Session::Private::on_read(quint64 number, const std::vector<FrameRecordPtr>& batch) {
  if (number != run_number || !run || batch.empty()) return;
  for (const auto& one : batch) {
    // What was replayed in the meantime is newer.
    auto& slot = records[static_cast<std::size_t>(one->frame)];
    if (slot) continue;
    slot = one;
    ++evaluated;
  }
  Q_EMIT q->records_changed(batch.front()->frame, batch.back()->frame);
  want_features();
  catch_up();
  notify();
}

void Session::Private::want_features() {
  const auto shown = hovered >= 0 ? hovered : frame;
  const auto record = q->record(shown);
  if (record && !has_features(*record)) record_loader.want_features(shown);
}

void Session::Private::on_features(quint64 number, const FrameRecordPtr& original) {
  if (number != run_number || !run) return;
  auto& slot = records[static_cast<std::size_t>(original->frame)];
  if (!slot || !has_features(*original)) return;
  slot = with_features(*slot, *original);
  std::erase(featured, original->frame);
  featured.push_back(original->frame);
  if (featured.size() > kMostFeatured) {
    auto& oldest = records[static_cast<std::size_t>(featured.front())];
    featured.pop_front();
    if (oldest) oldest = without_features(*oldest);
  }
  Q_EMIT q->features_ready(original->frame);
}

}  // namespace deer
