// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QString>
#include <list>
#include <optional>

#include "core/exits/attention_map.h"
#include "sessions/session/session.h"

namespace deer {

/// Attention maps of the frame that is shown (the hovered one, otherwise the current one) at one exit: asked for while
/// wanted, kept for frames that are come back to. Nothing is computed while none is wanted. GUI thread only.
class AttentionMaps : public QObject {
  Q_OBJECT

 public:
  static constexpr std::size_t kKept = 512;  ///< maps; some 16 kB each of a full-size model
  static constexpr qint64 kMostBehind = 30;  ///< frames that an older map may be behind and still be shown

  /// `session` must outlive it.
  explicit AttentionMaps(Session* session, QObject* parent = nullptr);

  void set_wanted(bool wanted);
  bool wanted() const { return wanted_; }
  /// Place among the model's exits; -1 for the one that the views single out, or else the one taken.
  void set_exit(int exit_index);
  int exit() const { return exit_; }

  /// The exit that is meant at the shown frame; -1 without a model.
  int shown_exit() const;
  /// Heads of the cross-attention; 0 if not known.
  int heads() const;

  /// Of the exit that is meant; null if there is none yet. While frames go by it may be of a frame before the one
  /// shown, as AttentionMap::frame says.
  const AttentionMapPtr& map() const { return map_; }
  bool computing() const { return pending_.has_value(); }
  QString problem() const { return problem_; }  ///< why there is none; may be empty

 Q_SIGNALS:
  void changed();

 private:
  struct Key {
    qint64 frame = -1;
    int layer = -1;
    bool operator==(const Key&) const = default;
  };

  void forget();
  void update();
  void show(AttentionMapPtr map, const QString& problem);
  AttentionMapPtr kept(const Key& key);
  bool frames_go_by() const;
  qint64 shown_frame() const;

  Session* session_;
  bool wanted_ = false;
  int exit_ = -1;
  AttentionMapPtr map_;
  QString problem_;
  std::optional<Key> pending_;
  std::optional<Key> failed_;        // not tried again until something else was shown
  std::list<AttentionMapPtr> kept_;  // most recently used first
};

}  // namespace deer
