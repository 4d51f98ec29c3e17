# SPDX-License-Identifier: GPL-3.0-or-later
# The target deer_torch: LibTorch, with DEER_HAVE_CUDA where it was built for CUDA.
#
# The CMake files of a CUDA LibTorch ask for nvcc. No kernel is compiled here, so a wheel of PyTorch serves without the
# CUDA toolkit: its libraries are named one by one, and CUDA's headers are those of the wheels beside it.
set(deer_prefixes ${CMAKE_PREFIX_PATH} $ENV{CMAKE_PREFIX_PATH})
string(REPLACE ":" ";" deer_prefixes "${deer_prefixes}")
set(deer_wheel)
foreach(prefix IN LISTS deer_prefixes)
  foreach(folder "${prefix}" "${prefix}/../..")  # the second one for torch.utils.cmake_prefix_path
    if(NOT deer_wheel AND EXISTS "${folder}/lib/libtorch_cuda.so" AND EXISTS "${folder}/include/torch")
      get_filename_component(deer_wheel "${folder}" REALPATH)
    endif()
  endforeach()
endforeach()
find_program(DEER_NVCC nvcc HINTS ENV CUDA_HOME /usr/local/cuda PATH_SUFFIXES bin DOC "CUDA's compiler")

add_library(deer_torch INTERFACE)
if(deer_wheel AND NOT DEER_NVCC)
  file(GLOB deer_cuda_folders "${deer_wheel}/../nvidia/*/include")
  find_path(DEER_CUDA_INCLUDE_DIR cuda_runtime_api.h PATHS ${deer_cuda_folders} /usr/local/cuda/include)
  if(NOT DEER_CUDA_INCLUDE_DIR)
    message(FATAL_ERROR "${deer_wheel} is a LibTorch for CUDA, but CUDA's headers are not there: install the wheels that "
      "PyTorch's names as its requirements, or the CUDA toolkit")
  endif()
  message(STATUS "LibTorch for CUDA in ${deer_wheel}, without nvcc")
  set(TORCH_INCLUDE_DIRS "${deer_wheel}/include" "${deer_wheel}/include/torch/csrc/api/include" ${deer_cuda_folders})
  set(TORCH_LIBRARY "${deer_wheel}/lib/libtorch.so")
  target_include_directories(deer_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
  # Nothing calls libtorch_cuda directly; loading it registers the kernels.
  target_link_libraries(deer_torch INTERFACE "${deer_wheel}/lib/libc10.so" "${deer_wheel}/lib/libtorch_cpu.so"
    "-Wl,--no-as-needed" "${deer_wheel}/lib/libtorch_cuda.so" "${deer_wheel}/lib/libc10_cuda.so" "${TORCH_LIBRARY}"
    "-Wl,--as-needed")
  file(GLOB deer_cudart "${deer_wheel}/../nvidia/*/lib/libcudart.so*")
  target_link_libraries(deer_torch INTERFACE ${deer_cudart})
  target_compile_definitions(deer_torch INTERFACE DEER_HAVE_CUDA USE_DISTRIBUTED USE_C10D_NCCL)
else()
  # With nvcc CMake also probes the GPU. The answer does not matter: name one that spares the probe, and a C++ version
  # that old CMakes know for CUDA.
  if(NOT DEFINED TORCH_CUDA_ARCH_LIST AND NOT DEFINED ENV{TORCH_CUDA_ARCH_LIST})
    set(TORCH_CUDA_ARCH_LIST 8.0)
  endif()
  set(CMAKE_CXX_STANDARD 17)
  find_package(Torch REQUIRED)
  set(CMAKE_CXX_STANDARD 20)
  # LibTorch's own flags and headers, as system headers: its warnings are not ours.
  target_include_directories(deer_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
  target_link_libraries(deer_torch INTERFACE ${TORCH_LIBRARIES})
  if(TORCH_CUDA_LIBRARIES)
    target_compile_definitions(deer_torch INTERFACE DEER_HAVE_CUDA)
  endif()
endif()
