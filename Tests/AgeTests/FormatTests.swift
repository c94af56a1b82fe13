// SPDX-License-Identifier: Apache-2.0
import Age
import Secrets
import Testing

/// One text that is no header.
struct HeaderCase: Sendable, CustomTestStringConvertible {
    let flaw: AgeHeaderFlaw
    let text: String

    init(_ flaw: AgeHeaderFlaw, _ text: String) {
        self.flaw = flaw
        self.text = text
    }

    var testDescription: String { "\(flaw): \(text.debugDescription.suffix(60))" }
}

@Suite struct HeaderTests {
    private static let start = "age-encryption.org/v1\n"
    private static let share = "-> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc\n"
    private static let key = "hjabGXwSLQ9c3S6Lw2i+S2Tu2fiwQHHslbBN6B41FLE\n"
    private static let mac = "--- WyJp9F/9FOZh7gJdheq2WIcwHgYc8NIVh3fdwahrcNc\n"
    private static let stanza = share + key
    private static let full = String(repeating: "A", count: 64) + "\n"

    static let refused: [HeaderCase] = [
        HeaderCase(.empty, ""), HeaderCase(.incomplete, "age-encryption.org/"),
        HeaderCase(.incomplete, "age-encryption.org/v1"), HeaderCase(.incomplete, start),
        HeaderCase(.version, "age-encryption.org/v2\n" + stanza + mac),
        HeaderCase(.version, "age-encryption.org/v1 \n" + stanza + mac),
        HeaderCase(.version, "age-encryption.org/v1\r\n" + stanza + mac),
        HeaderCase(.line, start + "\n" + stanza + mac), HeaderCase(.line, start + stanza + "\n" + mac),
        HeaderCase(.line, start + "->X25519\n"), HeaderCase(.line, start + "->\n"), HeaderCase(.line, start + key),
        HeaderCase(.argument, start + "-> \n\n" + mac), HeaderCase(.argument, start + "->  a\n\n" + mac),
        HeaderCase(.argument, start + "-> a \n\n" + mac), HeaderCase(.argument, start + "-> a  b\n\n" + mac),
        HeaderCase(.argument, start + "-> a\tb\n\n" + mac), HeaderCase(.argument, start + "-> \u{e9}\n\n" + mac),
        HeaderCase(.argument, start + "-> a\r\n\n" + mac),
        HeaderCase(.body, start + "-> a\n" + mac), HeaderCase(.body, start + "-> a\n" + full + mac),
        HeaderCase(.body, start + "-> a\nA\n" + mac), HeaderCase(.body, start + "-> a\nAB\n" + mac),
        HeaderCase(.body, start + "-> a\nAAB\n" + mac), HeaderCase(.body, start + "-> a\nAA==\n" + mac),
        HeaderCase(.body, start + "-> a\nA-AA\n" + mac), HeaderCase(.body, start + "-> a\n\r\n" + mac),
        HeaderCase(.body, start + "-> a\nAAAA" + full + "\n" + mac),
        HeaderCase(.incomplete, start + "-> a\n" + full), HeaderCase(.incomplete, start + "-> a\nAAAA"),
        HeaderCase(.incomplete, start + stanza), HeaderCase(.incomplete, start + stanza + mac.dropLast()),
        HeaderCase(.mac, start + stanza + "---\n"), HeaderCase(.mac, start + stanza + "--- \n"),
        HeaderCase(.mac, start + stanza + "---" + mac.dropFirst(4)),
        HeaderCase(.mac, start + stanza + "----" + mac.dropFirst(3)),
        HeaderCase(.mac, start + stanza + mac.dropLast(2) + "\n"),
        HeaderCase(.mac, start + stanza + mac.dropLast(2) + "d\n"),
        HeaderCase(.mac, start + stanza + mac.dropLast() + "A\n"),
        HeaderCase(.mac, start + stanza + mac.dropLast() + "=\n"),
        HeaderCase(.noStanza, start + mac),
        HeaderCase(.notAlone, start + stanza + "-> scrypt rF0/NwblUHHTpgQgRpe5CQ 1\n" + key + mac),
        HeaderCase(.notAlone, start + "-> scrypt\n\n-> scrypt\n\n" + mac),
        HeaderCase(.tooManyStanzas, start + String(repeating: "-> a\n\n", count: 257) + mac),
    ]

    @Test(arguments: refused) func `what breaks the grammar is refused by name`(_ one: HeaderCase) {
        #expect(throws: AgeError.header(one.flaw)) { _ = try AgeHeader.of(Array(one.text.utf8)) }
    }

    @Test(arguments: [
        start + stanza + mac, start + "-> a\n\n" + mac, start + "-> ! ~ --- ->\nAA\n" + stanza + mac,
        start + "-> a\n" + full + "\n" + mac, start + "-> a\n" + full + full + "AAA\n" + mac,
        start + String(repeating: "-> a\n\n", count: 256) + mac,
    ])
    func `what follows it is written again as it was read`(_ text: String) throws {
        let header = try AgeHeader.of(Array("\(text)and what follows".utf8))
        #expect(String(decoding: header.text, as: UTF8.self) == text)
        #expect(header.length == text.utf8.count)
    }

    @Test(arguments: [
        "X25519", "X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc more",
        "X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOC",
        "X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCd", "X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc=",
        "X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCcA",
    ])
    func `an X25519 stanza with other arguments is refused, whoever asks`(_ arguments: String) throws {
        let stanza = AgeStanza(
            arguments: arguments.split(separator: " ").map(String.init),
            body: Random.bytes(32)
        )
        let file = try AgeHeader(stanzas: [stanza], fileKey: AgeFileKey()).text
        #expect(throws: AgeError.header(.x25519)) { _ = try Example.decrypt(file) }
        #expect(throws: AgeError.header(.x25519)) { _ = try Example.decrypt(file, with: []) }
    }

    @Test(arguments: [
        "scrypt", "scrypt rF0/NwblUHHTpgQgRpe5CQ", "scrypt rF0/NwblUHHTpgQgRpe5CQ 1 1",
        "scrypt rF0/NwblUHHTpgQgRpe5CR 1",
        "scrypt rF0/NwblUHHTpgQgRpe5 1", "scrypt rF0/NwblUHHTpgQgRpe5CQ 0", "scrypt rF0/NwblUHHTpgQgRpe5CQ 01",
        "scrypt rF0/NwblUHHTpgQgRpe5CQ +1", "scrypt rF0/NwblUHHTpgQgRpe5CQ -1", "scrypt rF0/NwblUHHTpgQgRpe5CQ 0x1",
        "scrypt rF0/NwblUHHTpgQgRpe5CQ 1a", "scrypt rF0/NwblUHHTpgQgRpe5CQ 18446744073709551617",
    ])
    func `a scrypt stanza with other arguments is refused`(_ arguments: String) throws {
        let stanza = AgeStanza(arguments: arguments.split(separator: " ").map(String.init), body: Random.bytes(32))
        let file = try AgeHeader(stanzas: [stanza], fileKey: AgeFileKey()).text
        #expect(throws: AgeError.header(.scrypt)) { _ = try Example.decrypt(file, passphrase: "a") }
    }

    @Test(arguments: ["X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc", "scrypt rF0/NwblUHHTpgQgRpe5CQ 1"])
    func `a wrapped key of another length is refused`(_ arguments: String) throws {
        for length in [0, 16, 31, 33, 40, 48, 64] {
            let stanza = AgeStanza(
                arguments: arguments.split(separator: " ").map(String.init),
                body: Random.bytes(length)
            )
            let file = try AgeHeader(stanzas: [stanza], fileKey: AgeFileKey()).text
            if stanza.kind == "scrypt" {
                #expect(throws: AgeError.header(.scrypt)) { _ = try Example.decrypt(file, passphrase: "a") }
            } else {
                #expect(throws: AgeError.header(.x25519)) { _ = try Example.decrypt(file) }
            }
        }
    }

    @Test(arguments: [
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ])
    func `a share that gives its secret to everybody is refused`(_ share: String) throws {
        let stanza = AgeStanza(arguments: ["X25519", share], body: Random.bytes(32))
        let file = try AgeHeader(stanzas: [stanza], fileKey: AgeFileKey()).text
        #expect(throws: AgeError.header(.weakShare)) { _ = try Example.decrypt(file) }
    }

    @Test(arguments: [18, 22, 99, 999]) func `a work factor above the limit costs nothing`(_ factor: Int) throws {
        let stanza = AgeStanza(arguments: ["scrypt", "rF0/NwblUHHTpgQgRpe5CQ", "\(factor)"], body: Random.bytes(32))
        let file = try AgeHeader(stanzas: [stanza], fileKey: AgeFileKey()).text
        #expect(throws: AgeError.workFactor(factor, limit: 17)) {
            _ = try Example.decrypt(file, passphrase: "a", limit: 17)
        }
    }
}

@Suite struct ArmorTests {
    private static let begin = "-----BEGIN AGE ENCRYPTED FILE-----"
    private static let end = "-----END AGE ENCRYPTED FILE-----"
    private static let full = String(repeating: "A", count: 64)

    private static func decode(_ text: String) throws -> [UInt8] { try AgeArmor.decode(Array(text.utf8).span) }

    @Test(arguments: [
        (AgeArmorFlaw.noBeginning, ""), (.noBeginning, "age"), (.noBeginning, "\(end)\n"),
        (.noBeginning, "a\n\(begin)\n\(end)"), (.noBeginning, "\(begin) \n\(end)"), (.noBeginning, "\(begin)\(end)"),
        (.noBeginning, begin.lowercased() + "\n\(end)"),
        (.noEnd, begin), (.noEnd, "\(begin)\nAAAA"), (.noEnd, "\(begin)\n\(full)\n"),
        (.lineLength, "\(begin)\nAAAA\nAAAA\n\(end)"), (.lineLength, "\(begin)\n\(full)A\n\(end)"),
        (.lineLength, "\(begin)\n\(full.dropLast())=\nAAAA\n\(end)"),
        (.lineLength, "\(begin)\n\(full)\nAAAA\n\n\(end)"),
        (.notBase64, "\(begin)\n\n\(end)"), (.notBase64, "\(begin)\nAAA\n\(end)"),
        (.notBase64, "\(begin)\nAB==\n\(end)"), (.notBase64, "\(begin)\nA===\n\(end)"),
        (.notBase64, "\(begin)\n====\n\(end)"), (.notBase64, "\(begin)\nAA=A\n\(end)"),
        (.notBase64, "\(begin)\nAA==AAAA\n\(end)"), (.notBase64, "\(begin)\nAAAA \n\(end)"),
        (.notBase64, "\(begin)\nAAAA\r\r\n\(end)"), (.notBase64, "\(begin)\nKey: value\n\n\(end)"),
        (.moreBehindEnd, "\(begin)\n\(end)\na"), (.moreBehindEnd, "\(begin)\n\(end)\n\(begin)\n\(end)\n"),
    ])
    func `what is not strict is refused by name`(_ flaw: AgeArmorFlaw, _ text: String) {
        #expect(throws: AgeError.armor(flaw)) { _ = try Self.decode(text) }
    }

    @Test(arguments: ["\n", "\r\n"]) func `line ends and blanks around mean nothing`(_ lineEnd: String) throws {
        let lines = [Self.begin, Self.full, "AAAA", Self.end]
        for around in ["", lineEnd, " \t\r\n"] {
            let text = around + lines.joined(separator: lineEnd) + around
            #expect(try Self.decode(text) == [UInt8](repeating: 0, count: 51))
        }
    }

    @Test func `every length is written in lines of 64 characters and read again`() throws {
        for length in 0...200 {
            let bytes = Random.bytes(length)
            let text = AgeArmor.encode(bytes.span)
            #expect(try AgeArmor.decode(text.span) == bytes)
            let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            #expect(lines.last?.isEmpty == true && lines.count == 3 + (length + 47) / 48)
            #expect(lines.dropFirst().dropLast(3).allSatisfy { $0.count == 64 })
        }
    }
}
