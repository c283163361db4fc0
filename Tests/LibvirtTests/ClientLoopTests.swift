import Glibc
import Testing

@testable import Libvirt

/// The functions of GLib as a program with libvirt in it has them, which the module `CLibvirtClientLoop` stands in for some of.
private struct GLib {
  typealias Callback = @convention(c) (UnsafeMutableRawPointer?) -> Int32

  let makeContext: @convention(c) () -> OpaquePointer?
  let makeLoop: @convention(c) (OpaquePointer?, Int32) -> OpaquePointer?
  let run: @convention(c) (OpaquePointer?) -> Void
  let makeIdle: @convention(c) () -> OpaquePointer?
  let setPriority: @convention(c) (OpaquePointer?, Int32) -> Void
  let setCallback: @convention(c) (OpaquePointer?, Callback, UnsafeMutableRawPointer?, OpaquePointer?) -> Void
  let attach: @convention(c) (OpaquePointer?, OpaquePointer?) -> UInt32
  let release: @convention(c) (OpaquePointer?) -> Void

  init() throws {
    makeContext = try Self.function("g_main_context_new")
    makeLoop = try Self.function("g_main_loop_new")
    run = try Self.function("g_main_loop_run")
    makeIdle = try Self.function("g_idle_source_new")
    setPriority = try Self.function("g_source_set_priority")
    setCallback = try Self.function("g_source_set_callback")
    attach = try Self.function("g_source_attach")
    release = try Self.function("g_source_unref")
  }

  private static func function<Function>(_ name: String) throws -> Function {
    unsafeBitCast(try #require(dlsym(nil, name), "libvirt brings GLib with it"), to: Function.self)
  }
}

/// What a source has for its callback: the loop that it ends, and how often it has fired.
private struct Firing {
  var loop: OpaquePointer?
  var count = 0
}

private let endLoop: GLib.Callback = { context in
  guard let firing = context?.assumingMemoryBound(to: Firing.self), let quit = dlsym(nil, "g_main_loop_quit") else { return 0 }
  firing.pointee.count += 1
  unsafeBitCast(quit, to: (@convention(c) (OpaquePointer?) -> Void).self)(firing.pointee.loop)
  return 0
}

@Suite("The loops of libvirt's client")
struct ClientLoopTests {
  @Test("are mended")
  func mended() { #expect(EventLoop.mendsClient) }

  @Test("end with the source that was attached for them, so that it never fires in a later one")
  func laterLoop() throws {
    let glib = try GLib()
    let context = glib.makeContext()
    let loop = glib.makeLoop(context, 0)
    let firings = UnsafeMutablePointer<Firing>.allocate(capacity: 3)
    firings.initialize(repeating: Firing(loop: loop), count: 3)
    defer { firings.deallocate() }
    // Of those that are ready GLib runs the sources of the highest priority alone, which is the lowest number.
    func attach(_ number: Int, priority: Int32) {
      let source = glib.makeIdle()
      glib.setPriority(source, priority)
      glib.setCallback(source, endLoop, firings + number, nil)
      _ = glib.attach(source, context)
      glib.release(source)
    }
    // Another thread's call ends the loop of the thread that waits for an answer.
    attach(0, priority: 0)
    attach(1, priority: 1)
    glib.run(loop)
    attach(2, priority: 2)
    glib.run(loop)
    #expect((0..<3).map { firings[$0].count } == [1, 0, 1])
  }
}
