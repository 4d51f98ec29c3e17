// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>

#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "tests/widgets/support/scene.h"
#include "widgets/base/theme.h"
#include "widgets/exits/delta_rows.h"
#include "widgets/exits/delta_view.h"
#include "widgets/exits/exit_steps_model.h"

namespace deer {

using test::Scene;

class ForcedExitsTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { Theme::instance().apply(); }
  void cleanup() { QCOMPARE(log_.unexpected(), QStringList()); }

  void a_forced_exit_is_told_apart_from_its_threshold();

 private:
  test::LogGuard log_;
};

void ForcedExitsTest::a_forced_exit_is_told_apart_from_its_threshold() {
  Scene scene;
  const auto session = scene.session();
  DeltaView deltas(session.get());
  deltas.resize(500, 320);
  deltas.show();
  QVERIFY(test::open_all(session.get()));
  session->set_current_frame(42);
  QTRY_COMPARE(deltas.rows()->rows().size(), std::size_t(6));
  const auto natural = session->record(42)->exit_index;
  auto policy = session->policy();
  policy.forced_layers[42] = session->model()->exit_layers[std::size_t(natural) + 2];
  session->set_policy(policy);
  QTRY_VERIFY(session->records_current() && session->record(42)->reason == ExitReason::forced);
  QTRY_VERIFY(deltas.rows()->rows()[std::size_t(natural) + 2].forced);
  // The exit that met its threshold says so, whatever was taken.
  QVERIFY(deltas.rows()->rows()[std::size_t(natural)].would_stop() == true);
  QVERIFY(deltas.rows()->text(natural).endsWith("would stop; a deeper exit was taken"));
  QVERIFY(deltas.rows()->text(natural + 2).endsWith("the exit taken, forced"));
  if (natural > 0) QVERIFY(deltas.rows()->rows()[0].would_stop() == false);
  ExitStepsModel model;
  model.set(frame_steps(*session->record(42), session->model()->exit_layers, session->policy(), nullptr));
  const auto cell = [&](int row, ExitStepsModel::Column column) { return model.index(row, column).data().toString(); };
  QCOMPARE(cell(natural, ExitStepsModel::kWouldStop), QString("yes"));
  QCOMPARE(cell(natural + 2, ExitStepsModel::kDecision), QString("forced"));
  QVERIFY(ExitStepsModel::why(model.steps()[std::size_t(natural) + 2]).startsWith("forced here"));
}

}  // namespace deer

DEER_SUITE(deer::ForcedExitsTest)
#include "tst_forced_exits.moc"
