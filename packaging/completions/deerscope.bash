# SPDX-License-Identifier: GPL-3.0-or-later
# Completion of `deerscope` in bash: options as its own --help lists them, otherwise files.
_deerscope() {
  local word=${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" --help 2>/dev/null |
      grep -oE -- '--[[:alnum:]-]+' | sort -u)" -- "$word")
  else
    compopt -o default
  fi
}
complete -F _deerscope deerscope
