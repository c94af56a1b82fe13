// SPDX-License-Identifier: Apache-2.0

/// What tells one kind of database of ours from another: its name in messages, its marks, and its tables.
struct DatabaseFormat: Sendable {
    /// How an operator knows it: `slashing record`.
    let noun: String
    /// Stands in SQLite's `application_id`.
    let applicationIdentifier: Int
    /// Stands in the table `database_version` and in SQLite's own `user_version`.
    let version: Int
    /// Makes all tables.
    let schema: String
    /// All tables, referenced ones first: what a rewrite copies.
    let tables: [String]
    /// What to do when the content is damaged, told at the start and while it is in use.
    let remedy: String
    let remedyWhileRunning: String
}
