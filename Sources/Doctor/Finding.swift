// SPDX-License-Identifier: Apache-2.0

/// One thing that the doctor looked at.
package struct Finding: Sendable, Equatable, Encodable {
    package enum State: String, Sendable, Encodable, CaseIterable {
        case ok
        /// Works, and could be safer.
        case warn
        /// Must not stay so where keys hold a stake.
        case bad
        /// Could not be seen.
        case unknown
    }

    /// Stable, for scripts.
    package let name: String
    package let state: State
    /// What was seen, in one line.
    package let what: String
    /// Why it matters, in one line.
    package let why: String
    /// The command or setting that mends it; nil where nothing is to be done.
    package let fix: String?

    static func ok(_ name: String, _ what: String, why: String) -> Finding {
        Finding(name: name, state: .ok, what: what, why: why, fix: nil)
    }

    static func warn(_ name: String, _ what: String, why: String, fix: String) -> Finding {
        Finding(name: name, state: .warn, what: what, why: why, fix: fix)
    }

    static func bad(_ name: String, _ what: String, why: String, fix: String) -> Finding {
        Finding(name: name, state: .bad, what: what, why: why, fix: fix)
    }

    static func unknown(_ name: String, _ what: String, why: String, fix: String) -> Finding {
        Finding(name: name, state: .unknown, what: what, why: why, fix: fix)
    }
}
