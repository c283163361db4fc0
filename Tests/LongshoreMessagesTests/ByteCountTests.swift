import LongshoreMessages
import Testing

@Suite("Numbers of bytes")
struct ByteCountTests {
  @Test(
    "as people read them",
    arguments: [
      (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (1 << 20, "1.0 MiB"), (10 << 30, "10.0 GiB"),
      ((1 << 40) + (1 << 39), "1.5 TiB"), (1 << 50, "1.0 PiB"), (UInt64.max, "16384.0 PiB"), ((1 << 20) - 1, "1.0 MiB"),
      ((1 << 30) - 1, "1.0 GiB"),
    ] as [(UInt64, String)])
  func description(_ bytes: UInt64, _ text: String) { #expect("\(ByteCount(bytes))" == text) }
}
