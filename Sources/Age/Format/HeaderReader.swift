// SPDX-License-Identifier: Apache-2.0
internal import Encoding

/// Reads a header by the grammar of the specification ("ABNF definition of file header"), which gives every header one
/// form. What an unknown stanza means is nobody's business here, that it is well-formed is.
struct HeaderReader: ~Copyable, ~Escapable {
    private var lines: Lines

    @_lifetime(copy file)
    init(_ file: Span<UInt8>) { lines = Lines(file) }

    mutating func read() throws(AgeError) -> AgeHeader {
        guard try line(orFlaw: .empty).isEqual(to: AgeHeader.version) else { throw .header(.version) }
        var stanzas: [AgeStanza] = []
        while true {
            let first = try line(orFlaw: .incomplete)
            if first.begins(with: AgeHeader.endMark) {
                let mac = try Self.mac(first)
                try Self.check(stanzas)
                return AgeHeader(stanzas: stanzas, mac: mac, length: lines.position)
            }
            guard first.begins(with: AgeStanza.mark) else { throw .header(.line) }
            guard stanzas.count < AgeRecipients.limit else { throw .header(.tooManyStanzas) }
            let arguments = try Self.arguments(first.extracting(AgeStanza.mark.count...))
            stanzas.append(AgeStanza(arguments: arguments, body: try body()))
        }
    }

    /// The next line, which must have an end.
    @_lifetime(copy self)
    private mutating func line(orFlaw flaw: AgeHeaderFlaw) throws(AgeError) -> Span<UInt8> {
        guard let line = lines.next() else { throw .header(flaw) }
        guard lines.wasEnded else { throw .header(.incomplete) }
        return line
    }

    /// Visible characters with one blank between two arguments.
    private static func arguments(_ line: Span<UInt8>) throws(AgeError) -> [String] {
        var arguments: [String] = []
        var argument: [UInt8] = []
        for position in line.indices {
            switch line[position] {
            case 0x21...0x7e: argument.append(line[position])
            case UInt8(ascii: " ") where !argument.isEmpty:
                arguments.append(String(decoding: argument, as: UTF8.self))
                argument = []
            default: throw .header(.argument)
            }
        }
        guard !argument.isEmpty else { throw .header(.argument) }
        return arguments + [String(decoding: argument, as: UTF8.self)]
    }

    /// Lines of 64 characters up to one that is shorter.
    private mutating func body() throws(AgeError) -> [UInt8] {
        var body: [UInt8] = []
        while true {
            let line = try line(orFlaw: .incomplete)
            guard line.count <= AgeArmor.columns, Base64.decode(line, padded: false, into: &body) else {
                throw .header(.body)
            }
            if line.count < AgeArmor.columns { return body }
        }
    }

    private static func mac(_ line: Span<UInt8>) throws(AgeError) -> Bytes<32> {
        let start = AgeHeader.endMark.count
        guard line.count > start, line[start] == UInt8(ascii: " ") else { throw .header(.mac) }
        var bytes: [UInt8] = []
        guard Base64.decode(line.extracting((start + 1)...), padded: false, into: &bytes), let mac = Bytes<32>(bytes)
        else { throw .header(.mac) }
        return mac
    }

    /// A passphrase that stands beside others would not say any more that whoever wrote the file knew it ("The scrypt
    /// recipient type").
    private static func check(_ stanzas: [AgeStanza]) throws(AgeError) {
        guard !stanzas.isEmpty else { throw .header(.noStanza) }
        guard stanzas.count == 1 || !stanzas.contains(where: { $0.kind == ScryptStanza.kind }) else {
            throw .header(.notAlone)
        }
    }
}
