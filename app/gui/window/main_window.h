// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QMainWindow>
#include <functional>
#include <optional>

#include "app/gui/commands/command_table.h"
#include "app/gui/start/world.h"
#include "sessions/session/session.h"
#include "sessions/store/session_store.h"

class QDockWidget;
class QLabel;
class QSplitter;
class QStackedWidget;
class QToolBar;

namespace deer {

struct CameraSourceOptions;
class ActivityLine;
class ArmPart;
class Budget;
class BudgetPanel;
class CameraPart;
class CommandPalette;
class DebugPart;
class FactsLine;
class Headline;
class LayoutPart;
class LiveBar;
class MessageBar;
class ModeWords;
class OverlayPart;
class PlaybackBar;
class PresentPart;
class SessionKeeper;
class StoreWriter;
class ThresholdEditor;
class TimelineView;
class TracePart;
class VideoPart;
class ViewsPart;
class WelcomePage;

/// The window: views of one session, laid out in docks, and the commands that drive it.
class MainWindow : public QMainWindow {
  Q_OBJECT

 public:
  /// `session` must outlive the window. Preferences are read from `store` and take effect at once.
  MainWindow(Session* session, SessionStore store, QWidget* parent = nullptr);
  ~MainWindow() override;

  /// Puts back what was open, size and layout, as the preferences say. After a crash a message says so; what was being
  /// opened when the program crashed is not opened again unasked.
  void restore_last();
  /// Size and place alone; docks follow when something is open. From here on the session is saved as it changes.
  void restore_layout();
  void open_paths(const QStringList& paths);              ///< models, datasets, folders, videos, as they come
  bool open_demo();                                       ///< false, and a message, if it is not there
  void open_world(const WorldChoice& choice);             ///< live; has_simulated_world() must hold
  void open_cameras(const CameraSourceOptions& cameras);  ///< live
  void set_theme(const QString& theme);                   ///< light, dark or system

  CommandTable* commands() const { return commands_; }
  MessageBar* messages() const { return messages_; }
  CommandPalette* palette_dialog() const { return palette_; }
  FactsLine* facts() const { return facts_; }
  ViewsPart* views() const { return views_; }
  DebugPart* debug() const { return debug_; }
  TracePart* traces() const { return traces_; }
  PresentPart* present() const { return present_; }
  VideoPart* videos() const { return videos_; }
  LayoutPart* layouts() const { return layouts_; }
  bool shows_welcome() const;
  EngineOptions engine_options() const;  ///< as the preferences say

  /// How a folder is asked for; a test answers in the person's place. Empty answer: cancelled.
  using FolderChooser = std::function<QString(const QString& title, const QString& start)>;
  void set_folder_chooser(FolderChooser chooser) { choose_folder_ = std::move(chooser); }
  /// Whether closing saves the session; a picture taken by the command line leaves no trace.
  void set_saves_session(bool saves) { saves_session_ = saves; }

 protected:
  void closeEvent(QCloseEvent* event) override;
  void dragEnterEvent(QDragEnterEvent* event) override;
  void dragLeaveEvent(QDragLeaveEvent* event) override;
  void dropEvent(QDropEvent* event) override;
  void paintEvent(QPaintEvent* event) override;
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void add_file_commands();
  void add_view_commands();
  void add_playback_commands();
  void add_model_commands();
  void add_live_commands();
  void add_help_commands();
  void add_exit_commands();
  void build_menus();
  void build_centre();
  void build_docks();
  void build_view_docks();
  void build_debug();
  void build_bars();
  void build_presentation();
  void connect_session();
  void connect_playback();
  QDockWidget* add_dock(const QString& name, const QString& title, QWidget* view, Qt::DockWidgetArea area);
  template <typename View>
  View* offer_opening(View* view);  ///< connects a view's requests to open something to the commands

  void build_layouts();
  void restore_session();
  SavedSession snapshot() const;
  void arrange_pictures();
  QByteArray pack_layout(const QByteArray& docks) const;  ///< with the centre's part of the layout
  QByteArray unpack_layout(const QByteArray& layout);     ///< puts the centre back; answers the docks' part
  void update_page();                                     ///< welcome or workbench
  void update_title();
  void update_notice();
  void fill_recent(QMenu* menu);
  void open_model(const QString& path);
  void open_source(const QString& path, const OpenSourceOptions& options = {});
  void open_scene(const QString& path);
  void choose_video();
  void choose_calibration();
  void open_calibration();  ///< once there is a model for it
  void choose_thresholds(bool save);
  void choose_world();
  void play(bool wanted);  ///< the episode, or the live run if its newest frame is shown
  void show_playing();
  void show_preferences();
  void show_about();
  void apply(const Preferences& preferences);
  void save_session();
  void show_problem(const Problem& problem);

  Session* session_;
  SessionStore store_;
  Preferences preferences_;
  SavedSession saved_;
  StoreWriter* writer_;
  SessionKeeper* keeper_;
  Ending last_ending_ = Ending::closed;
  bool can_restore_ = false;  ///< what was open last is not open again, and can be
  bool saves_session_ = true;
  bool dragging_ = false;
  FolderChooser choose_folder_;
  std::optional<ExitPolicy> policy_to_restore_;
  std::optional<qint64> frame_to_restore_;
  std::optional<std::filesystem::path> calibration_to_open_;
  WorldChoice world_;  ///< as chosen last

  CommandTable* commands_;
  CommandPalette* palette_ = nullptr;
  QStackedWidget* pages_ = nullptr;
  WelcomePage* welcome_ = nullptr;
  QWidget* workbench_ = nullptr;
  MessageBar* messages_ = nullptr;
  QLabel* notice_ = nullptr;
  Headline* headline_ = nullptr;
  QSplitter* pictures_ = nullptr;
  ArmPart* arm_ = nullptr;  ///< null in a build without it
  OverlayPart* overlays_ = nullptr;
  DebugPart* debug_ = nullptr;
  LiveBar* live_bar_ = nullptr;
  CameraPart* cameras_ = nullptr;
  TracePart* traces_ = nullptr;
  PresentPart* present_ = nullptr;
  VideoPart* videos_ = nullptr;
  ModeWords* modes_ = nullptr;
  TimelineView* timeline_ = nullptr;
  ThresholdEditor* thresholds_ = nullptr;
  Budget* budget_ = nullptr;
  BudgetPanel* budget_panel_ = nullptr;
  ViewsPart* views_ = nullptr;
  PlaybackBar* playback_bar_ = nullptr;
  QToolBar* playback_tools_ = nullptr;
  ActivityLine* activity_ = nullptr;
  FactsLine* facts_ = nullptr;
  QList<QDockWidget*> docks_;
  LayoutPart* layouts_ = nullptr;
};

}  // namespace deer
