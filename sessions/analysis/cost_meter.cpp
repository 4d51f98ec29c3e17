// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/analysis/cost_meter.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/model/heads_folder.h"

namespace deer {

CostMeter::CostMeter(EngineFactory factory, QObject* parent) : QObject(parent), factory_(std::move(factory)) {}
CostMeter::CostMeter(QObject* parent) : CostMeter(Engine::load, parent) {}

/// On the GUI thread, unless the measurement was cancelled meanwhile.
template <typename Answer>
void CostMeter::answer(quint64 number, Answer answer) {
  QMetaObject::invokeMethod(
      this,
      [this, number, answer = std::move(answer)] {
        if (number == number_ && running_) answer();
      },
      Qt::QueuedConnection);
}

void CostMeter::start(const std::filesystem::path& model, const EngineOptions& options, const GateReference& gate) {
  running_ = true;
  progress_ = 0;
  task_.ask([this, number = ++number_, model, options, gate, factory = factory_](const std::stop_token& stop) {
    const auto end = [this, number](auto tell) {
      answer(number, [this, tell] {
        running_ = false;
        tell();
        Q_EMIT changed();
      });
    };
    try {
      if (holds_heads_only(model)) {
        throw Error(tr("The model runs on another computer: measure its times there with deer bench.").toStdString());
      }
      const auto engine = factory(model, options, {}, stop);
      TimingOptions timing;
      timing.stop = stop;
      timing.gate = gate;
      timing.progress = [this, number](int done, int total) {
        answer(number, [this, share = static_cast<double>(done) / std::max(1, total)] {
          progress_ = share;
          Q_EMIT changed();
        });
      };
      const auto timings = measure_timings(*engine, timing);
      end([this, timings] { Q_EMIT measured(timings); });
    } catch (const Cancelled&) {
    } catch (const std::exception& error) {
      end([this, text = QString::fromUtf8(error.what())] { Q_EMIT failed(text); });
    }
  });
  Q_EMIT changed();
}

void CostMeter::cancel() {
  task_.forget();
  if (std::exchange(running_, false)) Q_EMIT changed();
}

}  // namespace deer
