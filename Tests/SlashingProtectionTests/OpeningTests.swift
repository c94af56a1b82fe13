// SPDX-License-Identifier: Apache-2.0
import Consensus
import Foundation
import SQLite
import SlashingProtection
import TestSupport
import Testing

/// What happens before the first message: files that are missing, taken, foreign or damaged.
@Suite(.timeLimit(.minutes(10))) struct OpeningTests {
    private let folder: TemporaryFolder
    private let settings: SQLiteStore.Settings

    init() throws {
        folder = try TemporaryFolder()
        settings = SQLiteStore.Settings(in: folder, createIfMissing: false)
    }

    @Test func `a missing record is not made silently`() throws {
        #expect(throws: StoreError.missing(path: settings.path)) { try SQLiteStore(settings) }
        #expect(try !folder.names.contains("record.sqlite"))
    }

    /// The log would lie beside what the link leads to, and a rewrite would replace the link: history would be lost.
    @Test func `a record behind a symbolic link is refused, even one that leads nowhere`() throws {
        try SQLiteStore.initialize(settings)
        for target in [settings.path, settings.path + ".absent"] {
            var linked = settings
            linked.path = settings.path + ".link"
            linked.createIfMissing = true
            try? FileManager.default.removeItem(atPath: linked.path)
            try FileManager.default.createSymbolicLink(atPath: linked.path, withDestinationPath: target)
            let error = #expect(throws: StoreError.self) { try SQLiteStore(linked) }
            #expect(error?.description.contains("symbolic link") == true)
        }
    }

    @Test func `a record is made once and never overwritten`() async throws {
        try SQLiteStore.initialize(settings)
        let made = try folder.contents("record.sqlite")
        #expect(throws: StoreError.alreadyExists(path: settings.path)) { try SQLiteStore.initialize(settings) }
        #expect(try folder.contents("record.sqlite") == made)
        let store = try SQLiteStore(settings)
        #expect(await store.decideOne(.block(1)) == .recorded)
        await store.close()
    }

    @Test func `create_if_missing makes it and then opens it`() async throws {
        let settings = SQLiteStore.Settings(in: folder)
        for slot in 1...2 {
            let store = try SQLiteStore(settings)
            #expect(await store.decideOne(.block(UInt64(slot))) == .recorded)
            await store.close()
        }
    }

    @Test func `only the owner can read the files`() async throws {
        let store = try SQLiteStore(SQLiteStore.Settings(in: folder))
        #expect(await store.decideOne(.block(1)) == .recorded)
        for name in try folder.names { #expect(try folder.mode(name) == 0o600, "\(name)") }
        #expect(try folder.names == ["record.sqlite", "record.sqlite-wal", "record.sqlite.lock"])
        await store.close()
        #expect(try folder.names == ["record.sqlite", "record.sqlite.lock"])
    }

    @Test func `a second open in the same process is refused, and works after closing`() async throws {
        try SQLiteStore.initialize(settings)
        let first = try SQLiteStore(settings)
        #expect(throws: StoreError.inUse(path: settings.path)) { try SQLiteStore(settings) }
        #expect(throws: StoreError.inUse(path: settings.path)) { try SQLiteStore.initialize(settings) }
        #expect(await first.decideOne(.block(1)) == .recorded)
        await first.close()
        let second = try SQLiteStore(settings)
        #expect(await second.decideOne(.block(1, root: 2)).refusal != nil)
        await second.close()
    }

    @Test func `a second process is refused`() async throws {
        try SQLiteStore.initialize(settings)
        let store = try SQLiteStore(settings)
        let path: String = settings.path
        await #expect(processExitsWith: .exitCode(3)) { [path = path as String] in
            do throws(StoreError) {
                _ = try SQLiteStore(SQLiteStore.Settings(path: path, genesisValidatorsRoot: network))
            } catch {
                exit(error == .inUse(path: path) ? 3 : 4)
            }
        }
        #expect(await store.decideOne(.block(1)) == .recorded)
        await store.close()
    }

    @Test func `a second process without our lock is refused by SQLite`() async throws {
        let store = try SQLiteStore(SQLiteStore.Settings(in: folder))
        let path: String = settings.path
        await #expect(processExitsWith: .exitCode(3)) { [path = path as String] in
            do throws(SQLiteError) {
                let connection = try Connection(path: path, mode: .readWrite)
                try connection.execute("SELECT count(*) FROM validators")
            } catch {
                exit(error.kind == .busy ? 3 : 4)
            }
        }
        await store.close()
    }

    @Test func `a record of another network is refused`() throws {
        try SQLiteStore.initialize(settings)
        var other = settings
        other.genesisValidatorsRoot = otherNetwork
        #expect(throws: StoreError.otherNetwork(path: settings.path, pinned: network, configured: otherNetwork)) {
            try SQLiteStore(other)
        }
    }

    @Test func `a record of another version is refused with both versions`() throws {
        try SQLiteStore.initialize(settings)
        try alter("UPDATE database_version SET version = 13")
        #expect(throws: StoreError.unknownVersion(path: settings.path, found: "13", known: 12)) {
            try SQLiteStore(settings)
        }
    }

    @Test func `another program's database is refused and not changed`() throws {
        try alter("CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('mine')", create: true)
        let before = try folder.contents("record.sqlite")
        let error = #expect(throws: StoreError.self) { try SQLiteStore(settings) }
        #expect(error?.description.contains("not a slashing record") == true)
        #expect(try folder.contents("record.sqlite") == before)
    }

    @Test func `a record without its tables or its pin is refused`() throws {
        try SQLiteStore.initialize(settings)
        try alter("DELETE FROM metadata")
        #expect(throws: StoreError.self) { try SQLiteStore(settings) }
        try alter("DROP TABLE low_watermarks")
        #expect(throws: StoreError.self) { try SQLiteStore(settings) }
    }

    @Test(arguments: [0, 1, 50, 100, 511, 512, 4096, 5000])
    func `a record cut short is refused`(length: Int) throws {
        try SQLiteStore.initialize(settings)
        let whole = try folder.contents("record.sqlite")
        try #require(whole.count > 8192)
        try folder.write(whole.prefix(length), to: "record.sqlite")
        #expect(throws: StoreError.self) { try SQLiteStore(settings) }
    }

    @Test func `a file of noise is refused as damaged`() throws {
        var random = SeededGenerator(seed: 7)
        let noise = Data((0..<20_000).map { _ in UInt8.random(in: .min ... .max, using: &random) })
        try folder.write(noise, to: "record.sqlite")
        let error = #expect(throws: StoreError.self) { try SQLiteStore(settings) }
        #expect(error?.description.contains("not a database") == true)
    }

    @Test func `damage inside the file never makes a crash`() async throws {
        let store = try SQLiteStore(SQLiteStore.Settings(in: folder))
        for slot in UInt64(1)...200 {
            #expect(await store.decideOne(.block(slot, root: 1, by: [validator(Int(slot) % 5)])) == .recorded)
        }
        await store.close()
        let whole = try folder.contents("record.sqlite")
        var random = SeededGenerator(seed: 11)
        for _ in 0..<60 {
            var damaged = whole
            for _ in 0..<40 {
                let position = Int.random(in: 0..<damaged.count, using: &random)
                damaged[position] = UInt8.random(in: .min ... .max, using: &random)
            }
            try folder.write(damaged, to: "record.sqlite")
            guard let store = try? SQLiteStore(settings) else { continue }
            for slot in UInt64(1)...20 {
                _ = await store.decideOne(.block(slot, root: 2, by: [validator(Int(slot) % 5)]))
            }
            _ = try? await store.give()
            await store.close()
        }
    }

    @Test func `a folder, or no folder, in place of the file is refused`() throws {
        try FileManager.default.createDirectory(atPath: settings.path, withIntermediateDirectories: false)
        #expect(throws: StoreError.self) { try SQLiteStore(settings) }
        #expect(throws: StoreError.self) { try SQLiteStore(SQLiteStore.Settings(in: folder, "absent/record.sqlite")) }
    }

    @Test(arguments: ["-wal", ".rewritten", ".failed", ".sync-failed"])
    func `no new record is made where traces of another one lie`(suffix: String) throws {
        try folder.write(Data([1, 2, 3]), to: "record.sqlite\(suffix)")
        #expect(throws: StoreError.self) { try SQLiteStore.initialize(settings) }
        #expect(throws: StoreError.self) { try SQLiteStore(SQLiteStore.Settings(in: folder)) }
        #expect(try folder.contents("record.sqlite\(suffix)") == Data([1, 2, 3]))
    }

    private func alter(_ sql: String, create: Bool = false) throws {
        let connection = try Connection(path: settings.path, mode: create ? .create : .readWrite)
        try connection.execute(sql)
    }
}
