// SPDX-License-Identifier: Apache-2.0
import FaultVFS
import Foundation
import SQLite
import SealedKeys
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct SQLiteSealedKeysTests {
    private func refusal(_ path: String, createIfMissing: Bool = true) -> String? {
        do throws(SealedKeyError) {
            _ = try SQLiteSealedKeys(path: path, createIfMissing: createIfMissing)
            return nil
        } catch { return "\(error)" }
    }

    @Test func `the file belongs to its owner and one process, and is made only where that is asked for`() async throws
    {
        let folder = try TemporaryFolder()
        let path = folder.file("keys.sqlite")
        #expect(refusal(path, createIfMissing: false)?.contains("does not exist") == true)
        #expect(!FileManager.default.fileExists(atPath: path))
        let store = try SQLiteSealedKeys(path: path, createIfMissing: true)
        #expect(try folder.mode("keys.sqlite") == 0o600)
        #expect(refusal(path)?.contains("another process holds") == true)
        await store.close()
        #expect(refusal(path, createIfMissing: false) == nil)
    }

    @Test func `what holds no keys is left as it is`() throws {
        let folder = try TemporaryFolder()
        try folder.write(Data("something else".utf8), to: "text")
        #expect(refusal(folder.file("text"))?.contains("not a database") == true)
        #expect(try folder.contents("text") == Data("something else".utf8))
        let other = try Connection(path: folder.file("other"), mode: .create)
        try other.execute("CREATE TABLE t (x)")
        #expect(refusal(folder.file("other"))?.contains("does not hold encrypted keys") == true)
        let later = try Connection(path: folder.file("later"), mode: .create)
        try later.execute("CREATE TABLE t (x); PRAGMA application_id = \(0x4343_534b); PRAGMA user_version = 2")
        #expect(refusal(folder.file("later"))?.contains("its version is 2") == true)
        try FileManager.default.createSymbolicLink(
            atPath: folder.file("link"),
            withDestinationPath: folder.file("elsewhere")
        )
        #expect(refusal(folder.file("link"))?.contains("symbolic link") == true)
        #expect(refusal(folder.file("no/such/folder"))?.contains("no/such") == true)
    }

    @Test func `a full disk refuses changes and reads on, and takes them when there is room`() async throws {
        let folder = try TemporaryFolder()
        let disk = FaultDisk(random: SeededGenerator(seed: 1))
        let store = try SQLiteSealedKeys(
            path: folder.file("keys.sqlite"),
            createIfMissing: true,
            disk: FaultyDisk(disk: disk)
        )
        try await store.make([.put(1)])
        disk.fail(.write, at: 1, with: .noSpace, lasting: true)
        guard case .unavailable? = await failure({ try await store.apply([.put(2)]) }) else {
            throw Unexpected("there was room")
        }
        #expect(try await store.all().rows == [row(1)])
        disk.heal()
        try await store.make([.put(2)])
        #expect(try await store.all().rows == [row(1), row(2)])
        await store.close()
    }

    /// Before every operation of the disk, from making the file to the last change.
    @Test func `wherever the power goes, what was answered is there, and nothing is there by halves`() async throws {
        for operation in 1... {
            let folder = try TemporaryFolder()
            let path = folder.file("keys.sqlite")
            let disk = FaultDisk(random: SeededGenerator(seed: UInt64(operation)))
            disk.cutPower(before: operation)
            var life = Life()
            if let store = try? SQLiteSealedKeys(path: path, createIfMissing: true, disk: FaultyDisk(disk: disk)) {
                await life.live(with: store)
                await store.close()
            }
            for attempt in 0..<4 {
                let seed = SeededGenerator(seed: UInt64(operation * 4 + attempt))
                let survivor = FaultDisk(files: disk.survivors(), random: seed)
                let store = try SQLiteSealedKeys(path: path, createIfMissing: true, disk: FaultyDisk(disk: survivor))
                try await life.expect(in: store, "operation \(operation), attempt \(attempt)")
                await store.close()
            }
            if !disk.isDead {
                #expect(operation > 40, "the whole way has more operations than this")
                return
            }
        }
    }

    /// Rounds of changes, three keys each, one of them deleted again and again.
    private struct Life {
        private static let rounds: [[SealedKeyEntry]] = (1...4).map { round in
            let version = UInt64(round)
            let third: SealedKeyEntry = round.isMultiple(of: 2) ? .delete(3, version) : .put(3, version)
            return [.put(1, version), .put(2, version, round == 2 ? .inactive : .active), third]
        }
        private var answered = 0

        mutating func live(with store: SQLiteSealedKeys) async {
            for round in Self.rounds {
                guard (try? await store.apply(round)) == round.map({ _ in .done }) else { return }
                answered += 1
            }
        }

        /// The state after the last round that was answered, or after the one that was not.
        func expect(in store: SQLiteSealedKeys, _ place: String) async throws {
            let found = try await store.entries(of: (1...3).map { key($0) })
            let allowed = ([[]] + Self.rounds)[answered...min(answered + 1, Self.rounds.count)]
            #expect(allowed.contains(found), "\(place): after \(answered) rounds \(found.map(\.version))")
            // What was not answered can be asked for again.
            let done = found.first.map { Int($0.version) } ?? 0
            for round in Self.rounds[done...] { try await store.make(round) }
            #expect(try await store.entries(of: (1...3).map { key($0) }) == Self.rounds.last)
        }
    }
}
