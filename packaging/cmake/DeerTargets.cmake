# SPDX-License-Identifier: GPL-3.0-or-later
# Compiler settings shared by every target, and the two functions that make targets.

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Precompiled headers change their time stamp with every build folder; ccache must look past it,
  # and past the place of the checkout.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
    CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE_PROGRAM})
endif()
# Line numbers for stack traces; more of LibTorch's templates doubles the build.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")

add_library(deer_options INTERFACE)
target_compile_features(deer_options INTERFACE cxx_std_20)
target_include_directories(deer_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(deer_options INTERFACE
  -Wall -Wextra -Wpedantic $<$<CXX_COMPILER_ID:GNU>:-Wshadow=local> -Wnon-virtual-dtor -Woverloaded-virtual
  # GCC 12 sees overruns in std::string that are not there.
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-array-bounds>
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-stringop-overflow>
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>
  $<$<BOOL:${DEER_WERROR}>:-Werror>
  # It fears for types of the sources that are compiled as one, which no other file sees.
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<BOOL:${DEER_UNITY}>>:-Wno-subobject-linkage>
  $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
if(DEER_SANITIZE)
  target_compile_options(deer_options INTERFACE -fsanitize=${DEER_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(deer_options INTERFACE -fsanitize=${DEER_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Warns without reason under sanitizers, of the standard library's regex among others (GCC bug 105562).
    target_compile_options(deer_options INTERFACE -Wno-maybe-uninitialized)
  endif()
endif()
if(DEER_FUZZ)
  target_compile_options(deer_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Lets an executable share a precompiled header: it must be compiled like the libraries, with -fPIC where CMake would
# give an executable -fPIE.
function(deer_reuse_header target header)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${target} PRIVATE -fPIC)
  target_precompile_headers(${target} REUSE_FROM ${header})
endfunction()

function(deer_reuse_torch_header target)
  deer_reuse_header(${target} deer_torch_pch)
endfunction()

# deer_library(NAME SOURCES ... PUBLIC ... PRIVATE ... [TORCH | JSON] [PCH header ...])
# A part of core/, sessions/, widgets/ or app/ as a static library. PUBLIC and PRIVATE name the targets that it may
# include; tests/architecture checks the includes of every folder.
# TORCH and JSON reuse the precompiled LibTorch and JSON headers; PCH names headers to precompile for this target.
function(deer_library name)
  cmake_parse_arguments(ARG "TORCH;JSON" "" "SOURCES;PUBLIC;PRIVATE;PCH" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC deer_options ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
  set_target_properties(${name} PROPERTIES UNITY_BUILD ${DEER_UNITY} UNITY_BUILD_BATCH_SIZE ${DEER_UNITY_BATCH})
  if(ARG_TORCH)
    target_precompile_headers(${name} REUSE_FROM deer_torch_pch)
  elseif(ARG_JSON)
    target_precompile_headers(${name} REUSE_FROM deer_json_pch)
  elseif(ARG_PCH)
    target_precompile_headers(${name} PRIVATE ${ARG_PCH})
  endif()
endfunction()
