internal import LongshoreMessages
internal import MigrationCore
internal import Synchronization

/// Reads the disks that a guest has left at its source, as it saw them at the switch: nobody changes them any more.
struct SourceReading: Sendable {
  /// How often the progress is told, in milliseconds.
  private static let interval: Int64 = 1000

  let exporter: NBDExporter
  let progress: ProgressBoard
  let clock: any HostClock

  /// What the disks of a migration's plan hold.
  ///
  /// - Throws: `ImageError` where one cannot be read.
  func read(_ migration: SourceMigration) async throws -> [DiskContent] {
    guard let inspection = migration.inspection else { return [] }
    let disks = inspection.plan.disks
    let positions = Positions(disks)
    let telling = Task { await tell(positions, of: migration) }
    defer { telling.cancel() }
    var contents: [DiskContent] = []
    for (index, disk) in disks.enumerated() {
      guard let path = inspection.sourcePaths[disk.target] else {
        throw ImageError(.notFound, operation: "read the disk \(disk.target)", message: "its path is not known")
      }
      let export = try await exporter.exportHere(path: path, format: disk.format.rawValue, name: "\(migration.id)-\(disk.target)")
      let result: Result<DiskContent, ImageError>
      do throws(ImageError) {
        result = .success(
          try await ContentReader.read(
            ContentReader.Served(target: disk.target, socket: export.socket, export: LocalExport.name), of: disks.count
          ) { done, total throws(ImageError) in positions.set(index, done, of: total) })
      } catch {
        result = .failure(error)
      }
      try await export.stop()
      contents.append(try result.get())
    }
    return contents
  }

  private func tell(_ positions: Positions, of migration: SourceMigration) async {
    while (try? await clock.wait(milliseconds: Self.interval)) != nil {
      let elapsed = migration.acceptedAt.milliseconds(until: clock.now())
      await progress.post(
        Progress(phase: .verifying, guest: migration.guest, disks: positions.disks, elapsedSeconds: Double(elapsed) / 1000),
        of: migration.id)
    }
  }
}

/// How far each disk is read.
private final class Positions: Sendable {
  private let state: Mutex<[Progress.Disk]>

  init(_ disks: [PlannedDisk]) {
    state = Mutex(
      disks.map {
        Progress.Disk(
          target: $0.target, bytes: Progress.Amount(done: 0, remaining: $0.virtualSize, total: $0.virtualSize))
      })
  }

  var disks: [Progress.Disk] { state.withLock(\.self) }

  func set(_ index: Int, _ done: UInt64, of total: UInt64) {
    state.withLock { $0[index].bytes = Progress.Amount(done: done, remaining: total - min(done, total), total: total) }
  }
}
