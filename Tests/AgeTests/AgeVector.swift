// SPDX-License-Identifier: Apache-2.0
import Age
import Encoding
import Foundation
import TestSupport

/// How reading a file ends, in the words of the vectors.
enum Outcome: String {
    case success
    case noMatch = "no match"
    case hmacFailure = "HMAC failure"
    case headerFailure = "header failure"
    case armorFailure = "armor failure"
    case payloadFailure = "payload failure"

    init(_ error: AgeError) throws {
        switch error {
        case .armor: self = .armorFailure
        case .header, .workFactor: self = .headerFailure
        case .noMatch, .wrongPassphrase, .needsPassphrase, .hasNoPassphrase: self = .noMatch
        case .headerAltered: self = .hmacFailure
        case .payload: self = .payloadFailure
        default: throw error
        }
    }
}

/// One file of the age project's vectors: lines of names and values, an empty line, the age file.
struct AgeVector {
    struct Malformed: Error { let line: String }

    private(set) var expected = Outcome.success
    /// SHA-256 of the content.
    private(set) var contentHash: String?
    private(set) var fileKey: [UInt8] = []
    private(set) var identities: [String] = []
    private(set) var passphrases: [String] = []
    private(set) var isArmored = false
    private(set) var file: [UInt8] = []

    init(_ vector: VectorFile) throws {
        var rest = [UInt8](try Data(contentsOf: vector.url))[...]
        var isCompressed = false
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            let line = String(decoding: rest[..<end], as: UTF8.self)
            rest = rest[(end + 1)...]
            if line.isEmpty { break }
            if line == "compressed: zlib" { isCompressed = true } else { try take(line) }
        }
        file = isCompressed ? try Self.inflated(Array(rest)) : Array(rest)
    }

    private mutating func take(_ line: String) throws {
        guard let colon = line.firstRange(of: ": ") else { throw Malformed(line: line) }
        let value = String(line[colon.upperBound...])
        switch line[..<colon.lowerBound] {
        case "expect":
            guard let outcome = Outcome(rawValue: value) else { throw Malformed(line: line) }
            expected = outcome
        case "payload": contentHash = value
        case "file key": fileKey = try Hex.decode(value)
        case "identity": identities.append(value)
        case "passphrase": passphrases.append(value)
        case "armored": isArmored = true
        case "comment": break
        default: throw Malformed(line: line)
        }
    }

    /// The largest files are compressed. Neither we nor Foundation can undo it.
    private static func inflated(_ bytes: [UInt8]) throws -> [UInt8] {
        let program = "import sys, zlib; sys.stdout.buffer.write(zlib.decompress(sys.stdin.buffer.read()))"
        let ended = try Ended.run("/usr/bin/python3", ["-c", program], input: bytes)
        guard ended.status == 0 else { throw Malformed(line: ended.complaint) }
        return ended.output
    }
}
