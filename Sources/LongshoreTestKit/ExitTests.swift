// The benchmarks link this library too, where Testing is not there.
#if canImport(Testing)
  internal import FoundationEssentials
  public import Testing

  /// Tests that end a child process of the test runner.
  ///
  /// While one runs, the runner waits for whatever child ends, and takes the ends of those that other tests have started: their
  /// tests then wait for ever. So they run in a process of their own, which `contrib/test` starts with `LONGSHORE_TEST_EXITS=1`.
  public enum ExitTests {
    /// Whether this process is the one that runs them.
    public static let run = ProcessInfo.processInfo.environment["LONGSHORE_TEST_EXITS"] == "1"
    /// Why they are skipped elsewhere.
    public static let requirement: Comment = "needs a test process of its own: LONGSHORE_TEST_EXITS=1, as contrib/test sets it"
  }
#endif
