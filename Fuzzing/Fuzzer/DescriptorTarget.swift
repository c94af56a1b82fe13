internal import Secrets
internal import YAML

// SPDX-License-Identifier: Apache-2.0
@testable internal import Keystores

/// Key descriptors: the reader of the plain form against the YAML parser.
enum DescriptorTarget: FuzzTarget {
    static let name = "descriptors"

    private static let arena = SecretArena()

    /// What a reader found in one document.
    private enum Finding: Equatable {
        case key(digits: [UInt8])
        case otherCurve
        case other
    }

    static func run(_ input: [UInt8]) {
        if let plain = PlainDescriptor.parse(input.span) {
            for descriptor in plain where input[descriptor.digits].count != 64 { violated("a plain key has 64 digits") }
            if let parsed = parsed(input), parsed != plain.map({ finding($0, input) }) {
                violated("the plain form means to YAML what it means to us")
            }
            for descriptor in plain where descriptor.keyType == .bls { read(Array(input[descriptor.digits])) }
        } else {
            for case .key(let digits) in parsed(input) ?? [] { read(digits) }
        }
    }

    private static func finding(_ descriptor: PlainDescriptor, _ input: [UInt8]) -> Finding {
        descriptor.keyType == .bls ? .key(digits: Array(input[descriptor.digits])) : .otherCurve
    }

    /// What the long way says; nil where it is not YAML. `0x` is taken off, as the plain reader does it.
    private static func parsed(_ input: [UInt8]) -> [Finding]? {
        var keys: [[UInt8]] = []
        do throws(YAMLError) {
            let documents = try YAMLParser().documents(in: input.span, withholding: [Descriptor.secretField]) {
                digits in
                let start = SecretHex.start(digits)
                keys.append((start..<digits.count).map { digits[$0] })
            }
            return documents.filter { !$0.isNull }.map { finding($0, keys) }
        } catch {
            _ = error.description
            return nil
        }
    }

    private static func finding(_ document: YAMLNode, _ keys: [[UInt8]]) -> Finding {
        do throws(KeystoreError) {
            switch try Descriptor(document) {
            case .raw(let number): return .key(digits: keys[number])
            case .otherCurve: return .otherCurve
            case .keystore: return .other
            }
        } catch {
            _ = "\(error)"
            return .other
        }
    }

    private static func read(_ digits: [UInt8]) {
        if case .failure(let error) = RawKeyReader(arena: arena).result(digits: digits.span) { _ = "\(error)" }
    }

    static func seeds() throws -> [[UInt8]] {
        let key = String(repeating: "0", count: 62) + "2a"
        return [
            "type: file-raw\nkeyType: BLS\nprivateKey: 0x\(key)\n",
            "---\n# a comment\ntype: \"file-raw\"\r\nprivateKey: '\(key)'\r\n",
            "type: file-raw\nprivateKey: \(key)\n---\ntype: file-raw\nkeyType: secp256k1\nprivateKey: \(key)\n",
            "{type: file-raw, privateKey: '0x\(key)'}",
            "type: file-raw # it is\nprivateKey: \(key)\nextra: [1, 2, {privateKey: b}]\n",
            "%YAML 1.1\n---\n\"type\": file-raw\n\"privateKey\": >-\n  \(key)\n...\n",
            "type: file-keystore\nkeyType: BLS\nkeystoreFile: a.json\nkeystorePasswordFile: a.txt\n",
            "type: hashicorp\ntoken: a\n---\n---\n~\n",
        ].map { Array($0.utf8) }
    }

    static let words = [
        "type: ", "file-raw", "file-keystore", "keyType: ", "BLS", "secp256k1", "privateKey: ", "0x", "keystoreFile: ",
        "keystorePasswordFile: ", "---\n", "...\n", "# ", "\r\n", "\"", "'", ": ", "&a ", "*a", "!!str ", "|\n", ">-\n",
        "? ",
        "\u{feff}", "\u{85}", "\u{2028}",
    ]
}
