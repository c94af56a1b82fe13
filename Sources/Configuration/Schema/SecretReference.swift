// SPDX-License-Identifier: Apache-2.0

/// Where a secret is, not the secret: whoever needs it reads it into secret memory when it is needed.
///
/// The text form is `env:NAME` or `file:PATH`. Anything else is the secret itself, which then has passed through the
/// YAML reader and lies in ordinary memory for as long as the configuration does; the reference says so to operators.
package struct SecretReference: Sendable, Equatable {
    package enum Source: Sendable, Equatable {
        case environment(name: String)
        case file(path: String)
        case inline(text: String)
    }

    package let source: Source

    package init(_ source: Source) { self.source = source }
}

extension SecretReference: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The reference; for a secret that stands in the configuration itself, only that it does.
    package var description: String {
        switch source {
        case .environment(let name): "env:\(name)"
        case .file(let path): "file:\(path)"
        case .inline: "[redacted]"
        }
    }

    package var debugDescription: String { description }
    /// Empty, so that `dump` shows nothing either.
    package var customMirror: Mirror { Mirror(self, children: []) }
}

extension ValueType where Value == SecretReference {
    static let secret = ValueType(
        "secret: env:NAME, file:PATH or the text itself",
        placeholder: "env:NAME|file:PATH",
        isSecret: true,
        read: { text throws(ValueFailure) in
            if text.hasPrefix("env:") {
                let name = String(text.dropFirst(4))
                guard !name.isEmpty, !name.contains("=") else { throw ValueFailure("names no environment variable") }
                return SecretReference(.environment(name: name))
            }
            if text.hasPrefix("file:") {
                let path = String(text.dropFirst(5))
                guard !path.isEmpty else { throw ValueFailure("names no file") }
                return SecretReference(.file(path: path))
            }
            guard !text.isEmpty else { throw ValueFailure("is empty where a secret is needed") }
            return SecretReference(.inline(text: text))
        },
        write: { $0.description }
    )
}
