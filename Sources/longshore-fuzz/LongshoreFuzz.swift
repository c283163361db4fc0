internal import Dispatch
internal import Foundation
internal import LongshoreFuzzing

/// The reader that is tested, by its name in the environment: libFuzzer's own `main` takes the arguments.
private let target: FuzzTarget = {
  let name = ProcessInfo.processInfo.environment["LONGSHORE_FUZZ_TARGET"] ?? ""
  guard let target = FuzzTarget(rawValue: name) else {
    fatalError("LONGSHORE_FUZZ_TARGET is \(name): give one of \(FuzzTarget.allCases.map(\.rawValue).joined(separator: ", "))")
  }
  return target
}()

/// What libFuzzer calls with each input. A property that does not hold ends the process, and libFuzzer keeps the input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = unsafe [UInt8](UnsafeBufferPointer(start: start, count: count))
  let finished = DispatchSemaphore(value: 0)
  Task.detached {
    if case .violation(let what) = await target.outcome(of: bytes) { fatalError("\(target.rawValue): \(what)") }
    finished.signal()
  }
  finished.wait()
  return 0
}
