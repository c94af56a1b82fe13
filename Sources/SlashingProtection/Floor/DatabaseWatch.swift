// SPDX-License-Identifier: Apache-2.0
internal import Concurrency

/// Who is told which database a record sees while nobody asks for a signature.
final class DatabaseWatch: Sendable {
    typealias Sight = @Sendable (DatabaseIdentity) -> Void
    private let beginLook = Lock<(@Sendable () -> Sight)?>(nil)

    func set(_ beginLook: @escaping @Sendable () -> Sight) { self.beginLook.withLock { $0 = beginLook } }

    /// Called before a look; what it gives is told what was found.
    func begin() -> Sight { beginLook.withLock { $0 }?() ?? { _ in } }
}
