import Testing

/// All tests against a real broker. One after the other: an alarm or a load of one would be felt by all.
@Suite(.serialized, .enabled(if: TestBroker.url != nil, TestBroker.missing), .timeLimit(.minutes(10)))
struct BrokerTests {}
