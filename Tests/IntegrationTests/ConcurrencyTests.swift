import LongshoreMessages
import Testing

extension MigrationTests {
  /// Several migrations at once.
  @Suite(.serialized) struct Concurrency {
    @Test("two guests pass each other")
    func oppositeDirections() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab, on: .alpha) { first in
        try await Guest.with(.linked, in: lab, on: .beta) { second in
          try await Orchestrator.with(lab) { orchestrator in
            async let there = move(first, from: .alpha, by: orchestrator)
            async let back = move(second, from: .beta, by: orchestrator)
            let templates = try await [there, back].map { $0.bytes?.template }
            #expect(templates == [0, 0], "both hosts had the same template already")
            try await first.verify(.alpha, .beta).expectGood()
            try await second.verify(.beta, .alpha).expectGood()
          }
        }
      }
    }

    @Test("two guests that need the same template bring it once")
    func sharedTemplate() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { first in
        try await Guest.with(.linked, in: lab) { second in
          try await Orchestrator.with(lab) { orchestrator in
            let templates = try await TemplatePair(lab)
            async let one = move(first, from: .alpha, by: orchestrator)
            async let other = move(second, from: .alpha, by: orchestrator)
            let copied = try await [one, other].map { $0.bytes?.template ?? 0 }
            #expect(copied.sorted() == [0, UInt64(templates.size)])
            try await templates.expectCopied()
            try await first.verify(.alpha, .beta).expectGood()
            try await second.verify(.alpha, .beta).expectGood()
          }
        }
      }
    }
  }
}
