// SPDX-License-Identifier: Apache-2.0
import Age
import Secrets
import TestSupport
import Testing

/// Files that somebody else has had in his hands.
@Suite struct TamperTests {
    /// How a file is opened.
    enum Way: CaseIterable {
        case identity, passphrase

        func encrypt(_ content: [UInt8], armored: Bool) throws -> [UInt8] {
            switch self {
            case .identity: try Example.encrypt(content, armored: armored)
            case .passphrase: try Example.encrypt(content, passphrase: "a word", armored: armored)
            }
        }

        /// Whether it opens. A file cannot make the libraries below fail.
        func opens(_ file: [UInt8], with identity: AgeIdentity) -> Bool {
            do {
                switch self {
                case .identity: _ = try Example.decrypt(file, with: [identity])
                case .passphrase: _ = try Example.decrypt(file, passphrase: "a word", limit: 10)
                }
                return true
            } catch {
                if case AgeError.crypto = error { Issue.record(error) }
                return false
            }
        }
    }

    @Test(arguments: Way.allCases, [false, true])
    func `no bit of a file can be another`(_ way: Way, _ armored: Bool) throws {
        let identity = try Example.identity()
        var file = try way.encrypt(Example.content, armored: armored)
        #expect(way.opens(file, with: identity))
        for place in file.indices {
            for bit in 0..<8 {
                file[place] ^= 1 << bit
                #expect(!way.opens(file, with: identity), "bit \(bit) of byte \(place)")
                file[place] ^= 1 << bit
            }
        }
    }

    @Test(arguments: Way.allCases, [false, true])
    func `no end of a file can be missing`(_ way: Way, _ armored: Bool) throws {
        let identity = try Example.identity()
        let file = try way.encrypt(Example.content, armored: armored)
        for length in file.indices {
            // The line feed behind armor means nothing.
            let isWhole = armored && length == file.count - 1
            #expect(way.opens(Array(file.prefix(length)), with: identity) == isWhole, "\(length) bytes")
        }
    }

    @Test func `chunks cannot be taken away, added, exchanged or repeated`() throws {
        let size = AgePayload.chunkLength
        let file = try Example.encrypt(Random.bytes(3 * size + 10))
        let start = try AgeHeader.of(file).length + AgePayload.nonceLength
        let chunks = (0..<4).map { Array(file[(start + $0 * (size + 16))...].prefix(size + 16)) }
        let head = Array(file[..<start])
        func joined(_ numbers: [Int]) -> [UInt8] { numbers.reduce(head) { $0 + chunks[$1] } }
        #expect(try Example.decrypt(joined([0, 1, 2, 3])).count == 3 * size + 10)
        for numbers in [
            [], [0], [0, 1], [0, 1, 2], [3], [0, 3], [0, 1, 3], [1, 2, 3], [1, 0, 2, 3], [0, 2, 1, 3], [0, 0, 1, 2, 3],
            [0, 1, 2, 2, 3], [0, 1, 2, 3, 3], [0, 1, 2, 3, 0],
        ] {
            let error = #expect(throws: AgeError.self) { _ = try Example.decrypt(joined(numbers)) }
            guard case .payload? = error else {
                Issue.record("\(error as Any)")
                continue
            }
        }
    }

    @Test func `a header of one file opens no other`() throws {
        let files = try (0..<2).map { try Way.identity.encrypt([UInt8($0)], armored: false) }
        let lengths = try files.map { try AgeHeader.of($0).length }
        let mixed = Array(files[0][..<lengths[0]] + files[1][lengths[1]...])
        #expect(throws: AgeError.payload(.altered(chunk: 1))) { _ = try Example.decrypt(mixed) }
    }

    @Test func `no recipient can be added or taken away`() throws {
        let recipients = try AgeRecipients([Example.identity().recipient, AgeIdentity.generate().recipient])
        let file = try Example.encrypt(Example.content, to: recipients)
        let header = try AgeHeader.of(file)
        let rest = file.dropFirst(header.length)
        for stanzas in [
            [header.stanzas[0]], [header.stanzas[1], header.stanzas[0]],
            header.stanzas + [AgeStanza(arguments: ["x"], body: [])],
        ] {
            // Who has not the file key cannot make the MAC.
            let text = try AgeHeader(stanzas: stanzas, fileKey: AgeFileKey()).text
            #expect(throws: AgeError.headerAltered) { _ = try Example.decrypt(text + rest) }
        }
    }

    /// Bytes, words of the format, and files with some of them changed.
    @Test func `nothing that is read crashes, and nothing forged opens`() throws {
        var random = SeededGenerator.fromEnvironment()
        let identity = try Example.identity()
        let files = try Way.allCases.flatMap { way in
            try [false, true].map { try way.encrypt(Example.content, armored: $0) }
        }
        let words =
            [
                "age-encryption.org/v1\n", "-> X25519 ", "-> scrypt ", "---", "--- ", "\n", "\r\n", " ", "=", "18",
                "\0", "-----BEGIN AGE ENCRYPTED FILE-----\n", "-----END AGE ENCRYPTED FILE-----\n",
                Example.identityText, "#",
            ].map { Array($0.utf8) }
        for round in 0..<20_000 {
            var file = round % 4 == 0 ? [] : files[Int.random(in: files.indices, using: &random)]
            let original = file
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let place = Int.random(in: 0...file.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: file.insert(UInt8.random(in: 0...255, using: &random), at: place)
                case 1: file.insert(contentsOf: words[Int.random(in: words.indices, using: &random)], at: place)
                case 2 where place < file.count: file[place] = UInt8.random(in: 0...255, using: &random)
                default: file.removeSubrange(place..<min(file.count, place + Int.random(in: 0...70, using: &random)))
                }
            }
            _ = try? AgeIdentityFile(file.span)
            _ = try? AgeRecipient(String(decoding: file, as: UTF8.self))
            guard file != original else { continue }
            let opened = Way.allCases.contains { $0.opens(file, with: identity) }
            #expect(!opened || isArmorOf(original, file), "seed \(random.seed), round \(round)")
        }
    }

    /// Whether two armored files differ only in what may differ: line ends, and what stands before and behind.
    private func isArmorOf(_ original: [UInt8], _ file: [UInt8]) -> Bool {
        guard let first = try? AgeArmor.decode(original.span), let second = try? AgeArmor.decode(file.span) else {
            return false
        }
        return first == second
    }
}
