# SPDX-License-Identifier: GPL-3.0-or-later
# The target deer_grpc: gRPC and protobuf, for `deer serve` and its clients. Without them the commands say so.
set(DEER_SERVE AUTO CACHE STRING "Build the server and its clients with gRPC: AUTO, ON or OFF")
set_property(CACHE DEER_SERVE PROPERTY STRINGS AUTO ON OFF)

if(DEER_SERVE AND NOT TARGET deer_grpc)
  # Debian's package has no gRPCConfig.cmake.
  find_path(DEER_GRPC_INCLUDE_DIR grpcpp/grpcpp.h DOC "Folder that holds grpcpp/grpcpp.h (libgrpc++-dev)")
  find_library(DEER_GRPC_CPP_LIBRARY grpc++ DOC "gRPC's C++ library")
  find_library(DEER_GRPC_LIBRARY grpc DOC "gRPC's core")
  find_library(DEER_GPR_LIBRARY gpr DOC "gRPC's basic library")
  find_program(DEER_GRPC_PLUGIN grpc_cpp_plugin DOC "gRPC's plugin for protoc (protobuf-compiler-grpc)")
  find_package(Protobuf QUIET)
  find_package(absl CONFIG QUIET)  # gRPC's headers use its mutex
  if(DEER_GRPC_INCLUDE_DIR AND DEER_GRPC_CPP_LIBRARY AND DEER_GRPC_LIBRARY AND DEER_GPR_LIBRARY AND DEER_GRPC_PLUGIN
      AND TARGET protobuf::protoc AND TARGET absl::synchronization)
    add_library(deer_grpc INTERFACE)
    target_include_directories(deer_grpc SYSTEM INTERFACE ${DEER_GRPC_INCLUDE_DIR})
    target_link_libraries(deer_grpc INTERFACE
      ${DEER_GRPC_CPP_LIBRARY} ${DEER_GRPC_LIBRARY} ${DEER_GPR_LIBRARY} absl::synchronization
      protobuf::libprotobuf-lite)
    message(STATUS "gRPC: ${DEER_GRPC_CPP_LIBRARY}")
  elseif(DEER_SERVE STREQUAL "AUTO")
    message(STATUS "No gRPC: deer serve and deer run --engine will not be available (packaging/setup.sh installs it)")
  else()
    message(FATAL_ERROR "DEER_SERVE is ON, but there is no gRPC (libgrpc++-dev, protobuf-compiler, "
      "protobuf-compiler-grpc)")
  endif()
endif()
