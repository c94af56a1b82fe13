// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Encoding
internal import Foundation
internal import Sealing
internal import Secrets

/// The secret half of an operator's credential, in a command: what it comes from is asked for once, however many signers are
/// spoken to.
final class OperatorKeys {
    /// One credential that was opened.
    final class Opened {
        let hint: OperatorCredential.Hint
        let keys: CredentialKeys

        init(_ hint: OperatorCredential.Hint, _ keys: consuming CredentialKeys) {
            self.hint = hint
            self.keys = keys
        }

        var identifier: String { hint.id }

        func sign(_ message: [UInt8]) throws(Failure) -> String {
            do throws(OperatorCredentialError) { return Hex.encode(try keys.sign(message).span, prefix: false) } catch {
                throw Failure("\(error)")
            }
        }
    }

    /// Has one owner, so that it can be kept beside what is made of it.
    private final class Passphrase {
        let bytes: SecretBytes

        init(_ bytes: consuming SecretBytes) { self.bytes = bytes }
    }

    let name: String
    private let invocation: Invocation
    private var passphrase: Passphrase?
    private var opened: [Opened] = []

    /// `--operator`, `--credential`, `--passphrase`, `--yubikey`, `--yubikey-program`.
    init(_ invocation: Invocation) throws(Failure) {
        name = invocation["operator"] ?? ""
        self.invocation = invocation
        guard !name.isEmpty else { throw Failure("--operator says who you are", exitCode: .usage) }
        guard invocation["passphrase"] == nil || !invocation.isSet("yubikey") else {
            throw Failure("--passphrase and --yubikey exclude each other", exitCode: .usage)
        }
    }

    /// The keys of the one credential that fits the options; where several fit, a person is asked which.
    func open(oneOf hints: [OperatorCredential.Hint]) throws(Failure) -> Opened {
        for opened in opened where hints.contains(opened.hint) { return opened }
        let hint = try choose(hints)
        let method: OperatorCredential.Method
        do throws(OperatorCredentialError) { method = try hint.method() } catch {
            throw Failure(
                "the signer asks for a credential that this program does not answer to: \(error)",
                hint: "who answers could give the passphrase away; is --signer-url right?"
            )
        }
        let made = Opened(hint, try keys(method, hint.label))
        opened.append(made)
        return made
    }

    private func keys(_ method: OperatorCredential.Method, _ label: String) throws(Failure) -> CredentialKeys {
        switch method {
        case .passphrase(let parameters, let salt):
            let passphrase = try known(label)
            do throws(OperatorCredentialError) {
                return try CredentialKeys(passphrase: passphrase.bytes, parameters, salt: salt)
            } catch { throw Failure("\(error)") }
        case .yubiKey(let slot, let challenge):
            let response = try YubiKey(invocation).response(to: challenge, slot: slot, label: label)
            do throws(OperatorCredentialError) {
                return try CredentialKeys(response: response, challenge: challenge)
            } catch { throw Failure("\(error)") }
        }
    }

    /// The passphrase; asked for once.
    private func known(_ label: String) throws(Failure) -> Passphrase {
        if let passphrase { return passphrase }
        let answer = try ask(label)
        passphrase = answer
        return answer
    }

    private func ask(_ label: String) throws(Failure) -> Passphrase {
        guard let text = invocation["passphrase"], text != "prompt" else {
            return Passphrase(
                try SecretInput.ask("passphrase \(label)", instead: "--passphrase env:NAME or file:PATH")
            )
        }
        return Passphrase(try SecretInput.read(text, of: "--passphrase"))
    }

    // MARK: Which

    private func choose(_ hints: [OperatorCredential.Hint]) throws(Failure) -> OperatorCredential.Hint {
        let fitting = hints.filter(fits)
        if fitting.count == 1 { return fitting[0] }
        let all = (fitting.isEmpty ? hints : fitting).map(\.words)
        guard !fitting.isEmpty else {
            throw Failure(
                all.isEmpty
                    ? "\(name.plain) has no credential"
                    : "\(name.plain) has no such credential, but \(all.joined(separator: ", "))",
                hint: "operator credentials list shows what the chamber knows"
            )
        }
        guard isatty(STDIN_FILENO) == 1 else {
            throw Failure(
                "several credentials of \(name.plain) fit: \(all.joined(separator: ", "))",
                hint: "--credential names one by its label or its identifier",
                exitCode: .usage
            )
        }
        for (place, words) in all.enumerated() { Output.complain("  \(place + 1)  \(words)") }
        FileHandle.standardError.write(Data("which one (1 to \(all.count)): ".utf8))
        guard let answer = readLine().flatMap({ Int($0) }), fitting.indices.contains(answer - 1) else {
            throw Failure("none of them was chosen", exitCode: .usage)
        }
        return fitting[answer - 1]
    }

    private func fits(_ hint: OperatorCredential.Hint) -> Bool {
        if let wanted = invocation["credential"], wanted != hint.id, wanted != hint.label { return false }
        if invocation["passphrase"] != nil { return hint.kind == "passphrase" }
        return !invocation.isSet("yubikey") || hint.kind == "yubikey"
    }
}

extension OperatorCredential.Hint {
    var words: String { "\(label.plain) (\(kind.plain), \(id.plain))" }
}
