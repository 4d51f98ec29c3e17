// SPDX-License-Identifier: GPL-3.0-or-later
// Where the model looked: asked for one frame at a time, and done between two frames of whatever goes on.
#include "core/base/error.h"
#include "sessions/inference/inference_worker.h"

namespace deer {

void InferenceWorker::ask_attention(Attend task) {
  {
    const std::scoped_lock lock(attend_mutex_);
    attend_ = std::move(task);
  }
  QMetaObject::invokeMethod(this, &InferenceWorker::serve_attention, Qt::QueuedConnection);
}

void InferenceWorker::serve_attention() {
  std::optional<Attend> task;
  {
    const std::scoped_lock lock(attend_mutex_);
    task = std::exchange(attend_, std::nullopt);
  }
  if (!task || task->stop.stop_requested()) return;
  try {
    if (!engine_) throw Error("the model is not loaded");
    auto map = std::make_shared<const AttentionMap>(engine_->attend(task->input, task->exit_layer, task->stop));
    if (!task->stop.stop_requested()) Q_EMIT attended(task->number, map);
  } catch (const Cancelled&) {
  } catch (const std::exception& error) {
    Q_EMIT attend_failed(task->number, QString::fromUtf8(error.what()));
  }
}

}  // namespace deer
