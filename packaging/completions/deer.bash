# SPDX-License-Identifier: GPL-3.0-or-later
# Completion of `deer` in bash: subcommands and options as the program's own --help lists them, otherwise files.
_deer() {
  local word=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]} sub="" i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; ++i)); do
    if [[ ${COMP_WORDS[i]} != -* ]]; then
      sub=${COMP_WORDS[i]}
      break
    fi
  done
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$("$program" ${sub:+"$sub"} --help 2>/dev/null |
      grep -oE '^ +(-[[:alpha:]],)?--[[:alnum:]-]+(,--[[:alnum:]-]+)*' | tr ',' '\n' | tr -d ' ')" -- "$word")
  elif [[ -z $sub ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$("$program" --help 2>/dev/null |
      sed -n '/^Subcommands:/,$s/^  \([a-z]\+\) .*/\1/p')" -- "$word")
  else
    compopt -o default
  fi
}
complete -F _deer deer
