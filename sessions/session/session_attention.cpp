// SPDX-License-Identifier: GPL-3.0-or-later
// The part of a session that is about attention maps.
#include "sessions/session/session_private.h"

namespace deer {

void Session::attend(const FrameInput& input, int exit_layer) {
  stop_attending();
  InferenceWorker::Attend task;
  task.number = d_->attend_number;
  task.input = input;
  task.exit_layer = exit_layer;
  task.stop = d_->attend_stop.get_token();
  d_->worker->ask_attention(std::move(task));
}

void Session::stop_attending() {
  d_->attend_stop.request_stop();
  d_->attend_stop = {};
  ++d_->attend_number;
}

}  // namespace deer
