// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/parts/mapping_part.h"

#include <QFileDialog>
#include <memory>

#include "app/gui/commands/command_table.h"
#include "core/base/error.h"
#include "core/episodes/open/open_source.h"
#include "core/episodes/recording_collection.h"
#include "sessions/base/paths.h"

namespace deer {

MappingPart::MappingPart(Session* session, MappingStore store, QWidget* window)
    : QObject(window), session_(session), store_(std::move(store)), window_(window), opener_(&open_source) {
  choose_file_ = [this](bool save) {
    const auto filter = tr("Mappings (*.json);;All files (*)");
    return save ? QFileDialog::getSaveFileName(dialog_, tr("Save mapping"), QStringLiteral("mapping.json"), filter)
                : QFileDialog::getOpenFileName(dialog_, tr("Open mapping"), {}, filter);
  };
}

void MappingPart::add_commands(CommandTable* commands, const QString& menu) {
  commands->add(menu, {{.id = "file.mapping",
                        .text = tr("Ma&pping of the dataset…"),
                        .tip = tr("Choose which camera is which and which columns are the state and the action."),
                        .run = [this] { choose(); },
                        .enabled = [this] { return can_choose(); }}});
  connect(session_, &Session::collection_changed, commands, &CommandTable::update);
}

bool MappingPart::can_choose() const {
  return mapped_dataset(session_->collection()) && session_->activity() != Session::Activity::opening_source;
}

void MappingPart::choose() {
  if (!can_choose() || dialog_) return;
  const auto* const data = session_->collection();
  dialog_ = new MappingDialog(*data->description(), to_qstring((data->path() / "").parent_path().filename()), window_);
  dialog_->setAttribute(Qt::WA_DeleteOnClose);
  connect(dialog_, &MappingDialog::open_requested, this, &MappingPart::open_file);
  connect(dialog_, &MappingDialog::save_requested, this, &MappingPart::save_file);
  connect(dialog_, &QDialog::accepted, this, [this] { apply(dialog_->mapping()); });
  connect(dialog_, &QDialog::finished, this, [this] { first_frame_.forget(); });
  load_first_frame();
  dialog_->open();
}

void MappingPart::load_first_frame() {
  const auto path = session_->collection()->path();
  const auto episode = session_->episode_index().value_or(0);
  first_frame_.ask([this, path, episode, open = opener_](const std::stop_token& stop) {
    auto frame = std::make_shared<RecordedFrame>();
    QString problem;
    try {
      OpenSourceOptions options;
      options.cache = {.bytes = 0, .ahead = 0, .behind = 0};
      const auto data = open(path, options);
      const auto* const mapped = mapped_dataset(data.get());
      if (!mapped) throw FileError(path, "is no longer a dataset with cameras and columns");
      *frame = mapped->first_frame(episode, stop);
    } catch (const std::exception& error) {
      problem = QString::fromUtf8(error.what());
    }
    if (stop.stop_requested()) return;
    QMetaObject::invokeMethod(
        this,
        [this, frame, problem, stop] {
          if (stop.stop_requested() || !dialog_) return;
          problem.isEmpty() ? dialog_->show_frame(std::move(*frame)) : dialog_->show_frame_problem(problem);
        },
        Qt::QueuedConnection);
  });
}

void MappingPart::open_file() {
  const auto path = choose_file_(false);
  if (path.isEmpty() || !dialog_) return;
  files_.post(
      [path, schema = session_->collection()->description()->schema] { return read_mapping(to_path(path), schema); },
      [this](const Mapping& mapping) {
        if (dialog_) dialog_->set_mapping(mapping);
      },
      [this](const QString& error) {
        if (dialog_) dialog_->show_file_problem(error);
      });
}

void MappingPart::save_file() {
  const auto path = choose_file_(true);
  if (path.isEmpty() || !dialog_) return;
  files_.post([path, mapping = dialog_->mapping()] { write_mapping(to_path(path), mapping); },
              [this, path] {
                Q_EMIT note({.title = tr("Mapping saved"), .details = path, .advice = {}, .id = ProblemId::file_saved});
              },
              [this](const QString& error) {
                if (dialog_) return dialog_->show_file_problem(error);
                Q_EMIT problem({.title = tr("The mapping could not be saved"), .details = error, .advice = {}});
              });
}

void MappingPart::apply(const Mapping& mapping) {
  const auto* const data = session_->collection();
  if (!data || !data->description()) return;
  const bool guessed = mapping == guess_mapping(data->description()->schema);
  files_.post(
      [store = store_, path = data->path(), mapping, guessed] {
        if (guessed) {
          store.forget(path);
          return std::filesystem::path();
        }
        store.save(path, mapping);
        return store.file(path);
      },
      [this, path = data->path()](const std::filesystem::path& map) {
        // Another dataset may have been opened in the meantime.
        if (session_->collection() && session_->collection()->path() == path) reopen(map);
      },
      [this](const QString& error) {
        Q_EMIT problem({.title = tr("The mapping could not be saved"), .details = error, .advice = {}});
      });
}

void MappingPart::reopen(const std::filesystem::path& map) {
  OpenSourceOptions options = session_->source_options();
  options.map = map;
  options.instruction.clear();  // it is in the mapping
  connect(
      session_, &Session::episode_changed, this,
      [this, frame = session_->current_frame()] {
        if (frame >= 0 && frame < session_->frame_count()) session_->set_current_frame(frame);
      },
      Qt::SingleShotConnection);
  session_->open_source(session_->collection()->path(), options, session_->episode_index().value_or(0));
}

}  // namespace deer
