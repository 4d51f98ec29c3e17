// SPDX-License-Identifier: GPL-3.0-or-later
#include <arpa/inet.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <QTest>
#include <fstream>
#include <thread>

#include "core/serve/engine.grpc.pb.h"
#include "core/serve/messages.h"
#include "tests/core/serve/served.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

namespace fs = std::filesystem;
using namespace deer;
using namespace deer::serve;
using test::served_input;

namespace {

const fs::path kPem = fs::path(DEER_TEST_DATA) / "serve";

// A client by hand, that can do what RemoteEngine does not.
class RawClient {
 public:
  explicit RawClient(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxSendMessageSize(-1);
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    channel_ = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
    stub_ = wire::Engine::NewStub(channel_);
  }

  template <typename Method, typename Request, typename Reply>
  grpc::Status call(Method method, const Request& request, Reply& reply, int milliseconds = 60'000,
                    const std::string& authorization = {}) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(milliseconds));
    if (!authorization.empty()) context.AddMetadata("authorization", authorization);
    return (stub_.get()->*method)(&context, request, &reply);
  }

  std::string open() {
    wire::OpenRequest request;
    request.set_protocol(kProtocol);
    wire::OpenReply reply;
    const auto status = call(&Stub::Open, request, reply);
    return status.ok() ? reply.rollout() : "error: " + status.error_message();
  }

  grpc::Status step(const wire::StepRequest& request, int milliseconds = 60'000) {
    wire::StepReply reply;
    return call(&Stub::Step, request, reply, milliseconds);
  }

  // Bytes as they are, whatever they mean.
  grpc::Status send(const std::string& method, const std::string& bytes) {
    grpc::GenericStub stub(channel_);
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    const grpc::Slice slice(bytes);
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer reply;
    grpc::Status status;
    auto call = stub.PrepareUnaryCall(&context, "/deerscope.v1.Engine/" + method, request, &queue);
    call->StartCall();
    call->Finish(&reply, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    return status;
  }

  using Stub = wire::Engine::Stub;

 private:
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<Stub> stub_;
};

wire::StepRequest step_request(const std::string& rollout, int frame = 0) {
  wire::StepRequest out;
  out.set_rollout(rollout);
  put_input(served_input(frame), *out.mutable_observation());
  return out;
}

QString words(const grpc::Status& status) {
  return QStringLiteral("%1: %2").arg(status.error_code()).arg(QString::fromStdString(status.error_message()));
}

int connect_to(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? fd : -1;
}

}  // namespace

class ServerTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void addresses_from_outside_need_token_and_tls();
  void an_address_that_is_taken();
  void a_socket_is_for_its_user_alone();
  void the_token();
  void tls();
  void a_model_that_cannot_be_loaded();
  void broken_messages();
  void messages_that_are_too_large();
  void requests_that_make_no_sense();
  void another_protocol();
  void a_client_that_never_finishes_its_request();
  void thirty_two_clients_at_once();
  void too_many_rollouts();
  void too_many_calls();
  void a_cancelled_call_in_the_queue_does_not_run();
  void a_deadline_in_the_queue();
  void the_end_cancels_what_runs();

 private:
  test::TemporaryFolder folder_;
};

void ServerTest::addresses_from_outside_need_token_and_tls() {
  DEER_VERIFY_ERROR(test::serve_demo("0.0.0.0:0"), "can be reached from other machines");
  ServeOptions options;
  options.token = "secret";
  DEER_VERIFY_ERROR(test::serve_demo("0.0.0.0:0", options), "token and TLS");
  options.tls_key = kPem / "key.pem";
  DEER_VERIFY_ERROR(test::serve_demo("0.0.0.0:0", options), "only one is given");
  options.tls_certificate = kPem / "certificate.pem";
  options.token.clear();
  DEER_VERIFY_ERROR(test::serve_demo("[::]:0", options), "token and TLS");
  options.token = "secret";
  const auto server = test::serve_demo("0.0.0.0:0", options);
  QVERIFY(!server->address().ends_with(":0"));
}

void ServerTest::an_address_that_is_taken() {
  const auto server = test::serve_demo();
  DEER_VERIFY_ERROR(test::serve_demo(server->address()), "is the address taken");
  const auto socket = "unix:" + (folder_ / "taken").string();
  const auto other = test::serve_demo(socket);
  DEER_VERIFY_ERROR(test::serve_demo(socket), "taken by another server");
  (void)RemoteEngine::connect(socket);
  std::ofstream(folder_ / "file") << "mine";
  DEER_VERIFY_ERROR(test::serve_demo("unix:" + (folder_ / "file").string()), "is not a socket");
  QVERIFY(fs::exists(folder_ / "file"));
  DEER_VERIFY_ERROR(test::serve_demo("unix:" + (folder_ / "no" / "folder").string()), "is not a directory");
}

void ServerTest::a_socket_is_for_its_user_alone() {
  const auto path = folder_ / "private";
  const auto server = test::serve_demo("unix:" + path.string());
  struct stat status {};
  QCOMPARE(::stat(path.c_str(), &status), 0);
  QCOMPARE(status.st_mode & 0777, 0600u);
}

void ServerTest::the_token() {
  ServeOptions options;
  options.token = "s3cret-token";
  const auto server = test::serve_demo("127.0.0.1:0", options);
  RawClient client(server->address());
  const auto health = [&](const std::string& authorization) {
    wire::HealthReply reply;
    return client.call(&RawClient::Stub::Health, wire::HealthRequest(), reply, 60'000, authorization).error_code();
  };
  for (const char* wrong : {"", "s3cret-token", "Bearer s3cret-tokeN", "Bearer s3cret-token2", "Bearer ", "Bearer"}) {
    QCOMPARE(health(wrong), grpc::StatusCode::UNAUTHENTICATED);
  }
  QCOMPARE(health("Bearer s3cret-token"), grpc::StatusCode::OK);
  // Calls that use the model ask for it as well.
  QCOMPARE(client.step(step_request("x")).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  QVERIFY(client.open().starts_with("error: the token"));
  DEER_VERIFY_ERROR(RemoteEngine::connect(server->address()), "the token is missing or not the server's");
  RemoteOptions with_token;
  with_token.token = options.token;
  QCOMPARE(RemoteEngine::connect(server->address(), with_token)->step(served_input(0), RunMode::policy)->step, 0);
}

void ServerTest::tls() {
  ServeOptions options;
  options.token = "secret";
  options.tls_certificate = kPem / "certificate.pem";
  options.tls_key = kPem / "key.pem";
  const auto server = test::serve_demo("127.0.0.1:0", options);
  RemoteOptions remote;
  remote.token = "secret";
  DEER_VERIFY_ERROR(RemoteEngine::connect(server->address(), remote), "a server with TLS needs --tls-ca");
  remote.tls_ca = kPem / "key.pem";
  DEER_VERIFY_ERROR(RemoteEngine::connect(server->address(), remote),
                    "key.pem: holds no PEM block, expected one of CERT");
  remote.tls_ca = kPem / "certificate.pem";
  const auto engine = RemoteEngine::connect(server->address(), remote);
  const auto local = Engine::load(test::kServedModel);
  QCOMPARE(
      test::difference(*local->step(served_input(0), RunMode::policy), *engine->step(served_input(0), RunMode::policy)),
      std::string());
  options.tls_key = kPem / "certificate.pem";
  DEER_VERIFY_ERROR(test::serve_demo("127.0.0.1:0", options),
                    "certificate.pem: holds no PEM block, expected one of PRIVATE KEY");
  options.tls_key = kPem / "none.pem";
  DEER_VERIFY_ERROR(test::serve_demo("127.0.0.1:0", options), "none.pem");
}

void ServerTest::a_model_that_cannot_be_loaded() {
  ServeOptions options;
  options.address = "127.0.0.1:0";
  DEER_VERIFY_ERROR(EngineServer([] { return Engine::load("/nowhere"); }, options), "/nowhere");
}

void ServerTest::broken_messages() {
  const auto server = test::serve_demo();
  RawClient client(server->address());
  wire::StepRequest whole = step_request(client.open());
  const auto bytes = whole.SerializeAsString();
  for (const char* method : {"Step", "Open", "Attend", "SetPolicy", "Reset", "Close"}) {
    QVERIFY(!client.send(method, "\xFF\xFF\xFF\xFF\xFF garbage").ok());
    QVERIFY(!client.send(method, bytes.substr(0, bytes.size() / 2)).ok());
  }
  QCOMPARE(client.send("NoSuchCall", "").error_code(), grpc::StatusCode::UNIMPLEMENTED);
  QVERIFY(client.step(whole).ok());
  QCOMPARE(server->steps(), 1);
}

void ServerTest::messages_that_are_too_large() {
  const auto server = test::serve_demo();
  RawClient client(server->address());
  auto request = step_request(client.open());
  request.mutable_observation()->mutable_rgb_static()->set_data(std::string(kMostBytes + 1, 'x'));
  const auto status = client.step(request);
  QVERIFY2(status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED, qPrintable(words(status)));
  QVERIFY(client.step(step_request(client.open())).ok());
}

void ServerTest::requests_that_make_no_sense() {
  const auto server = test::serve_demo();
  RawClient client(server->address());
  const auto rollout = client.open();
  auto request = step_request("no such rollout");
  QCOMPARE(client.step(request).error_code(), grpc::StatusCode::NOT_FOUND);
  request = step_request(rollout);
  request.mutable_observation()->mutable_rgb_static()->set_width(201);
  auto status = client.step(request);
  QVERIFY2(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT &&
               status.error_message().find("observation.rgb_static: found 120000 bytes") == 0,
           qPrintable(words(status)));
  request = step_request(rollout);
  request.mutable_observation()->clear_rgb_gripper();
  status = client.step(request);
  QVERIFY2(status.error_message().find("gripper camera image") != std::string::npos, qPrintable(words(status)));
  wire::SetPolicyRequest policy;
  policy.set_rollout(rollout);
  policy.set_policy("{\"thresholds\": \"many\"}");
  wire::SetPolicyReply answer;
  QCOMPARE(client.call(&RawClient::Stub::SetPolicy, policy, answer).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  QVERIFY(client.step(step_request(rollout)).ok());
}

void ServerTest::another_protocol() {
  const auto server = test::serve_demo();
  RawClient client(server->address());
  wire::OpenRequest request;
  request.set_protocol(kProtocol + 1);
  wire::OpenReply reply;
  const auto status = client.call(&RawClient::Stub::Open, request, reply);
  QCOMPARE(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  QVERIFY2(status.error_message().find("protocol: found 2, expected 1") == 0, qPrintable(words(status)));
}

void ServerTest::a_client_that_never_finishes_its_request() {
  const auto server = test::serve_demo();
  const int port = std::stoi(server->address().substr(server->address().rfind(':') + 1));
  // Many of them, some with the beginning of HTTP/2 and of a frame that never ends.
  std::vector<int> connections;
  for (int i = 0; i < 50; ++i) {
    const int fd = connect_to(port);
    QVERIFY(fd >= 0);
    connections.push_back(fd);
    const std::string beginning = std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") + std::string("\0\xFF\xFF", 3);
    const auto length = i % 2 == 0 ? beginning.size() : 5;
    QCOMPARE(::send(fd, beginning.data(), length, MSG_NOSIGNAL), static_cast<::ssize_t>(length));
  }
  const auto remote = RemoteEngine::connect(server->address());
  for (int i = 0; i < 3; ++i) QCOMPARE(remote->step(served_input(i), RunMode::policy)->step, i);
  for (const int fd : connections) ::close(fd);
}

void ServerTest::thirty_two_clients_at_once() {
  constexpr int kClients = 32, kSteps = 6;
  const auto server = test::serve_demo();
  const auto local = Engine::load(test::kServedModel);
  // Each client has frames of its own, so that a history that went to another would show.
  std::vector<std::vector<FrameRecordPtr>> expected(kClients);
  const auto input = [](int client, int step) {
    return served_input(100 * client + step, client % 2 == 0 ? "open the drawer" : "push the button");
  };
  for (int client = 0; client < kClients; ++client) {
    local->reset();
    for (int i = 0; i < kSteps; ++i) {
      expected[static_cast<std::size_t>(client)].push_back(local->step(input(client, i), RunMode::policy));
    }
  }
  std::vector<std::string> problems(kClients);
  {
    std::vector<std::jthread> threads;
    for (int client = 0; client < kClients; ++client) {
      threads.emplace_back([&, client] {
        auto& problem = problems[static_cast<std::size_t>(client)];
        try {
          const auto remote = RemoteEngine::connect(server->address());
          for (int i = 0; i < kSteps && problem.empty(); ++i) {
            const auto& here = expected[static_cast<std::size_t>(client)][static_cast<std::size_t>(i)];
            problem = test::difference(*here, *remote->step(input(client, i), RunMode::policy));
          }
        } catch (const std::exception& error) {
          problem = error.what();
        }
      });
    }
  }
  for (const auto& problem : problems) QCOMPARE(problem, std::string());
  QCOMPARE(server->steps(), kClients * kSteps);
  QCOMPARE(RemoteEngine::connect(server->address())->health().rollouts, 1);  // the others were closed
}

void ServerTest::too_many_rollouts() {
  ServeOptions options;
  options.rollouts = 2;
  const auto server = test::serve_demo("127.0.0.1:0", options);
  const auto a = RemoteEngine::connect(server->address());
  auto b = RemoteEngine::connect(server->address());
  DEER_VERIFY_ERROR(RemoteEngine::connect(server->address()), "all 2 rollouts");
  RemoteOptions lazy;
  lazy.lazy = true;
  const auto asks = RemoteEngine::connect(server->address(), lazy);
  QCOMPARE(asks->health().rollouts, 2);
  DEER_VERIFY_ERROR(asks->step(served_input(0), RunMode::policy), "all 2 rollouts");
  b.reset();
  QCOMPARE(RemoteEngine::connect(server->address())->step(served_input(0), RunMode::policy)->step, 0);
}

void ServerTest::too_many_calls() {
  ServeOptions options;
  options.rollouts = 1;  // 20 calls may wait
  const auto gate = std::make_shared<test::Gate>();
  const auto server = test::serve_slowly(gate, options);
  RawClient client(server->address());
  const auto request = step_request(client.open());
  std::atomic<int> refused = 0;
  std::atomic<int> fine = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 40; ++i) {
      threads.emplace_back([&] {
        const auto code = client.step(request).error_code();
        if (code == grpc::StatusCode::RESOURCE_EXHAUSTED) ++refused;
        if (code == grpc::StatusCode::OK) ++fine;
      });
    }
    QTRY_COMPARE_WITH_TIMEOUT(refused.load(), 19, 30'000);
    // How it is can be asked all the same.
    wire::HealthReply health;
    QVERIFY(client.call(&RawClient::Stub::Health, wire::HealthRequest(), health).ok());
    QCOMPARE(health.waiting(), 20);
    gate->let_go();
  }
  QCOMPARE(fine.load(), 21);
}

void ServerTest::a_cancelled_call_in_the_queue_does_not_run() {
  const auto gate = std::make_shared<test::Gate>();
  const auto server = test::serve_slowly(gate);
  RawClient client(server->address());
  const auto first = step_request(client.open());
  const auto second = step_request(client.open());
  std::jthread runs([&] { QVERIFY(client.step(first).ok()); });
  QTRY_COMPARE(gate->begun.load(), 1);
  grpc::ClientContext context;
  grpc::Status status;
  std::jthread waits([&] {
    auto stub = wire::Engine::NewStub(grpc::CreateChannel(server->address(), grpc::InsecureChannelCredentials()));
    wire::StepReply reply;
    status = stub->Step(&context, second, &reply);
  });
  const auto waiting = [&] {
    wire::HealthReply health;
    return client.call(&RawClient::Stub::Health, wire::HealthRequest(), health).ok() ? health.waiting() : -1;
  };
  QTRY_COMPARE(waiting(), 1);
  context.TryCancel();
  waits.join();
  QCOMPARE(status.error_code(), grpc::StatusCode::CANCELLED);
  gate->let_go();
  runs.join();
  QTRY_COMPARE(waiting(), 0);
  QCOMPARE(gate->begun.load(), 1);
  QCOMPARE(server->steps(), 1);
}

void ServerTest::a_deadline_in_the_queue() {
  const auto gate = std::make_shared<test::Gate>();
  const auto server = test::serve_slowly(gate);
  RawClient client(server->address());
  const auto first = step_request(client.open());
  const auto second = step_request(client.open());
  std::jthread runs([&] { QVERIFY(client.step(first).ok()); });
  QTRY_COMPARE(gate->begun.load(), 1);
  QCOMPARE(client.step(second, 200).error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  gate->let_go();
  runs.join();
  QVERIFY(client.step(second).ok());
  QCOMPARE(gate->begun.load(), 2);  // not the one that was late
}

void ServerTest::the_end_cancels_what_runs() {
  const auto gate = std::make_shared<test::Gate>();
  auto server = test::serve_slowly(gate);
  RawClient client(server->address());
  const auto request = step_request(client.open());
  grpc::Status status;
  std::jthread runs([&] { status = client.step(request); });
  QTRY_COMPARE(gate->begun.load(), 1);
  server.reset();
  runs.join();
  QVERIFY2(!status.ok(), qPrintable(words(status)));
  QCOMPARE(gate->cancelled.load(), 1);
}

DEER_SUITE(ServerTest)

#include "tst_server.moc"
