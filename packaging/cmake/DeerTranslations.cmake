# SPDX-License-Identifier: GPL-3.0-or-later
# The program's words in other languages, if Qt's tools for it are there (qt6-tools-dev, qt6-l10n-tools).
# `cmake --build BUILD --target translations` brings resources/translations/deerscope_*.ts up to date with
# the sources; -DDEER_LANGUAGES=de begins a new one. Every build compiles them, and they are installed.
set(DEER_LANGUAGES "" CACHE STRING "Languages to begin a translation into, for example de;pt_BR")

if(NOT DEER_GUI)
  return()
endif()
find_package(Qt6 QUIET OPTIONAL_COMPONENTS LinguistTools)
if(NOT TARGET Qt6::lupdate OR NOT TARGET Qt6::lrelease)
  message(STATUS "Translations: Qt's tools are not there, the program stays English")
  return()
endif()

set(folder ${PROJECT_SOURCE_DIR}/resources/translations)
file(GLOB catalogues CONFIGURE_DEPENDS ${folder}/deerscope_*.ts)
set(wanted ${catalogues})
foreach(language IN LISTS DEER_LANGUAGES)
  list(APPEND wanted ${folder}/deerscope_${language}.ts)
endforeach()
list(REMOVE_DUPLICATES wanted)

set(update ${CMAKE_COMMAND} -E echo "No language yet: configure with -DDEER_LANGUAGES=de, for example")
if(wanted)
  set(update ${CMAKE_COMMAND} -E make_directory ${folder} COMMAND
    Qt6::lupdate -locations none -no-ui-lines app/gui widgets sessions -I . -ts ${wanted})
endif()
add_custom_target(translations COMMAND ${update} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} VERBATIM)

set(compiled)
foreach(catalogue IN LISTS catalogues)
  get_filename_component(name ${catalogue} NAME_WE)
  set(file ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/translations/${name}.qm)
  add_custom_command(OUTPUT ${file} DEPENDS ${catalogue}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/translations
    COMMAND Qt6::lrelease -silent ${catalogue} -qm ${file})
  list(APPEND compiled ${file})
endforeach()
if(compiled)
  add_custom_target(compiled_translations ALL DEPENDS ${compiled})
  install(FILES ${compiled} DESTINATION ${CMAKE_INSTALL_DATADIR}/deerscope/translations)
endif()
