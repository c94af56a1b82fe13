// SPDX-License-Identifier: Apache-2.0
import BLS
import Foundation
import Glibc
import Keystores
import Secrets
import Testing

@Suite struct ReloadTests {
    @Test func `unchanged files give the same key objects without being read`() async throws {
        let directory = try TemporaryDirectory()
        for number in 1...5 as ClosedRange<UInt64> { try directory.write("\(number).yaml", TestKey(number).descriptor) }
        let arena = SecretArena()
        let before = try await load([directory.source], arena: arena)
        let after = try await load([directory.source], arena: arena, previous: before)
        #expect(after.reusedFiles == 5)
        #expect(zip(before.keys, after.keys).allSatisfy { $0.key === $1.key })
        #expect(arena.occupied == 5)
        let changes = after.changes(since: before)
        #expect(changes.added.isEmpty && changes.removed.isEmpty)
    }

    @Test func `only what is new or changed is read; what is deleted goes and is wiped`() async throws {
        let directory = try TemporaryDirectory()
        for number in 1...4 as ClosedRange<UInt64> { try directory.write("\(number).yaml", TestKey(number).descriptor) }
        let arena = SecretArena()
        var current = try await load([directory.source], arena: arena)
        let kept = try #require(current.keys.first).key
        try directory.remove("2.yaml")
        try directory.write("3.yaml", TestKey(33).descriptor)
        try directory.write("5.yaml", TestKey(5).descriptor)
        let after = try await load([directory.source], arena: arena, previous: current)
        let changes = after.changes(since: current)
        current = after
        #expect(after.reusedFiles == 2)
        #expect(after.keys.first?.key === kept)
        #expect(changes.added.map(\.key.publicKey) == (try [33, 5].map { try TestKey($0).secretKey().publicKey }))
        #expect(Set(changes.removed) == Set(try [2, 3].map { try TestKey($0).secretKey().publicKey }))
        #expect(arena.occupied == 4)
    }

    @Test func `a changed keystore or password file makes its descriptor read again`() async throws {
        let directory = try TemporaryDirectory()
        try directory.write(
            "d.yaml",
            "type: file-keystore\nkeystoreFile: k.json\nkeystorePasswordFile: p.txt\n"
        )
        try directory.write("k.json", TestKey(3).keystore("pass").json())
        try directory.write("p.txt", "pass")
        let first = try await load([directory.source])
        #expect(try await load([directory.source], previous: first).reusedFiles == 1)
        try directory.write("k.json", TestKey(4).keystore("pass").json())
        let second = try await load([directory.source], previous: first)
        #expect(second.publicKeys == [try TestKey(4).secretKey().publicKey])
        try directory.write("p.txt", "nope")
        let third = try await load([directory.source], previous: second)
        #expect(third.reasons == [.wrongPassword])
        #expect(third.keys.isEmpty)
    }

    @Test func `bulk keystores are reused unless they or their password changed`() async throws {
        let directory = try TemporaryDirectory()
        for number in 1...3 as ClosedRange<UInt64> {
            try directory.write("\(number).json", TestKey(number).keystore("pass").json())
        }
        let source = KeySource.keystores(directory: directory.path, passwords: .file(try directory.write("p", "pass")))
        let first = try await load([source])
        let second = try await load([source], previous: first)
        #expect(second.reusedFiles == 3)
        #expect(zip(first.keys, second.keys).allSatisfy { $0.key === $1.key })
        try directory.write("2.json", TestKey(22).keystore("pass").json())
        let third = try await load([source], previous: second)
        #expect(third.reusedFiles == 2)
        #expect(third.publicKeys == (try [1, 22, 3].map { try TestKey($0).secretKey().publicKey }))
        try directory.write("p", "pass\n")
        #expect(try await load([source], previous: third).reusedFiles == 0)
    }

    @Test func `a file that was young when it was read is read again, changed or not`() async throws {
        let directory = try TemporaryDirectory()
        try directory.write("a.yaml", TestKey(1).descriptor)
        let hour = Duration.seconds(3600)
        var current = try await load([directory.source], granularity: hour)
        current = try await load([directory.source], previous: current, granularity: hour)
        #expect(current.reusedFiles == 0)
        // Same inode and size, and perhaps the same time to the tick of the clock.
        for number in 2...20 as ClosedRange<UInt64> {
            try directory.write("a.yaml", TestKey(number).descriptor, inPlace: true)
            current = try await load([directory.source], previous: current, granularity: hour)
            #expect(current.publicKeys == [try TestKey(number).secretKey().publicKey])
        }
    }

    @Test func `what failed is tried again`() async throws {
        let directory = try TemporaryDirectory()
        try directory.write(
            "d.yaml",
            "type: file-keystore\nkeystoreFile: k.json\nkeystorePasswordFile: p.txt\n"
        )
        try directory.write("k.json", TestKey(3).keystore("pass").json())
        let first = try await load([directory.source])
        #expect(first.keys.isEmpty && first.failures.count == 1)
        try directory.write("p.txt", "pass")
        let second = try await load([directory.source], previous: first)
        #expect(second.keys.count == 1 && second.failures.isEmpty)
    }

    @Test func `a directory that vanishes keeps its keys and fails by name, until it is back`() async throws {
        let parent = try TemporaryDirectory()
        let path = try parent.makeDirectory("keys")
        try parent.write("keys/a.yaml", TestKey(1).descriptor)
        let source = KeySource.descriptors(directory: path)
        let first = try await load([source])
        try parent.remove("keys")
        let second = try await load([source], previous: first)
        #expect(second.reasons == [.directory(reason: "it does not exist")])
        #expect(second.keys.first?.key === first.keys.first?.key)
        let third = try await load([source], previous: second)
        #expect(third.keys.count == 1 && third.failures.count == 1)
        _ = try parent.makeDirectory("keys")
        let fourth = try await load([source], previous: third)
        #expect(fourth.keys.isEmpty && fourth.failures.isEmpty)
    }

    @Test func `the second of two files takes over when the first is deleted`() async throws {
        let directory = try TemporaryDirectory()
        try directory.write("a.yaml", TestKey(1).descriptor)
        try directory.write("b.yaml", TestKey(1).descriptor)
        let first = try await load([directory.source])
        try directory.remove("a.yaml")
        let second = try await load([directory.source], previous: first)
        #expect(second.keys.map(\.provenance.path) == ["\(directory.path)/b.yaml"])
        #expect(second.warnings.isEmpty)
        #expect(second.changes(since: first).added.isEmpty)
    }
}

@Suite struct PermissionTests {
    private func setUp(
        descriptor: mode_t,
        keystore: mode_t,
        password: mode_t
    ) throws -> (TemporaryDirectory, [KeySource]) {
        let directory = try TemporaryDirectory()
        try directory.write("raw.yaml", TestKey(1).descriptor, mode: descriptor)
        // A descriptor without a key in it may be read by everyone.
        try directory.write(
            "store.yaml",
            "type: file-keystore\nkeystoreFile: k.json\nkeystorePasswordFile: p.txt\n",
            mode: 0o644
        )
        try directory.write("k.json", TestKey(2).keystore("pass").json(), mode: keystore)
        try directory.write("p.txt", "pass", mode: password)
        return (directory, [directory.source])
    }

    @Test func `files that are their owner's alone pass strict`() async throws {
        let (directory, sources) = try setUp(descriptor: 0o600, keystore: 0o400, password: 0o600)
        let loaded = try await load(sources, settings: strict)
        #expect(loaded.keys.count == 2 && loaded.warnings.isEmpty)
        withExtendedLifetime(directory) {}
    }

    @Test(arguments: [
        (0o640 as mode_t, 0o600 as mode_t, 0o600 as mode_t, "raw.yaml"), (0o600, 0o604, 0o600, "k.json"),
        (0o600, 0o600, 0o620, "p.txt"),
    ])
    func `open files are a warning, and refused in strict`(
        _ descriptor: mode_t,
        _ keystore: mode_t,
        _ password: mode_t,
        _ name: String
    ) async throws {
        let (directory, sources) = try setUp(descriptor: descriptor, keystore: keystore, password: password)
        let path = "\(directory.path)/\(name)"
        let loaded = try await load(sources)
        #expect(loaded.keys.count == 2)
        #expect(loaded.warnings == [.openToOthers(source: directory.source, count: 1, example: path)])
        let mode = UInt32([descriptor, keystore, password].first { $0 & 0o066 != 0 } ?? 0)
        let error = await #expect(throws: KeyLoadError.self) { _ = try await load(sources, settings: strict) }
        guard case .strict(let failures) = error, failures.count == 1, let failure = failures.first,
            case .openToOthers(path, let found) = failure.reason
        else {
            Issue.record("another outcome: \(String(describing: error))")
            return
        }
        #expect(found & 0o777 == mode)
        #expect(failure.description.contains("chmod 600"))
    }

    @Test func `keys loaded leniently are not carried over into strict`() async throws {
        let (directory, sources) = try setUp(descriptor: 0o644, keystore: 0o600, password: 0o600)
        let loaded = try await load(sources)
        await #expect(throws: KeyLoadError.self) { _ = try await load(sources, previous: loaded, settings: strict) }
        withExtendedLifetime(directory) {}
    }

    @Test func `one warning counts many files, and comes again at a reload`() async throws {
        let directory = try TemporaryDirectory()
        for number in 1...9 as ClosedRange<UInt64> {
            try directory.write("\(number).json", TestKey(number).keystore("pass").json(), mode: 0o644)
        }
        let password = try directory.write("p", "pass", mode: 0o644)
        let source = KeySource.keystores(directory: directory.path, passwords: .file(password))
        let expected = KeyLoadWarning.openToOthers(source: source, count: 10, example: "\(directory.path)/1.json")
        let loaded = try await load([source])
        #expect(loaded.warnings == [expected])
        #expect(try await load([source], previous: loaded).warnings == [expected])
        await #expect(throws: KeyLoadError.self) { _ = try await load([source], settings: strict) }
    }

    @Test func `any failure is fatal in strict, and all are told`() async throws {
        let directory = try TemporaryDirectory()
        try directory.write("a.yaml", TestKey(1).descriptor)
        try directory.write("b.yaml", "type: nothing\n")
        try directory.write("c.yaml", "")
        let arena = SecretArena()
        let error = await #expect(throws: KeyLoadError.self) {
            _ = try await load([directory.source], arena: arena, settings: strict)
        }
        guard case .strict(let failures) = error else {
            Issue.record("another error: \(String(describing: error))")
            return
        }
        #expect(failures.map(\.reason) == [.unknownType("nothing"), .emptyDescriptor])
        #expect(arena.occupied == 0)
    }
}
