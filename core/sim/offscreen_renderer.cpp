// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/sim/offscreen_renderer.h"

#include <EGL/egl.h>
#include <EGL/eglext.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/error.h"

namespace deer {
namespace {

[[noreturn]] void fail(const char* what) {
  throw Error(std::string("cannot render the simulation: ") + what + " (EGL error " + std::to_string(eglGetError()) +
              "); install a driver with EGL, for example Mesa's (libegl1, libgl1-mesa-dri)");
}

// Initialised once and kept: EGL displays are shared by the whole process.
EGLDisplay shared_display() {
  static std::mutex mutex;
  static EGLDisplay display = EGL_NO_DISPLAY;
  const std::scoped_lock lock(mutex);
  if (display != EGL_NO_DISPLAY) return display;
  const auto get_platform_display =
      reinterpret_cast<PFNEGLGETPLATFORMDISPLAYEXTPROC>(eglGetProcAddress("eglGetPlatformDisplayEXT"));
  const char* extensions = eglQueryString(EGL_NO_DISPLAY, EGL_EXTENSIONS);
  EGLDisplay candidate = EGL_NO_DISPLAY;
  if (get_platform_display != nullptr && extensions != nullptr &&
      std::strstr(extensions, "EGL_MESA_platform_surfaceless") != nullptr) {
    candidate = get_platform_display(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, nullptr);
  }
  if (candidate == EGL_NO_DISPLAY) candidate = eglGetDisplay(EGL_DEFAULT_DISPLAY);
  if (candidate == EGL_NO_DISPLAY) fail("no EGL display");
  if (eglInitialize(candidate, nullptr, nullptr) != EGL_TRUE) fail("EGL cannot be initialised");
  display = candidate;
  return display;
}

// Restores the calling thread's context afterwards: Qt may have its own context current.
class CurrentContext {
 public:
  CurrentContext(EGLDisplay display, EGLContext context)
      : display_(display),
        before_display_(eglGetCurrentDisplay()),
        before_context_(eglGetCurrentContext()),
        before_draw_(eglGetCurrentSurface(EGL_DRAW)),
        before_read_(eglGetCurrentSurface(EGL_READ)) {
    eglBindAPI(EGL_OPENGL_API);
    if (eglMakeCurrent(display_, EGL_NO_SURFACE, EGL_NO_SURFACE, context) != EGL_TRUE) fail("no current context");
  }
  CurrentContext(const CurrentContext&) = delete;
  CurrentContext& operator=(const CurrentContext&) = delete;
  ~CurrentContext() {
    if (before_context_ != EGL_NO_CONTEXT) {
      eglMakeCurrent(before_display_, before_draw_, before_read_, before_context_);
    } else {
      eglMakeCurrent(display_, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
    }
  }

 private:
  EGLDisplay display_;
  EGLDisplay before_display_;
  EGLContext before_context_;
  EGLSurface before_draw_;
  EGLSurface before_read_;
};

}  // namespace

struct OffscreenRenderer::Impl {
  EGLDisplay display = EGL_NO_DISPLAY;
  EGLContext egl_context = EGL_NO_CONTEXT;
  mjvScene scene{};
  mjvOption option{};
  mjrContext context{};
  std::vector<std::uint8_t> buffer;
};

OffscreenRenderer::OffscreenRenderer(const MujocoScene& scene, bool shadows) : impl_(std::make_unique<Impl>()) {
  impl_->display = shared_display();
  eglBindAPI(EGL_OPENGL_API);
  constexpr EGLint kAttributes[] = {
      EGL_SURFACE_TYPE,    EGL_PBUFFER_BIT, EGL_RED_SIZE, 8, EGL_GREEN_SIZE, 8, EGL_BLUE_SIZE, 8, EGL_DEPTH_SIZE, 24,
      EGL_RENDERABLE_TYPE, EGL_OPENGL_BIT,  EGL_NONE};
  EGLConfig config = nullptr;
  EGLint count = 0;
  if (eglChooseConfig(impl_->display, kAttributes, &config, 1, &count) != EGL_TRUE || count == 0) {
    fail("no OpenGL configuration");
  }
  impl_->egl_context = eglCreateContext(impl_->display, config, EGL_NO_CONTEXT, nullptr);
  if (impl_->egl_context == EGL_NO_CONTEXT) fail("no OpenGL context");
  const CurrentContext current(impl_->display, impl_->egl_context);
  const int geoms = std::max(500, 2 * scene.model().ngeom);
  mjv_defaultScene(&impl_->scene);
  mjv_makeScene(&scene.model(), &impl_->scene, geoms);
  mjv_defaultOption(&impl_->option);
  mjr_defaultContext(&impl_->context);
  mjr_makeContext(&scene.model(), &impl_->context, mjFONTSCALE_100);
  mjr_setBuffer(mjFB_OFFSCREEN, &impl_->context);
  impl_->scene.flags[mjRND_SHADOW] = shadows ? 1 : 0;
  impl_->scene.flags[mjRND_REFLECTION] = 0;
  impl_->scene.flags[mjRND_SKYBOX] = 0;
}

OffscreenRenderer::~OffscreenRenderer() {
  {
    const CurrentContext current(impl_->display, impl_->egl_context);
    mjr_freeContext(&impl_->context);
    mjv_freeScene(&impl_->scene);
  }
  eglDestroyContext(impl_->display, impl_->egl_context);
}

ImagePtr OffscreenRenderer::render(MujocoScene& scene, int camera, int width, int height) {
  const CurrentContext current(impl_->display, impl_->egl_context);
  mjvCamera view;
  mjv_defaultCamera(&view);
  if (camera == kFreeCamera) {
    mjv_defaultFreeCamera(&scene.model(), &view);
  } else {
    view.type = mjCAMERA_FIXED;
    view.fixedcamid = camera;
  }
  mjv_updateScene(&scene.model(), &scene.data(), &impl_->option, nullptr, &view, mjCAT_ALL, &impl_->scene);
  const mjrRect rectangle = {0, 0, width, height};
  mjr_render(rectangle, &impl_->scene, &impl_->context);
  const std::size_t row = static_cast<std::size_t>(width) * 3;
  impl_->buffer.resize(row * static_cast<std::size_t>(height));
  mjr_readPixels(impl_->buffer.data(), nullptr, rectangle, &impl_->context);
  auto image = std::make_shared<Image>();
  image->width = width;
  image->height = height;
  image->rgb.resize(impl_->buffer.size());
  // OpenGL's first row is the lowest.
  for (int y = 0; y < height; ++y) {
    std::memcpy(image->rgb.data() + row * static_cast<std::size_t>(y),
                impl_->buffer.data() + row * static_cast<std::size_t>(height - 1 - y), row);
  }
  return image;
}

}  // namespace deer
