// SPDX-License-Identifier: GPL-3.0-or-later
#include <grpcpp/grpcpp.h>

#include <QTest>
#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>

#include "core/head/head_cache.h"
#include "core/model/heads_folder.h"
#include "core/model/model_fingerprint.h"
#include "core/serve/connected_engine.h"
#include "core/serve/engine.grpc.pb.h"
#include "core/serve/messages.h"
#include "tests/core/serve/served.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

namespace fs = std::filesystem;
using namespace deer;
using test::served_input;
namespace wire = deer::serve::wire;

namespace {

const std::string kFingerprint(40, 'a');
const fs::path kLargerModel = fs::path(DEER_SOURCE_DIR) / "resources" / "demo" / "model";  // heads of several blocks

std::string bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::string whole(const HeadFiles& head, std::size_t index) {
  std::string out;
  while (true) {
    const auto block = head.block(index, static_cast<std::int64_t>(out.size()));
    if (block.empty()) return out;
    out += block;
  }
}

std::size_t files_in(const fs::path& folder) {
  std::error_code error;
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder, error), fs::directory_iterator()));
}

std::vector<HeadFile> sent_by(const wire::DescribeReply& reply) { return serve::to_head(reply); }

// A server of the head alone that can go wrong in every way.
class HeadServer final : public wire::Engine::Service {
 public:
  explicit HeadServer(const fs::path& model = test::kServedModel) : head_(HeadFiles::of_model(model, kFingerprint)) {
    const auto engine = Engine::load(model);
    serve::put_summary(engine->summary(), described);
    described.set_protocol(serve::kProtocol);
    described.set_fingerprint(kFingerprint);
    described.set_policy(serve::policy_message(engine->policy()));
    serve::put_head(*head_, *described.mutable_head());
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    address = "127.0.0.1:" + std::to_string(port);
  }
  ~HeadServer() override { server_->Shutdown(std::chrono::system_clock::now()); }

  grpc::Status Describe(grpc::ServerContext*, const wire::DescribeRequest*, wire::DescribeReply* reply) override {
    *reply = described;
    return grpc::Status::OK;
  }

  grpc::Status Head(grpc::ServerContext* context, const wire::HeadRequest* request,
                    grpc::ServerWriter<wire::HeadBlock>* writer) override {
    ++requests;
    const auto& list = head_->list();
    std::size_t index = 0;
    while (list[index].name != request->file()) ++index;
    if (stalls) {
      ++begun;
      while (!context->IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
      return grpc::Status::CANCELLED;
    }
    auto offset = request->offset();
    for (int sent = 0;; ++sent) {
      if (cut_after >= 0 && sent == cut_after) return {grpc::StatusCode::UNAVAILABLE, "cut"};
      auto bytes = std::string(head_->block(index, offset));
      if (bytes.empty()) break;
      offset += static_cast<std::int64_t>(bytes.size());
      if (request->file() == spoiled) change(&bytes);
      wire::HeadBlock block;
      block.set_data(bytes);
      if (!writer->Write(block)) break;
    }
    return grpc::Status::OK;
  }

  std::string address;
  wire::DescribeReply described;
  std::atomic<int> requests = 0;
  std::atomic<int> begun = 0;
  int cut_after = -1;  // blocks of each call; -1: never
  bool stalls = false;
  std::string spoiled;  // file whose blocks are changed
  std::function<void(std::string*)> change;

 private:
  std::shared_ptr<const HeadFiles> head_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

class HeadTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void files_of_a_model();
  void kept_heads_stand_for_their_model();
  void a_cut_stream_is_continued();
  void what_does_not_fit_is_refused_data();
  void what_does_not_fit_is_refused();
  void announcements_are_checked_data();
  void announcements_are_checked();
  void damaged_files_are_fetched_again_data();
  void damaged_files_are_fetched_again();
  void cancel_ends_the_fetch();
  void the_server_checks_requests();

 private:
  test::TemporaryFolder folder_;
};

void HeadTest::files_of_a_model() {
  const auto before = files_in(fs::temp_directory_path());
  const auto head = HeadFiles::of_model(kLargerModel, kFingerprint);
  QCOMPARE(files_in(fs::temp_directory_path()), before);
  QCOMPARE(head->list().size(), std::size_t(3));
  QCOMPARE(head->list()[0].name, std::string("config.json"));
  QCOMPARE(head->list()[1].name, std::string("gate.safetensors"));
  QCOMPARE(head->list()[2].name, std::string("model.safetensors"));
  QVERIFY(head->list()[2].size > static_cast<std::int64_t>(kHeadBlock));
  QVERIFY(head->list()[2].size < static_cast<std::int64_t>(fs::file_size(kLargerModel / "model.safetensors")));
  QCOMPARE(head->fingerprint(), head_fingerprint(head->list()));
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& file = head->list()[i];
    const auto bytes = whole(*head, i);
    QCOMPARE(static_cast<std::int64_t>(bytes.size()), file.size);
    QCOMPARE(block_hash(folder_.write(file.name, bytes)), file.hash);
    // In pieces that do not end with the blocks.
    BlockHash hash(file.size);
    for (std::size_t at = 0; at < bytes.size(); at += 700'001) hash.add(std::string_view(bytes).substr(at, 700'001));
    QCOMPARE(hash.finish(), file.hash);
  }
  // The same model gives the same heads, another one's differ.
  QCOMPARE(HeadFiles::of_model(kLargerModel, kFingerprint)->fingerprint(), head->fingerprint());
  QVERIFY(HeadFiles::of_model(kLargerModel, std::string(40, 'b'))->fingerprint() != head->fingerprint());
  DEER_VERIFY_ERROR(HeadFiles::of_model("/nowhere", kFingerprint), "/nowhere");
  // The calibration set beside the model goes along if it was made with it.
  const auto has_set = [](const HeadFiles& files) {
    return std::ranges::any_of(files.list(), [](const HeadFile& file) { return file.name == kCalibrationFile; });
  };
  QVERIFY(has_set(*HeadFiles::of_model(kLargerModel, model_fingerprint(kLargerModel))));
  QVERIFY(!has_set(*head));
}

void HeadTest::kept_heads_stand_for_their_model() {
  const HeadServer server;
  const auto engine = connect_engine(server.address, {}, folder_ / "cache");
  const auto& path = engine->summary().path;
  QCOMPARE(path.parent_path(), folder_ / "cache");
  QVERIFY(holds_heads_only(path));
  QCOMPARE(model_fingerprint(path), kFingerprint);
  const auto local = Engine::load(test::kServedModel);
  QCOMPARE(engine->summary().exit_layers, local->summary().exit_layers);
  QVERIFY(engine->summary().config != nullptr);
  QCOMPARE(engine->summary().device, local->summary().device + " at " + server.address);
  QVERIFY(engine->policy() == local->policy());
  DEER_VERIFY_ERROR(Engine::load(path), "tokenizer");  // they are no model that runs
}

void HeadTest::a_cut_stream_is_continued() {
  HeadServer server(kLargerModel);
  server.cut_after = 1;
  const auto engine = connect_engine(server.address, {}, folder_ / "cut");
  const auto files = sent_by(server.described);
  QCOMPARE(block_hash(engine->summary().path / "model.safetensors"), files[2].hash);
  // One call for each block.
  const auto block = static_cast<std::int64_t>(kHeadBlock);
  QVERIFY(files[2].size > 2 * block);
  std::int64_t blocks = 0;
  for (const auto& file : files) blocks += (file.size + block - 1) / block;
  QCOMPARE(std::int64_t{server.requests}, blocks);
  // A server that never sends anything is given up.
  server.cut_after = 0;
  RemoteOptions options;
  options.reconnect = std::chrono::milliseconds(200);
  DEER_VERIFY_ERROR(connect_engine(server.address, options, folder_ / "other"), "no server answers");
}

void HeadTest::what_does_not_fit_is_refused_data() {
  QTest::addColumn<QString>("how");
  QTest::addColumn<QString>("expected");
  QTest::newRow("other bytes") << "flip"
                               << "was not received as it was announced: found the fingerprint";
  QTest::newRow("too many") << "more"
                            << "in a block of";
  QTest::newRow("too few") << "fewer"
                           << "ended config.json after";
  QTest::newRow("a huge block") << "huge"
                                << "in a block of";
  QTest::newRow("an empty block") << "empty"
                                  << "in a block of 0 bytes";
}

void HeadTest::what_does_not_fit_is_refused() {
  QFETCH(QString, how);
  QFETCH(QString, expected);
  HeadServer server;
  server.spoiled = how == "huge" ? "model.safetensors" : "config.json";
  server.change = [how](std::string* bytes) {
    if (how == "flip") bytes->at(10) ^= 1;
    if (how == "more") *bytes += "more";
    if (how == "fewer") bytes->pop_back();
    if (how == "huge") bytes->append(1, '\0');
    if (how == "empty") bytes->clear();
  };
  const auto cache = folder_ / how.toStdString();
  DEER_VERIFY_ERROR(connect_engine(server.address, {}, cache), expected.toStdString());
  const auto kept = cache / (server.described.head().fingerprint() + kHeadsExtension);
  QCOMPARE(files_in(kept), std::size_t(how == "huge" ? 1 : 0));  // nothing half or wrong
  // The next try is as if there had been none.
  server.spoiled.clear();
  QVERIFY(connect_engine(server.address, {}, cache) != nullptr);
}

void HeadTest::announcements_are_checked_data() {
  QTest::addColumn<QString>("how");
  QTest::addColumn<QString>("expected");
  QTest::newRow("a path") << "path"
                          << "head.files.name: found '../../etc/passwd'";
  QTest::newRow("too large") << "large"
                             << "head.files.size";
  QTest::newRow("too large together") << "sum"
                                      << "head.files.size";
  QTest::newRow("empty") << "zero"
                         << "head.files.size: found 0 bytes";
  QTest::newRow("twice") << "twice"
                         << "ascending names";
  QTest::newRow("no weights") << "missing"
                              << "head.files: found no model.safetensors";
  QTest::newRow("no hash") << "hash"
                           << "40 hexadecimal digits";
  QTest::newRow("another fingerprint") << "fingerprint"
                                       << "head.fingerprint";
  QTest::newRow("other exits") << "exits"
                               << "not of its model";
}

void HeadTest::announcements_are_checked() {
  QFETCH(QString, how);
  QFETCH(QString, expected);
  HeadServer server;
  auto& head = *server.described.mutable_head();
  auto& config = *head.mutable_files(0);
  auto& weights = *head.mutable_files(1);
  if (how == "path") config.set_name("../../etc/passwd");
  if (how == "large") weights.set_size(std::numeric_limits<std::int64_t>::max());
  if (how == "sum") weights.set_size(kMostHeadBytes);
  if (how == "zero") weights.set_size(0);
  if (how == "twice") *head.add_files() = weights;
  if (how == "missing") head.mutable_files()->RemoveLast();
  if (how == "hash") config.set_hash("ABC");
  if (how == "fingerprint") head.set_fingerprint(std::string(40, '0'));
  if (how == "exits") server.described.mutable_exit_layers()->RemoveLast();
  const auto cache = folder_ / ("announced " + how.toStdString());
  DEER_VERIFY_ERROR(connect_engine(server.address, {}, cache), expected.toStdString());
  if (how != "exits") QVERIFY(!fs::exists(cache));
}

void HeadTest::damaged_files_are_fetched_again_data() {
  QTest::addColumn<QString>("how");
  QTest::addColumn<int>("requests");
  QTest::newRow("whole") << "whole" << 0;
  QTest::newRow("a changed byte") << "byte" << 1;
  QTest::newRow("cut") << "cut" << 1;
  QTest::newRow("gone") << "gone" << 1;
  QTest::newRow("a folder in its place") << "folder" << -1;
}

void HeadTest::damaged_files_are_fetched_again() {
  QFETCH(QString, how);
  QFETCH(int, requests);
  HeadServer server;
  const auto cache = folder_ / ("damaged " + how.toStdString());
  const auto file = connect_engine(server.address, {}, cache)->summary().path / "model.safetensors";
  const auto right = bytes_of(file);
  if (how == "byte") {
    auto wrong = right;
    wrong[wrong.size() / 2] ^= 1;
    std::ofstream(file, std::ios::binary) << wrong;
  }
  if (how == "cut") fs::resize_file(file, right.size() - 1);
  if (how == "gone" || how == "folder") fs::remove(file);
  if (how == "folder") fs::create_directories(file / "full");
  server.requests = 0;
  if (requests < 0) {
    DEER_VERIFY_ERROR(connect_engine(server.address, {}, cache), "model.safetensors");
    return;
  }
  QVERIFY(connect_engine(server.address, {}, cache) != nullptr);
  QCOMPARE(server.requests.load(), requests);
  QVERIFY(bytes_of(file) == right);
}

void HeadTest::cancel_ends_the_fetch() {
  HeadServer server;
  server.stalls = true;
  std::stop_source stop;
  std::jthread canceller([&] {
    while (server.begun == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    stop.request_stop();
  });
  const auto cache = folder_ / "cancelled";
  QVERIFY_THROWS_EXCEPTION(Cancelled, connect_engine(server.address, {}, cache, {}, stop.get_token()));
  QCOMPARE(files_in(cache / (server.described.head().fingerprint() + kHeadsExtension)), std::size_t(0));
  // A server that stalls does not hold the client longer than the deadline.
  RemoteOptions options;
  options.deadline = std::chrono::milliseconds(300);
  DEER_VERIFY_ERROR(connect_engine(server.address, options, cache), "did not answer in time");
}

void HeadTest::the_server_checks_requests() {
  ServeOptions options;
  options.head = kLargerModel;
  options.token = "right";
  const auto server = test::serve_demo("127.0.0.1:0", options);
  const auto stub = wire::Engine::NewStub(grpc::CreateChannel(server->address(), grpc::InsecureChannelCredentials()));
  const auto right = HeadFiles::of_model(kLargerModel, {});
  const auto ask = [&](const std::string& fingerprint, const std::string& file, std::int64_t offset,
                       const std::string& token = "Bearer right") {
    grpc::ClientContext context;
    context.AddMetadata("authorization", token);
    wire::HeadRequest request;
    request.set_fingerprint(fingerprint);
    request.set_file(file);
    request.set_offset(offset);
    const auto reader = stub->Head(&context, request);
    wire::HeadBlock block;
    std::size_t largest = 0;
    while (reader->Read(&block)) largest = std::max(largest, block.data().size());
    const auto status = reader->Finish();
    return std::pair(status, largest);
  };
  const auto& print = right->fingerprint();
  QVERIFY(ask(print, "model.safetensors", 0).first.ok());
  QCOMPARE(ask(print, "model.safetensors", 0).second, kHeadBlock);
  QCOMPARE(ask(print, "model.safetensors", 0, "Bearer wrong").first.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  QCOMPARE(ask("other", "model.safetensors", 0).first.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  QCOMPARE(ask(print, "../tokenizer.json", 0).first.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  QCOMPARE(ask(print, "model.safetensors", -1).first.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  QCOMPARE(ask(print, "config.json", 1 << 30).first.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  DEER_VERIFY_ERROR(connect_engine(server->address(), {}, folder_ / "token"), "token");
  RemoteOptions with_token;
  with_token.token = "right";
  const auto client = RemoteEngine::connect(server->address(), with_token);
  std::size_t received = 0;
  client->read_head(client->head_files()[1], [&](std::string_view bytes) { received += bytes.size(); }, {});
  QCOMPARE(static_cast<std::int64_t>(received), right->list()[1].size);
}

DEER_SUITE(HeadTest)

#include "tst_head.moc"
