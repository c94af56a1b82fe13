// SPDX-License-Identifier: Apache-2.0

/// What a caller must be allowed to do for a route to answer. Every route has one: a route without a scope cannot be
/// made (promise 3).
package enum Scope: String, CaseIterable, Sendable {
    /// Liveness and readiness; for anybody who reaches the port.
    case health
    case sign
    case publicKeys = "public_keys"
    case highWatermark = "high_watermark"
    case reload
    case metrics
    /// Import, export, pruning and watermarks of the slashing record; over the admin socket only.
    case recordAdministration = "record_administration"
}
