# SPDX-License-Identifier: GPL-3.0-or-later
# `cpack -G DEB` in a build folder makes a Debian package that depends on the system's libraries.
set(CPACK_PACKAGE_NAME deerscope)
set(CPACK_PACKAGE_CONTACT "The Deerscope authors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_GENERATOR DEB)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS libopenblas0-pthread)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
include(CPack)

install(FILES packaging/debian/copyright DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/deerscope)
install(FILES packaging/completions/deer.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME deer)
install(FILES packaging/completions/_deer DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
if(DEER_GUI)
  install(FILES packaging/completions/deerscope.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
    RENAME deerscope)
  install(FILES packaging/completions/_deerscope DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
  install(FILES packaging/org.deerscope.Deerscope.metainfo.xml DESTINATION ${CMAKE_INSTALL_DATADIR}/metainfo)
endif()

# Manual pages of what --help says.
option(DEER_MAN "Make manual pages (help2man)" OFF)
find_program(HELP2MAN help2man)
if(DEER_MAN AND NOT HELP2MAN)
  message(STATUS "No manual pages: help2man is missing")
elseif(DEER_MAN)
  set(pages ${CMAKE_BINARY_DIR}/man)
  set(programs deer)
  if(DEER_GUI)
    list(APPEND programs deerscope)
  endif()
  list(TRANSFORM programs REPLACE "(.+)" "$<TARGET_FILE:\\1>" OUTPUT_VARIABLE files)
  add_custom_command(OUTPUT ${pages}/deer.1.gz
    COMMAND ${PROJECT_SOURCE_DIR}/packaging/man.sh ${HELP2MAN} ${PROJECT_VERSION} ${pages} ${files}
    DEPENDS ${programs} packaging/man.sh COMMENT "Manual pages" VERBATIM)
  add_custom_target(man ALL DEPENDS ${pages}/deer.1.gz)
  install(DIRECTORY ${pages}/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
