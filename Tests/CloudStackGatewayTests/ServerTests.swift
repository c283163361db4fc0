import Digests
import FoundationEssentials
import HTTPTestClient
import LongshoreMessages
import ServiceLifecycle
import Subprocess
import SystemPackage
import Testing

@testable import CloudStackGateway

extension RunningGateway {
  /// Listens on a free port, lets the server be used, and ends it.
  func serve(tls: (certificate: String, key: String)? = nil, _ use: @Sendable (Int) async throws -> Void) async throws {
    let (ports, teller) = AsyncStream.makeStream(of: Int.self)
    let server = try Gateway.server(responder, host: "127.0.0.1", port: 0, tls: tls) { teller.yield($0) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await server.run() }
      var found: Int?
      for await port in ports {
        found = port
        break
      }
      guard let found else { preconditionFailure("the server does not listen") }
      try await use(found)
      group.cancelAll()
    }
  }
}

@Suite("The server")
struct ServerTests {
  private static let key = Sample.key()

  @Test("answers queries and forms in JSON and in XML")
  func formats() async throws {
    try await RunningGateway(keys: [Self.key]).serve { port in
      let json = Sample.signed("command=listZones&response=json&apiKey=\(Self.key.key)", Self.key)
      let queried = try await HTTPConnection.send("GET", "/client/api?\(json)", to: port)
      #expect(queried.status == 200)
      #expect(queried.headers["content-type"] == "application/json; charset=UTF-8")
      #expect(queried.body.hasPrefix("{\"listzonesresponse\":{\"count\":1,\"zone\":[{\"id\":"))
      let posted = try await HTTPConnection.send("POST", "/client/api", to: port, body: json)
      #expect(posted.body == queried.body)
      // Some of it in the query, some in the form.
      let signature = try #require(json.split(separator: "&").last)
      let parted = try await HTTPConnection.send(
        "POST", "/client/api?command=listZones&\(signature)", to: port, body: "response=json&apiKey=\(Self.key.key)")
      #expect(parted.body == queried.body)
      let xml = Sample.signed("command=listZones&apiKey=\(Self.key.key)", Self.key)
      let written = try await HTTPConnection.send("GET", "/client/api?\(xml)", to: port)
      #expect(written.headers["content-type"] == "text/xml; charset=UTF-8")
      #expect(written.body.contains("<listzonesresponse cloud-stack-version=\"4.22.0.0\"><count>1</count><zone><id>"))
    }
  }

  @Test("answers errors with their code as status and their text in a header")
  func errors() async throws {
    try await RunningGateway(keys: [Self.key]).serve { port in
      let query = Sample.signed("command=findHostsForMigration&response=json&apiKey=\(Self.key.key)", Self.key)
      let answer = try await HTTPConnection.send("GET", "/client/api?\(query)", to: port)
      #expect(answer.status == 431)
      #expect(answer.headers["content-type"]?.hasPrefix("application/json") == true)
      #expect(answer.headers["x-description"]?.hasSuffix("due to missing parameter virtualmachineid") == true)
      let unsigned = try await HTTPConnection.send("GET", "/client/api?command=listHosts&response=json&apiKey=x", to: port)
      #expect(unsigned.status == 401)
      #expect(unsigned.body.hasPrefix("{\"listhostsresponse\":{\"uuidList\":[],\"errorcode\":401,\"errortext\":"))
      #expect(try await HTTPConnection.send("GET", "/", to: port).status == 404)
      #expect(try await HTTPConnection.send("GET", "/client/api/../x", to: port).status == 404)
      #expect(try await HTTPConnection.send("DELETE", "/client/api?response=json", to: port).status == 405)
      let broken = try await HTTPConnection.send("GET", "/client/api?command=%zz&response=json", to: port)
      #expect(broken.status == 430 && broken.headers["content-type"]?.hasPrefix("application/json") == true)
      #expect(try await HTTPConnection.send("GET", "/healthz", to: port).body == "alive\n")
      #expect(try await HTTPConnection.send("GET", "/readyz", to: port).status == 200)
    }
  }

  @Test("takes no more than it says")
  func limits() async throws {
    try await RunningGateway(keys: [Self.key]).serve { port in
      let long = String(repeating: "x", count: Parameters.longest)
      let answer = try await HTTPConnection.send("POST", "/client/api?response=json", to: port, body: "command=\(long)")
      #expect(answer.status == 430)
      // An order for a guest of a hundred disks fits into a query.
      let disks = (0..<100).map { "migrateto%5B\($0)%5D.volume=\(Sample.webRoot)&migrateto%5B\($0)%5D.pool=\(Sample.shared)" }
      let many = "command=migrateVirtualMachineWithVolume&response=json&\(disks.joined(separator: "&"))"
      #expect(try await HTTPConnection.send("GET", "/client/api?\(many)", to: port).status == 401)
      let far = try await HTTPConnection.send("GET", "/client/api?response=json&a=\(long.prefix(GatewayResponder.longestTarget))", to: port)
      #expect(far.status == 430)
      let wrong = try await HTTPConnection.send(
        raw: """
          POST /client/api?response=json HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\
          \r\n{}
          """, to: port)
      #expect(wrong.status == 400)
    }
  }

  @Test("speaks TLS where it has a certificate, and nothing else then")
  func tls() async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "longshore-gateway-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let (certificate, key) = (folder.appending(path: "certificate.pem").path, folder.appending(path: "key.pem").path)
    try Data(SampleServerCertificate.certificate.utf8).write(to: URL(filePath: certificate))
    try Data(SampleServerCertificate.key.utf8).write(to: URL(filePath: key))
    try await RunningGateway(keys: [Self.key]).serve(tls: (certificate, key)) { port in
      func request(_ command: String) -> String {
        let query = Sample.signed("command=\(command)&response=json&apiKey=\(Self.key.key)", Self.key)
        return "GET /client/api?\(query) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
      }
      func ask(_ request: String, _ options: String...) async throws -> HTTPConnection.Answer {
        // A file and no pipe: a client that is refused ends before it has read its input, and Subprocess 1.0 aborts then.
        let input = folder.appending(path: "request").path
        try Data(request.utf8).write(to: URL(filePath: input))
        let told = try await Subprocess.run(
          .name("openssl"),
          arguments: Subprocess.Arguments(
            [
              "s_client", "-quiet", "-connect", "127.0.0.1:\(port)", "-servername", "localhost", "-CAfile", certificate,
              "-verify_return_error", "-verify_hostname", "localhost",
            ] + options), input: .fileDescriptor(FileDescriptor.open(input, .readOnly), closeAfterSpawningProcess: true),
          output: .string(limit: 1 << 20), error: .discarded)
        return HTTPConnection.Answer(told.standardOutput)
      }
      let zones = try await ask(request("listZones"))
      #expect(zones.status == 200)
      #expect(zones.body.hasPrefix("{\"listzonesresponse\":"))
      // More than one record of TLS, whole to its end, by either version.
      for version in ["-tls1_2", "-tls1_3"] {
        let apis = try await ask(request("listApis"), version)
        #expect(apis.body.utf8.count > 16_384)
        #expect(apis.body.utf8.count == apis.headers["content-length"].flatMap { Int($0) })
      }
      // An older version, and none at all.
      #expect(try await ask(request("listZones"), "-tls1_1", "-cipher", "ALL:@SECLEVEL=0").status == 0)
      #expect((try? await HTTPConnection.send(raw: request("listZones"), to: port))?.status != 200)
    }
    let foreign = folder.appending(path: "foreign.pem").path
    _ = try await Subprocess.run(
      .name("openssl"), arguments: ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", foreign], output: .discarded)
    for (wrong, words) in [
      ((key, key), "the certificate \(key) cannot be read"), ((certificate, "/missing.pem"), "the key /missing.pem cannot be read"),
      ((certificate, foreign), "the key \(foreign) is not that of \(certificate)"),
    ] {
      let problem = await #expect(throws: Gateway.StartProblem.self) {
        try await RunningGateway(keys: [Self.key]).serve(tls: wrong) { _ in Issue.record("it listens") }
      }
      #expect(problem?.description.hasPrefix(words) == true, "\(problem.map { "\($0)" } ?? "")")
    }
  }

  /// What real clients send for one order, to the byte but for the host, the time and the key: cs 5.2.0 with GET and with POST, cmk 6.4
  /// (which leaves brackets as they are and says no version), and cloudstack-go (POST, RFC 3339 with Z, a map's fields as key and value).
  /// What is signed is what that client signs.
  struct Recorded: Sendable, CustomTestStringConvertible {
    var client: String
    var isPost: Bool
    var query: String
    var form = CanonicalRequest.Form(sortsLowerCase: false, keepsTilde: true)
    var hash = HMAC.Hash.sha1

    var testDescription: String { client }
  }

  private static let brackets =
    "migrateto%5B0%5D.volume=\(Sample.webRoot)&migrateto%5B0%5D.pool=\(Sample.fastAtBeta)"

  static let recorded = [
    Recorded(
      client: "cs, GET", isPost: false,
      query: """
        apiKey=key-of-boss&command=migrateVirtualMachineWithVolume&expires=2026-01-31T18%3A40%3A00%2B0000&hostid=\(Sample.betaID)\
        &\(brackets)&response=json&signatureVersion=3&virtualmachineid=\(Sample.web)
        """),
    Recorded(
      client: "cs, POST", isPost: true,
      query: """
        virtualmachineid=\(Sample.web)&hostid=\(Sample.betaID)&\(brackets)&apiKey=key-of-boss&command=migrateVirtualMachineWithVolume\
        &response=json&signatureVersion=3&expires=2026-01-31T18%3A40%3A00%2B0000
        """),
    Recorded(
      client: "cmk 6.4", isPost: false,
      query: """
        apiKey=key-of-boss&command=migrateVirtualMachineWithVolume&hostid=\(Sample.betaID)&migrateto[0].pool=\(Sample.fastAtBeta)\
        &migrateto[0].volume=\(Sample.webRoot)&response=json&virtualmachineid=\(Sample.web)
        """),
    Recorded(
      client: "cmk with SHA-512", isPost: true,
      query: """
        apiKey=key-of-boss&command=migrateVirtualMachineWithVolume&expires=2026-01-31T18%3A45%3A00Z&hostid=\(Sample.betaID)\
        &migrateto[0].pool=\(Sample.fastAtBeta)&migrateto[0].volume=\(Sample.webRoot)&response=json&signatureversion=3\
        &virtualmachineid=\(Sample.web)
        """, hash: .sha512),
    Recorded(
      client: "cloudstack-go", isPost: true,
      query: """
        apiKey=key-of-boss&command=migrateVirtualMachineWithVolume&expires=2026-01-31T18%3A45%3A00Z&hostid=\(Sample.betaID)\
        &migrateto%5B0%5D.key=\(Sample.webRoot)&migrateto%5B0%5D.value=\(Sample.fastAtBeta)&response=json&signatureversion=3\
        &virtualmachineid=\(Sample.web)
        """),
    Recorded(
      client: "Marvin", isPost: false,
      query: """
        apiKey=key-of-boss&command=migrateVirtualMachineWithVolume&hostid=\(Sample.betaID)&\(brackets)&response=json\
        &virtualmachineid=\(Sample.web)&~comment=
        """.replacing("&~comment=", with: ""), form: CanonicalRequest.Form(sortsLowerCase: true, keepsTilde: true)),
  ]

  @Test("takes an order as each real client sends it", arguments: recorded)
  func clients(recorded: Recorded) async throws {
    let gateway = await RunningGateway(keys: [Self.key])
    let cluster = gateway.cluster
    try await gateway.serve { port in
      let query = Sample.signed(recorded.query, Self.key, recorded.hash, recorded.form)
      let answer =
        recorded.isPost
        ? try await HTTPConnection.send("POST", "/client/api", to: port, body: query)
        : try await HTTPConnection.send("GET", "/client/api?\(query)", to: port)
      #expect(answer.status == 200)
      let id = try #require(cluster.orders.first?.id)
      #expect(answer.body == "{\"migratevirtualmachinewithvolumeresponse\":{\"jobid\":\"\(id)\"}}")
      #expect(cluster.orders.first?.command.pools?.disks?[Sample.name("vda")] == Sample.name("fast"))
      // And as each asks for the job afterwards.
      let polled = try await HTTPConnection.send(
        "GET", "/client/api?\(Sample.signed("apiKey=key-of-boss&command=queryAsyncJobResult&jobid=\(id)&response=json", Self.key))",
        to: port)
      #expect(polled.body.hasPrefix("{\"queryasyncjobresultresponse\":{\"accountid\":"))
      #expect(polled.body.contains("\"jobstatus\":0,\"jobprocstatus\":0,\"jobresultcode\":0"))
    }
  }
}
