// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/arm/arm_renderer.h"

#include <vtkAutoInit.h>
#include <vtkCallbackCommand.h>
#include <vtkGenericOpenGLRenderWindow.h>
#include <vtkObjectFactory.h>
#include <vtkRendererCollection.h>
#include <vtkUnsignedCharArray.h>

#include <QElapsedTimer>
#include <QOffscreenSurface>
#include <QOpenGLContext>
#include <QThread>
#include <cstring>

#include "widgets/arm/arm_scene.h"

VTK_MODULE_INIT(vtkRenderingOpenGL2)

namespace deer {
namespace {

constexpr int kSamples = 4;

/// Knows whether the OpenGL functions could be loaded.
class Window : public vtkGenericOpenGLRenderWindow {
 public:
  static Window* New();
  vtkTypeMacro(Window, vtkGenericOpenGLRenderWindow)  // without semicolon: it ends a function
      bool is_loaded() const {
    return GlewInitValid;
  }
};
vtkStandardNewMacro(Window)

}  // namespace

/// Everything that touches OpenGL. Used, and destroyed, on its thread.
class ArmRenderer::Worker : public QObject {
 public:
  Worker(std::unique_ptr<QOpenGLContext> context, QOffscreenSurface* surface, ArmRenderer* owner)
      : context_(std::move(context)), surface_(surface), owner_(owner) {}

  ~Worker() override {
    if (!window_ || !context_->makeCurrent(surface_)) return;
    window_->RemoveRenderer(scene_->renderer());
    window_->Finalize();
    scene_.reset();
    window_ = nullptr;
    context_->doneCurrent();
  }

  QOpenGLContext* context() const { return context_.get(); }

  /// From any thread.
  void want(const ArmPicture& picture) {
    {
      const std::scoped_lock lock(mutex_);
      const bool waits = wanted_.has_value();
      wanted_ = picture;
      if (waits) return;
    }
    QMetaObject::invokeMethod(
        this, [this] { draw(); }, Qt::QueuedConnection);
  }

 private:
  void draw() {
    std::optional<ArmPicture> picture;
    {
      const std::scoped_lock lock(mutex_);
      std::swap(picture, wanted_);
    }
    if (!picture || broken_) return;
    QElapsedTimer clock;
    clock.start();
    if (!context_->makeCurrent(surface_)) return give_up(ArmRenderer::tr("The OpenGL context was lost."));
    if (!window_ && !open()) return give_up(ArmRenderer::tr("The OpenGL functions could not be loaded."));
    window_->SetMultiSamples(picture->smooth ? kSamples : 0);
    window_->SetSize(picture->pixels.width(), picture->pixels.height());
    scene_->show(picture->state);
    scene_->set_line_width(picture->pixel_ratio);
    scene_->look(picture->camera, picture->pixels, picture->pixel_ratio);
    window_->Render();
    auto image = read(picture->pixels);
    context_->doneCurrent();
    if (image.isNull()) return give_up(ArmRenderer::tr("The image could not be read back from OpenGL."));
    image.setDevicePixelRatio(picture->pixel_ratio);
    Q_EMIT owner_->drawn(*picture, image, double(clock.nsecsElapsed()) / 1e6);
  }

  bool open() {
    window_ = vtkSmartPointer<Window>::New();
    vtkNew<vtkCallbackCommand> answer;
    answer->SetClientData(this);
    answer->SetCallback([](vtkObject*, unsigned long event, void* self, void* data) {
      auto* const worker = static_cast<Worker*>(self);
      if (event == vtkCommand::WindowMakeCurrentEvent) worker->context_->makeCurrent(worker->surface_);
      if (event == vtkCommand::WindowIsCurrentEvent) {
        *static_cast<bool*>(data) = QOpenGLContext::currentContext() == worker->context_.get();
      }
      if (event == vtkCommand::WindowSupportsOpenGLEvent) *static_cast<int*>(data) = 1;
    });
    for (const auto event : {vtkCommand::WindowMakeCurrentEvent, vtkCommand::WindowIsCurrentEvent,
                             vtkCommand::WindowSupportsOpenGLEvent}) {
      window_->AddObserver(event, answer);
    }
    window_->SetOwnContext(0);
    window_->SetFrameBlitModeToNoBlit();
    window_->SetReadyForRendering(true);
    window_->OpenGLInit();
    if (!window_->is_loaded()) {
      window_ = nullptr;
      return false;
    }
    scene_ = std::make_unique<ArmScene>();
    window_->AddRenderer(scene_->renderer());
    return true;
  }

  QImage read(const QSize& size) {
    if (window_->GetRGBACharPixelData(0, 0, size.width() - 1, size.height() - 1, 1, pixels_) != VTK_OK) return {};
    QImage image(size, QImage::Format_RGBX8888);
    const auto row = static_cast<std::size_t>(size.width()) * 4;
    // OpenGL rows start at the bottom, and alpha is a leftover of blending.
    for (int y = 0; y < size.height(); ++y) {
      auto* const to = image.scanLine(size.height() - 1 - y);
      std::memcpy(to, pixels_->GetPointer(static_cast<vtkIdType>(row) * y), row);
      for (std::size_t x = 3; x < row; x += 4) to[x] = 255;
    }
    return image;
  }

  void give_up(const QString& why) {
    broken_ = true;
    QMetaObject::invokeMethod(
        owner_,
        [owner = owner_, why] {
          owner->problem_ = why;
          Q_EMIT owner->failed();
        },
        Qt::QueuedConnection);
  }

  std::unique_ptr<QOpenGLContext> context_;
  QOffscreenSurface* surface_;
  ArmRenderer* owner_;
  std::mutex mutex_;
  std::optional<ArmPicture> wanted_;
  bool broken_ = false;
  vtkSmartPointer<Window> window_;
  std::unique_ptr<ArmScene> scene_;
  vtkNew<vtkUnsignedCharArray> pixels_;
};

ArmRenderer::ArmRenderer(QObject* parent) : QObject(parent) {
  qRegisterMetaType<deer::ArmPicture>();
  QSurfaceFormat format;
  format.setVersion(3, 2);
  format.setProfile(QSurfaceFormat::CoreProfile);
  auto context = std::make_unique<QOpenGLContext>();
  context->setFormat(format);
  if (!context->create()) {
    problem_ = tr("No OpenGL on this screen.");
    return;
  }
  surface_ = std::make_unique<QOffscreenSurface>();
  surface_->setFormat(context->format());
  surface_->create();
  if (!context->makeCurrent(surface_.get())) {
    problem_ = tr("OpenGL cannot draw offscreen.");
    return;
  }
  const auto found = context->format().version();
  context->doneCurrent();
  if (found < std::pair(3, 2)) {
    problem_ = tr("OpenGL 3.2 is required, but this screen has %1.%2.").arg(found.first).arg(found.second);
    return;
  }
  worker_ = new Worker(std::move(context), surface_.get(), this);
  if (!QOpenGLContext::supportsThreadedOpenGL()) return;  // then draw on this thread
  thread_ = std::make_unique<QThread>();
  thread_->setObjectName(QStringLiteral("arm"));
  worker_->context()->moveToThread(thread_.get());
  worker_->moveToThread(thread_.get());
  connect(thread_.get(), &QThread::finished, worker_, &QObject::deleteLater);
  thread_->start();
}

ArmRenderer::~ArmRenderer() {
  if (!thread_) {
    delete worker_;
    return;
  }
  thread_->quit();
  thread_->wait();
}

void ArmRenderer::request(const ArmPicture& picture) {
  if (!worker_ || !problem_.isEmpty() || !picture.state || picture.pixels.isEmpty()) return;
  worker_->want(picture);
}

}  // namespace deer
