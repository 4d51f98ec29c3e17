// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QMainWindow>

#include "app/gui/commands/command_table.h"
#include "sessions/session/session.h"
#include "sessions/store/session_store.h"

class QStackedWidget;
class QToolBar;

namespace deer {

class CameraPart;
class CommandPalette;
class ComparePart;
class DatasetPart;
class DebugPart;
class ExitPart;
class ExportPart;
class FactsLine;
class LayoutPart;
class LivePart;
class MessageBar;
class ModelPart;
class ModeSwitch;
class OpenFiles;
class PlaybackPart;
class PreferencesPart;
class PresentPart;
class RacePart;
class RunsPart;
class SessionRestore;
class TracePart;
class VideoPart;
class WelcomePage;
class Workbench;

/// The window over one session: it makes the parts, puts their views into panels and bars, and their commands into
/// menus. The parts do the rest.
class MainWindow : public QMainWindow {
  Q_OBJECT

 public:
  /// `session` must outlive the window. Preferences are read from `store` and take effect at once.
  MainWindow(Session* session, SessionStore store, QWidget* parent = nullptr);
  ~MainWindow() override;

  /// Restores size and layout, and what was open, as the preferences say.
  void restore_last();
  /// Restores only size and position; panels follow when something is open. From here on the session is saved as it
  /// changes.
  void restore_layout();

  Session* session() const { return session_; }
  CommandTable* commands() const { return commands_; }
  MessageBar* messages() const { return messages_; }
  CommandPalette* palette_dialog() const { return palette_; }
  FactsLine* facts() const { return facts_; }
  OpenFiles* files() const { return files_; }
  SessionRestore* restore() const { return restore_; }
  PreferencesPart* preferences() const { return preferences_; }
  CameraPart* cameras() const { return cameras_; }
  ComparePart* compare() const { return compare_; }
  DatasetPart* dataset() const;
  RacePart* race() const;
  RunsPart* runs() const;
  DebugPart* debug() const { return debug_; }
  TracePart* traces() const { return traces_; }
  PresentPart* present() const { return present_; }
  VideoPart* videos() const { return videos_; }
  LayoutPart* layouts() const { return layouts_; }
  bool shows_welcome() const;

 protected:
  void closeEvent(QCloseEvent* event) override;

 private:
  void build_centre();
  void build_panels();
  void build_videos();
  void build_menus();
  void build_bars();
  void add_commands();
  void add_view_commands();
  void connect_messages();
  void connect_session();
  void warn_of_data();  ///< what the open data was found to lack
  void update_page();   ///< welcome or workbench
  void update_title();

  Session* session_;
  CommandTable* commands_;
  MessageBar* messages_;
  SessionRestore* restore_;
  PreferencesPart* preferences_;
  CameraPart* cameras_;
  TracePart* traces_;
  Workbench* workbench_;
  ModelPart* model_;
  OpenFiles* files_;
  PlaybackPart* playback_;
  LivePart* live_;
  ExitPart* exits_;
  ComparePart* compare_;
  DebugPart* debug_;
  PresentPart* present_;
  ModeSwitch* modes_;
  ExportPart* exports_;
  VideoPart* videos_;
  LayoutPart* layouts_;
  CommandPalette* palette_ = nullptr;
  QStackedWidget* pages_ = nullptr;
  WelcomePage* welcome_ = nullptr;
  QToolBar* playback_tools_ = nullptr;
  FactsLine* facts_ = nullptr;
};

}  // namespace deer
