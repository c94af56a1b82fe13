// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import Telemetry

/// Runs `body` with a logger whose clock stands still and returns what it wrote.
func captureLog(
    _ filter: String = "trace",
    _ format: LogFormat = .text,
    time: UInt64 = 1_700_000_000_123_456_789,
    _ body: (Logger) -> Void
) throws -> String {
    let output = Lock<[UInt8]>([])
    let logger = Logger(filter: try LogFilter(parsing: filter), format: format, now: { time }) { bytes in
        output.withLock { $0 += bytes }
    }
    body(logger)
    logger.stop()
    return String(decoding: output.withLock { $0 }, as: UTF8.self)
}

/// The one line of a JSON log.
func captureObject(_ body: (Logger) -> Void) throws -> [String: any Sendable] {
    let text = try captureLog("trace", .json, body)
    let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
    return object as? [String: any Sendable] ?? [:]
}
