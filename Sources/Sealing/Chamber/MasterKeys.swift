// SPDX-License-Identifier: Apache-2.0

/// The master keys of an open chamber: one, or two while everything is being encrypted anew.
package struct MasterKeys: Sendable {
    package let current: MasterKey
    package let next: MasterKey?

    package init(_ current: MasterKey, next: MasterKey? = nil) {
        self.current = current
        self.next = next
    }

    /// Under which new things are written.
    package var newest: MasterKey { next ?? current }

    package var all: [MasterKey] { [current] + (next.map { [$0] } ?? []) }

    package func key(_ generation: UInt64) -> MasterKey? { all.first { $0.identity.generation == generation } }

    func destroy() { for key in all { key.destroy() } }
}
