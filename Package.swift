// swift-tools-version: 6.2

import PackageDescription

/// The settings of every target. Language mode 6 comes with the tools version.
let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableUpcomingFeature("InferIsolatedConformances"),
  .treatAllWarnings(as: .error),
]

/// The settings of the targets that speak C: every unsafe use is marked where it stands.
let strictOverC = strict + [.strictMemorySafety()]

/// The settings of what the tests run millions of times: optimised for debugging, too.
let strictOptimised = strict + [.unsafeFlags(["-O"], .when(configuration: .debug))]

/// The settings of the agent. LLVM, as it comes with Swift 6.3.1, crashes over its asynchronous functions where it optimises them ("While
/// splitting coroutine"): they are left as Swift's own passes make them, with which an agent takes a tenth more orders than without both.
let strictWithoutLLVM = strict + [.unsafeFlags(["-Xfrontend", "-disable-llvm-optzns"], .when(configuration: .release))]

let package = Package(
  name: "longshore",
  products: [
    .executable(name: "longshored", targets: ["longshored"]),
    .executable(name: "longshore", targets: ["longshore"]),
    .library(name: "AMQP", targets: ["AMQP"]),
    .library(name: "Libvirt", targets: ["Libvirt"]),
    .library(name: "DomainXML", targets: ["DomainXML"]),
    .library(name: "LongshoreMessages", targets: ["LongshoreMessages"]),
    .library(name: "LongshoreClient", targets: ["LongshoreClient"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["YAML"]),
    .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.0"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0", traits: []),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0"),
  ],
  targets: [
    // C, each with one Swift module above it and nobody else.
    .systemLibrary(name: "CLibvirt", pkgConfig: "libvirt", providers: [.apt(["libvirt-dev"])]),
    .systemLibrary(name: "CRabbitMQ", pkgConfig: "librabbitmq", providers: [.apt(["librabbitmq-dev"])]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CLibXML2", pkgConfig: "libxml-2.0", providers: [.apt(["libxml2-dev"])]),
    .systemLibrary(name: "CNBD", pkgConfig: "libnbd", providers: [.apt(["libnbd-dev"])]),
    .systemLibrary(name: "CFileHandle"),

    // Code of its own: functions that go before GLib's where libvirt's client calls them.
    .target(name: "CLibvirtClientLoop"),

    // What events go through on their way from a thread of C's to tasks.
    .target(name: "Broadcasting", swiftSettings: strict),

    .target(
      name: "Libvirt",
      dependencies: ["Broadcasting", "CLibvirt", "CLibvirtClientLoop", .product(name: "Logging", package: "swift-log")],
      swiftSettings: strictOverC),
    .target(
      name: "AMQP",
      dependencies: [
        "Broadcasting", "CRabbitMQ",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: strictOverC),
    .target(name: "DomainXML", dependencies: ["CLibXML2"], swiftSettings: strictOverC),
    .target(name: "Digests", dependencies: ["COpenSSL"], swiftSettings: strictOverC),
    .target(name: "NBD", dependencies: ["CNBD"], swiftSettings: strictOverC),

    // A backend of swift-metrics.
    .target(
      name: "PrometheusMetrics",
      dependencies: [.product(name: "CoreMetrics", package: "swift-metrics"), .product(name: "Metrics", package: "swift-metrics")],
      swiftSettings: strict),

    // The wire, the pure core, the journal.
    .target(name: "LongshoreMessages", swiftSettings: strict),
    .target(name: "MigrationCore", dependencies: ["LongshoreMessages"], swiftSettings: strictOptimised),
    .target(
      name: "MigrationJournal",
      dependencies: ["MigrationCore", "LongshoreMessages", .product(name: "GRDB", package: "GRDB.swift")],
      swiftSettings: strict),

    // The decisions of all hosts over a simulated world, for contrib/simulate and the tests, which run it thousands of times.
    .target(
      name: "LongshoreSimulation", dependencies: ["LongshoreMessages", "MigrationCore", "MigrationJournal"],
      swiftSettings: strictOptimised),
    .executableTarget(name: "longshore-simulate", dependencies: ["LongshoreSimulation"], swiftSettings: strict),
    .executableTarget(
      name: "longshore-bench",
      dependencies: [
        "AMQP", "LongshoreAgent", "LongshoreMessages", "LongshoreTestKit", "MigrationCore", "MigrationJournal",
        .product(name: "ArgumentParser", package: "swift-argument-parser"), .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: strict),

    // The agent and the operator's commands.
    .target(
      name: "LongshoreAgent",
      dependencies: [
        "AMQP", "CFileHandle", "Digests", "DomainXML", "Libvirt", "LongshoreMessages", "MigrationCore", "MigrationJournal",
        "NBD", "PrometheusMetrics",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Configuration", package: "swift-configuration"),
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "Metrics", package: "swift-metrics"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "Subprocess", package: "swift-subprocess"),
        .product(name: "SystemPackage", package: "swift-system"),
        .product(name: "Tracing", package: "swift-distributed-tracing"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        .product(name: "Yams", package: "Yams"),
      ],
      swiftSettings: strictWithoutLLVM),
    .target(
      name: "LongshoreClient",
      dependencies: [
        "AMQP", "Digests", "LongshoreMessages", .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: strict),
    .target(
      name: "LongshoreDashboard",
      dependencies: [
        "LongshoreClient", "LongshoreMessages",
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ],
      swiftSettings: strict),
    .target(
      name: "CloudStackGateway",
      dependencies: [
        "AMQP", "Digests", "LongshoreClient", "LongshoreMessages",
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "HummingbirdTLS", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "SystemPackage", package: "swift-system"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        .product(name: "Yams", package: "Yams"),
      ],
      swiftSettings: strict),
    .target(
      name: "LongshoreCommands",
      dependencies: [
        "CloudStackGateway", "LongshoreClient", "LongshoreDashboard", "LongshoreMessages",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Configuration", package: "swift-configuration"),
        .product(name: "SystemPackage", package: "swift-system"),
        .product(name: "Yams", package: "Yams"),
      ],
      swiftSettings: strict),
    .executableTarget(name: "longshored", dependencies: ["LongshoreAgent"], swiftSettings: strict),
    .executableTarget(name: "longshore", dependencies: ["LongshoreCommands"], swiftSettings: strict),

    // Tests.
    .target(
      name: "LongshoreFuzzing",
      dependencies: [
        "AMQP", "CloudStackGateway", "DomainXML", "LongshoreAgent", "LongshoreCommands", "LongshoreMessages", "MigrationCore",
      ],
      swiftSettings: strict),
    .target(
      name: "LongshoreTestKit",
      dependencies: [
        "LongshoreMessages", "MigrationCore",
        .product(name: "Subprocess", package: "swift-subprocess"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: strict),
    .target(
      name: "HTTPTestClient",
      dependencies: [.product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio")],
      swiftSettings: strict),
    .testTarget(name: "BroadcastingTests", dependencies: ["Broadcasting"], swiftSettings: strict),
    .testTarget(
      name: "LibvirtTests", dependencies: ["Libvirt", .product(name: "Logging", package: "swift-log")], swiftSettings: strict),
    .testTarget(name: "AMQPTests", dependencies: ["AMQP", "LongshoreTestKit"], swiftSettings: strict),
    .testTarget(
      name: "PrometheusMetricsTests",
      dependencies: [
        "LongshoreTestKit", "PrometheusMetrics", .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "Metrics", package: "swift-metrics"),
      ],
      swiftSettings: strict),
    .testTarget(name: "DigestsTests", dependencies: ["Digests", "LongshoreTestKit"], swiftSettings: strict),
    .testTarget(name: "DomainXMLTests", dependencies: ["DomainXML", "LongshoreTestKit"], swiftSettings: strict),
    .testTarget(
      name: "LongshoreMessagesTests", dependencies: ["LongshoreMessages", "LongshoreTestKit"], swiftSettings: strict),
    .testTarget(
      name: "MigrationCoreTests", dependencies: ["MigrationCore", "LongshoreTestKit"], exclude: ["Histories", "Traces"],
      swiftSettings: strictOptimised),
    .testTarget(
      name: "MigrationJournalTests", dependencies: ["MigrationJournal", "LongshoreTestKit"], swiftSettings: strict),
    .testTarget(
      name: "LongshoreSimulationTests",
      dependencies: ["LongshoreSimulation", "LongshoreMessages", "LongshoreTestKit", "MigrationCore", "MigrationJournal"],
      exclude: ["Histories"], swiftSettings: strict),
    .testTarget(
      name: "LongshoreAgentTests",
      dependencies: [
        "LongshoreAgent", "LongshoreTestKit", "PrometheusMetrics",
        .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Tracing", package: "swift-distributed-tracing"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "LongshoreClientTests",
      dependencies: [
        "AMQP", "LongshoreClient", "LongshoreMessages", "LongshoreTestKit", .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "LongshoreCommandsTests",
      dependencies: [
        "LongshoreClient", "LongshoreCommands", "LongshoreTestKit", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "LongshoreDashboardTests",
      dependencies: [
        "HTTPTestClient", "LongshoreClient", "LongshoreDashboard", "LongshoreMessages", "LongshoreTestKit",
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "CloudStackGatewayTests",
      dependencies: [
        "CloudStackGateway", "Digests", "HTTPTestClient", "LongshoreClient", "LongshoreMessages", "LongshoreTestKit",
        .product(name: "Subprocess", package: "swift-subprocess"), .product(name: "Logging", package: "swift-log"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "LongshoreFuzzingTests", dependencies: ["LongshoreFuzzing", "LongshoreTestKit"], swiftSettings: strict),
    .testTarget(
      name: "IntegrationTests",
      dependencies: ["AMQP", "LongshoreAgent", "LongshoreClient", "LongshoreMessages", "LongshoreTestKit"], swiftSettings: strict),
  ]
)

// What `contrib/fuzz` builds, with `--sanitize fuzzer`: its `main` is libFuzzer's, so that it cannot be linked without.
if Context.environment["LONGSHORE_FUZZ"] != nil {
  package.targets.append(
    .executableTarget(
      name: "longshore-fuzz", dependencies: ["LongshoreFuzzing"],
      swiftSettings: strictOverC + [.unsafeFlags(["-parse-as-library"])]))
}
