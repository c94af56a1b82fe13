// SPDX-License-Identifier: Apache-2.0

/// A secret that several hold, for where a noncopyable value cannot go: an array, a task, the callbacks of a C library.
/// Wiped when the last of them lets go.
package final class SecretBox: Sendable {
    /// What is in it, for reading in place.
    package let bytes: SecretBytes

    package init(_ bytes: consuming SecretBytes) { self.bytes = bytes }
}
