// SPDX-License-Identifier: Apache-2.0
import Encoding
import Foundation
import TestSupport

/// The bytes that a secret would leave behind, in every form in which somebody might have written it. Of each only the
/// middle, so that a copy whose ends were overwritten is found too.
struct SecretForms: Sendable {
    struct Form: Sendable {
        let name: String
        let bytes: [UInt8]
    }
    let forms: [Form]

    /// 32 bytes, given as 64 digits: raw in both orders, in words, hexadecimal and base64.
    init(_ what: String, digits: String) throws {
        let decoded = try Hex.decode(digits)
        let raw = Array(decoded)
        // Eight words of four bytes and four of eight, as big numbers lie in memory of a processor with the other
        // order.
        let words = [4, 8].map { size in
            stride(from: 0, to: 32, by: size).flatMap { raw[$0..<$0 + size].reversed() }
        }
        var forms = [
            Form(name: "\(what), raw", bytes: raw), Form(name: "\(what), reversed", bytes: raw.reversed()),
            Form(name: "\(what), words of 4", bytes: words[0]), Form(name: "\(what), words of 8", bytes: words[1]),
        ].map { Form(name: $0.name, bytes: Array($0.bytes[4..<28])) }
        for (name, bytes) in [("", raw), (" reversed", raw.reversed())] {
            let text = Hex.encode(bytes, prefix: false)
            forms.append(Form(name: "\(what), hex\(name)", bytes: Self.middle(text.lowercased())))
            forms.append(Form(name: "\(what), HEX\(name)", bytes: Self.middle(text.uppercased())))
            forms += Self.base64("\(what)\(name)", bytes)
        }
        self.forms = forms
    }

    /// A text: itself and its base64.
    init(_ what: String, text: String) {
        forms = [Form(name: "\(what), text", bytes: Array(text.utf8))] + Self.base64(what, Array(text.utf8))
    }

    /// Where three bytes begin depends on what stands before: three spellings.
    private static func base64(_ what: String, _ bytes: [UInt8]) -> [Form] {
        (0..<3).map { shift in
            let text = Data(Array(repeating: UInt8(0), count: shift) + bytes).base64EncodedString()
            return Form(name: "\(what), base64 at \(shift)", bytes: middle(text))
        }
    }

    private static func middle(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        return Array(bytes[8..<bytes.count - 8])
    }
}

/// What was found where: nothing, if all is well.
enum SecretSearch {
    /// In the memory of a process.
    ///
    /// - Parameter outsideSecretMemory: whether locked memory that is in no image of the process is left out.
    static func inMemory(
        of process: Int32,
        _ secrets: [SecretForms],
        outsideSecretMemory: Bool = false
    ) async throws -> [String] {
        let forms = secrets.flatMap(\.forms)
        let counts = try await onThread {
            try ProcessMemory(of: process, leavesOutSecretMemory: outsideSecretMemory).count(forms.map(\.bytes))
        }
        return zip(forms, counts).filter { $1 > 0 }.map { "\($0.name): \($1) times" }
    }

    /// In files.
    static func inFiles(_ paths: [String], _ secrets: [SecretForms]) throws -> [String] {
        var found: [String] = []
        for path in paths {
            found += try inBytes(Data(contentsOf: URL(filePath: path)), secrets).map { "\($0) in \(path)" }
        }
        return found
    }

    static func inBytes(_ data: Data, _ secrets: [SecretForms]) -> [String] {
        secrets.flatMap(\.forms).filter { data.range(of: Data($0.bytes)) != nil }.map(\.name)
    }
}
