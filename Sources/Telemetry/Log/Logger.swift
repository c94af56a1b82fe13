// SPDX-License-Identifier: Apache-2.0
package import Concurrency

/// The log: one line an event, written by a thread of its own, so that whoever logs never waits for a disk, a pipe or a
/// terminal.
///
///     logger.info(.http, "listening", ["address": .text(address), "port": .integer(port)])
package final class Logger: Sendable {
    /// Takes finished lines, some at a time, on the writer's thread. May block; throws when they are lost.
    package typealias Sink = @Sendable ([UInt8]) throws -> Void

    private let filter: LogFilter
    private let queue: LogQueue
    private let writer: Thread?
    private let now: @Sendable () -> UInt64

    /// Writes to a descriptor, standard output unless told otherwise. `now` is nanoseconds since 1970.
    package convenience init(
        filter: LogFilter,
        format: LogFormat,
        to output: OutputDescriptor = .standardOutput,
        now: @escaping @Sendable () -> UInt64 = { WallClock.nanoseconds }
    ) {
        self.init(filter: filter, format: format, now: now) { try output.write($0) }
    }

    package convenience init(
        filter: LogFilter,
        format: LogFormat,
        now: @escaping @Sendable () -> UInt64 = { WallClock.nanoseconds },
        sink: @escaping Sink
    ) {
        self.init(filter: filter, format: format, now: now, queue: LogQueue(), sink: sink)
    }

    init(
        filter: LogFilter,
        format: LogFormat,
        now: @escaping @Sendable () -> UInt64,
        queue: LogQueue,
        sink: @escaping Sink
    ) {
        self.filter = filter
        self.queue = queue
        self.now = now
        writer = Thread(name: "log") { Self.write(from: queue, format: format, now: now, to: sink) }
    }

    /// A logger that writes nothing and has no thread.
    private init() {
        filter = LogFilter(nil)
        queue = LogQueue()
        writer = nil
        now = { 0 }
    }

    package static let silent = Logger()

    deinit { queue.stop() }

    /// Whether a line would be written: for callers to whom its fields cost something.
    package func allows(_ level: LogLevel, _ target: LogTarget) -> Bool { filter.allows(level, target) }

    /// Message and fields are made only when the line passes the filter.
    package func log(
        _ level: LogLevel,
        _ target: LogTarget,
        _ message: @autoclosure () -> String,
        _ fields: @autoclosure () -> LogFields = [:]
    ) {
        guard filter.allows(level, target) else { return }
        queue.append(
            LogEvent(
                time: now(),
                level: level,
                target: target,
                content: .line(message: message(), fields: fields())
            )
        )
    }

    /// Writes one line of the audit log.
    package func audit(_ event: @autoclosure () -> AuditEvent) {
        guard filter.allows(.error, .audit) else { return }
        let event = event()
        guard filter.allows(event.level, .audit) else { return }
        queue.append(LogEvent(time: now(), level: event.level, target: .audit, content: .audit(event)))
    }

    /// Waits until all that was logged before is written; false when that took too long. Blocks: never from a task.
    @discardableResult
    package func flush(timeout: Duration = .seconds(5)) -> Bool {
        writer == nil || queue.flush(timeout: timeout)
    }

    /// Writes what waits and ends the thread; what is logged afterwards is lost. Blocks: never from a task.
    package func stop() {
        queue.stop()
        writer?.join()
    }

    /// Lines that never reached the output, since the start: `ordinary` is info and below, `important` the rest.
    package var lostLines: (ordinary: UInt64, important: UInt64) {
        let losses = queue.losses
        return (losses.ordinary, losses.important)
    }
}

extension Logger {
    package func error(
        _ target: LogTarget,
        _ message: @autoclosure () -> String,
        _ fields: @autoclosure () -> LogFields = [:]
    ) {
        log(.error, target, message(), fields())
    }
    package func warn(
        _ target: LogTarget,
        _ message: @autoclosure () -> String,
        _ fields: @autoclosure () -> LogFields = [:]
    ) {
        log(.warn, target, message(), fields())
    }
    package func info(
        _ target: LogTarget,
        _ message: @autoclosure () -> String,
        _ fields: @autoclosure () -> LogFields = [:]
    ) {
        log(.info, target, message(), fields())
    }
    package func debug(
        _ target: LogTarget,
        _ message: @autoclosure () -> String,
        _ fields: @autoclosure () -> LogFields = [:]
    ) {
        log(.debug, target, message(), fields())
    }
    package func trace(
        _ target: LogTarget,
        _ message: @autoclosure () -> String,
        _ fields: @autoclosure () -> LogFields = [:]
    ) {
        log(.trace, target, message(), fields())
    }
}

extension Logger {
    /// The body of the writer's thread.
    private static func write(
        from queue: LogQueue,
        format: LogFormat,
        now: @Sendable () -> UInt64,
        to sink: Sink
    ) {
        var lines = LineWriter(format: format)
        var text: [UInt8] = []
        while let batch = queue.next() {
            text.removeAll(keepingCapacity: true)
            for event in batch.events { lines.append(event, to: &text) }
            if batch.losses.total > 0 { lines.append(lossLine(batch.losses, time: now()), to: &text) }
            let written = (try? sink(text)) != nil
            queue.finish(batch.events, written: written)
        }
    }

    /// Nothing is lost silently (promise 4).
    private static func lossLine(_ losses: LogQueue.Losses, time: UInt64) -> LogEvent {
        LogEvent(
            time: time,
            level: losses.important > 0 ? .error : .warn,
            target: .chamber,
            content: .line(
                message: "log lines were dropped because the output did not keep up",
                fields: ["info_and_below": .unsigned(losses.ordinary), "warn_error_audit": .unsigned(losses.important)]
            )
        )
    }
}
