// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Crypto
internal import Encoding
internal import Foundation
internal import Secrets

/// How the HMAC-SHA1 slot of a YubiKey is asked: through one of the programs of its maker, or, for tests, out of a file.
enum YubiKey {
    case ykman
    case ykchalresp
    /// A file with the slot's secret: whoever has it has the credential.
    case software(String)

    /// For a touch, and for a program that starts slowly.
    private static let patience = Duration.seconds(30)
    private static let answerLimit = 256

    /// What `--yubikey-program` says; else the first of the programs that is installed.
    init(_ invocation: Invocation) throws(Failure) {
        switch invocation["yubikey-program"] {
        case nil: self = try Self.installed()
        case "ykman": self = .ykman
        case "ykchalresp": self = .ykchalresp
        case let text? where text.hasPrefix("software:") && text.count > 9: self = .software(String(text.dropFirst(9)))
        case let text?:
            throw Failure(
                "--yubikey-program \(text) is none of ykman, ykchalresp and software:PATH",
                exitCode: .usage
            )
        }
    }

    private static func installed() throws(Failure) -> YubiKey {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        for (name, key) in [("ykman", YubiKey.ykman), ("ykchalresp", .ykchalresp)]
        where folders.contains(where: { FileManager.default.isExecutableFile(atPath: "\($0)/\(name)") }) {
            return key
        }
        throw Failure(
            "there is no program to ask a YubiKey with: neither ykman nor ykchalresp is installed",
            hint: "install one, such as yubikey-manager (ykman) or yubikey-personalization (ykchalresp)"
        )
    }

    /// The 20 bytes that the slot answers to a challenge.
    func response(to challenge: Bytes<32>, slot: Int, label: String) throws(Failure) -> SecretBytes {
        let digits = Hex.encode(challenge.span, prefix: false)
        switch self {
        case .ykman: return try ask("ykman", ["otp", "calculate", "\(slot)", digits], slot, label)
        case .ykchalresp: return try ask("ykchalresp", ["-\(slot)", "-H", "-x", digits], slot, label)
        case .software(let path): return try Self.compute(challenge, path)
        }
    }

    private func ask(
        _ program: String,
        _ arguments: [String],
        _ slot: Int,
        _ label: String
    ) throws(Failure) -> SecretBytes {
        Output.complain("asking slot \(slot) of the YubiKey \(label.quoted); touch it when it blinks")
        let output: SecretBytes
        do throws(SecretProgram.Failure) {
            output = try SecretProgram.output(
                of: program,
                arguments,
                patience: Self.patience,
                limit: Self.answerLimit
            )
        } catch { throw Self.failure(error, program, slot) }
        guard let response = Self.response(in: output.span) else {
            throw Failure(
                "\(program) gave no answer of 40 hexadecimal digits",
                hint: "slot \(slot) needs an HMAC-SHA1 secret: ykman otp chalresp --generate --touch \(slot)"
            )
        }
        return response
    }

    private static func failure(_ error: SecretProgram.Failure, _ program: String, _ slot: Int) -> Failure {
        let hint =
            switch error {
            case .notFound:
                program == "ykman"
                    ? "install yubikey-manager, or use --yubikey-program ykchalresp"
                    : "install yubikey-personalization, or use --yubikey-program ykman"
            case .timedOut: "plug the YubiKey in, run it again, and touch it when it blinks"
            default:
                "is the right YubiKey plugged in, may this user reach it, and has its slot \(slot) an HMAC-SHA1 secret?"
            }
        return Failure("\(program) \(error)", hint: hint)
    }

    /// 40 digits, with line ends behind them.
    private static func response(in output: Span<UInt8>) -> SecretBytes? {
        var end = output.count
        while end > 0, output[end - 1] <= 0x20 { end -= 1 }
        guard end == 40 else { return nil }
        var response = SecretBytes(count: 20) { _ in }
        let isRead = response.withMutableSpan { target in
            (try? Hex.decode(output.extracting(0..<40), into: &target)) != nil
        }
        guard isRead else { return nil }
        return consume response
    }

    // MARK: For tests

    private static func compute(_ challenge: Bytes<32>, _ path: String) throws(Failure) -> SecretBytes {
        Output.complain(
            "WARNING: \(path) stands for a YubiKey: whoever has this file has the credential; for tests only"
        )
        let option = "--yubikey-program software:\(path)"
        guard let identity = try? FileIdentity(path: path), identity.mode & 0o7777 == 0o600, identity.isOwn else {
            throw Failure("\(option) is no file of this user with the mode 0600", exitCode: .usage)
        }
        let text = try SecretInput.file(path, of: option)
        guard let secret = response(in: text.span) else {
            throw Failure("\(option) does not hold 40 hexadecimal digits and no more", exitCode: .usage)
        }
        do throws(CryptoError) { return try HMAC.sha1(key: secret.span, challenge.span) } catch {
            throw Failure("\(error)")
        }
    }
}

extension String {
    /// As it is shown within a sentence; what would move the cursor or turn the order is left away.
    var quoted: String { "“\(plain)”" }

    /// Without what a terminal would obey: texts of a signer may be anybody's.
    var plain: String {
        String(
            String.UnicodeScalarView(
                unicodeScalars.map { scalar in
                    switch scalar.properties.generalCategory {
                    case .control, .format, .surrogate, .lineSeparator, .paragraphSeparator: "\u{fffd}"
                    default: scalar
                    }
                }
            )
        )
    }
}
