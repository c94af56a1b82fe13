// SPDX-License-Identifier: Apache-2.0
import BLS
import Concurrency
import Crypto
import Foundation
import Glibc
import Keystores
import Secrets
import Testing

@Suite struct KeystoreDescriptorTests {
    private let descriptor =
        "type: file-keystore\nkeyType: BLS\nkeystoreFile: k.json\nkeystorePasswordFile: \"p.txt\"\n"

    @Test func `a descriptor of a keystore finds its files beside it`() async throws {
        let directory = try TemporaryDirectory()
        try directory.write("d.yaml", descriptor)
        try directory.write("k.json", TestKey(3).keystore("pass", path: "m/12381/3600/0/0/0").json())
        try directory.write("p.txt", "pass\nsecond line\n")
        let loaded = try await load([directory.source])
        #expect(loaded.failures.isEmpty)
        #expect(loaded.publicKeys == [try TestKey(3).secretKey().publicKey])
        let key = try #require(loaded.keys.first)
        #expect(key.derivationPath == "m/12381/3600/0/0/0")
        #expect(
            key.provenance
                == KeyProvenance(source: directory.source, kind: .fileKeystore, path: "\(directory.path)/d.yaml")
        )
        #expect(key.name == nil)
    }

    @Test func `absolute paths and other directories are followed`() async throws {
        let (directory, other) = try (TemporaryDirectory(), TemporaryDirectory())
        _ = try directory.makeDirectory("sub")
        let keystore = try other.write("k.json", TestKey(3).keystore("pass").json())
        try directory.write("sub/p.txt", "pass")
        try directory.write(
            "d.yml",
            "type: FILE-KEYSTORE\nkeystoreFile: \(keystore)\nkeystorePasswordFile: sub/p.txt\n"
        )
        #expect(try await load([directory.source]).keys.count == 1)
    }

    @Test(arguments: ["", "\n", "  \t \nsecond\n", "\r\n", "\nsecond\n"])
    func `a blank first line is no password`(_ text: String) async throws {
        let directory = try TemporaryDirectory()
        try directory.write("d.yaml", descriptor)
        try directory.write("k.json", TestKey(3).keystore("second").json())
        try directory.write("p.txt", text)
        #expect(try await load([directory.source]).reasons == [.emptyPassword])
    }

    @Test func `spaces around a password belong to it`() async throws {
        let directory = try TemporaryDirectory()
        try directory.write("d.yaml", descriptor)
        try directory.write("k.json", TestKey(3).keystore(" pass ").json())
        try directory.write("p.txt", " pass \r\n")
        #expect(try await load([directory.source]).keys.count == 1)
    }

    @Test func `missing files are named, each by its own path`() async throws {
        let directory = try TemporaryDirectory()
        try directory.write("d.yaml", descriptor)
        #expect(try await load([directory.source]).reasons == [.file(.notFound, path: "\(directory.path)/k.json")])
        try directory.write("k.json", TestKey(3).keystore("pass").json())
        #expect(try await load([directory.source]).reasons == [.file(.notFound, path: "\(directory.path)/p.txt")])
    }

    @Test func `a directory or a pipe in place of a file is refused and does not hang`() async throws {
        let directory = try TemporaryDirectory()
        try directory.write("d.yaml", descriptor)
        _ = try directory.makeDirectory("k.json")
        #expect(unsafe mkfifo("\(directory.path)/pipe.yaml", 0o600) == 0)
        #expect(
            try await load([directory.source]).reasons == [
                .file(.notAFile, path: "\(directory.path)/k.json"),
                .file(.notAFile, path: "\(directory.path)/pipe.yaml"),
            ]
        )
    }

    @Test(.enabled(if: geteuid() != 0, "the superuser may read everything"))
    func `a file that may not be read is named`() async throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("d.yaml", TestKey(1).descriptor, mode: 0o000)
        #expect(try await load([directory.source]).reasons == [.file(.permissionDenied, path: path)])
    }

    @Test func `files above their limits are refused`() async throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("d.yaml", TestKey(1).descriptor + String(repeating: "#\n", count: 1000))
        let size = try FileIdentity(path: path).size
        var settings = KeyLoader.Settings()
        settings.descriptorBytes = size - 1
        #expect(
            try await load([directory.source], settings: settings).reasons == [
                .file(.tooLarge(bytes: size, limit: size - 1), path: path)
            ]
        )
        settings.descriptorBytes = size
        #expect(try await load([directory.source], settings: settings).keys.count == 1)
    }

    @Test func `a wrong password and a broken keystore are failures of their descriptor`() async throws {
        let directory = try TemporaryDirectory()
        try directory.write("d.yaml", descriptor)
        try directory.write("k.json", TestKey(3).keystore("pass").json())
        try directory.write("p.txt", "other")
        let loaded = try await load([directory.source])
        #expect(loaded.reasons == [.wrongPassword])
        #expect(loaded.failures.first?.path == "\(directory.path)/d.yaml")
        try directory.write("k.json", "{")
        #expect(
            try await load([directory.source]).reasons == [
                .malformed(field: "", reason: "it is not valid JSON, or has a number that is not whole or too large")
            ]
        )
    }
}

@Suite struct BulkKeystoreTests {
    @Test func `each keystore finds the password of its name`() async throws {
        let (keystores, passwords) = try (TemporaryDirectory(), TemporaryDirectory())
        for number in 1...3 as ClosedRange<UInt64> {
            try keystores.write("key-\(number).json", TestKey(number).keystore("pass\(number)").json())
            try passwords.write("key-\(number).txt", "pass\(number)\n")
        }
        try keystores.write("readme.txt", "not a keystore")
        try keystores.write(".hidden.json", "{}")
        let loaded = try await load([.keystores(directory: keystores.path, passwords: .directory(passwords.path + "/"))]
        )
        #expect(loaded.failures.isEmpty)
        #expect(loaded.publicKeys == (try (1...3).map { try TestKey($0).secretKey().publicKey }))
        #expect(loaded.keys.allSatisfy { $0.provenance.kind == .bulkKeystore })
    }

    @Test(arguments: ["pass", "pass\n", "pass\r\n", "pa\nss\n"])
    func `one password file opens all, its whole content is the password`(_ text: String) async throws {
        let directory = try TemporaryDirectory()
        for number in 1...3 as ClosedRange<UInt64> {
            try directory.write("\(number).json", TestKey(number).keystore("pass").json())
        }
        let password = try directory.write("password", text)
        let loaded = try await load([.keystores(directory: directory.path, passwords: .file(password))])
        #expect(loaded.keys.count == 3)
        #expect(loaded.failures.isEmpty)
    }

    @Test func `a bad keystore is named and the others load`() async throws {
        let directory = try TemporaryDirectory()
        try directory.write("a.json", TestKey(1).keystore("pass").json())
        try directory.write("b.json", TestKey(2).keystore("other").json())
        try directory.write("c.json", "[{\"pubkey\": \"00\"}]")
        try directory.write("d.json", TestKey(4).keystore("pass").json())
        let password = try directory.write("password", "pass")
        let loaded = try await load([.keystores(directory: directory.path, passwords: .file(password))])
        #expect(loaded.publicKeys == (try [1, 4].map { try TestKey($0).secretKey().publicKey }))
        #expect(loaded.failures.map(\.path) == ["\(directory.path)/b.json", "\(directory.path)/c.json"])
        #expect(loaded.reasons == [.wrongPassword, .malformed(field: "", reason: "it is not a JSON object")])
    }

    @Test func `a password that is missing, empty or no text is named by keystore`() async throws {
        let (keystores, passwords) = try (TemporaryDirectory(), TemporaryDirectory())
        for name in ["a", "b", "c"] { try keystores.write("\(name).json", TestKey(1).keystore("pass").json()) }
        try passwords.write("b.txt", "\n")
        try passwords.write("c.txt", Data([0xFF, 0xFE]))
        let loaded = try await load([.keystores(directory: keystores.path, passwords: .directory(passwords.path))])
        #expect(
            loaded.reasons == [.file(.notFound, path: "\(passwords.path)/a.txt"), .emptyPassword, .passwordNotUTF8]
        )
    }

    @Test func `without the one password file nothing of the source loads, said once`() async throws {
        let directory = try TemporaryDirectory()
        for number in 1...3 as ClosedRange<UInt64> {
            try directory.write("\(number).json", TestKey(number).keystore("pass").json())
        }
        let path = "\(directory.path)/password"
        let source = KeySource.keystores(directory: directory.path, passwords: .file(path))
        #expect(
            try await load([source]).failures == [
                KeyLoadFailure(source: source, path: path, document: nil, reason: .file(.notFound, path: path))
            ]
        )
        try directory.write("password", "")
        #expect(try await load([source]).reasons == [.emptyPassword])
    }

    @Test func `more memory than the budget slows down and does not stop`() async throws {
        let directory = try TemporaryDirectory()
        let derivation = Keystore.Derivation.scrypt(ScryptParameters(n: 1024, r: 8, p: 1))
        for number in 1...6 as ClosedRange<UInt64> {
            try directory.write("\(number).json", TestKey(number).keystore("pass", derivation: derivation).json())
        }
        let password = try directory.write("password", "pass")
        for budget in [0, 1, derivation.memory, derivation.memory * 2] {
            var settings = KeyLoader.Settings()
            settings.memoryBudget = budget
            settings.threads = 4
            let loaded = try await load(
                [.keystores(directory: directory.path, passwords: .file(password))],
                settings: settings
            )
            #expect(loaded.keys.count == 6)
        }
    }
}

@Suite struct KeyLoaderTests {
    @Test func `a source that does not exist fails by name and the others load`() async throws {
        let directory = try TemporaryDirectory()
        try directory.write("a.yaml", TestKey(1).descriptor)
        let missing = KeySource.descriptors(directory: "\(directory.path)/missing")
        let loaded = try await load([missing, directory.source])
        #expect(loaded.keys.count == 1)
        #expect(
            loaded.failures == [
                KeyLoadFailure(
                    source: missing,
                    path: missing.directory,
                    document: nil,
                    reason: .directory(reason: "it does not exist")
                )
            ]
        )
    }

    @Test func `nothing to load is no failure`() async throws {
        let directory = try TemporaryDirectory()
        let reports = Lock([KeyLoadProgress]())
        let loaded = try await load([directory.source]) { report in reports.withLock { $0.append(report) } }
        #expect(loaded.keys.isEmpty && loaded.failures.isEmpty && loaded.warnings.isEmpty)
        #expect(reports.withLock { $0 }.map(\.isComplete) == [true])
        #expect(try await load([]).keys.isEmpty)
    }

    @Test func `of a key that is there twice the first is kept, in the order of sources and names`() async throws {
        let (first, second) = try (TemporaryDirectory(), TemporaryDirectory())
        try first.write("b.yaml", TestKey(1).descriptor)
        try first.write("a.yaml", TestKey(1).descriptor)
        try second.write("k.json", TestKey(1).keystore("pass").json())
        let password = try second.write("p", "pass")
        let arena = SecretArena()
        let bulk = KeySource.keystores(directory: second.path, passwords: .file(password))
        let loaded = try await load([first.source, bulk], arena: arena)
        let key = try TestKey(1).secretKey().publicKey
        let kept = "\(first.path)/a.yaml"
        #expect(loaded.keys.map(\.provenance.path) == [kept])
        #expect(
            loaded.warnings == [
                .duplicate(key, path: "\(first.path)/b.yaml", first: kept),
                .duplicate(key, path: "\(second.path)/k.json", first: kept),
            ]
        )
        let reversed = try await load([bulk, first.source])
        #expect(reversed.keys.map(\.provenance.path) == ["\(second.path)/k.json"])
    }

    @Test func `progress ends with a complete report that counts everything`() async throws {
        let directory = try TemporaryDirectory()
        for number in 1...50 as ClosedRange<UInt64> {
            try directory.write("\(number).yaml", TestKey(number).descriptor)
        }
        try directory.write("bad.yaml", "type: x\n")
        let reports = Lock([KeyLoadProgress]())
        var settings = KeyLoader.Settings()
        settings.progressInterval = .microseconds(200)
        _ = try await load([directory.source], settings: settings) { report in reports.withLock { $0.append(report) } }
        let all = reports.withLock { $0 }
        let last = try #require(all.last)
        #expect(last.isComplete && last.finished == 51 && last.total == 51 && last.keys == 50 && last.failures == 1)
        #expect(last.description.hasPrefix("51 of 51 key files, 50 keys, "))
        #expect(last.description.hasSuffix(" files/s, 1 failed"))
        #expect(zip(all, all.dropFirst()).allSatisfy { $0.finished <= $1.finished && $0.elapsed <= $1.elapsed })
    }

    @Test func `time left follows from the rate`() {
        let progress = KeyLoadProgress(finished: 30, total: 90, keys: 29, failures: 1, elapsed: .seconds(10))
        #expect(progress.rate == 3)
        #expect(progress.remaining == .seconds(20))
        #expect(progress.description == "30 of 90 key files, 29 keys, 3.0 files/s, 20 s left, 1 failed")
        let start = KeyLoadProgress(finished: 0, total: 90, keys: 0, failures: 0, elapsed: .zero)
        #expect(start.remaining == nil)
        #expect(start.description == "0 of 90 key files, 0 keys, 0.0 files/s")
    }

    @Test func `loading in a cancelled task gives no keys`() async throws {
        let directory = try TemporaryDirectory()
        for number in 1...20 as ClosedRange<UInt64> {
            try directory.write("\(number).yaml", TestKey(number).descriptor)
        }
        let arena = SecretArena()
        let source = directory.source
        let task = Task {
            unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
            return try await load([source], arena: arena)
        }
        await #expect(throws: KeyLoadError.cancelled) { _ = try await task.value }
        #expect(arena.occupied == 0)
    }

    @Test func `mutated descriptors never stop a load, and both readers agree on what they say`() async throws {
        var random = SystemRandomNumberGenerator()
        let tokens = [
            "---\n", "\"", "'", "#", " ", "\r", "\t", ":", "privateKey: ", "0x", "type: file-raw\n", "\u{0}", "é",
        ]
        .map { Array($0.utf8) }
        let (plain, forced) = try (TemporaryDirectory(), TemporaryDirectory())
        for number in 0..<1500 {
            var bytes = Array((TestKey(7).descriptor + (number % 3 == 0 ? "---\n" + TestKey(8).descriptor : "")).utf8)
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                let position = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[position] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: position)
                case 2: bytes.insert(contentsOf: tokens.randomElement(using: &random) ?? [], at: position)
                default: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                }
            }
            try plain.write("\(number).yaml", Data(bytes))
            // A field that the reader in place does not know sends the whole file to the YAML parser.
            try forced.write("\(number).yaml", Data(bytes + Array("\nunknown: field\n".utf8)))
        }
        let (first, second) = try await (load([plain.source]), load([forced.source]))
        let keys = Self.keysByName(first)
        #expect(!first.keys.isEmpty && !first.failures.isEmpty)
        let failed = Set(first.failures.map { ($0.path as NSString).lastPathComponent })
        let parsed = Self.keysByName(second)
        for (name, found) in keys where !failed.contains(name) {
            #expect(parsed[name] == found, "the readers differ on \(name)")
        }
        for failure in first.failures + second.failures { #expect(!failure.description.isEmpty) }
    }

    /// The keys of each file, whether or not another file had them first.
    private static func keysByName(_ loaded: LoadedKeys) -> [String: [String]] {
        var result: [String: [String]] = [:]
        for key in loaded.keys {
            result[(key.provenance.path as NSString).lastPathComponent, default: []].append(
                key.key.publicKey.description
            )
        }
        for case .duplicate(let key, let path, _) in loaded.warnings {
            result[(path as NSString).lastPathComponent, default: []].append(key.description)
        }
        return result.mapValues { $0.sorted() }
    }
}
