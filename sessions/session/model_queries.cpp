// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/session/model_queries.h"

#include "sessions/session/session_private.h"

namespace deer {

ModelQueries::ModelQueries(SessionCore* core) : core_(core) {
  auto* const attention = core->worker->attention();
  connect(attention, &AttentionQueries::attended, this, [this](const Ticket& ticket, const AttentionMapPtr& map) {
    if (attention_.is_current(ticket)) Q_EMIT attended(map);
  });
  connect(attention, &AttentionQueries::failed, this, [this](const Ticket& ticket, const QString& reason) {
    if (attention_.is_current(ticket)) Q_EMIT attend_failed(reason);
  });
  connect(core->worker, &InferenceWorker::compared, this, [this](const Ticket& ticket, const auto& flips) {
    if (comparison_.is_current(ticket)) Q_EMIT compared(flips);
  });
  connect(core->worker, &InferenceWorker::compare_failed, this, [this](const Ticket& ticket, const QString& reason) {
    if (comparison_.is_current(ticket)) Q_EMIT compare_failed(reason);
  });
  // Answers are of the episode that was open.
  connect(core->q, &Session::episode_changed, this, [this] {
    replay_.cancel();
    intervention_.cancel();
  });
  connect(core->worker, &InferenceWorker::replayed_under, this,
          [this](const Ticket& ticket, const ExitPolicy& policy, const auto& records) {
            if (replay_.is_current(ticket)) Q_EMIT replayed_under(policy, records);
          });
  connect(core->worker, &InferenceWorker::replay_failed, this, [this](const Ticket& ticket, const QString& reason) {
    if (replay_.is_current(ticket)) Q_EMIT replay_failed(reason);
  });
  connect(core->worker, &InferenceWorker::intervening, this, [this](const Ticket& ticket, qint64 done, qint64 total) {
    if (intervention_.is_current(ticket)) Q_EMIT intervening(done, total);
  });
  connect(core->worker, &InferenceWorker::intervened, this, [this](const Ticket& ticket, const auto& frames) {
    if (intervention_.is_current(ticket)) Q_EMIT intervened(frames);
  });
  connect(core->worker, &InferenceWorker::intervention_failed, this, [this](const Ticket& ticket, const auto& reason) {
    if (intervention_.is_current(ticket)) Q_EMIT intervention_failed(reason);
  });
}

void ModelQueries::replay_under(const ExitPolicy& policy) {
  core_->post([w = core_->worker, ticket = replay_.issue(), policy] { w->replay_under(ticket, policy); });
}

void ModelQueries::intervene(const Intervention& intervention, qint64 first, qint64 last) {
  core_->post([w = core_->worker, ticket = intervention_.issue(),
               task = InferenceWorker::InterventionTask{intervention, first, last, core_->policies.wanted().policy}] {
    w->intervene(ticket, task);
  });
}

void ModelQueries::stop_intervening() { intervention_.cancel(); }

void ModelQueries::attend(const FrameInput& input, int exit_layer) {
  core_->worker->attention()->ask({attention_.issue(), input, exit_layer});
}

void ModelQueries::stop_attending() { attention_.cancel(); }

void ModelQueries::compare(const ExitPolicy& other) {
  core_->post([w = core_->worker, ticket = comparison_.issue(), present = core_->policies.wanted().policy, other] {
    w->compare(ticket, present, other);
  });
}

}  // namespace deer
