// SPDX-License-Identifier: Apache-2.0

/// Why a share was not wrapped or not unwrapped: under which key, what is wrong, and what to do. Never a share or a piece
/// of one.
package struct WrappingError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Cause: Hashable, Sendable, CaseIterable {
        /// The name is not one of a key.
        case name
        /// The settings cannot work, whatever the holder of the key says.
        case settings
        /// There are no credentials, or the holder does not take them.
        case credentials
        /// A policy does not allow it.
        case denied
        /// There is no such key.
        case missing
        /// The key does not work in the state in which it is: disabled, waiting for its deletion.
        case disabled
        /// The file of a local key is not as it has to be.
        case file
        /// What was to be unwrapped was wrapped under another key or for another place, or was changed.
        case notAuthentic
        /// The holder has no room for it now.
        case throttled
        /// The holder was not reached.
        case unreachable
        /// The holder failed, or did not answer in time.
        case failing
        /// The holder refused for another reason.
        case refused
        /// The holder's answer cannot be understood.
        case malformed
        /// The provider cannot answer to a recipient.
        case recipient
    }

    package let cause: Cause
    /// As the operator wrote it.
    package let key: String
    /// In words, the key among them.
    package let reason: String

    /// - Parameters:
    ///   - title: what happened; an operator looks for it in the documents.
    ///   - detail: more about it, and what to do.
    package init(_ cause: Cause, key: String, _ title: String, _ detail: String) {
        self.cause = cause
        self.key = key
        reason = "\(title) (\(key)): \(detail)"
    }

    package var description: String { reason }

    /// Whether the same may go well later without anybody changing anything: where credentials come from may not be up yet.
    package var isTransient: Bool {
        switch cause {
        case .throttled, .unreachable, .failing, .credentials: true
        case .name, .settings, .denied, .missing, .disabled, .file, .notAuthentic, .refused, .malformed, .recipient:
            false
        }
    }
}
