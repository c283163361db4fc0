import Digests
import FoundationEssentials
import HTTPTestClient
import LongshoreMessages
import LongshoreTestKit
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

  @Test("orders in the trace that a request's header fields name, if they name one")
  func trace() async throws {
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    let gateway = await RunningGateway(keys: [Self.key])
    try await gateway.serve { port in
      for headers in [[("traceparent", parent), ("tracestate", "a=1")], [("traceparent", "00-no")], []] {
        let order =
          "command=migrateVirtualMachineWithVolume&response=json&apiKey=\(Self.key.key)&virtualmachineid=\(Sample.web)&hostid=\(Sample.betaID)"
        let answer = try await HTTPConnection.send("GET", "/client/api?\(Sample.signed(order, Self.key))", to: port, headers: headers)
        #expect(answer.status == 200, "\(answer)")
      }
    }
    let traces = gateway.cluster.questions.compactMap { question -> TraceContext?? in
      if case .migrate(let command) = question.command, command.dryRun != true { .some(question.trace) } else { nil }
    }
    #expect(traces == [TraceContext(traceparent: parent, tracestate: "a=1"), nil, nil])
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

  /// What real clients send for one order and to follow its job, to the byte but for the host, the time, the key and the ids: cs 5.2.0 with
  /// GET and with POST, cmk 6.4 (which leaves brackets as they are and says no version), the newer cmk, cloudstack-go (POST for orders and
  /// GET for questions, RFC 3339 with Z, a map's fields as key and value), and Marvin. What is signed is what that client signs.
  struct Recorded: Sendable, CustomTestStringConvertible {
    /// A request of a client.
    struct Request: Sendable {
      var isPost = false
      var query: String
    }

    var client: String
    var order: Request
    /// The question for the job that the order was answered with, which stands as `JOB`.
    var poll: Request
    /// What it asks before anything else, to know which commands there are.
    var sync: Request?
    var form = CanonicalRequest.Form(sortsLowerCase: false, keepsTilde: true)
    var hash = HMAC.Hash.sha1

    var testDescription: String { client }
  }

  private static let brackets =
    "migrateto%5B0%5D.volume=\(Sample.webRoot)&migrateto%5B0%5D.pool=\(Sample.fastAtBeta)"

  static let recorded = [
    Recorded(
      client: "cs, GET",
      order: Recorded.Request(
        query: """
          apiKey=key-of-boss&command=migrateVirtualMachineWithVolume&expires=2026-01-31T18%3A40%3A00%2B0000&hostid=\(Sample.betaID)\
          &\(brackets)&response=json&signatureVersion=3&virtualmachineid=\(Sample.web)
          """),
      poll: Recorded.Request(
        query: """
          apiKey=key-of-boss&command=queryAsyncJobResult&expires=2026-01-31T18%3A40%3A02%2B0000&jobid=JOB&response=json\
          &signatureVersion=3
          """)),
    Recorded(
      client: "cs, POST",
      order: Recorded.Request(
        isPost: true,
        query: """
          virtualmachineid=\(Sample.web)&hostid=\(Sample.betaID)&\(brackets)&apiKey=key-of-boss&command=migrateVirtualMachineWithVolume\
          &response=json&signatureVersion=3&expires=2026-01-31T18%3A40%3A00%2B0000
          """),
      poll: Recorded.Request(
        isPost: true,
        query: """
          jobid=JOB&apiKey=key-of-boss&command=queryAsyncJobResult&response=json&signatureVersion=3\
          &expires=2026-01-31T18%3A40%3A02%2B0000
          """)),
    Recorded(
      client: "cmk 6.4",
      order: Recorded.Request(
        query: """
          apiKey=key-of-boss&command=migrateVirtualMachineWithVolume&hostid=\(Sample.betaID)&migrateto[0].pool=\(Sample.fastAtBeta)\
          &migrateto[0].volume=\(Sample.webRoot)&response=json&virtualmachineid=\(Sample.web)
          """),
      poll: Recorded.Request(query: "apiKey=key-of-boss&command=queryAsyncJobResult&jobid=JOB&response=json"),
      sync: Recorded.Request(query: "apiKey=key-of-boss&command=listApis&listall=true&response=json")),
    Recorded(
      client: "cmk with SHA-512",
      order: Recorded.Request(
        isPost: true,
        query: """
          apiKey=key-of-boss&command=migrateVirtualMachineWithVolume&expires=2026-01-31T18%3A45%3A00Z&hostid=\(Sample.betaID)\
          &migrateto[0].pool=\(Sample.fastAtBeta)&migrateto[0].volume=\(Sample.webRoot)&response=json&signatureversion=3\
          &virtualmachineid=\(Sample.web)
          """),
      poll: Recorded.Request(
        isPost: true,
        query: """
          apiKey=key-of-boss&command=queryAsyncJobResult&expires=2026-01-31T18%3A45%3A02Z&filter=id%2Cname&jobid=JOB&response=json\
          &signatureversion=3
          """),
      sync: Recorded.Request(
        query: """
          apiKey=key-of-boss&command=listApis&expires=2026-01-31T18%3A45%3A00Z&listall=true&response=json&signatureversion=3
          """), hash: .sha512),
    Recorded(
      client: "cloudstack-go",
      order: Recorded.Request(
        isPost: true,
        query: """
          apiKey=key-of-boss&command=migrateVirtualMachineWithVolume&expires=2026-01-31T18%3A45%3A00Z&hostid=\(Sample.betaID)\
          &migrateto%5B0%5D.key=\(Sample.webRoot)&migrateto%5B0%5D.value=\(Sample.fastAtBeta)&response=json&signatureversion=3\
          &virtualmachineid=\(Sample.web)
          """),
      poll: Recorded.Request(
        query: """
          apiKey=key-of-boss&command=queryAsyncJobResult&expires=2026-01-31T18%3A45%3A00Z&jobid=JOB&response=json&signatureversion=3
          """)),
    Recorded(
      client: "Marvin",
      order: Recorded.Request(
        query: """
          apiKey=key-of-boss&command=migrateVirtualMachineWithVolume&hostid=\(Sample.betaID)&\(brackets)&response=json\
          &virtualmachineid=\(Sample.web)
          """),
      poll: Recorded.Request(query: "apiKey=key-of-boss&command=queryAsyncJobResult&jobid=JOB&response=json"),
      form: CanonicalRequest.Form(sortsLowerCase: true, keepsTilde: true)),
  ]

  private static func send(_ query: String, isPost: Bool, to port: Int) async throws -> HTTPConnection.Answer {
    isPost
      ? try await HTTPConnection.send("POST", "/client/api", to: port, body: query)
      : try await HTTPConnection.send("GET", "/client/api?\(query)", to: port)
  }

  @Test("takes an order as each real client sends it, and the questions before and after it", arguments: recorded)
  func clients(recorded: Recorded) async throws {
    let gateway = await RunningGateway(keys: [Self.key])
    let cluster = gateway.cluster
    try await gateway.serve { port in
      func send(_ request: Recorded.Request, job: String = "") async throws -> HTTPConnection.Answer {
        let query = request.query.replacing("JOB", with: job)
        return try await Self.send(Sample.signed(query, Self.key, recorded.hash, recorded.form), isPost: request.isPost, to: port)
      }
      if let sync = recorded.sync { try Self.expectTable(try await send(sync)) }
      let answer = try await send(recorded.order)
      #expect(answer.status == 200)
      let id = try #require(cluster.orders.first?.id)
      #expect(answer.body == "{\"migratevirtualmachinewithvolumeresponse\":{\"jobid\":\"\(id)\"}}")
      #expect(cluster.orders.first?.command.pools?.disks?[Sample.name("vda")] == Sample.name("fast"))
      let polled = try await send(recorded.poll, job: id.text)
      #expect(polled.body.hasPrefix("{\"queryasyncjobresultresponse\":{\"accountid\":"))
      #expect(polled.body.contains("\"jobstatus\":0,\"jobprocstatus\":0,\"jobresultcode\":0"))
    }
  }

  /// Expects the commands, with what cmk takes for granted of each: it ends at once where a field is missing or of another type.
  private static func expectTable(_ answer: HTTPConnection.Answer) throws {
    #expect(answer.status == 200)
    let table = try JSONDecoder().decode(JSONValue.self, from: Data(answer.body.utf8))
    guard case .object(let fields) = table, case .list(let rows)? = fields["listapisresponse"]?["api"] else {
      Issue.record("there are no commands: \(answer.body.prefix(200))")
      return
    }
    #expect(fields["listapisresponse"]?["count"] == .number(Decimal(rows.count)) && rows.count == CommandTable.all.count)
    for row in rows {
      guard case .text? = row["name"], case .text? = row["description"], case .flag? = row["isasync"],
        case .list(let parameters)? = row["params"],
        case .list? = row["response"]
      else {
        Issue.record("\(row)")
        continue
      }
      for parameter in parameters {
        guard case .text? = parameter["name"], case .text? = parameter["type"], case .text? = parameter["description"],
          case .flag? = parameter["required"]
        else {
          Issue.record("\(parameter)")
          continue
        }
      }
    }
  }

  @Test(
    "takes an order whose signature was made elsewhere, by CloudStack's own rule",
    arguments: [
      ("migrateto%5B0%5D", "VNGa59ePVIsr1B7bgaeMOWmYQcU%3D"),
      ("migrateto[0]", "hp6tdlvPo0qXF8GpDp9RC3SXkhaYRtcjT7dDx73yORSaQCrY3jFQ88h3y%2Bm8knJmB4Td%2F4waADOm9YKfoqUY5Q%3D%3D"),
    ])
  func signedElsewhere(brackets: String, signature: String) async throws {
    let ids = (host: "22222222-2222-4222-8222-222222222222", volume: "33333333-3333-4333-8333-333333333333")
    let pool = "44444444-4444-4444-8444-444444444444"
    let gateway = await RunningGateway(keys: [AccessKey(key: "AK", secret: Secret("SECRET"), name: "boss", role: .admin)])
    let cluster = gateway.cluster
    cluster.edit {
      $0[Sample.alpha]?.guests[0].disks[0].id = ids.volume
      $0[Sample.beta]?.machine.uuid = ids.host
      $0[Sample.beta]?.pools.append(Sample.pool(pool, "vault"))
    }
    try await gateway.serve { port in
      let query = """
        apiKey=AK&command=migrateVirtualMachineWithVolume&expires=2030-01-01T00%3A00%3A00%2B0000&hostid=\(ids.host)\
        &\(brackets).pool=\(pool)&\(brackets).volume=\(ids.volume)&response=json&signatureVersion=3&virtualmachineid=\(Sample.web)
        """
      for isPost in [false, true] {
        let wrong = try await Self.send("\(query)&signature=\(signature.replacing("Q", with: "R"))", isPost: isPost, to: port)
        #expect(wrong.status == 401)
        #expect(try await Self.send("\(query)&signature=\(signature)", isPost: isPost, to: port).status == 200)
      }
      // The same request again is the same order, by GET as by POST.
      #expect(cluster.orders.count == 1)
      #expect(cluster.orders.first?.command.pools?.disks?[Sample.name("vda")] == Sample.name("vault"))
    }
  }
}
