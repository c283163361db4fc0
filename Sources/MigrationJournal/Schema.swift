internal import GRDB

/// The tables of a journal, as a list of versions: a file is brought from any earlier one to the last when it is opened.
struct Schema {
  /// A step from one version to the next.
  struct Version {
    /// The version's name in the file. Once released, neither it nor the statements change.
    var name: String
    /// The statements that make it of the one before.
    var statements: String
  }

  /// All versions, the oldest first.
  var versions: [Version]

  /// What tells a journal from other SQLite files (`PRAGMA application_id`): the ASCII text `Lngs`.
  static let applicationID: Int64 = 0x4c6e_6773

  /// The versions that this code knows.
  static let current = Schema(versions: [
    Version(
      name: "1",
      statements: """
        PRAGMA application_id = \(applicationID);

        CREATE TABLE journal (
          id TEXT NOT NULL
        ) STRICT;

        -- Idempotency keys of accepted requests. They outlive their migrations.
        CREATE TABLE request (
          id TEXT PRIMARY KEY NOT NULL,
          digest TEXT NOT NULL,
          accepted INTEGER NOT NULL              -- milliseconds since 1970
        ) STRICT, WITHOUT ROWID;

        -- Migrations as they stand, as JSON.
        CREATE TABLE migration (
          number INTEGER PRIMARY KEY,
          side TEXT NOT NULL CHECK (side IN ('source', 'destination')),
          id TEXT NOT NULL,
          revision INTEGER NOT NULL,
          shape INTEGER NOT NULL,
          guest TEXT,                            -- UUID
          ended INTEGER NOT NULL CHECK (ended IN (0, 1)),
          changed INTEGER NOT NULL,              -- milliseconds since 1970
          snapshot TEXT NOT NULL,
          UNIQUE (side, id)
        ) STRICT;
        CREATE UNIQUE INDEX one_open_migration_of_a_guest ON migration (guest) WHERE side = 'source' AND ended = 0;

        -- What made them so: the first snapshot, then every event that changed it.
        CREATE TABLE history (
          side TEXT NOT NULL,
          migration TEXT NOT NULL,
          revision INTEGER NOT NULL,
          shape INTEGER NOT NULL,
          at TEXT NOT NULL,
          began TEXT,
          applied TEXT,
          PRIMARY KEY (side, migration, revision),
          CHECK ((began IS NULL) <> (applied IS NULL)),
          CHECK ((began IS NOT NULL) = (revision = 1))
        ) STRICT, WITHOUT ROWID;
        CREATE TRIGGER history_is_append_only BEFORE UPDATE ON history
        BEGIN
          SELECT RAISE(ABORT, 'the history is append-only');
        END;

        -- Numbered events, as they were or will be published.
        CREATE TABLE event (
          migration TEXT NOT NULL,
          sequence INTEGER NOT NULL,
          terminal INTEGER NOT NULL CHECK (terminal IN (0, 1)),
          body TEXT NOT NULL,
          PRIMARY KEY (migration, sequence)
        ) STRICT, WITHOUT ROWID;
        CREATE UNIQUE INDEX one_terminal_event ON event (migration) WHERE terminal = 1;

        -- Messages that the broker has not confirmed. AUTOINCREMENT: a number is never used again.
        CREATE TABLE outbox (
          number INTEGER PRIMARY KEY AUTOINCREMENT,
          exchange TEXT NOT NULL,
          routing_key TEXT NOT NULL,
          body BLOB NOT NULL,
          content_type TEXT NOT NULL,
          message_id TEXT NOT NULL,
          correlation_id TEXT,
          type TEXT,
          headers TEXT NOT NULL,
          persistent INTEGER NOT NULL CHECK (persistent IN (0, 1)),
          mandatory INTEGER NOT NULL CHECK (mandatory IN (0, 1))
        ) STRICT;

        -- Files that migrations made or are about to make. Devices and inodes are unsigned: their bits are kept.
        CREATE TABLE file (
          number INTEGER PRIMARY KEY,
          migration TEXT NOT NULL,
          side TEXT NOT NULL CHECK (side IN ('source', 'destination')),
          role TEXT NOT NULL,
          path TEXT NOT NULL,
          device INTEGER,
          inode INTEGER,
          delete_after INTEGER,                  -- milliseconds since 1970
          original_path TEXT,
          finished_chunks BLOB,
          UNIQUE (migration, side, path),
          CHECK ((device IS NULL) = (inode IS NULL))
        ) STRICT;
        CREATE INDEX file_due ON file (delete_after) WHERE delete_after IS NOT NULL;

        -- Digests of layer files, each for as long as its file is unchanged.
        CREATE TABLE digest (
          path TEXT PRIMARY KEY NOT NULL,
          device INTEGER NOT NULL,
          inode INTEGER NOT NULL,
          size INTEGER NOT NULL,
          modified INTEGER NOT NULL,             -- nanoseconds since 1970
          changed INTEGER NOT NULL,              -- nanoseconds since 1970
          file_size INTEGER NOT NULL,
          header TEXT NOT NULL,
          sha256 TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        """),
    Version(
      name: "2",
      statements: """
        -- The kernel's handle of the file, with its type before it.
        ALTER TABLE file ADD COLUMN handle BLOB;
        -- When the time of grace began by the clock of that boot, and how long it is, in milliseconds. `delete_after` is its end by
        -- the wall clock.
        ALTER TABLE file ADD COLUMN grace_boot TEXT;
        ALTER TABLE file ADD COLUMN grace_boot_ms INTEGER;
        ALTER TABLE file ADD COLUMN grace_length INTEGER;
        -- What was set aside before has its end by the wall clock alone, in a boot that is over. The length is the longest allowed,
        -- so that it shortens nothing.
        UPDATE file SET grace_boot = '', grace_boot_ms = 0, grace_length = 31536000000 WHERE delete_after IS NOT NULL;
        """),
    Version(
      name: "3",
      statements: """
        -- Templates that are put in place ahead of the guests that need them, as JSON.
        CREATE TABLE prefetch (
          number INTEGER PRIMARY KEY,
          id TEXT UNIQUE NOT NULL,
          revision INTEGER NOT NULL,
          shape INTEGER NOT NULL,
          ended INTEGER NOT NULL CHECK (ended IN (0, 1)),
          changed INTEGER NOT NULL,              -- milliseconds since 1970
          snapshot TEXT NOT NULL
        ) STRICT;

        -- Templates that were copied here, by the names under which they were published. They belong to nobody, and are never deleted.
        CREATE TABLE copied_template (
          path TEXT PRIMARY KEY NOT NULL,
          device INTEGER,
          inode INTEGER,
          handle BLOB,
          source TEXT NOT NULL,
          published INTEGER NOT NULL             -- milliseconds since 1970
        ) STRICT, WITHOUT ROWID;
        """),
    Version(
      name: "4",
      statements: """
        -- Drains of this host, as JSON.
        CREATE TABLE drain (
          number INTEGER PRIMARY KEY,
          id TEXT UNIQUE NOT NULL,
          revision INTEGER NOT NULL,
          shape INTEGER NOT NULL,
          ended INTEGER NOT NULL CHECK (ended IN (0, 1)),
          changed INTEGER NOT NULL,              -- milliseconds since 1970
          snapshot TEXT NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX one_open_drain ON drain (ended) WHERE ended = 0;

        -- One row while the host takes no guests.
        CREATE TABLE maintenance (
          one INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
          since INTEGER NOT NULL,                -- milliseconds since 1970
          drain TEXT
        ) STRICT;
        """),
    Version(
      name: "5",
      statements: """
        -- A start reads what has not ended, and the housekeeping what ended long ago: neither goes through all the others.
        CREATE INDEX open_migration ON migration (side, number) WHERE ended = 0;
        CREATE INDEX ended_migration ON migration (changed) WHERE ended = 1;
        CREATE INDEX request_accepted ON request (accepted);
        """),
    Version(
      name: "6",
      statements: """
        -- When the message was stored, in milliseconds since 1970; NULL where an earlier version has stored it.
        ALTER TABLE outbox ADD COLUMN stored INTEGER;
        """),
    Version(
      name: "7",
      statements: """
        -- Settings that requests have changed, until they are changed or reset. The others are as the configuration says.
        CREATE TABLE setting (
          name TEXT PRIMARY KEY NOT NULL,
          value INTEGER NOT NULL,
          since INTEGER NOT NULL                 -- milliseconds since 1970
        ) STRICT, WITHOUT ROWID;
        """),
  ])

  /// The migrator of these versions.
  var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    for version in versions {
      migrator.registerMigration(version.name) { db in try db.execute(sql: version.statements) }
    }
    return migrator
  }
}
