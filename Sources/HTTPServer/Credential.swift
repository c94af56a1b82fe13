// SPDX-License-Identifier: Apache-2.0
package import Encoding

/// What a request showed in its `Authorization` field, without what it said: the field itself is read in place, in the
/// buffer of the socket, and overwritten before anything is copied.
package enum Credential: Hashable, Sendable {
    /// There was no such field.
    case none
    /// There was one, and nothing here understands it.
    case unreadable
    /// What stands for the secret: a keyed digest.
    case digest(Bytes<32>)
}

/// Makes a credential of the value of an `Authorization` field (RFC 9110 §11.6.2). Runs on the thread of the socket and
/// must not keep the bytes.
package typealias CredentialReader = @Sendable (Span<UInt8>) -> Credential
