// SPDX-License-Identifier: Apache-2.0
package import Encoding
internal import Secrets

/// What operators sign, and what boxes are bound to (docs/formats.md): a label, a zero byte, then every part behind its
/// length, so that no two messages are alike.
package enum QuorumMessage {
    /// That whoever has the registration token wants this credential, and has its secret half.
    ///
    /// - Parameter tokenHash: SHA-256 of the token's text.
    package static func registration(tokenHash: Bytes<32>, _ credential: OperatorCredential) -> [UInt8] {
        message("registration", [tokenHash.array] + parts(of: credential))
    }

    /// What the fingerprint of a credential is the digest of.
    package static func fingerprint(of credential: OperatorCredential) -> [UInt8] {
        message("credential-fingerprint", parts(of: credential))
    }

    private static func parts(of credential: OperatorCredential) -> [[UInt8]] {
        var parts = [
            Array(credential.identifier.utf8), Array(credential.label.utf8), Array(credential.method.kind.utf8),
        ]
        switch credential.method {
        case .passphrase(let parameters, let salt):
            parts += [number(parameters.passes), number(parameters.memory), salt.array]
        case .yubiKey(let slot, let challenge):
            parts += [number(UInt64(slot)), challenge.array]
        }
        parts += [credential.exchangeKey.array, credential.signingKey.array]
        if let blind = credential.blind { parts.append(blind.array) }
        return parts
    }

    /// That an operator answers this challenge of this chamber, and will seal the share to this key of the signer.
    package static func challenge(
        _ challenge: [UInt8],
        chamber: ChamberIdentifier,
        ceremony: CeremonyIdentifier,
        serverKey: Bytes<32>,
        operator name: String,
        credential: String
    ) -> [UInt8] {
        message(
            "operator-challenge",
            [
                challenge, chamber.bytes.array, ceremony.bytes.array, serverKey.array, Array(name.utf8),
                Array(credential.utf8),
            ]
        )
    }

    /// That an operator agrees to a proposal, whose text they have seen.
    package static func approval(document: [UInt8], operator name: String, credential: String) -> [UInt8] {
        message("approval", [document, Array(name.utf8), Array(credential.utf8)])
    }

    /// The context of the box in which an operator's share lies in the record.
    package static func restingShare(
        chamber: ChamberIdentifier,
        ceremony: CeremonyIdentifier,
        operator name: String,
        credential: String
    ) -> [UInt8] {
        message(
            "resting-share",
            [chamber.bytes.array, ceremony.bytes.array, Array(name.utf8), Array(credential.utf8)]
        )
    }

    /// The context of the box in which an opened share returns to the signer.
    package static func returnedShare(
        challenge: [UInt8],
        chamber: ChamberIdentifier,
        ceremony: CeremonyIdentifier,
        operator name: String,
        credential: String
    ) -> [UInt8] {
        message(
            "returned-share",
            [challenge, chamber.bytes.array, ceremony.bytes.array, Array(name.utf8), Array(credential.utf8)]
        )
    }

    private static func message(_ label: String, _ parts: [[UInt8]]) -> [UInt8] {
        var message = Array("containment-chamber/\(label)/v1".utf8) + [0]
        for part in parts { message += number(UInt64(part.count)) + part }
        return message
    }

    /// Eight bytes, the highest first.
    private static func number(_ value: UInt64) -> [UInt8] {
        stride(from: UInt64(56), through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> $0) }
    }
}
