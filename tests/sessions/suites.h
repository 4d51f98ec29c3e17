// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QTemporaryDir>
#include <memory>

#include "sessions/frames/playback.h"
#include "sessions/session/session.h"
#include "tests/sessions/support/fakes.h"
#include "tests/support/log_guard.h"

namespace deer::test {

class SessionTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init();
  void cleanup();
  void starts_empty();
  void opens_a_model_and_a_source();
  void records_come_in_order_and_as_made();
  void run_waits_for_model_and_episode();
  void run_without_anything_says_what_is_missing();
  void cancel_is_immediate_with_a_blocked_engine();
  void cancel_stops_a_load_and_keeps_the_old_model();
  void a_late_model_keeps_the_options_that_it_was_opened_with();
  void a_cancelled_run_goes_on_where_it_stopped();
  void destruction_with_a_blocked_engine_returns();
  void policy_change_replays_exactly();
  void newest_policy_wins();
  void policy_change_during_a_run_is_consistent();
  void cancelled_replay_is_caught_up_by_the_next_run();
  void a_policy_that_does_not_fit_is_refused();
  void a_bad_model_path_keeps_what_is_open();
  void a_bad_source_keeps_what_is_open();
  void a_frame_that_fails_stops_the_run();
  void a_foreign_exception_stops_the_run();
  void newest_source_wins();
  void changing_the_episode_ends_the_run();
  void a_new_model_empties_the_records();
  void observations_arrive_and_are_read_ahead();
  void scrubbing_while_it_runs_stays_smooth();
  void exit_changes_are_found();

 private:
  std::unique_ptr<LogGuard> guard_;
};

class PlaybackTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init();
  void cleanup();
  void time_decides_the_frame();
  void speed_scales_time_and_keeps_the_frame();
  void stops_at_the_end_and_starts_over();
  void loops_within_a_range();
  void advances_by_the_clock_data();
  void advances_by_the_clock();
  void a_loop_stops_only_at_what_it_reaches();
  void scrubbing_while_playing_goes_on_from_there();
  void stepping_pauses();
  void runs_on_a_real_clock();

 private:
  void at(double seconds);

  FakeControlPtr control_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<Playback> playback_;
  qint64 now_ns_ = 0;
};

class LiveTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init();
  void cleanup();
  void frames_and_records_arrive_and_commands_go_back();
  void keeps_the_pace_of_the_source();
  void without_a_model_there_is_only_something_to_watch();
  void a_world_without_a_model_shows_one_frame();
  void an_instruction_begins_with_an_empty_memory_data();
  void an_instruction_begins_with_an_empty_memory();
  void a_new_episode_begins_with_an_empty_memory();
  void cancel_is_immediate();
  void thresholds_change_from_the_next_step_on();
  void a_change_in_the_last_moment_is_not_lost();
  void a_policy_that_does_not_fit_is_refused_and_the_run_goes_on();
  void old_pictures_make_room();
  void a_busy_window_bounds_what_waits();
  void an_error_keeps_what_was_seen();
  void a_source_that_cannot_be_opened_keeps_what_is_open();
  void the_end_keeps_the_frames_and_lets_the_source_go_data();
  void the_end_keeps_the_frames_and_lets_the_source_go();
  void frames_in_policy_mode_stay_as_they_were_run();
  void another_model_goes_on_with_the_same_source();
  void looking_back_stays_there();
  void live_frames_make_spans();

 private:
  std::unique_ptr<LogGuard> guard_;
};

class StoreTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init();
  void nothing_saved_gives_defaults();
  void round_trip();
  void broken_files_give_defaults_and_are_set_aside_data();
  void broken_files_give_defaults_and_are_set_aside();
  void layouts_are_kept_in_their_order();
  void broken_layouts_are_set_aside_data();
  void broken_layouts_are_set_aside();
  void a_writer_saves_the_newest_and_keeps_the_folder();
  void a_writer_says_what_cannot_be_saved();
  void missing_fields_take_their_defaults();
  void a_folder_that_cannot_be_written_is_named();
  void recent_lists_are_short_and_unique();
  void policies_of_earlier_versions_open();
  void the_cache_keeps_its_bounds();

 private:
  QString path(const char* name) const;

  std::unique_ptr<QTemporaryDir> folder_;
};

}  // namespace deer::test
