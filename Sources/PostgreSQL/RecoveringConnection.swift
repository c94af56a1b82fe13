// SPDX-License-Identifier: Apache-2.0

/// A connection that is made when it is first used, and made again where it was lost: for those who call now and then. Used
/// by one thread at a time, which it blocks.
package struct RecoveringConnection: ~Copyable {
    private let settings: PostgreSQLSettings
    private var connection: PostgreSQLConnection?
    private var isClosed = false

    package init(_ settings: PostgreSQLSettings) {
        self.settings = settings
        connection = nil
    }

    package mutating func close() {
        connection = nil
        isClosed = true
    }

    /// Lends the connection to `work`. After any error it is not kept: the next call makes one.
    ///
    /// - Parameter mayHappenTwice: whether `work` is done once more, from its beginning, where a connection that had stood
    ///   idle turns out to be lost: a server that was started again shows only then.
    package mutating func use<Result>(
        mayHappenTwice: Bool,
        _ work: (inout PostgreSQLConnection) throws(PostgreSQLError) -> Result
    ) throws(PostgreSQLError) -> Result {
        guard !isClosed else { throw .lost(reason: "it is closed") }
        if let standing = connection.take(), standing.isUsable {
            do throws(PostgreSQLError) {
                return try use(standing, work)
            } catch {
                guard mayHappenTwice, case .lost = error else { throw error }
            }
        }
        return try use(try PostgreSQLConnection(settings), work)
    }

    private mutating func use<Result>(
        _ lent: consuming PostgreSQLConnection,
        _ work: (inout PostgreSQLConnection) throws(PostgreSQLError) -> Result
    ) throws(PostgreSQLError) -> Result {
        var current = lent
        let result = try work(&current)
        connection = consume current
        return result
    }
}
